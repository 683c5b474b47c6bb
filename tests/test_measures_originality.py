"""The longest matches with a training set: by hand, and against the plainest computation."""

import time

import numpy as np
import pytest

from neuralmusic.measures.originality import longest_matches
from neuralmusic.measures.sequences import (
    BINS_PER_SECOND,
    pitch_intervals,
    ranks,
    rhythm_intervals,
    stretch_ranks,
)
from neuralmusic.notes import NoteList
from tests.constructed import melody

TUNE = [60, 62, 65, 64, 72, 55, 58, 61, 70, 50]  # intervals 2 3 -1 8 -17 3 3 9 -20


def slower(notes: NoteList) -> NoteList:
    return notes.stretched(2.0)


def drawn(generator: np.random.Generator, most: int) -> NoteList:
    """A piece of three pitches with chords, so that much is equal by chance."""
    notes = int(generator.integers(0, most))
    onset = np.cumsum(generator.choice([0, 0.25], notes))
    pitch = generator.integers(60, 63, notes)
    return NoteList.of(np.column_stack([onset, onset + 1, pitch, np.full(notes, 80)]))


def test_a_piece_of_the_training_set_is_found_whole():
    others = [melody([60, 61]), melody([40, 60, 45])]
    found = longest_matches([melody(TUNE)], [*others, melody(TUNE)])
    for match in (found.pitch, found.rhythm):
        assert match.notes.tolist() == [10.0]
        assert match.share.tolist() == [1.0]
        assert match.training_piece.tolist() == [2]
        assert match.begin.tolist() == match.training_begin.tolist() == [0]


def test_a_transposed_stretch_is_found_where_it_is():
    # Its notes 2 to 6, a fourth up, after two notes of its own and before one
    piece = melody([30, 90, *(p + 5 for p in TUNE[2:7]), 20])
    found = longest_matches([piece], [melody([70, 71]), melody(TUNE)])
    for match in (found.pitch, found.rhythm):
        assert match.notes.tolist() == [5.0]
        assert match.share.tolist() == [5 / 8]
        assert (match.begin[0], match.training_piece[0], match.training_begin[0]) == (2, 1, 2)


def test_another_rhythm_matches_by_pitch_only():
    found = longest_matches([slower(melody(TUNE))], [melody(TUNE)])
    assert found.pitch.notes.tolist() == [10.0]
    assert found.rhythm.notes.tolist() == [0.0]
    assert found.rhythm.share.tolist() == [0.0]
    assert found.rhythm.training_piece.tolist() == found.rhythm.begin.tolist() == [-1]


def test_no_match_crosses_pieces():
    training = [melody(TUNE[:5]), melody(TUNE[4:])]
    found = longest_matches([melody(TUNE)], training)
    assert found.pitch.notes.tolist() == [6.0]  # of the second: notes 4 to 9
    assert (found.pitch.training_piece[0], found.pitch.begin[0]) == (1, 4)
    both = longest_matches([melody(TUNE[:5]), melody(TUNE[4:])], [melody(TUNE)])
    assert both.pitch.notes.tolist() == [5.0, 6.0]


def test_other_pieces_of_the_set_are_no_training_pieces():
    found = longest_matches([melody(TUNE), melody(TUNE)], [melody([60, 59, 58])])
    assert found.pitch.notes.tolist() == [2.0, 2.0]  # a semitone down: 65 64


def test_what_has_no_two_notes_says_nothing():
    few = [NoteList.of([]), melody([60]), melody([60, 61])]
    found = longest_matches(few, [melody([60, 64]), melody([62])])
    assert found.pitch.notes == pytest.approx([np.nan, np.nan, 0.0], nan_ok=True)
    assert found.pitch.share == pytest.approx([np.nan, np.nan, 0.0], nan_ok=True)
    for training in ([], [NoteList.of([])], [melody([60]), melody([61])]):
        found = longest_matches(few, training)
        assert np.isnan(found.pitch.notes).all() and np.isnan(found.rhythm.share).all()
        assert found.pitch.training_piece.tolist() == [-1, -1, -1]
    assert longest_matches([], [melody(TUNE)]).pitch.notes.shape == (0,)
    assert longest_matches([NoteList.of([])], [melody(TUNE)]).rhythm.notes.shape == (1,)


def plainest(piece: NoteList, training: list[NoteList], symbols) -> int:
    """The most equal symbols one after the other, by trying all."""
    own, most = symbols(piece).tolist(), 0
    for other in (symbols(piece).tolist() for piece in training):
        for i in range(len(own)):
            for j in range(len(other)):
                length = 0
                while own[i : i + length + 1] == other[j : j + length + 1] and (
                    i + length < len(own) and j + length < len(other)
                ):
                    length += 1
                most = max(most, length)
    return most


def test_matches_are_those_of_the_plainest_computation():
    generator = np.random.default_rng(1)
    for _ in range(20):
        pieces = [drawn(generator, 25) for _ in range(3)]
        training = [drawn(generator, 25) for _ in range(int(generator.integers(1, 5)))]
        found = longest_matches(pieces, training)
        for match, symbols in ((found.pitch, pitch_intervals), (found.rhythm, rhythm_intervals)):
            for at, piece in enumerate(pieces):
                if np.isnan(match.notes[at]):
                    assert len(piece) < 2 or all(len(other) < 2 for other in training)
                    continue
                most = plainest(piece, training, symbols)
                assert match.notes[at] == (most + 1 if most else 0)
                if most:
                    begin, there = match.begin[at], match.training_begin[at]
                    own = symbols(piece)[begin : begin + most]
                    other = symbols(training[match.training_piece[at]])[there : there + most]
                    assert len(own) == most and own.tolist() == other.tolist()


def test_steps_of_the_representations_do_not_lie_on_the_edge_of_a_bin():
    for step_seconds in (0.01, 0.125):
        in_bins = np.arange(1000) * step_seconds * BINS_PER_SECOND
        from_edge = np.abs(in_bins - np.floor(in_bins) - 0.5)
        assert from_edge.min() > 0.01  # 24 k = 100 n + 50 has no solution: 12 k is even
    # Rounded to either step, or off by what floats are, sixteenths are equal.
    played = melody(TUNE)
    rounded = NoteList.of(
        [
            (t + e, t + 0.25, p, 80)
            for t, e, p in zip(played.onset_seconds, [1e-9, -1e-9] * 5, played.pitch, strict=True)
        ]
    )
    assert rhythm_intervals(rounded).tolist() == rhythm_intervals(played).tolist()


def test_intervals_and_times_do_not_mix():
    # A semitone more is no bin more, whatever the interval.
    wide = NoteList.of([(0, 1, 0, 80), (0.25, 1, 127, 80), (0.5, 1, 0, 80)])
    assert pitch_intervals(wide).tolist() == [127, -127]
    assert rhythm_intervals(wide).tolist() == [6 * 255 + 254, 6 * 255]


def test_ranks_of_stretches():
    assert ranks(np.array([30, 10, 30, 20])).tolist() == [2, 0, 2, 1]
    generator = np.random.default_rng(2)
    values = generator.integers(0, 2, 40)
    for length in range(1, 12):
        rank = stretch_ranks(values, length)
        stretches = [tuple(values[i : i + length]) for i in range(41 - length)]
        assert len(rank) == len(stretches)
        assert sorted(set(stretches)) == [
            stretches[int(np.flatnonzero(rank == r)[0])] for r in range(rank.max() + 1)
        ]
    assert len(stretch_ranks(values[:3], 8)) == 0
    assert len(stretch_ranks(values[:0], 3)) == 0


def test_two_hundred_pieces_take_no_time():
    generator = np.random.default_rng(0)
    pieces = [melody(60 + np.cumsum(generator.integers(-2, 3, 100)) % 24) for _ in range(400)]
    begin = time.process_time()
    found = longest_matches(pieces[:200], pieces[200:])
    assert time.process_time() - begin < 2  # 0.1 s where nothing else runs
    assert (found.rhythm.notes == found.pitch.notes).all()  # all times are alike
