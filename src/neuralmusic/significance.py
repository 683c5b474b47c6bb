"""Whether differences are there at all, when there are many of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, stdtr

from neuralmusic.estimate import Estimate

LEVEL = 0.05  # of a corrected p, below which a difference is called significant
NOTHING = float("nan")


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
    seeds = difference.seeds_variance
    variance = float(finite.var()) + seeds
    error = float(np.sqrt(variance))
    if error <= 1e-12 * max(1.0, abs(difference.value)):
        return 1.0 if abs(difference.value) <= 1e-12 else 0.0
    beyond = abs(difference.value) / error
    if difference.seeds_freedom is None or not seeds > 0:
        return float(2 * ndtr(-beyond))
    freedom = difference.seeds_freedom * (variance / seeds) ** 2
    return float(2 * stdtr(freedom, -beyond))


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
