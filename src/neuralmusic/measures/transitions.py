"""What follows what: pairs of consecutive notes in (onset, pitch) order, chord members included."""

from __future__ import annotations

import numpy as np

from neuralmusic.measures.pitch import CLASSES, shares
from neuralmusic.notes import NoteList


def transition_counts(notes: NoteList) -> np.ndarray:
    """How often each pitch class (row) is followed by each (column), int64 of (12, 12).

    Formula: pairs of consecutive notes in (onset, pitch) order, members of a chord included
    Unit: pairs
    Range: 0 upwards; all 0 where there is no pair
    Direction: near to real music, as shares
    Source: thesis §5.1.2, its octave transition matrix
    """
    classes = notes.pitch.astype(np.int64) % CLASSES
    pairs = classes[:-1] * CLASSES + classes[1:]
    return np.bincount(pairs, minlength=CLASSES * CLASSES).reshape(CLASSES, CLASSES)


def pitch_class_transition_shares(notes: NoteList) -> np.ndarray:
    """How often each pitch class follows each, the classes of a chord one after the other.

    Row after row: 12 times the first class plus the second, C being 0.

    Formula: consecutive pairs from class to class / consecutive pairs, in (onset, pitch) order
    Unit: share
    Range: 0 to 1, all summing to 1; undefined with fewer than two notes
    Direction: near to real music
    Source: Yang & Lerch (2020); thesis §5.1.2
    """
    return shares(transition_counts(notes).ravel())


def mean_interval_semitones(notes: NoteList) -> float | None:
    """How far apart consecutive notes are, up or down, the notes of a chord from below.

    Formula: mean of |pitch - pitch before| over consecutive notes in (onset, pitch) order
    Unit: semitones
    Range: 0 to 127; undefined with fewer than two notes
    Direction: near to real music; higher is more leaping, or wider chords
    Source: Yang & Lerch (2020), their average pitch interval
    """
    if len(notes) < 2:
        return None
    return float(np.abs(np.diff(notes.pitch)).mean())


def repeated_notes(notes: NoteList) -> float | None:
    """Share of the consecutive pairs that repeat the very pitch, None without a pair.

    Formula: consecutive pairs of equal pitch / consecutive pairs, in (onset, pitch) order
    Unit: share
    Range: 0 to 1; undefined with fewer than two notes
    Direction: near to real music; near 1 a model is stuck on a note
    Source: this project
    """
    if len(notes) < 2:
        return None
    return float(np.mean(notes.pitch[1:] == notes.pitch[:-1]))
