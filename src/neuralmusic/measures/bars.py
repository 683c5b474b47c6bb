"""What a score does in its bars and beats: of pieces whose times are beats, a quarter being 0.5 s.

Bars and beats count from the beginning of the piece to its length, silent ones at the end included;
a bar that the end cuts is a bar.
"""

from __future__ import annotations

import numpy as np

from neuralmusic.bars import ROUNDING_SECONDS, Bars
from neuralmusic.measures.pitch import CLASSES, PITCHES
from neuralmusic.notes import SECONDS_PER_BEAT, NoteList

POSITIONS = 16  # equal parts of a bar: its sixteenths in 4/4


def notes_per_bar(notes: NoteList, bars: Bars) -> float | None:
    """How many notes begin in a bar, on average over all bars, the silent ones included.

    Formula: notes / bars
    Unit: notes a bar
    Range: 0 upwards; undefined for a piece without length
    Direction: near to real music; higher is denser
    Source: Yang & Lerch (2020), their note count of a bar
    """
    edges, _ = _places(notes, bars)
    return len(notes) / (len(edges) - 1) if len(edges) > 1 else None


def pitches_per_bar(notes: NoteList, bars: Bars) -> float | None:
    """How many different pitches begin in a bar, on average over all bars, silent ones included.

    Formula: sum over the bars of the number of different pitches of their notes / bars
    Unit: pitches a bar
    Range: 0 to 128; undefined for a piece without length
    Direction: near to real music; higher is more varied
    Source: Yang & Lerch (2020), their pitch count of a bar
    """
    edges, bar = _places(notes, bars)
    if len(edges) < 2:
        return None
    return len(np.unique(bar * PITCHES + notes.pitch)) / (len(edges) - 1)


def bar_pitch_class_shares(notes: NoteList, bars: Bars) -> np.ndarray:
    """How often each pitch class begins in a bar, C first, every bar weighing alike.

    Formula: mean, over the bars with a note, of: onsets of the class in the bar / onsets in the bar
    Unit: share
    Range: 0 to 1, the twelve summing to 1; undefined without notes
    Direction: near to real music
    Source: Yang & Lerch (2020), their pitch-class histogram of a bar, averaged
    """
    if not len(notes):
        return np.full(CLASSES, np.nan)
    edges, bar = _places(notes, bars)
    counts = np.bincount(bar * CLASSES + notes.pitch % CLASSES, minlength=len(edges) * CLASSES)
    counts = counts.reshape(-1, CLASSES)
    onsets = counts.sum(axis=1)
    return (counts[onsets > 0] / onsets[onsets > 0, None]).mean(axis=0)


def onset_patterns(notes: NoteList, bars: Bars) -> np.ndarray:
    """At which of its 16 equal parts something begins in each bar, bool of (bars, 16)."""
    edges, bar = _places(notes, bars)
    patterns = np.zeros((len(edges) - 1, POSITIONS), bool)
    if len(patterns):
        lasts = np.diff(edges)[bar]
        since = notes.onset_seconds - edges[bar] + ROUNDING_SECONDS
        part = (since * POSITIONS / lasts).astype(np.int64)
        patterns[bar, np.clip(part, 0, POSITIONS - 1)] = True
    return patterns


def grooving_similarity(notes: NoteList, bars: Bars) -> float | None:
    """How alike the rhythms of the bars are: 1 where all bars begin notes at the same positions.

    Every bar, whatever its metre, is divided into 16 equal parts; all pairs of bars are compared,
    neighbours or not, silent ones included.

    Formula: 1 - mean over all pairs of bars of: positions where just one of both begins a note / 16
    Unit: share
    Range: 0 to 1; undefined without notes and with fewer than two bars
    Direction: near to real music; higher is more regular
    Source: Wu & Yang, "The Jazz Transformer on the Front Line" (2020), there with 64 positions
    """
    patterns = onset_patterns(notes, bars)
    number = len(patterns)
    if number < 2 or not len(notes):
        return None
    # A position that k of the bars have differs in k (bars - k) of the pairs.
    have = patterns.sum(axis=0)
    differing = int((have * (number - have)).sum())
    return 1 - differing / (POSITIONS * number * (number - 1) / 2)


def empty_beat_rate(notes: NoteList, bars: Bars) -> float | None:
    """How many beats are silent: beats in which no note sounds, also none from before.

    A beat is a quarter, in every metre, counted from the beginning of the piece; a note sounds in
    the beat in which it begins, however short it is.

    Formula: quarters without a sounding note / quarters that begin before the end of the piece
    Unit: share
    Range: 0 to 1; undefined for a piece without length
    Direction: near to real music; higher is more silence
    Source: Dong et al., "MuseGAN" (2018), there of bars; MusPy
    """
    beats = int(np.ceil(_in_beats(notes.length_seconds) - 2 * ROUNDING_SECONDS))
    if beats < 1:
        return None
    first = _in_beats(notes.onset_seconds).astype(np.int64)
    # An offset at the very beginning of a beat is not in it.
    last = np.ceil(_in_beats(notes.offset_seconds) - 2 * ROUNDING_SECONDS).astype(np.int64)
    first = np.minimum(first, beats - 1)
    last = np.minimum(np.maximum(last, first + 1), beats)
    changes = np.bincount(first, minlength=beats + 1) - np.bincount(last, minlength=beats + 1)
    return float(np.mean(np.cumsum(changes)[:-1] == 0))


def _in_beats(seconds: np.ndarray | float) -> np.ndarray:
    return np.asarray(seconds) / SECONDS_PER_BEAT + ROUNDING_SECONDS


def _places(notes: NoteList, bars: Bars) -> tuple[np.ndarray, np.ndarray]:
    """The edges of the bars, and of every note the bar it begins in."""
    edges = bars.edges_seconds(notes.length_seconds)
    bar = np.searchsorted(edges, notes.onset_seconds + ROUNDING_SECONDS, side="right") - 1
    return edges, np.minimum(bar, max(len(edges) - 2, 0))  # a note at the very end: in the last
