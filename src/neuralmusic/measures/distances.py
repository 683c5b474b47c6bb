"""How far sets of pieces lie from each other: KL divergence, intra- and inter-set distance.

Histograms are (pieces, bins) per minute of music; thesis §5.1.2 after Yang & Lerch, "On the
evaluation of generative models in music" (2020).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist


def kl_divergence(real_counts: np.ndarray, model_counts: np.ndarray) -> np.ndarray:
    """KL(real || model) in nats of pooled counts (..., cells), after adding one to every cell.

    The added one keeps a cell that only one set uses from making the divergence infinite. Shape
    (...); NaN where a set has no count at all, since it says nothing about a distribution.
    """
    real, model = np.asarray(real_counts, np.float64), np.asarray(model_counts, np.float64)
    empty = (real.sum(axis=-1) == 0) | (model.sum(axis=-1) == 0)
    real, model = real + 1, model + 1
    real = real / real.sum(axis=-1, keepdims=True)
    model = model / model.sum(axis=-1, keepdims=True)
    return np.where(empty, np.nan, (real * np.log(real / model)).sum(axis=-1))


def pairwise_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Euclidean distances between all histograms of two sets, (pieces of first, of second)."""
    return cdist(np.asarray(first, np.float64), np.asarray(second, np.float64))


def intra_distances(histograms: np.ndarray) -> np.ndarray:
    """For every piece the mean distance to all other pieces of its set, (pieces,).

    NaN for a piece that is alone in its set.
    """
    pieces = len(histograms)
    if pieces < 2:
        return np.full(pieces, np.nan)
    return pairwise_distances(histograms, histograms).sum(axis=1) / (pieces - 1)


def inter_distances(model: np.ndarray, real: np.ndarray) -> np.ndarray:
    """For every piece of the model the mean distance to all real pieces, (pieces of model,).

    NaN where there is no real piece.
    """
    if len(real) == 0:
        return np.full(len(model), np.nan)
    return pairwise_distances(model, real).mean(axis=1)


def mean_intra_distance(histograms: np.ndarray) -> float:
    """Mean distance over all pairs of different pieces of a set, NaN with fewer than two."""
    return float(intra_distances(histograms).mean()) if len(histograms) > 1 else float("nan")


def mean_inter_distance(model: np.ndarray, real: np.ndarray) -> float:
    """Mean distance over all pairs of a model's and a real piece, NaN where a set is empty."""
    return float(inter_distances(model, real).mean()) if len(model) else float("nan")
