"""How far sets of pieces are from each other, and how different their own pieces are, over all
measures that are numbers at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from neuralmusic.estimate import NOT_NEGATIVE, Estimate, over_runs, ratio
from neuralmusic.measures.frechet import Scale, frechet_distance, scaled
from neuralmusic.measures.pairs import Pairs
from neuralmusic.measures.registry import MEASURES
from neuralmusic.piece_sets import PieceSet
from neuralmusic.set_overlaps import Drawn


def numbers_of(pieces: PieceSet) -> np.ndarray:
    """All measures of MEASURES that are numbers, (N, K)."""
    return np.stack([pieces.values[name] for name in number_names()], axis=1)


def number_names() -> list[str]:
    return [name for name, measure in MEASURES.items() if not measure.shape]


def frechet(against: Sequence[tuple[Drawn, Drawn]], scale: Scale) -> Estimate:
    """Over runs, the Fréchet distance of each to the set it is held against."""
    return over_runs(
        [
            frechet_distance(
                scaled(numbers_of(first.pieces), scale),
                scaled(numbers_of(second.pieces), scale),
                first.weights,
                second.weights,
            )
            for first, second in against
        ]
    )


def diversity(runs: Sequence[Drawn], scale: Scale, seed: int) -> Estimate:
    """Over runs, the mean distance between two pieces of a set: see `Standing`.

    Root of the mean square over the measures. Pairs of copies that resampling makes are left out,
    as in `compare.intra_set_distance`. Of very many pieces the pairs are a draw: see `pairs`.
    """
    found = []
    for run in runs:
        means = mean_distances(scaled(numbers_of(run.pieces), scale), run.weights, seed)
        found.append(Estimate(float(means[0]), means[1:], NOT_NEGATIVE))
    return over_runs(found)


def mean_distances(pieces: np.ndarray, weights: np.ndarray, seed: int) -> np.ndarray:
    """The mean distance between two pieces (N, K), in the set and in every resample (B + 1,)."""
    pairs = Pairs.of(len(pieces), len(pieces), True, seed)
    distances = pairs.distances(pieces, pieces) / np.sqrt(max(1, pieces.shape[1]))
    if not pairs.is_draw:
        rows = np.vstack([np.ones(len(pieces)), weights])
        counts = rows.sum(axis=1) ** 2 - (rows**2).sum(axis=1)
        return ratio(((rows @ distances) * rows).sum(axis=1), counts)
    sums, counts = np.empty((2, len(weights) + 1))
    times = np.empty(pairs.shape)
    for at, row in enumerate(chain([np.ones(len(pieces))], weights)):
        row = row.astype(np.float64)
        pairs.counts(row, row, times)
        sums[at], counts[at] = np.vdot(times, distances), times.sum()
    return ratio(sums, counts)
