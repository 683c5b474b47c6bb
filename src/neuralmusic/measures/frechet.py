"""The Fréchet distance of two sets over many measures at once.

Heusel et al. (GANs Trained by a Two Time-Scale Update Rule, 2017) compare images by the features
of a network; Gui et al. (Adapting Fréchet Audio Distance, 2024) show how it errs with few pieces.
Here the features are the measures of a piece. Axes: B resamples, N and M pieces, K measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuralmusic.estimate import NOT_NEGATIVE, Estimate

LEAST_PIECES = 3  # of which a covariance says anything
MOST_LACKING = 1 / 3  # of the real pieces' measures, that a set may lack and be compared
BLOCK = 8192  # pieces that are in memory at once with the products of their measures
ROUNDING = 1e-9  # a distance less than this, relatively to the covariances, is none


@dataclass(frozen=True)
class Scale:
    """How measures are brought to one scale: the real pieces' standard deviations from their mean.

    `kept` (measures,) says which are: `mean` and `spread` (K,) are of those.
    """

    kept: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


def scale_of(real: np.ndarray, others: Sequence[np.ndarray]) -> Scale:
    """The scale of the measures (N, measures) of the real pieces, for sets to be compared with.

    Left out, for all sets alike, is what is undefined in all pieces of any set, and what is the
    same in all real pieces and so has no deviation. A set that has no distance (see `why_none`)
    takes no measure from the others.
    """
    kept = np.isfinite(real).any(axis=0)
    for pieces in (of for of in others if not why_none(real, of)):
        kept &= np.isfinite(pieces).any(axis=0)
    mean, spread = np.zeros((2, real.shape[1]))
    mean[kept] = np.nanmean(real[:, kept], axis=0)
    spread[kept] = np.nanstd(real[:, kept], axis=0)
    # What should be equal may differ by a rounding.
    kept &= spread > 1e-9 * np.maximum(1.0, np.abs(mean))
    return Scale(kept, mean[kept], spread[kept])


def why_none(real: np.ndarray, other: np.ndarray) -> str:
    """Why a set (M, measures) is not compared with real pieces (N, measures); empty where it is."""
    if len(real) < LEAST_PIECES:
        return "fewer than three pieces in the reference"
    if len(other) < LEAST_PIECES:
        return "fewer than three pieces"
    has, lacking = _lacking(real, other)
    if lacks_most(real, other):
        return (
            f"{lacking.sum()} of the reference's {has.sum()} measures are undefined in every piece"
        )
    return "" if has.any() else "no measure is defined in the reference"


def lacks_most(real: np.ndarray, other: np.ndarray) -> bool:
    """Whether a set lacks more than MOST_LACKING of the real pieces' measures in all its pieces."""
    has, lacking = _lacking(real, other)
    return bool(lacking.sum() > MOST_LACKING * has.sum())


def _lacking(real: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which measures any real piece has, and which of these no other piece has."""
    has = np.isfinite(real).any(axis=0)
    return has, has & ~np.isfinite(other).any(axis=0)


def scaled(pieces: np.ndarray, scale: Scale) -> np.ndarray:
    """The kept measures of a set (N, K) on the scale.

    Where a piece lacks a measure it has the mean of its set, which says nothing of the set.
    """
    on_scale = (pieces[:, scale.kept] - scale.mean) / scale.spread
    has = np.isfinite(on_scale)
    means = np.where(has, on_scale, 0.0).sum(axis=0) / np.maximum(has.sum(axis=0), 1)
    return np.where(has, on_scale, means)


def frechet_distance(
    real: np.ndarray, other: np.ndarray, real_weights: np.ndarray, other_weights: np.ndarray
) -> Estimate:
    """How far two clouds of pieces lie apart: in their middle, their spread and what goes together.

    Two sets with the same means and covariances are 0 apart; a set that is one deviation off in
    one measure, and else the same, is 1 apart.

    Formula: |m - n|^2 + tr(S + T - 2 (S^1/2 T S^1/2)^1/2) of the means m, n and covariances S, T
    of `real` (N, K) and `other` (M, K), both of `scaled`. Covariances are shrunk towards a
    multiple of the identity by as much as Ledoit and Wolf (2004) find for the set as it is.
    Unit: squared standard deviations of the real pieces
    Range: 0 upwards
    Direction: less is better; what two halves of the real pieces have is the best to hope for
    Source: Heusel et al. 2017, of measures instead of a network's features

    Undefined, NaN, with fewer than three pieces in a set or no measure.
    """
    if min(len(real), len(other)) < LEAST_PIECES or not real.shape[1]:
        return Estimate(float("nan"), np.full(len(real_weights), np.nan), NOT_NEGATIVE)
    means, covariances = zip(
        *(_moments(of, rows) for of, rows in ((real, real_weights), (other, other_weights))),
        strict=True,
    )
    roots = _root(covariances[0])
    inner = np.linalg.eigvalsh(roots @ covariances[1] @ roots).clip(0)
    traces = sum(np.trace(of, axis1=1, axis2=2) for of in covariances)
    apart = ((means[0] - means[1]) ** 2).sum(axis=1)
    values = apart + traces - 2 * np.sqrt(inner).sum(axis=1)
    values = np.where(values < ROUNDING * traces, 0.0, values)  # the roots of equal sets are not
    return Estimate(float(values[0]), values[1:], NOT_NEGATIVE)


def _moments(pieces: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means (B + 1, K) and shrunk covariances (B + 1, K, K), first of the set as it is."""
    count, measures = pieces.shape
    means = np.zeros((len(weights) + 1, measures))
    squares = np.zeros((len(weights) + 1, measures**2))
    for at in range(0, count, BLOCK):  # pieces, since their products are many numbers
        of = pieces[at : at + BLOCK]
        rows = np.vstack([np.ones(len(of)), weights[:, at : at + BLOCK]]) / count
        means += rows @ of
        squares += rows @ (of[:, :, None] * of[:, None, :]).reshape(len(of), -1)
    covariances = squares.reshape(-1, measures, measures)
    covariances -= means[:, :, None] * means[:, None, :]
    shrinkage = shrinkage_of(pieces) if measures > 1 else 0.0
    level = np.trace(covariances, axis1=1, axis2=2) / measures
    shrunk = (1 - shrinkage) * covariances
    shrunk += shrinkage * level[:, None, None] * np.eye(measures)
    return means, shrunk


def shrinkage_of(pieces: np.ndarray) -> float:
    """How far Ledoit and Wolf (2004) shrink the covariance of pieces (N, K), 0 to 1."""
    from sklearn.covariance import ledoit_wolf_shrinkage  # takes a second to load

    return float(ledoit_wolf_shrinkage(pieces))


def _root(covariances: np.ndarray) -> np.ndarray:
    """Symmetric square roots of covariances (B, K, K)."""
    values, vectors = np.linalg.eigh(covariances)
    return (vectors * np.sqrt(values.clip(0))[:, None, :]) @ vectors.transpose(0, 2, 1)
