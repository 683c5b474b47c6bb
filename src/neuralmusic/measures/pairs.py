"""Which pairs of pieces of two sets are held against each other: all, or of very many a draw.

The draw is balanced, as the reduced U-statistics of Brown & Kildea (1978) are: both sets stand in
an order of their own, each piece of the longer beside one of the shorter, and all is repeated with
the shorter moved on by so many places. Every piece is in as many pairs as any other (but for one
of the shorter set), and no pair is drawn twice.

What a draw of P pairs adds to the variance of a mean over pairs is v / P at most, with v that of
the pairs. Resamples weigh a pair by the product of its pieces' counts, which varies by 3: the
intervals hold 3 v / P for it, and so err on the wide side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from neuralmusic.seeds import derive

# All pairs of two sets of 2,000 pieces. A share of so many drawn pairs has a standard deviation of
# 0.00025 at most by the draw.
MOST_PAIRS = 4_000_000
BLOCK = 4096  # pairs whose vectors are in memory at once


@dataclass(frozen=True)
class Pairs:
    """Pairs of pieces, by arrays of positions that broadcast to the shape of the pairs."""

    first: np.ndarray
    second: np.ndarray
    is_draw: bool

    @staticmethod
    def of(first: int, second: int, within: bool, seed: int = 0) -> Pairs:
        """All pairs of sets of so many pieces, (first, second), or of more than MOST_PAIRS a draw.

        `within`: of one set. Then all pairs hold those of a piece with itself, and those of two
        pieces in both orders; a draw holds the first not, and the others in one order.
        """
        if first * second <= MOST_PAIRS:
            return Pairs(np.arange(first)[:, None], np.arange(second)[None, :], False)
        generator = np.random.default_rng(derive(seed, "pairs", first, second))
        order = generator.permutation(first)
        other = order if within else generator.permutation(second)
        longer, shorter = max(first, second), min(first, second)
        moves = np.arange(1, (shorter - 1) // 2 + 1) if within else np.arange(shorter)
        count = min(len(moves), max(1, MOST_PAIRS // longer))
        moves = np.sort(generator.choice(moves, count, replace=False))
        moved = (np.arange(longer)[None, :] + moves[:, None]) % shorter
        if first >= second:
            return Pairs(order[None, :], other[moved], True)
        return Pairs(order[moved], other[None, :], True)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.broadcast_shapes(self.first.shape, self.second.shape)

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The Euclidean distances of the vectors (N, K) and (M, K) of the pieces."""
        if not self.is_draw:
            return cdist(first, second)
        found = np.empty(self.shape)
        places = [np.broadcast_to(of, self.shape) for of in (self.first, self.second)]
        for row, of_first, of_second in zip(found, *places, strict=True):
            for at in range(0, len(row), BLOCK):
                block = slice(at, at + BLOCK)
                apart = first[of_first[block]] - second[of_second[block]]
                row[block] = np.sqrt(np.einsum("pk,pk->p", apart, apart))
        return found

    def counts(self, first: np.ndarray, second: np.ndarray, out: np.ndarray) -> np.ndarray:
        """How often each pair counts, of how often its pieces do, (N,) and (M,); into `out`."""
        return np.multiply(first[self.first], second[self.second], out=out)
