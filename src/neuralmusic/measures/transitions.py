"""What follows what: pairs of consecutive notes in (onset, pitch) order, chord members included."""

from __future__ import annotations

import numpy as np

from neuralmusic.measures.pitch import CLASSES
from neuralmusic.notes import NoteList


def transition_counts(notes: NoteList) -> np.ndarray:
    """Consecutive pairs from pitch class (row) to pitch class (column), int64 of (12, 12).

    Thesis §5.1.2, its octave transition matrix; all zero where there is no pair.
    """
    classes = notes.pitch.astype(np.int64) % CLASSES
    pairs = classes[:-1] * CLASSES + classes[1:]
    return np.bincount(pairs, minlength=CLASSES * CLASSES).reshape(CLASSES, CLASSES)


def repeated_notes(notes: NoteList) -> float | None:
    """Share of the consecutive pairs that repeat the very pitch, None without a pair."""
    if len(notes) < 2:
        return None
    return float(np.mean(notes.pitch[1:] == notes.pitch[:-1]))
