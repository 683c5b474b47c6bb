"""How far sets of pieces lie from each other: KL divergence, intra- and inter-set distance.

Histograms are (pieces, bins) per minute of music; thesis §5.1.2 after Yang & Lerch, "On the
evaluation of generative models in music" (2020).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist


def kl_divergence(real_counts: np.ndarray, model_counts: np.ndarray) -> np.ndarray:
    """How differently a set goes from pitch class to pitch class, all its pieces together.

    Of pooled counts (..., cells), of which every cell is given one more.

    Formula: sum over the cells of p log(p / q), of the real shares p and the model's q
    Unit: nats
    Range: 0 upwards
    Direction: less is better; few pieces are above many
    Source: thesis §5.1.2

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
    """How different two pieces of a set are by their pitches, on average.

    Formula: mean Euclidean distance of the pitch histograms of all pairs of different pieces
    Unit: onsets a minute
    Range: 0 upwards; undefined with fewer than two pieces
    Direction: near to that of real music; 0 is one piece again and again
    Source: thesis §5.1.2, after Yang & Lerch (2020)
    """
    return float(intra_distances(histograms).mean()) if len(histograms) > 1 else float("nan")


def mean_inter_distance(model: np.ndarray, real: np.ndarray) -> float:
    """How far a piece of a model is from a real one by its pitches, on average.

    Formula: mean Euclidean distance of the pitch histograms of all pairs of a model's and a real
    piece
    Unit: onsets a minute
    Range: 0 upwards; undefined where a set is empty
    Direction: less is better; below real against real is nearer to the middle than music is
    Source: thesis §5.1.2, after Yang & Lerch (2020)
    """
    return float(inter_distances(model, real).mean()) if len(model) else float("nan")
