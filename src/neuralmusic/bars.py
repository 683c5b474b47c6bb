"""Where the bars of a score lie, which note lists do not keep.

Only a score has bars that mean something: a performance that is read in seconds keeps to no metre.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuralmusic.notes import SECONDS_PER_BEAT
from neuralmusic.tempo import told_by

TIME_SIGNATURE = 0x58
FOUR_FOUR_SECONDS = 4 * SECONDS_PER_BEAT  # a bar where a file states no metre: MIDI's 4/4
FINEST = 6  # of a signature's denominator, as a power of two: a bar of 1/64 is still believed
ROUNDING_SECONDS = 1e-6  # What lies so shortly before a bar or a beat lies on it.


@dataclass(frozen=True)
class Bars:
    """The metre of a piece whose times are beats, a quarter being 0.5 s.

    From each of `signature_seconds` on, the first being 0, bars last `bar_seconds`: both float64
    of shape (signatures,). A signature begins a bar, whatever was left of the one before it.
    """

    signature_seconds: np.ndarray
    bar_seconds: np.ndarray

    @staticmethod
    def of(signatures: list[tuple[float, float]]) -> Bars:
        """The bars of (second, seconds a bar) in the order of time; 4/4 before the first of them.

        Of two at one time the later in the list counts.
        """
        by_time = {0.0: FOUR_FOUR_SECONDS}
        for second, lasts in signatures:
            by_time[float(second)] = float(lasts)
        return Bars(np.array(list(by_time)), np.array(list(by_time.values())))

    def edges_seconds(self, length_seconds: float) -> np.ndarray:
        """The beginnings of all bars before a length, and the end of the last, (bars + 1,).

        No bar is no edge but the beginning.
        """
        ends = np.append(self.signature_seconds[1:], np.inf)
        last, edges = 0.0, [np.zeros(0)]
        for start, end, lasts in zip(self.signature_seconds, ends, self.bar_seconds, strict=True):
            if start >= length_seconds - ROUNDING_SECONDS:
                break
            until = min(end, length_seconds) - ROUNDING_SECONDS
            starts = start + lasts * np.arange(max(1, np.ceil((until - start) / lasts)))
            edges.append(starts)
            last = min(end, float(starts[-1]) + lasts)
        return np.append(np.concatenate(edges), last)


def read_bars(path: Path) -> Bars | None:
    """The bars of a MIDI file read with `time="beats"`; None where it has no quarters to count.

    Of a damaged track what lies before the damage is read.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return bars_of(content)


def bars_of(content: bytes) -> Bars | None:
    """The bars of the bytes of a MIDI file, see `read_bars`."""
    told = told_by(content, TIME_SIGNATURE)
    if told is None:
        return None
    stated, begin = [], 0  # in ticks
    for track in told.tracks:
        for tick, text in track.events:
            if len(text) >= 2 and text[0] and text[1] <= FINEST:
                stated.append((begin + tick, 4 * text[0] / 2 ** text[1]))
        if told.format == 2:  # whose tracks follow each other
            begin += track.last_tick
    stated.sort(key=lambda signature: signature[0])
    return Bars.of(
        [
            (tick * SECONDS_PER_BEAT / told.division, quarters * SECONDS_PER_BEAT)
            for tick, quarters in stated
        ]
    )
