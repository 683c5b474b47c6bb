"""Whether differences are there at all, when there are many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from neuralmusic.estimate import Estimate

LEVEL = 0.05  # of a corrected p, below which a difference is called significant
NOTHING = float("nan")
ROUNDING = 1e-12


@dataclass(frozen=True)
class Tested:
    """What is known of whether a difference is 0; NaN where nothing is.

    `interval` is corrected as `p_corrected` is: it excludes 0 where that is below LEVEL, and there
    alone.
    """

    p: float = NOTHING
    p_corrected: float = NOTHING
    interval: tuple[float, float] = (NOTHING, NOTHING)

    @property
    def is_significant(self) -> bool:
        return self.p_corrected < LEVEL


NOT_TESTED = Tested()


def against_zero(differences: Sequence[Estimate], pieces: Sequence[int]) -> list[Tested]:
    """Tests of several differences, corrected for their number.

    `pieces`: how many the smallest of the sets has that each difference is between.
    Intervals are those of Benjamini and Yekutieli (Journal of the American Statistical Association
    100, 2005): as wide as is needed for the share of intervals that miss, among those of the
    significant differences, to be LEVEL at most.
    """
    p = [p_value(*of) for of in zip(differences, pieces, strict=True)]
    right = corrected(p)
    known = int(np.isfinite(p).sum())
    significant = sum(of < LEVEL for of in right)
    harmonic = float((1 / np.arange(1, known + 1)).sum())
    level = max(1, significant) * LEVEL / (known * harmonic) if known else LEVEL
    return [
        Tested(one, of, _interval(difference, number, level)) if np.isfinite(one) else NOT_TESTED
        for difference, number, one, of in zip(differences, pieces, p, right, strict=True)
    ]


def p_value(difference: Estimate, pieces: int) -> float:
    """Two-sided p of a difference being 0, by Student's t with the spread of its resamples.

    Counting the resamples beyond 0 could say nothing below 2 / B, which no correction for many
    comparisons would leave anything of. NaN where nothing is known.

    Few pieces, few resamples and few runs know their spread badly: see `_error`. Of 18 measures of
    two sets from one distribution a normal one finds a difference in 99 % of the comparisons of 2
    pieces with 50, and in 30 % of those of 5.
    """
    finite = difference.resamples[np.isfinite(difference.resamples)]
    if not np.isfinite(difference.value) or 2 * len(finite) < max(2, difference.resamples.size):
        return NOTHING
    if min(pieces, len(finite)) < 2:
        return NOTHING
    error, freedom = _error(difference, pieces)
    if error <= ROUNDING * max(1.0, abs(difference.value)):
        return 1.0 if abs(difference.value) <= ROUNDING else 0.0
    return float(2 * stdtr(freedom, -abs(difference.value) / error))


def _error(difference: Estimate, pieces: int) -> tuple[float, float]:
    """The standard error over pieces and seeds, and its degrees of freedom.

    Resamples of n pieces spread as if divided by n, not by n - 1. The freedom over pieces is that
    of the smallest set, which errs on the safe side, or of the resamples, if these are fewer; that
    of the sum with the seeds' variance is Welch's and Satterthwaite's.
    """
    finite = difference.resamples[np.isfinite(difference.resamples)]
    parts = [(float(finite.var()) * pieces / (pieces - 1), float(min(pieces, len(finite)) - 1))]
    if difference.seeds_freedom is not None:
        parts.append((difference.seeds_variance, difference.seeds_freedom))
    variance = sum(part for part, _ in parts)
    if variance <= 0:
        return 0.0, parts[0][1]
    freedom = 1 / sum((part / variance) ** 2 / known for part, known in parts)
    return float(np.sqrt(variance)), freedom


def _interval(difference: Estimate, pieces: int, level: float) -> tuple[float, float]:
    """The interval that excludes 0 where the difference's p is below a level."""
    error, freedom = _error(difference, pieces)
    if error <= ROUNDING * max(1.0, abs(difference.value)):
        return difference.value, difference.value
    beyond = -float(stdtrit(freedom, level / 2))
    return difference.value - beyond * error, difference.value + beyond * error


def corrected(p_values: Sequence[float]) -> list[float]:
    """p values corrected for their number by Benjamini and Yekutieli (2001), NaN left out.

    The expected share of false discoveries among those below a level is at most that level,
    however the measures depend on each other.
    """
    from scipy.stats import false_discovery_control  # a second to load, for those who correct

    p = np.array(p_values, np.float64)
    known = np.isfinite(p)
    if known.any():
        p[known] = false_discovery_control(p[known], method="by")
    return p.tolist()
