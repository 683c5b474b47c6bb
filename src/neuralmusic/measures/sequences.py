"""A piece as a sequence of what lies between consecutive notes, and which stretches are equal."""

from __future__ import annotations

import numpy as np

from neuralmusic.notes import NoteList

# A third of a sixteenth at 120 quarters a minute. No multiple of 0.125 s or of 10 ms, the steps of
# the representations, lies on the edge of a bin, where rounding would tell equal intervals apart.
BINS_PER_SECOND = 24
INTERVALS = 255  # from -127 to 127 semitones


def pitch_intervals(notes: NoteList) -> np.ndarray:
    """Semitones from each note to the next in (onset, pitch) order, int64 of (notes - 1,)."""
    return np.diff(notes.pitch.astype(np.int64))


def rhythm_intervals(notes: NoteList) -> np.ndarray:
    """The same with the time between the onsets, in bins of 1/24 s: a number a pair, int64."""
    bins = np.rint(np.diff(notes.onset_seconds) * BINS_PER_SECOND).astype(np.int64)
    return bins * INTERVALS + pitch_intervals(notes) + INTERVALS // 2


def ranks(values: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 that are in the order of the values, and equal where they are equal."""
    if not len(values):
        return np.zeros(0, np.int64)
    order = np.argsort(values)
    in_order = values[order]
    rank = np.empty(len(values), np.int64)
    rank[order[0]] = 0
    rank[order[1:]] = np.cumsum(in_order[1:] != in_order[:-1])
    return rank


def stretch_ranks(values: np.ndarray, length: int) -> np.ndarray:
    """Ranks of all stretches of `length` consecutive values, (values - length + 1,).

    Two stretches have one rank where all their values are equal.
    """
    rank, covered = ranks(values), 1
    while covered < length and len(rank):
        step = min(covered, length - covered)  # the second half may overlap the first
        rank = ranks(rank[:-step] * len(values) + rank[step:])
        covered += step
    return rank
