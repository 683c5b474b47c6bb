"""Which pitches a piece plays, and how often (thesis §5.1.2)."""

from __future__ import annotations

import numpy as np

from neuralmusic.notes import NoteList

PITCHES = 128
CLASSES = 12
MAJOR = (0, 2, 4, 5, 7, 9, 11)
# The twelve major scales, a row each: the natural minor scales have the same notes, another first.
SCALES = np.zeros((CLASSES, CLASSES))
SCALES[np.arange(CLASSES)[:, None], (np.arange(CLASSES)[:, None] + MAJOR) % CLASSES] = 1


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
    """How often each pitch begins in a minute of music, (128,).

    Formula: onsets of the pitch * 60 / length of the piece
    Unit: onsets a minute
    Range: 0 upwards; undefined for a piece without length
    Direction: near to real music
    Source: thesis §5.1.2
    """
    return per_minute(pitch_counts(notes), notes.length_seconds)


def pitch_class_histogram(notes: NoteList) -> np.ndarray:
    """How often each pitch class begins in a minute of music, C first, (12,).

    Formula: pitch histogram, summed over the octaves
    Unit: onsets a minute
    Range: 0 upwards; undefined for a piece without length
    Direction: near to real music
    Source: thesis §5.1.2, its octave histogram; its table 5.9 calls it transposed pitch
    """
    return fold_classes(pitch_histogram(notes))


def shares(counts: np.ndarray) -> np.ndarray:
    """Counts as shares of their sum, NaN where nothing was counted."""
    total = counts.sum()
    return counts / total if total > 0 else np.full(counts.shape, np.nan)


def class_counts(notes: NoteList) -> np.ndarray:
    """Onsets of every pitch class, int64 of shape (12,)."""
    return np.bincount(notes.pitch.astype(np.int64) % CLASSES, minlength=CLASSES)


def pitch_class_shares(notes: NoteList) -> np.ndarray:
    """How often each pitch class begins, C first, whatever the octave.

    Formula: onsets of the class / onsets; neither length nor velocity weighs a note.
    Unit: share
    Range: 0 to 1, the twelve summing to 1; undefined without notes
    Direction: near to real music; a class near 0 is avoided
    Source: Yang & Lerch (2020), whose code weighs by velocity; thesis §5.1.2
    """
    return shares(class_counts(notes))


def used_pitches(notes: NoteList) -> int:
    """Number of distinct pitches (thesis table 5.8); a piece without notes uses none: 0.

    Formula: number of different pitches of the notes
    Unit: pitches
    Range: 0 to 128
    Direction: near to real music; higher is more varied
    Source: Yang & Lerch (2020), their pitch count
    """
    return len(np.unique(notes.pitch))


def lowest_pitch(notes: NoteList) -> int | None:
    """The lowest MIDI pitch, None without notes.

    Formula: smallest pitch of the notes
    Unit: MIDI pitch, 60 being middle C
    Range: 0 to 127; undefined without notes
    Direction: near to real music
    Source: this project
    """
    return int(notes.pitch.min()) if len(notes) else None


def highest_pitch(notes: NoteList) -> int | None:
    """The highest MIDI pitch, None without notes.

    Formula: largest pitch of the notes
    Unit: MIDI pitch, 60 being middle C
    Range: 0 to 127; undefined without notes
    Direction: near to real music
    Source: this project
    """
    return int(notes.pitch.max()) if len(notes) else None


def pitch_range_semitones(notes: NoteList) -> int | None:
    """How far the highest pitch lies above the lowest.

    Formula: highest pitch - lowest pitch
    Unit: semitones
    Range: 0 to 127; undefined without notes
    Direction: near to real music; higher is wider
    Source: Yang & Lerch (2020)
    """
    return int(notes.pitch.max()) - int(notes.pitch.min()) if len(notes) else None


def pitch_class_entropy_bits(notes: NoteList) -> float | None:
    """How evenly the twelve pitch classes are used: 0 is one class alone, 3.58 all alike.

    Formula: - sum of p log2 p over the classes' shares p of the onsets of the piece
    Unit: bits
    Range: 0 to log2 12 = 3.585; undefined without notes
    Direction: near to real music; higher is less tonal
    Source: Wu & Yang, "The Jazz Transformer on the Front Line" (2020), by bars; MusPy, whole pieces
    """
    if not len(notes):
        return None
    used = class_counts(notes)
    share = used[used > 0] / len(notes)
    return float(np.log2(1 / share) @ share)


def scale_consistency(notes: NoteList) -> float | None:
    """How much of a piece one scale explains: the largest share of notes in a single scale.

    Of the 24 major and natural minor scales two each, a major and its relative minor, are the same
    pitch classes, so that 12 sets are tried.

    Formula: max over the 12 scales of: notes whose pitch class is in the scale / notes
    Unit: share
    Range: 7/12 to 1; undefined without notes
    Direction: near to real music; higher is more diatonic
    Source: Mogren, "C-RNN-GAN" (2016); scales as in MusPy
    """
    if not len(notes):
        return None
    return float((SCALES @ class_counts(notes)).max()) / len(notes)
