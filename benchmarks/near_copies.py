"""Near copies: time and memory of the search in made-up corpora, and how both grow.

    python -m benchmarks.near_copies 130000

searches a corpus of so many pieces instead of the two that the exponent is taken from.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from benchmarks.line import Line
from neuralmusic.near_copies import near_copies
from neuralmusic.notes import NoteList

SIZES = (1_000, 10_000)
NOTES = 600  # of a piece: half of them a tune, and a bass of as many
STOCK = 2_000  # phrases, of which a third of every tune is made
PHRASE = 10
COPIED = 10  # one piece in so many is a near copy of the one before it


class Tunes(Mapping[str, NoteList]):
    """Pieces that are made when they are asked for, so that memory is the search's alone."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    def __len__(self) -> int:
        return self.pieces

    def __iter__(self) -> Iterator[str]:
        return (f"{at:07}" for at in range(self.pieces))

    def __getitem__(self, name: str) -> NoteList:
        at = int(name)
        is_copy = at % COPIED == COPIED - 1
        tune, lengths = _line(at - is_copy)
        onset = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
        own = np.random.default_rng([1, at])
        bass = 40 + own.integers(0, 12, len(onset))  # another one in a copy
        rows = [
            np.stack([onset, onset + lengths, pitch, np.full(len(onset), 80)], axis=1)
            for pitch in (tune + 5 * is_copy, bass)
        ]
        return NoteList.of(np.concatenate(rows))


def _line(at: int) -> tuple[np.ndarray, np.ndarray]:
    """Pitches and lengths in seconds of a tune: phrases of its own and of a common stock."""
    generator = np.random.default_rng([0, at])
    steps, lengths = [], []
    for index in range(NOTES // 2 // PHRASE):
        seed = [2, int(generator.integers(STOCK))] if index % 3 == 2 else [3, at, index]
        phrase = np.random.default_rng(seed)
        steps.append(phrase.choice([-4, -2, -1, 1, 2, 3, 5], PHRASE))
        lengths.append(phrase.choice([0.25, 0.25, 0.5], PHRASE))
    pitch = np.cumsum(np.concatenate(steps)) % 24 + 60
    return pitch, np.concatenate(lengths)


def measure(params: dict) -> Iterator[Line]:
    """Seconds and GB of the larger size, against linear growth from the smaller one."""
    small, large = (searched(size) for size in SIZES)
    times = SIZES[1] / SIZES[0]
    for name, unit, at in (("time", "seconds", 0), ("memory", "GB", 1)):
        exponent = math.log(large[at] / small[at], times)
        yield Line(
            f"near copies of {SIZES[1]:,} pieces, {name}: as the power {exponent:.2f} of the pieces"
            f" from {SIZES[0]:,}",
            large[at],
            small[at] * times,
            unit,
            small[at] * times / large[at],
        )


def searched(pieces: int) -> tuple[float, float]:
    """Seconds, and GB that the process takes for it.

    Raises AssertionError where the planted copies are not what is found.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        seconds, memory, found = pool.submit(_search, pieces).result()
    assert found == [(f"{at - 1:07}", f"{at:07}") for at in range(COPIED - 1, pieces, COPIED)], (
        f"{len(found)} pairs are found of {pieces // COPIED}"
    )
    return seconds, memory


def _search(pieces: int) -> tuple[float, float, list[tuple[str, str]]]:
    began = time.perf_counter()
    found = [(pair.piece, pair.other) for pair in near_copies(Tunes(pieces))]
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return seconds, memory, found


if __name__ == "__main__":
    pieces = int(sys.argv[1])
    seconds, memory = searched(pieces)
    print(f"{pieces:,} pieces: {seconds:.0f} seconds, {memory:.2f} GB")
