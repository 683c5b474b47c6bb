"""The lines of a piece that a listener might follow, and the stretches of notes in them.

A note list knows no voices. A line is found by place: the highest and the lowest of the notes that
begin together, and the first to the fourth from above, and the lowest, of those that sound. In
four-part writing these are the parts; of a melody over an accompaniment the first is the melody.
"""

from __future__ import annotations

import numpy as np

from neuralmusic.notes import NoteList

TOGETHER_SECONDS = 0.03  # notes that begin within it are one chord, and an overlap so short is none
FROM_ABOVE = 4  # lines counted from the highest sounding note
LOOKED_BACK = 16  # notes before one that may still sound
STRETCH_INTERVALS = 7  # of a stretch, which has one note more


def lines(piece: NoteList) -> list[tuple[np.ndarray, np.ndarray]]:
    """The lines of a piece, each as onsets in seconds and MIDI pitches, both (notes,).

    The first is of the highest notes that begin together, and has a note at every onset. No line
    is there twice, so that a melody has one.
    """
    if not len(piece):
        return []
    onset, offset, pitch, moment = _chords(piece)
    above, below = _ranks(onset, offset, pitch, moment)
    is_new = np.diff(moment, prepend=-1) > 0
    first = np.flatnonzero(is_new)
    last = np.append(first[1:], len(moment)) - 1
    ranked = [np.flatnonzero(above == rank) for rank in range(FROM_ABOVE)]
    distinct = {of.tobytes(): of for of in (last, first, *ranked, np.flatnonzero(below == 0))}
    return [(onset[of], pitch[of]) for of in distinct.values() if len(of)]


def stretches(onset_seconds: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """A number for every stretch of eight notes of a line, uint64 (notes - 7,).

    It is equal where seven intervals are, and the six ratios of successive inter-onset intervals,
    each as shorter, about equal or longer (beyond a factor of the square root of two). So it is
    equal in all keys and tempos, and mostly for two performances.
    """
    count = len(pitch) - STRETCH_INTERVALS
    if count <= 0:
        return np.zeros(0, np.uint64)
    intervals = np.diff(pitch.astype(np.int64)) + 128
    log_ioi = np.log2(np.maximum(np.diff(onset_seconds), 1e-3))
    ratios = np.clip(np.rint(np.diff(log_ioi)), -1, 1).astype(np.int64) + 2
    number = np.zeros(count, np.uint64)
    for at in range(STRETCH_INTERVALS):
        number += intervals[at : at + count].astype(np.uint64) * FACTORS[at]
    for at in range(STRETCH_INTERVALS - 1):
        number += ratios[at : at + count].astype(np.uint64) * FACTORS[STRETCH_INTERVALS + at]
    return mixed(number)


def mixed(number: np.ndarray) -> np.ndarray:
    """64-bit numbers spread evenly: the finaliser of SplitMix64 (Steele et al. 2014)."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


# Odd, and as good as drawn by chance, so that sums of small multiples do not meet.
FACTORS = mixed(np.arange(1, 2 * STRETCH_INTERVALS, dtype=np.uint64)) | np.uint64(1)


def _chords(piece: NoteList) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Onset, offset, pitch and moment of the notes by (moment, pitch), unisons joined."""
    moment = np.cumsum(np.diff(piece.onset_seconds, prepend=0.0) > TOGETHER_SECONDS)
    order = np.lexsort((piece.pitch, moment))
    moment, pitch, offset = moment[order], piece.pitch[order], piece.offset_seconds[order]
    is_new = np.ones(len(pitch), dtype=bool)
    is_new[1:] = (np.diff(moment) != 0) | (np.diff(pitch) != 0)
    kept = np.flatnonzero(is_new)
    _, begins = np.unique(moment, return_index=True)
    # Notes are sorted by onset, so that the first of a moment, in that order, begins it.
    starts = piece.onset_seconds[begins]
    at = np.cumsum(np.diff(moment[kept], prepend=moment[0]) > 0)
    return starts[at], np.maximum.reduceat(offset, kept), pitch[kept], at


def _ranks(
    onset: np.ndarray, offset: np.ndarray, pitch: np.ndarray, moment: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How many notes that sound when each begins are above it, and how many below."""
    above, below = np.zeros(len(pitch), np.int64), np.zeros(len(pitch), np.int64)
    for lag in range(1, min(LOOKED_BACK, len(pitch) - 1) + 1):
        is_together = moment[lag:] == moment[:-lag]
        sounds = is_together | (offset[:-lag] > onset[lag:] + TOGETHER_SECONDS)
        if not sounds.any():
            break
        above[lag:] += sounds & (pitch[:-lag] > pitch[lag:])
        below[lag:] += sounds & (pitch[:-lag] < pitch[lag:])
        above[:-lag] += is_together  # of a chord the later in the list are the higher
    return above, below
