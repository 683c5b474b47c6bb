"""Every representation: encoding and decoding are inverses up to the grid."""

import numpy as np
import pytest

from neuralmusic.notes import NoteList
from neuralmusic.representations import REPRESENTATIONS, melody
from tests.constructed import melody as tune

each = pytest.mark.parametrize("name", REPRESENTATIONS)


def random_piece(seed: int) -> NoteList:
    """Overlapping notes at any time, of any length."""
    generator = np.random.default_rng(seed)
    onsets = generator.uniform(0, 20, 60)
    lengths = generator.exponential(0.4, 60)
    pitches = generator.integers(0, 128, 60)
    rows = [(t, t + d, p, 80) for t, d, p in zip(onsets, lengths, pitches, strict=True)]
    return NoteList.of(rows, generator.uniform(18, 30))


@each
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("steps_per_second", [8, 7.5, 25])
def test_what_was_decoded_encodes_to_the_same_classes(name, seed, steps_per_second):
    representation = REPRESENTATIONS[name]
    classes = representation.encode(random_piece(seed), steps_per_second)
    assert classes.dtype == np.int16
    assert classes.min() >= 0
    assert classes.max() < representation.CLASSES
    decoded = representation.decode(classes, steps_per_second)
    assert np.array_equal(representation.encode(decoded.notes, steps_per_second), classes)
    assert decoded.stuck_notes == 0


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
def test_any_classes_decode(name):
    """Models write what they like."""
    representation = REPRESENTATIONS[name]
    generator = np.random.default_rng(4)
    for steps in (0, 1, 200):
        classes = generator.integers(0, representation.CLASSES, steps).astype(np.int16)
        notes = representation.decode(classes, 8).notes
        assert (notes.offset_seconds > notes.onset_seconds).all()
        assert notes.length_seconds >= notes.offset_seconds.max(initial=0)


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
    assert back.notes.length_seconds == 1.5
    assert silence == 128
    assert melody.CLASSES == 129


def test_melody_of_silence_and_of_nothing():
    assert melody.encode(NoteList.of([], 1.0), 8).tolist() == [128] * 8
    assert len(melody.encode(NoteList.of([]), 8)) == 0
    nothing = melody.decode(np.zeros(0, dtype=np.int16), 8).notes
    assert (len(nothing), nothing.length_seconds) == (0, 0)
    silent = melody.decode(np.full(16, 128, dtype=np.int16), 8).notes
    assert (len(silent), silent.length_seconds) == (0, 2.0)
