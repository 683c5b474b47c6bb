"""Whether differences are there at all, when there are many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

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


def against_zero(differences: Sequence[Estimate]) -> list[Tested]:
    """Tests of several differences, corrected for their number.

    Intervals are those of Benjamini and Yekutieli (Journal of the American Statistical Association
    100, 2005): as wide as is needed for the share of intervals that miss, among those of the
    significant differences, to be LEVEL at most.
    """
    p = [p_value(difference) for difference in differences]
    right = corrected(p)
    known = int(np.isfinite(p).sum())
    significant = sum(of < LEVEL for of in right)
    harmonic = float((1 / np.arange(1, known + 1)).sum())
    level = max(1, significant) * LEVEL / (known * harmonic) if known else LEVEL
    return [
        Tested(one, of, _interval(difference, level)) if np.isfinite(one) else NOT_TESTED
        for difference, one, of in zip(differences, p, right, strict=True)
    ]


def p_value(difference: Estimate) -> float:
    """Two-sided p of a difference being 0, as if normal with the spread of its resamples.

    Counting the resamples beyond 0 could say nothing below 2 / B, which no correction for many
    comparisons would leave anything of. NaN where nothing is known.

    Seeds add their variance. Of a few runs it is known so badly that a normal distribution would
    find differences that are none: then Student's t, of Welch and Satterthwaite's freedom.
    """
    finite = difference.resamples[np.isfinite(difference.resamples)]
    if not np.isfinite(difference.value) or 2 * len(finite) < max(2, difference.resamples.size):
        return NOTHING
    error, freedom = _error(difference)
    if error <= ROUNDING * max(1.0, abs(difference.value)):
        return 1.0 if abs(difference.value) <= ROUNDING else 0.0
    beyond = abs(difference.value) / error
    return float(2 * ndtr(-beyond) if freedom is None else 2 * stdtr(freedom, -beyond))


def _error(difference: Estimate) -> tuple[float, float | None]:
    """The standard error over pieces and seeds, and its degrees of freedom; None: normal."""
    seeds = difference.seeds_variance
    finite = difference.resamples[np.isfinite(difference.resamples)]
    variance = float(finite.var()) + seeds
    if difference.seeds_freedom is None or not seeds > 0:
        return float(np.sqrt(variance)), None
    return float(np.sqrt(variance)), difference.seeds_freedom * (variance / seeds) ** 2


def _interval(difference: Estimate, level: float) -> tuple[float, float]:
    """The interval that excludes 0 where the difference's p is below a level."""
    error, freedom = _error(difference)
    if error <= ROUNDING * max(1.0, abs(difference.value)):
        return difference.value, difference.value
    beyond = -float(ndtri(level / 2) if freedom is None else stdtrit(freedom, level / 2))
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
