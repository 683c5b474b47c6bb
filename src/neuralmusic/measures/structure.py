"""Whether a piece comes back to what it had: by what sounds, and note by note.

What sounds is compared by chroma: of every half second how long each pitch class sounds in it. The
spans are a motif or a bar or two (2 to 4 s), a phrase (4 to 15 s) and a section (15 to 30 s, of
which a minute holds two); in a score whose times are beats half a second is a quarter.
"""

from __future__ import annotations

import numpy as np

from neuralmusic.measures.pitch import CLASSES
from neuralmusic.measures.sequences import rhythm_intervals, stretch_ranks
from neuralmusic.notes import NoteList

FRAME_SECONDS = 0.5
SHORT_SECONDS, MIDDLE_SECONDS, LONG_SECONDS = (2, 4), (4, 15), (15, 30)
SHORT_NOTES, MIDDLE_NOTES, LONG_NOTES = 4, 8, 16
INAUDIBLE_SECONDS = 1e-6  # What sums of lengths leave by their rounding is silence.


def short_self_similarity(notes: NoteList) -> float | None:
    """How much more a piece is like itself 2 to 4 s later than like any other moment of it.

    Frames are half seconds, their similarity the cosine of how long each pitch class sounds in
    them; frames of silence are left out. The best lag of the span counts.

    Formula: max over lags of: mean similarity of frames a lag apart, - mean similarity of all pairs
    Unit: cosine
    Range: -1 to 1; undefined for a piece shorter than 8 s, twice the longest lag
    Direction: near to real music; higher repeats more, near 0 has no structure
    Source: this project, after the fitness of Müller et al. in Wu & Yang (2020)
    """
    return _self_similarity(notes, SHORT_SECONDS)


def middle_self_similarity(notes: NoteList) -> float | None:
    """How much more a piece is like itself 4 to 15 s later than like any other moment of it.

    The frames are those of `short_self_similarity`.

    Formula: max over lags of: mean similarity of frames a lag apart, - mean similarity of all pairs
    Unit: cosine
    Range: -1 to 1; undefined for a piece shorter than 30 s, twice the longest lag
    Direction: near to real music; higher repeats more, near 0 has no structure
    Source: this project, after the fitness of Müller et al. in Wu & Yang (2020)
    """
    return _self_similarity(notes, MIDDLE_SECONDS)


def long_self_similarity(notes: NoteList) -> float | None:
    """How much more a piece is like itself 15 to 30 s later than like any other moment of it.

    The frames are those of `short_self_similarity`.

    Formula: max over lags of: mean similarity of frames a lag apart, - mean similarity of all pairs
    Unit: cosine
    Range: -1 to 1; undefined for a piece shorter than 60 s, twice the longest lag
    Direction: near to real music; higher repeats more, near 0 has no structure
    Source: this project, after the fitness of Müller et al. in Wu & Yang (2020)
    """
    return _self_similarity(notes, LONG_SECONDS)


def short_repetition(notes: NoteList) -> float | None:
    """How much of a piece is motifs of 4 notes that it had before, in pitch or transposed.

    Stretches are equal where all intervals and all times between onsets are, in bins of 1/24 s.

    Formula: notes in a stretch of 4 that also begins 4 notes or more before / notes
    Unit: share
    Range: 0 to 1; undefined with fewer than 8 notes, two stretches
    Direction: near to real music; higher repeats more
    Source: this project
    """
    return _repetition(notes, SHORT_NOTES)


def middle_repetition(notes: NoteList) -> float | None:
    """How much of a piece is stretches of 8 notes that it had before, in pitch or transposed.

    Stretches are equal where all intervals and all times between onsets are, in bins of 1/24 s.

    Formula: notes in a stretch of 8 that also begins 8 notes or more before / notes
    Unit: share
    Range: 0 to 1; undefined with fewer than 16 notes, two stretches
    Direction: near to real music; higher repeats more
    Source: this project
    """
    return _repetition(notes, MIDDLE_NOTES)


def long_repetition(notes: NoteList) -> float | None:
    """How much of a piece is stretches of 16 notes that it had before, in pitch or transposed.

    Stretches are equal where all intervals and all times between onsets are, in bins of 1/24 s.

    Formula: notes in a stretch of 16 that also begins 16 notes or more before / notes
    Unit: share
    Range: 0 to 1; undefined with fewer than 32 notes, two stretches
    Direction: near to real music; higher repeats more
    Source: this project
    """
    return _repetition(notes, LONG_NOTES)


def chroma(notes: NoteList) -> np.ndarray:
    """How many seconds each pitch class sounds in each half second, (12, frames).

    Notes of one class add up. A rest of less than a frame at the end is left out.
    """
    frames = int(notes.length_seconds / FRAME_SECONDS + INAUDIBLE_SECONDS)
    # What has sounded up to the edge k of a frame is, for a note from a to b in frames,
    # max(0, k - a) - max(0, k - b): ramps, which are summed for all notes at once.
    times = np.concatenate([notes.onset_seconds, notes.offset_seconds]) / FRAME_SECONDS
    edge = np.ceil(times)  # where a ramp is seen first
    width = frames + 2
    cell = np.minimum(edge, frames).astype(np.int64)
    cell += np.tile(notes.pitch.astype(np.int64) % CLASSES * width, 2)
    rises = edge - times
    begin, size = len(notes), CLASSES * width
    # A ramp adds to its first edge what of it lies before that, and 1 to every edge after.
    steps = np.bincount(cell[:begin], rises[:begin], size)
    steps -= np.bincount(cell[begin:], rises[begin:], size)
    slopes = np.bincount(cell[:begin] + 1, None, size) - np.bincount(cell[begin:] + 1, None, size)
    steps = steps.reshape(CLASSES, width) + slopes.reshape(CLASSES, width).cumsum(axis=1)
    return steps[:, 1 : frames + 1] * FRAME_SECONDS  # nothing has sounded up to the edge 0


def _self_similarity(notes: NoteList, span_seconds: tuple[int, int]) -> float | None:
    """See `short_self_similarity`."""
    first, last = (round(seconds / FRAME_SECONDS) for seconds in span_seconds)
    if notes.length_seconds < 2 * span_seconds[1] - INAUDIBLE_SECONDS or not len(notes):
        return None
    frames = chroma(notes)
    lengths = np.sqrt((frames * frames).sum(axis=0))
    sounds = lengths > INAUDIBLE_SECONDS
    sounding = int(sounds.sum())
    if sounding < 2:
        return None
    lengths[~sounds] = np.inf
    unit = np.empty((CLASSES + 1, len(lengths)))
    unit[:CLASSES], unit[CLASSES] = frames / lengths, sounds
    # Sums over all frames a lag apart, of every lag at once: the last row counts them.
    size = 1 << (len(lengths) + last - 1).bit_length()
    spectrum = np.fft.rfft(unit, size)
    power = spectrum.real**2 + spectrum.imag**2
    both = np.stack([power[:CLASSES].sum(axis=0), power[CLASSES]])
    sums, pairs = np.fft.irfft(both, size)[:, first : last + 1]
    pairs = np.rint(pairs)
    if not pairs.any():
        return None
    best = (sums[pairs > 0] / pairs[pairs > 0]).max()
    total = unit[:CLASSES].sum(axis=1)
    mean = (total @ total - sounding) / (sounding * (sounding - 1))
    return float(min(max(best - mean, -1.0), 1.0))


def _repetition(notes: NoteList, length: int) -> float | None:
    """See `short_repetition`."""
    if len(notes) < 2 * length:
        return None
    rank = stretch_ranks(rhythm_intervals(notes), length - 1)  # of the stretch from each note on
    at = np.arange(len(rank))
    earliest = np.full(len(rank), len(rank))
    np.minimum.at(earliest, rank, at)
    again = np.flatnonzero(at - earliest[rank] >= length)  # apart, so that no scale repeats itself
    changes = np.bincount(again, minlength=len(notes) + 1)
    changes -= np.bincount(again + length, minlength=len(notes) + 1)
    return float(np.mean(np.cumsum(changes)[:-1] > 0))
