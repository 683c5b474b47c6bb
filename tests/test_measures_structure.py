"""Measures of structure: on pieces that repeat by design, and against the plainest computation."""

import numpy as np
import pytest

from neuralmusic.measures import structure
from neuralmusic.notes import NoteList
from tests.constructed import melody

SIMILARITIES = (
    (structure.short_self_similarity, 4, 8),
    (structure.middle_self_similarity, 8, 30),
    (structure.long_self_similarity, 30, 60),
)
REPETITIONS = (
    (structure.short_repetition, 4),
    (structure.middle_repetition, 8),
    (structure.long_repetition, 16),
)


def half_seconds(classes: list[int], frames: int = 120) -> NoteList:
    """A note each half second, of these pitch classes over and over."""
    pitches = [60 + classes[i % len(classes)] for i in range(frames)]
    return NoteList.of([(i / 2, i / 2 + 0.5, p, 80) for i, p in enumerate(pitches)])


def drawn_piece(generator: np.random.Generator) -> NoteList:
    notes = int(generator.integers(1, 60))
    onset = generator.random(notes) * 50
    offset = onset + generator.random(notes) * 3 * (generator.random(notes) > 0.1)
    return NoteList.of(
        np.column_stack([onset, offset, generator.integers(0, 128, notes), np.full(notes, 80)]), 60
    )


def test_chroma_is_how_long_each_class_sounds_in_each_half_second():
    # C4 from 0.25 to 1.25, C5 with it from 1.0 to 1.5; E4 without length
    notes = NoteList.of([(0.25, 1.25, 60, 80), (1, 1.5, 72, 80), (0.5, 0.5, 64, 80)], 2.25)
    found = structure.chroma(notes)
    assert found.shape == (12, 4)  # what is left of the last quarter second is left out
    assert found[0] == pytest.approx([0.25, 0.5, 0.75, 0])
    assert np.abs(found[1:]).max() == 0


def test_a_period_of_four_seconds_is_found_in_all_spans():
    # 120 frames of eight classes, 15 each. Eight frames later everything is the same: 1. Of all
    # pairs 8 * 15 * 14 of 120 * 119 are of the same class: 2 / 17.
    piece = half_seconds([0, 1, 2, 3, 4, 5, 6, 7])
    for measure, _, _ in SIMILARITIES:
        assert measure(piece) == pytest.approx(1 - 2 / 17), measure.__name__


def test_a_period_of_six_seconds_is_not_found_in_the_short_span():
    # Twelve classes, ten each: 12 * 10 * 9 of 120 * 119 pairs are alike; none from 2 to 4 s apart.
    piece = half_seconds(list(range(12)))
    alike = 12 * 10 * 9 / (120 * 119)
    assert structure.short_self_similarity(piece) == pytest.approx(-alike)
    assert structure.middle_self_similarity(piece) == pytest.approx(1 - alike)


def test_one_chord_all_the_time_has_no_structure():
    for measure, _, _ in SIMILARITIES:
        assert measure(half_seconds([0])) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("measure, _, last", SIMILARITIES)
def test_similarity_needs_twice_the_longest_lag(measure, _, last):
    assert measure(half_seconds([0, 1, 2], 2 * last)) is not None
    assert measure(half_seconds([0, 1, 2], 2 * last - 1)) is None


def test_similarity_of_silence_is_undefined():
    for measure, _, _ in SIMILARITIES:
        assert measure(NoteList.of([], 90.0)) is None
        assert measure(NoteList.of([(0, 0.5, 60, 80)], 90.0)) is None
        assert measure(NoteList.of([(0, 0, 60, 80), (9, 9, 60, 80)], 90.0)) is None


def test_similarity_is_that_of_the_plainest_computation():
    generator = np.random.default_rng(3)
    for _ in range(10):
        piece = drawn_piece(generator)
        frames = np.zeros((120, 12))
        for onset, offset, pitch in zip(
            piece.onset_seconds, piece.offset_seconds, piece.pitch, strict=True
        ):
            for i in range(120):
                frames[i, pitch % 12] += max(0.0, min(offset, i / 2 + 0.5) - max(onset, i / 2))
        sounding = [i for i in range(120) if frames[i].any()]
        unit = {i: frames[i] / np.linalg.norm(frames[i]) for i in sounding}
        every = [unit[i] @ unit[j] for i in sounding for j in sounding if i != j]
        for measure, first, last in SIMILARITIES:
            at_lag = [
                np.mean(alike)
                for lag in range(first, last + 1)
                if (alike := [unit[i] @ unit[i + lag] for i in sounding if i + lag in unit])
            ]
            wanted = max(at_lag) - np.mean(every) if at_lag else None
            assert measure(piece) == (None if wanted is None else pytest.approx(wanted))


def test_a_motif_that_comes_back_transposed():
    # C D E F, then three other notes, then G A B C: intervals 2 2 1 both times, nothing else twice
    piece = melody([60, 62, 64, 65, 50, 41, 73, 67, 69, 71, 72])
    assert structure.short_repetition(piece) == pytest.approx(4 / 11)
    assert structure.middle_repetition(piece) is None  # fewer than 16 notes


def test_a_motif_in_another_rhythm_is_another():
    pitches = [60, 62, 64, 65, 50, 41, 73, 67, 69, 71, 72]
    onset = [0, 1, 2, 3, 4, 5, 6, 7, 7.5, 9, 10]
    rows = [(t, t + 0.5, p, 80) for t, p in zip(onset, pitches, strict=True)]
    assert structure.short_repetition(NoteList.of(rows)) == 0.0


def test_a_stretch_does_not_repeat_itself():
    # Of eight equal notes only the last four come after a whole stretch of four.
    assert structure.short_repetition(melody([60] * 8)) == 4 / 8
    assert structure.short_repetition(melody([60] * 7)) is None


@pytest.mark.parametrize("measure, length", REPETITIONS)
def test_half_of_what_is_played_twice_is_repeated(measure, length):
    tune = np.random.default_rng(length).integers(40, 80, length)
    assert measure(melody([*tune, *tune])) == 0.5
    assert measure(melody([*tune[:-1], *tune])) is None


def test_longer_repetition_is_rarer():
    tune = np.random.default_rng(0).integers(40, 80, 8)
    piece = melody([*tune, 30, *tune, 35, *tune, 90, *tune])
    short, middle, long = (measure(piece) for measure, _ in REPETITIONS)
    # Three repeats of eight notes among 35; three of the joints are between other intervals.
    assert short == middle == pytest.approx(24 / 35)
    assert long == 0.0


def test_repetition_is_that_of_the_plainest_computation():
    generator = np.random.default_rng(5)
    for _ in range(20):
        notes = int(generator.integers(8, 60))
        onset = np.cumsum(generator.choice([0, 0.25, 1 / 3], notes))
        rows = np.column_stack([onset, onset + 1, generator.integers(60, 63, notes)])
        piece = NoteList.of(np.column_stack([rows, np.full(notes, 80)]))
        for measure, length in REPETITIONS:
            stretches = [
                tuple(
                    (
                        int(piece.pitch[i + 1] - piece.pitch[i]),
                        round(24 * (piece.onset_seconds[i + 1] - piece.onset_seconds[i])),
                    )
                    for i in range(begin, begin + length - 1)
                )
                for begin in range(notes - length + 1)
            ]
            covered = set()
            for later, stretch in enumerate(stretches):
                if stretch in stretches[: max(later - length + 1, 0)]:
                    covered |= set(range(later, later + length))
            wanted = len(covered) / notes if notes >= 2 * length else None
            assert measure(piece) == wanted
