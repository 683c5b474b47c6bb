"""When notes begin and how long they last, in seconds (thesis §5.1.2)."""

from __future__ import annotations

import numpy as np

from neuralmusic.notes import NoteList

ONSET_DECIMALS = 6  # Onsets equal to the microsecond are one: floats of one tick may differ.


def mean_ioi_seconds(notes: NoteList) -> float | None:
    """Mean interval between consecutive distinct onset times, None with fewer than two of them.

    A chord is one onset, so its members add no zeros (Yang & Lerch's code counts them).
    """
    intervals = _intervals(notes)
    return float(intervals.mean()) if len(intervals) else None


def median_ioi_seconds(notes: NoteList) -> float | None:
    """Median of the same intervals."""
    intervals = _intervals(notes)
    return float(np.median(intervals)) if len(intervals) else None


def _intervals(notes: NoteList) -> np.ndarray:
    return np.diff(np.unique(np.round(notes.onset_seconds, ONSET_DECIMALS)))


def mean_note_seconds(notes: NoteList) -> float | None:
    """Mean time from onset to offset, None without notes."""
    return float((notes.offset_seconds - notes.onset_seconds).mean()) if len(notes) else None


def longest_note_seconds(notes: NoteList) -> float | None:
    """The longest time from onset to offset, None without notes."""
    return float((notes.offset_seconds - notes.onset_seconds).max()) if len(notes) else None
