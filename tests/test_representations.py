"""Every representation: encoding and decoding are inverses up to the grid."""

import numpy as np
import pytest

from neuralmusic.midi import read_midi
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList
from neuralmusic.representations import REPRESENTATIONS, melody, pianoroll
from neuralmusic.representations.decoded import HIGHEST_KEY, LOWEST_KEY, Decoded
from tests.constructed import melody as tune
from tests.constructed import random_piece

each = pytest.mark.parametrize("name", REPRESENTATIONS)


def random_steps(name: str, steps: int, seed: int) -> np.ndarray:
    """What a model might write that has learned nothing."""
    representation = REPRESENTATIONS[name]
    generator = np.random.default_rng(seed)
    if hasattr(representation, "BITS"):
        density = generator.choice([0.05, 0.5, 0.95])
        return (generator.random((steps, representation.BITS)) < density).astype(np.uint8)
    classes = generator.integers(0, representation.CLASSES, steps).astype(np.int16)
    return np.repeat(classes, 3)[:steps] if seed % 2 else classes  # with and without runs


def assert_is_valid(decoded: Decoded) -> None:
    """A note list as everything else expects it, and as much known of each note."""
    notes = decoded.notes
    onset, offset = notes.onset_seconds, notes.offset_seconds
    for array in (notes.pitch, notes.velocity, onset, offset):
        assert array.shape == (len(notes),)
    assert np.array_equal(np.lexsort((notes.pitch, onset)), np.arange(len(notes)))
    assert (onset >= 0).all()
    assert (offset >= onset).all()
    assert notes.length_seconds >= offset.max(initial=0)
    assert ((notes.pitch >= 0) & (notes.pitch < 128)).all()
    assert ((notes.velocity >= 1) & (notes.velocity < 128)).all()
    for array in (decoded.stuck, decoded.turned_off, decoded.age_steps):
        assert array.shape == (len(notes),)
    assert decoded.stuck.dtype == decoded.turned_off.dtype == bool
    assert (decoded.age_steps >= 0).all()


def same_notes(one: Decoded, other: Decoded) -> bool:
    columns = ("onset_seconds", "offset_seconds", "pitch", "velocity", "length_seconds")
    equal = [np.array_equal(getattr(one.notes, c), getattr(other.notes, c)) for c in columns]
    return all(equal) and np.array_equal(one.age_steps, other.age_steps)


# Laws that hold for every representation.


@each
@pytest.mark.parametrize("steps_per_second", [8, 7.5, 25, 100])
def test_what_was_decoded_encodes_to_the_same_steps(name, steps_per_second):
    representation = REPRESENTATIONS[name]
    for seed in range(5):
        steps = representation.encode(random_piece(seed), steps_per_second)
        if hasattr(representation, "BITS"):
            assert (steps.dtype, steps.shape[1:]) == (np.uint8, (representation.BITS,))
            assert set(np.unique(steps)) <= {0, 1}
        else:
            assert (steps.dtype, steps.ndim) == (np.int16, 1)
            assert steps.min() >= 0
            assert steps.max() < representation.CLASSES
        decoded = representation.decode(steps, steps_per_second)
        assert_is_valid(decoded)
        assert not decoded.stuck.any()
        # Notes of one key that fall into one step of the grid are one from then on.
        settled = representation.encode(decoded.notes, steps_per_second)
        back = representation.decode(settled, steps_per_second)
        assert np.array_equal(representation.encode(back.notes, steps_per_second), settled)
        if steps_per_second == 100 or name != "events":
            assert np.array_equal(settled, steps)


@each
def test_notes_on_the_grid_survive(name):
    representation = REPRESENTATIONS[name]
    piece = tune([60, 62, 60, 72, 48], length_seconds=3.0)
    back = representation.decode(representation.encode(piece, 8), 8).notes
    assert back.digest() == piece.digest()
    assert back.length_seconds == 3.0


@each
def test_an_onset_moves_by_half_a_step_at_most(name):
    representation = REPRESENTATIONS[name]
    generator = np.random.default_rng(3)
    onsets = np.cumsum(generator.uniform(0.3, 0.6, 80))  # apart, so that none is lost
    rows = [(t, t + 0.2, 60 + i % 5, 80) for i, t in enumerate(onsets)]
    back = representation.decode(representation.encode(NoteList.of(rows), 8), 8).notes
    assert back.pitch.tolist() == [row[2] for row in rows]
    assert np.abs(back.onset_seconds - onsets).max() <= 0.5 / 8 + 1e-9


@each
def test_silence_and_nothing(name):
    representation = REPRESENTATIONS[name]
    silence = representation.encode(NoteList.of([], 2.0), 8)
    assert representation.durations(silence).sum() == 16
    nothing = representation.encode(NoteList.of([]), 8)
    assert len(nothing) == 0
    for steps, seconds in ((silence, 2.0), (nothing, 0.0)):
        decoded = representation.decode(steps, 8)
        assert_is_valid(decoded)
        assert (len(decoded.notes), decoded.notes.length_seconds) == (0, seconds)


@each
@pytest.mark.parametrize("max_note_seconds", [None, 0.3, 2])
def test_any_steps_decode(name, max_note_seconds, tmp_path):
    """Models write what they like."""
    representation = REPRESENTATIONS[name]
    for seed, steps in enumerate((0, 1, 2, 120, 120, 120, 120)):
        written = random_steps(name, steps, seed)
        kept = written.copy()
        decoded = representation.decode(
            written, 8, max_note_seconds, random_steps(name, 20, seed + 10)
        )
        assert_is_valid(decoded)
        assert np.array_equal(written, kept)
        lasts = decoded.notes.offset_seconds - decoded.notes.onset_seconds
        assert (lasts <= (max_note_seconds or np.inf) + 1e-9).all()
        seconds = representation.durations(written).sum() / 8
        assert decoded.notes.length_seconds == pytest.approx(seconds)
        write_midi(tmp_path / "a.mid", decoded.notes)
        back = read_midi(tmp_path / "a.mid", allow_empty=True)
        # To the shortest note that a file can have.
        assert back.length_seconds == pytest.approx(seconds, abs=1 / 960 + 1e-9)


@each
def test_durations_add_up_to_the_length(name):
    representation = REPRESENTATIONS[name]
    for seed in range(3):
        piece = random_piece(seed)
        steps = representation.encode(piece, 25)
        taken = representation.durations(steps)
        assert (taken.dtype, taken.shape) == (np.int64, (len(steps),))
        assert (taken >= 0).all()
        assert abs(taken.sum() - piece.length_seconds * 25) <= 0.5
    assert representation.durations(steps[:0]).shape == (0,)


@each
def test_a_cut_is_the_beginning(name):
    representation = REPRESENTATIONS[name]
    for seed in range(3):
        steps = representation.encode(random_piece(seed, notes=200), 25)
        kept = steps.copy()
        total = representation.durations(steps).sum()
        whole = representation.decode(steps, 25)
        for length in (0, 1, 7, 99, 100, 101, 260, total - 1, total, total + 1, 10 * total):
            cut = representation.cut(steps, length)
            assert cut.dtype == steps.dtype
            assert representation.durations(cut).sum() == min(length, total)
            heard, expected = representation.decode(cut, 25).notes, whole.notes.cut(length / 25)
            lasting = heard.offset_seconds < length / 25
            wanted = expected.offset_seconds < length / 25
            for column in ("onset_seconds", "offset_seconds", "pitch", "velocity"):
                found = getattr(heard, column)[lasting]
                assert np.array_equal(found, getattr(expected, column)[wanted])
            shorter = representation.cut(cut, length // 2)
            assert np.array_equal(shorter, representation.cut(steps, length // 2))
        assert np.array_equal(steps, kept)


@each
def test_a_cut_where_a_piece_ends_or_later_leaves_it_whole(name):
    """Its last notes end there, and are not stuck."""
    representation = REPRESENTATIONS[name]
    steps = representation.encode(tune([60, 62, 64], length_seconds=0.75), 8)
    for length in (6, 7, 100):
        assert np.array_equal(representation.cut(steps, length), steps)
    longer = representation.encode(tune([60, 62, 64, 65], length_seconds=1.0), 8)
    decoded = representation.decode(representation.cut(longer, 6), 8)
    assert decoded.notes.pitch.tolist() == [60, 62, 64]
    assert decoded.notes.offset_seconds.tolist() == [0.25, 0.5, 0.75]
    assert not decoded.stuck.any()


def moved(piece: NoteList, semitones: int) -> NoteList:
    rows = (piece.onset_seconds, piece.offset_seconds, piece.pitch + semitones, piece.velocity)
    return NoteList.of(np.stack(rows, axis=1), piece.length_seconds)


@each
def test_transposed_steps_are_those_of_the_transposed_notes(name):
    representation = REPRESENTATIONS[name]
    piece = random_piece(1, LOWEST_KEY + 12, HIGHEST_KEY - 12 + 1)
    steps = representation.encode(piece, 25)
    semitones = np.array([-12, -1, 0, 3, 12])
    rows = np.stack([steps] * len(semitones))
    found = representation.transpose(rows, semitones)
    assert found.dtype == steps.dtype
    for row, interval in zip(found, semitones.tolist(), strict=True):
        assert np.array_equal(row, representation.encode(moved(piece, interval), 25))
    assert np.array_equal(rows, np.stack([steps] * len(semitones)))  # not in place
    assert np.array_equal(representation.transpose(found, -semitones), rows)


@each
def test_a_transposition_stops_at_the_keyboards_ends(name):
    """Each row by itself, all of its notes by one interval."""
    representation = REPRESENTATIONS[name]
    low, wide, whole, silent = (
        representation.encode(tune(pitches, 1.0), 8)
        for pitches in ([23, 30, 23, 24], [30, 100, 90, 31], [21, 108, 21, 108], [])
    )
    silent = np.concatenate([silent, *[silent[-1:]] * (len(low) - len(silent))])
    rows = np.stack([low, low, wide, wide, whole, whole, silent])
    found = representation.transpose(rows, np.array([-10, 10, -24, 24, 5, -5, 7]))
    decoded = [representation.decode(row, 8).notes.pitch.tolist() for row in found]
    assert decoded == [
        [21, 28, 21, 22],
        [33, 40, 33, 34],
        [21, 91, 81, 22],
        [38, 108, 98, 39],
        [21, 108, 21, 108],
        [21, 108, 21, 108],
        [],
    ]


@pytest.mark.parametrize("name", [n for n, r in REPRESENTATIONS.items() if hasattr(r, "CLASSES")])
def test_only_notes_are_transposed(name):
    """Not what stands before a piece, nor silence, shifts or velocities; none leaves MIDI."""
    representation = REPRESENTATIONS[name]
    start = representation.CLASSES
    row = np.arange(start + 1)[None]
    for interval in (-24, 24):
        found = representation.transpose(row, np.array([interval]))
        assert np.array_equal(found, row)  # notes at both ends of MIDI: no room
    notes = {"melody": 128, "events": 256}[name]
    row = np.array([[60, 64, *range(notes, start + 1)]])
    found = representation.transpose(row, np.array([5]))
    assert found.tolist() == [[65, 69, *range(notes, start + 1)]]
    outside = np.array([[10, 60], [120, 60]])  # below the keyboard, and above
    assert representation.transpose(outside, np.array([-5, 5])).tolist() == outside.tolist()
    assert representation.transpose(outside, np.array([5, -5])).tolist() == [[15, 65], [115, 55]]


# A note is stuck where decoding had to end it.


@each
@pytest.mark.parametrize("rate", [8, 7.5, 10, 100])
def test_a_note_is_stuck_where_it_is_longer_than_allowed(name, rate):
    """Wherever it stands, and not where it is just as long."""
    representation = REPRESENTATIONS[name]
    for longest in (3, 10, 29):
        seconds = longest / rate
        for start in (0, 1, 3, 7, 22, 47):
            for steps, is_stuck in ((longest, False), (longest + 1, True), (longest + 40, True)):
                note = (start / rate, (start + steps) / rate, 60, 80)
                piece = NoteList.of([note], (start + 100) / rate)
                decoded = representation.decode(representation.encode(piece, rate), rate, seconds)
                assert decoded.stuck.tolist() == [is_stuck], (longest, start)
                assert decoded.turned_off.tolist() == [True]
                lasts = decoded.notes.offset_seconds - decoded.notes.onset_seconds
                assert lasts.tolist() == pytest.approx([min(steps, longest) / rate])
                assert decoded.notes.length_seconds == pytest.approx((start + 100) / rate)


@each
def test_without_a_longest_note_none_is_too_long(name):
    representation = REPRESENTATIONS[name]
    steps = representation.encode(NoteList.of([(0, 500, 60, 80)]), 8)
    decoded = representation.decode(steps, 8)
    assert decoded.stuck.tolist() == [False]
    assert decoded.notes.offset_seconds.tolist() == [500]


def test_notes_that_are_stuck_in_runs_by_hand():
    """Of the melody and of the pianoroll, in which every note ends, if only with the piece."""
    piece = NoteList.of([(0, 0.5, 60, 80), (0.5, 2.5, 62, 80), (3, 5, 64, 80)])
    for representation in (melody, pianoroll):
        decoded = representation.decode(representation.encode(piece, 8), 8, 1.5)
        assert decoded.notes.onset_seconds.tolist() == [0, 0.5, 3]
        assert decoded.notes.offset_seconds.tolist() == [0.5, 2, 4.5]
        assert decoded.stuck.tolist() == [False, True, True]
        assert decoded.turned_off.tolist() == [True, True, True]
        assert decoded.age_steps.tolist() == [4, 16, 16]


@pytest.mark.parametrize("representation", [melody, pianoroll])
def test_a_note_that_sounded_before_begins_anew(representation):
    """Each piece begins with its own first step: in these a note has no other beginning."""
    steps = representation.encode(NoteList.of([(0, 1, 60, 80)]), 8)
    assert same_notes(representation.decode(steps, 8, 9, steps), representation.decode(steps, 8, 9))


# The melody.


def test_melody_by_hand():
    piece = NoteList.of(
        [
            (0.0, 0.5, 60, 80),  # held for four steps
            (0.125, 0.25, 72, 80),  # above it for one: the skyline
            (0.125, 0.25, 48, 80),  # below it: lost
            (0.625, 0.75, 62, 80),
            (0.75, 0.875, 62, 80),  # repeated without a gap: merged
            (1.0, 1.01, 64, 80),  # shorter than a step: one step
        ],
        1.5,
    )
    silence = melody.SILENCE
    expected = [60, 72, 60, 60, silence, 62, 62, silence, 64, silence, silence, silence]
    assert melody.encode(piece, 8).tolist() == expected
    back = melody.decode(np.array(expected, dtype=np.int16), 8)
    assert back.notes.pitch.tolist() == [60, 72, 60, 62, 64]
    assert back.notes.onset_seconds.tolist() == [0, 0.125, 0.25, 0.625, 1.0]
    assert back.notes.offset_seconds.tolist() == [0.125, 0.25, 0.5, 0.875, 1.125]
    assert back.age_steps.tolist() == [1, 1, 2, 2, 1]
    assert back.notes.length_seconds == 1.5
    assert silence == 128
    assert melody.CLASSES == 129


# The pianoroll.


def keys(*pitches: int) -> list[int]:
    """A step in which some keys sound."""
    return [int(pitch in pitches) for pitch in range(21, 109)]


def test_pianoroll_by_hand():
    piece = NoteList.of(
        [
            (0.0, 0.5, 60, 80),  # a chord, of which one note is held
            (0.0, 0.25, 64, 30),
            (0.25, 0.5, 64, 80),  # repeated without a gap: merged
            (0.5, 0.75, 108, 80),  # the keyboard's last
            (0.5, 0.75, 109, 80),  # beyond it: lost
            (0.75, 0.76, 21, 80),  # its first, shorter than a step: one step
            (0.75, 1.25, 20, 80),  # below it: lost, but the piece is as long
        ],
        1.25,
    )
    chord, silence = keys(60, 64), keys()
    expected = [chord] * 4 + [keys(108)] * 2 + [keys(21)] + [silence] * 3
    assert pianoroll.encode(piece, 8).tolist() == expected
    back = pianoroll.decode(np.array(expected, dtype=np.uint8), 8)
    assert back.notes.pitch.tolist() == [60, 64, 108, 21]
    assert back.notes.onset_seconds.tolist() == [0, 0, 0.5, 0.75]
    assert back.notes.offset_seconds.tolist() == [0.5, 0.5, 0.75, 0.875]
    assert back.notes.velocity.tolist() == [80] * 4
    assert back.age_steps.tolist() == [4, 4, 2, 1]
    assert back.notes.length_seconds == 1.25
    assert pianoroll.BITS == 88


def test_a_key_struck_again_after_a_step_is_another_note():
    roll = np.array([keys(60), keys(), keys(60), keys(60)], dtype=np.uint8)
    back = pianoroll.decode(roll, 8).notes
    assert back.onset_seconds.tolist() == [0, 0.25]
    assert back.offset_seconds.tolist() == [0.125, 0.5]
