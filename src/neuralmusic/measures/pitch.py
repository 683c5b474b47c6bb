"""Which pitches a piece plays, and how often (thesis §5.1.2)."""

from __future__ import annotations

import numpy as np

from neuralmusic.notes import NoteList

PITCHES = 128
CLASSES = 12


def pitch_counts(notes: NoteList) -> np.ndarray:
    """Onsets of every MIDI pitch, int64 of shape (128,)."""
    return np.bincount(notes.pitch.astype(np.int64), minlength=PITCHES)


def per_minute(counts: np.ndarray, length_seconds: float | np.ndarray) -> np.ndarray:
    """Counts scaled to one minute of music: (P,) with a length, or (pieces, P) with (pieces,).

    NaN where a piece has no length, since nothing can be said about a minute of it.
    """
    length = np.asarray(length_seconds, dtype=np.float64)
    minutes = np.where(length > 0, length, np.nan) / 60
    return np.asarray(counts, dtype=np.float64) / minutes[..., None]


def fold_classes(histogram: np.ndarray) -> np.ndarray:
    """A histogram over pitches, (..., 128), folded to the 12 pitch classes, C first: (..., 12).

    The thesis calls this the octave histogram (§5.1.2) and transposed pitch (table 5.9).
    """
    histogram = np.asarray(histogram)
    octaves = -(-PITCHES // CLASSES)
    padding = [(0, 0)] * (histogram.ndim - 1) + [(0, octaves * CLASSES - PITCHES)]
    padded = np.pad(histogram, padding)
    return padded.reshape(*histogram.shape[:-1], octaves, CLASSES).sum(axis=-2)


def pitch_histogram(notes: NoteList) -> np.ndarray:
    """Onsets per MIDI pitch and minute of music, (128,)."""
    return per_minute(pitch_counts(notes), notes.length_seconds)


def pitch_class_histogram(notes: NoteList) -> np.ndarray:
    """Onsets per pitch class and minute of music, (12,)."""
    return fold_classes(pitch_histogram(notes))


def used_pitches(notes: NoteList) -> int:
    """Number of distinct pitches (thesis table 5.8); a piece without notes uses none: 0."""
    return len(np.unique(notes.pitch))


def lowest_pitch(notes: NoteList) -> int | None:
    """The lowest MIDI pitch, None without notes."""
    return int(notes.pitch.min()) if len(notes) else None


def highest_pitch(notes: NoteList) -> int | None:
    """The highest MIDI pitch, None without notes."""
    return int(notes.pitch.max()) if len(notes) else None
