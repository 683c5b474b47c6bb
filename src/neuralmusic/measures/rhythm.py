"""When notes begin and how long they last, in seconds (thesis §5.1.2)."""

from __future__ import annotations

import numpy as np

from neuralmusic.measures.pitch import shares
from neuralmusic.notes import SECONDS_PER_BEAT, NoteList

ONSET_DECIMALS = 6  # Onsets equal to the microsecond are one: floats of one tick may differ.

# Names and quarters of the lengths of notes, as Yang & Lerch order them.
NOTE_LENGTHS = {
    "whole": 4.0,
    "half": 2.0,
    "quarter": 1.0,
    "eighth": 1 / 2,
    "sixteenth": 1 / 4,
    "dotted half": 3.0,
    "dotted quarter": 3 / 2,
    "dotted eighth": 3 / 4,
    "dotted sixteenth": 3 / 8,
    "half triplet": 4 / 3,
    "quarter triplet": 2 / 3,
    "eighth triplet": 1 / 3,
}
_BY_LENGTH = np.argsort(list(NOTE_LENGTHS.values()))
_LOGS = np.log(np.array(list(NOTE_LENGTHS.values()))[_BY_LENGTH] * SECONDS_PER_BEAT)
_BETWEEN = (_LOGS[1:] + _LOGS[:-1]) / 2


def note_count(notes: NoteList) -> int:
    """How many notes begin.

    Formula: number of notes
    Unit: notes
    Range: 0 upwards
    Direction: near to real music of the same length
    Source: Yang & Lerch (2020)
    """
    return len(notes)


def notes_per_minute(notes: NoteList) -> float | None:
    """How dense a piece is: notes in a minute of it, silence included.

    Formula: 60 * notes / length of the piece in seconds
    Unit: notes a minute
    Range: 0 upwards; undefined for a piece without length
    Direction: near to real music; higher is denser
    Source: Yang & Lerch (2020), their note count, made independent of the length
    """
    return 60 * len(notes) / notes.length_seconds if notes.length_seconds > 0 else None


def mean_ioi_seconds(notes: NoteList) -> float | None:
    """Mean interval between consecutive distinct onset times, None with fewer than two of them.

    A chord is one onset, so its members add no zeros (Yang & Lerch's code counts them).

    Formula: mean of the differences of consecutive distinct onsets, equal within a microsecond
    Unit: seconds
    Range: above 0; undefined with fewer than two onsets
    Direction: near to real music; higher is slower
    Source: Yang & Lerch (2020), their average inter-onset interval
    """
    intervals = _intervals(notes)
    return float(intervals.mean()) if len(intervals) else None


def median_ioi_seconds(notes: NoteList) -> float | None:
    """Median interval between consecutive distinct onset times, which a few long rests do not move.

    Formula: median of the differences of consecutive distinct onsets, equal within a microsecond
    Unit: seconds
    Range: above 0; undefined with fewer than two onsets
    Direction: near to real music; higher is slower
    Source: this project
    """
    intervals = _intervals(notes)
    return float(np.median(intervals)) if len(intervals) else None


def _intervals(notes: NoteList) -> np.ndarray:
    return np.diff(np.unique(np.round(notes.onset_seconds, ONSET_DECIMALS)))


def mean_note_seconds(notes: NoteList) -> float | None:
    """Mean time from onset to offset, None without notes.

    Formula: mean of offset - onset
    Unit: seconds
    Range: 0 upwards; undefined without notes
    Direction: near to real music
    Source: this project
    """
    return float((notes.offset_seconds - notes.onset_seconds).mean()) if len(notes) else None


def longest_note_seconds(notes: NoteList) -> float | None:
    """The longest time from onset to offset, None without notes.

    Formula: maximum of offset - onset
    Unit: seconds
    Range: 0 upwards; undefined without notes
    Direction: near to real music; very high is a note that was never ended
    Source: this project
    """
    return float((notes.offset_seconds - notes.onset_seconds).max()) if len(notes) else None


def note_length_shares(notes: NoteList) -> np.ndarray:
    """How often notes have each of twelve lengths, from a sixteenth to a whole, dots and triplets.

    A quarter is 0.5 s: the beat of a score whose times are beats, half a second of a performance.
    In order: whole, half, quarter, eighth, sixteenth, the same four without the whole dotted, and
    triplets of halves, quarters and eighths. A note without length has no class.

    Formula: notes whose length is nearest, by its logarithm, to the class / notes with a length
    Unit: share
    Range: 0 to 1, the twelve summing to 1; undefined without a note that lasts
    Direction: near to real music
    Source: Yang & Lerch (2020), their note length histogram, without rests
    """
    return shares(np.bincount(_length_classes(notes), minlength=len(NOTE_LENGTHS)))


def note_length_transition_shares(notes: NoteList) -> np.ndarray:
    """How often each of twelve note lengths follows each; the lengths are those of the histogram.

    Row after row: 12 times the first class plus the second. Notes without length are left out.

    Formula: consecutive pairs from class to class / consecutive pairs, in (onset, pitch) order
    Unit: share
    Range: 0 to 1, all summing to 1; undefined with fewer than two notes that last
    Direction: near to real music
    Source: Yang & Lerch (2020), their note length transition matrix, without rests
    """
    classes = _length_classes(notes)
    size = len(NOTE_LENGTHS)
    return shares(np.bincount(classes[:-1] * size + classes[1:], minlength=size * size))


def _length_classes(notes: NoteList) -> np.ndarray:
    """Of every note that lasts the index in NOTE_LENGTHS; two in unison in the order they end."""
    in_order = np.lexsort((notes.offset_seconds, notes.pitch, notes.onset_seconds))
    lasts = (notes.offset_seconds - notes.onset_seconds)[in_order]
    return _BY_LENGTH[np.searchsorted(_BETWEEN, np.log(lasts[lasts > 0]))]
