"""Where the bars of a score lie, which note lists do not keep.

Only a score has bars that mean something: a performance that is read in seconds keeps to no metre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuralmusic.midi_bytes import MidiBytes
from neuralmusic.notes import SECONDS_PER_BEAT

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
        begin = self.signature_seconds
        used = begin < length_seconds - ROUNDING_SECONDS
        if not used.any():
            return np.zeros(1)
        end = np.append(begin[1:], np.inf)[used]
        begin, lasts = begin[used], self.bar_seconds[used]
        until = np.minimum(end, length_seconds) - ROUNDING_SECONDS
        counts = np.maximum(1, np.ceil((until - begin) / lasts)).astype(np.int64)
        of_signature = np.repeat(np.arange(len(counts)), counts)
        number = np.arange(len(of_signature)) - np.repeat(np.cumsum(counts) - counts, counts)
        starts = begin[of_signature] + lasts[of_signature] * number
        return np.append(starts, min(end[-1], starts[-1] + lasts[-1]))


def bars_of(file: MidiBytes) -> Bars | None:
    """The bars of a parsed MIDI file whose notes are read with `time="beats"`.

    None where it has no quarters to count.
    """
    if file.is_timecode:
        return None
    stated: list[tuple[float, float]] = []
    begin = 0  # of a sequence, in ticks
    for sequence in file.sequences:
        tick, numerator, power = sequence.signatures.T
        is_metre = (numerator > 0) & (power <= FINEST)
        seconds = (begin + tick[is_metre]) * SECONDS_PER_BEAT / file.ticks
        quarters = 4 * numerator[is_metre] / 2.0 ** power[is_metre]
        stated += zip(seconds.tolist(), (quarters * SECONDS_PER_BEAT).tolist(), strict=True)
        begin += sequence.end_tick
    return Bars.of(stated)
