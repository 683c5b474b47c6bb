"""Estimates with 95 % intervals from resampling pieces.

Everything is resampled by pieces, never by notes or pairs, since the notes of one piece depend on
each other. A resample is a row of counts, how often each piece was drawn, so that all resamples
of a measure are matrix products. Axes: B resamples, N pieces.

That says nothing of other trainings. Where a model was trained with K seeds, its estimate is the
mean over these runs and carries the variance that the differences between them give the mean;
claims and marks go by an interval that is widened by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from neuralmusic.seeds import derive

COVERAGE = 0.95
NO_LIMITS = (-np.inf, np.inf)
NOT_NEGATIVE = (0.0, np.inf)
SHARE = (0.0, 1.0)
BLOCK = 8_000_000  # numbers of a table that are in memory at once


def resample_weights(seed: int, label: str, pieces: int, resamples: int) -> np.ndarray:
    """How often each resample draws each piece, (B, N); every row sums to N.

    The generator depends on the seed and the label alone, so that adding a model changes no other
    model's interval. Fewer than two pieces cannot be resampled: NaN, and so no interval.
    """
    return resample_counts(seed, label, pieces, resamples).astype(np.float64)


def resample_counts(seed: int, label: str, pieces: int, resamples: int) -> np.ndarray:
    """The same in an eighth of the memory: uint8, since no piece is drawn 256 times.

    Of fewer than two pieces float64, which has a NaN.
    """
    if pieces < 2:
        return np.full((resamples, pieces), np.nan)
    generator = np.random.default_rng(derive(seed, "bootstrap", label))
    counts = np.empty((resamples, pieces), np.uint8)
    even = np.full(pieces, 1 / pieces)
    for block in row_blocks(resamples, pieces):
        counts[block] = generator.multinomial(pieces, even, len(counts[block]))
    return counts


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of as many rows of a table as BLOCK numbers hold, one after the other."""
    at_once = max(1, BLOCK // max(1, columns))
    return (slice(at, min(at + at_once, rows)) for at in range(0, rows, at_once))


def weighted_sums(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`weights` (B, N), counts of any type, times `values` (N,): (B,)."""
    found = np.zeros(len(weights))
    for block in row_blocks(*weights.shape):
        found[block] = weights[block].astype(np.float64, copy=False) @ values
    return found


@dataclass(frozen=True)
class Estimate:
    """A number, the same number of every resample (B,), and the limits it cannot pass.

    Estimates of one experiment subtract resample by resample: those of two models share the
    resample of the real pieces, which pairs them on it. What the seeds add is independent between
    models: its variances add up.
    """

    value: float
    resamples: np.ndarray
    limits: tuple[float, float] = NO_LIMITS
    seeds_variance: float = 0.0  # of a mean over K runs: their variance s² (of K - 1) by K
    seeds_freedom: float | None = None  # degrees of freedom of that; None: one run, nothing known

    @property
    def seeds_sd(self) -> float:
        """Standard deviation between the runs of a mean over runs; NaN of a single run.

        Means nothing of what was made of several such means.
        """
        if self.seeds_freedom is None:
            return float("nan")
        return float(np.sqrt(self.seeds_variance * (self.seeds_freedom + 1)))

    def interval(self, choices: int = 1) -> tuple[float, float]:
        """The 95 % interval over pieces: the spread of the resamples, recentred on the value.

        `choices`: how many such differences there were, where this one was picked because it is
        the extreme one; the interval is then as wide as all of them need together (Bonferroni).

        With m the mean of the resamples, it runs from value + q2.5 - m to value + q97.5 - m, cut
        at the limits. For a mean m is the value, and this is the percentile interval. A KL
        divergence of resamples lies above the value, as the value lies above the divergence of
        the populations: fewer different pieces, rougher distributions. Five settings were
        simulated (20 to 500 pieces a set, each piece with transitions of its own, equal to far
        apart populations, 200 to 300 repetitions each). The percentile interval lay wholly above
        the value in four of them, and covered what experiments of this size give on average in
        0 to 69 % of the repetitions, the basic one (2 value - q) in 0 to 67 %; the recentred one
        always held the value and covered that average in 98 to 100 %: it errs on the wide side.
        It speaks of the measure as defined, at this number of pieces, and not of infinitely many
        pieces, where the divergence is less by about `finite_pieces_part`.

        (nan, nan) where the value or more than half of the resamples are undefined.
        """
        finite = self.resamples[np.isfinite(self.resamples)]
        if not np.isfinite(self.value) or len(finite) == 0 or 2 * len(finite) < self.resamples.size:
            return float("nan"), float("nan")
        tail = (1 - COVERAGE) / 2 / choices
        low, high = np.quantile(finite, [tail, 1 - tail]) - finite.mean() + self.value
        return self._holding_value(low, high)

    def percentile_interval(self) -> tuple[float, float]:
        """The plain percentile interval, widened to hold the value: for rank correlations.

        Recentring would push a correlation's interval off its bound: with five models in exactly
        opposite order by chance the resamples reach far from -1, and must be allowed to say so.
        """
        finite = self.resamples[np.isfinite(self.resamples)]
        if not np.isfinite(self.value) or len(finite) == 0 or 2 * len(finite) < self.resamples.size:
            return float("nan"), float("nan")
        low, high = np.quantile(finite, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
        return self._holding_value(low, high)

    def whole_interval(self, choices: int = 1) -> tuple[float, float]:
        """The interval over pieces and seeds: that over pieces, where there is a single run."""
        return self._with_seeds(self.interval(choices), choices)

    def whole_percentile_interval(self) -> tuple[float, float]:
        """The plain percentile interval, widened by the seeds in the same way."""
        return self._with_seeds(self.percentile_interval(), 1)

    def _with_seeds(self, interval: tuple[float, float], choices: int) -> tuple[float, float]:
        """The distances of both limits from the value, each combined with that of the seeds.

        The seeds' is Student's t times the standard error; that squares of the distances add up is
        the MOVER method (Zou and Donner, Statistics in Medicine 27, 2008). Runs also differ because
        each has few pieces, which is then counted twice: it errs on the wide side. Of two models
        that are equal on average (2, 3 and 5 seeds of 30 pieces, seeds deviating by 0.3 of what
        pieces do, 600 repetitions each) it held a difference of 0 in 98 to 99 % of the repetitions,
        the interval over pieces in 63 to 69 %.
        """
        if self.seeds_freedom is None:
            return interval
        tail = (1 - COVERAGE) / 2 / choices
        seeds = stdtrit(self.seeds_freedom, 1 - tail) * np.sqrt(self.seeds_variance)
        low, high = (
            self.value + side * np.hypot(limit - self.value, seeds)
            for side, limit in zip((-1, 1), interval, strict=True)
        )
        return self._holding_value(low, high)

    def _holding_value(self, low: float, high: float) -> tuple[float, float]:
        """Very skewed resamples could leave the value outside; the limits always hold."""
        low, high = min(float(low), self.value), max(float(high), self.value)
        return max(low, self.limits[0]), min(high, self.limits[1])

    def finite_pieces_part(self) -> float:
        """What resampling adds on average: the part of the value that fewer pieces would add."""
        finite = self.resamples[np.isfinite(self.resamples)]
        return float(finite.mean()) - self.value if len(finite) else float("nan")

    def __sub__(self, other: Estimate | float) -> Estimate:
        if isinstance(other, Estimate):
            seeds = _seeds_of_sum([self, other])
            return Estimate(
                self.value - other.value, self.resamples - other.resamples, NO_LIMITS, *seeds
            )
        limits = (self.limits[0] - other, self.limits[1] - other)
        return replace(
            self, value=self.value - other, resamples=self.resamples - other, limits=limits
        )

    def __truediv__(self, other: Estimate) -> Estimate:
        value = float(ratio(np.asarray(self.value), np.asarray(other.value)))
        # To first order a / b changes by 1 / b with a and by -(a / b) / b with b.
        under = other.value or float("nan")
        seeds = _seeds_of_sum([self, other], [1 / under, value / under])
        return Estimate(value, ratio(self.resamples, other.resamples), NO_LIMITS, *seeds)

    def __mul__(self, factor: float) -> Estimate:
        limits = (self.limits[0] * factor, self.limits[1] * factor)
        variance = self.seeds_variance * factor**2
        return Estimate(
            self.value * factor, self.resamples * factor, limits, variance, self.seeds_freedom
        )

    def __abs__(self) -> Estimate:
        resamples = np.abs(self.resamples)
        return replace(self, value=abs(self.value), resamples=resamples, limits=NOT_NEGATIVE)


def _seeds_of_sum(
    estimates: Sequence[Estimate], factors: Sequence[float] | None = None
) -> tuple[float, float | None]:
    """The seeds' variance and degrees of freedom of a weighted sum of independent estimates.

    The degrees of freedom are those of Welch and Satterthwaite; estimates of a single run, of
    which nothing is known, add nothing.
    """
    parts = [
        (estimate.seeds_variance * factor**2, estimate.seeds_freedom)
        for estimate, factor in zip(estimates, factors or [1] * len(estimates), strict=True)
        if estimate.seeds_freedom is not None
    ]
    if not parts:
        return 0.0, None
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return 0.0, sum(freedom for _, freedom in parts)
    return variance, 1 / sum((part / variance) ** 2 / freedom for part, freedom in parts)


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of estimates of several models, resample by resample."""
    seeds = _seeds_of_sum(estimates, [1 / len(estimates)] * len(estimates))
    return Estimate(
        float(np.mean([e.value for e in estimates])),
        np.mean([e.resamples for e in estimates], axis=0),
        (
            float(np.mean([e.limits[0] for e in estimates])),
            float(np.mean([e.limits[1] for e in estimates])),
        ),
        *seeds,
    )


def over_runs(estimates: Sequence[Estimate]) -> Estimate:
    """The estimate of a model from those of its runs: their mean, with the spread between them.

    What is paired within a run, as two ways of sampling the same weights are, is to be subtracted
    before.
    """
    if len(estimates) == 1:
        return estimates[0]
    variance = float(np.var([e.value for e in estimates], ddof=1)) / len(estimates)
    return replace(
        mean_of(estimates), seeds_variance=variance, seeds_freedom=float(len(estimates) - 1)
    )


def seed_draws(seed: int, label: str, runs: int, resamples: int) -> np.ndarray:
    """(B, K) factors that add the seeds to resamples of what no variance carries: to ranks.

    The deviations of the K runs from their mean, times a row, sum to how far off the mean might
    be: Student's t of K - 1 degrees of freedom times its standard error, as in `whole_interval`.
    The same row for two measures of the same runs keeps what they have to do with each other.
    """
    if runs < 2:
        return np.zeros((resamples, runs))
    generator = np.random.default_rng(derive(seed, "seeds", label))
    drawn = generator.standard_normal((resamples, runs))
    return drawn / np.sqrt(runs * generator.chisquare(runs - 1, (resamples, 1)))


def ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """over / under, NaN where under is 0."""
    return over / np.where(under == 0, np.nan, under)


def ratio_of_sums(
    over: np.ndarray,
    under: np.ndarray,
    weights: np.ndarray,
    limits: tuple[float, float] = NO_LIMITS,
) -> Estimate:
    """The sum of `over` (N,) by the sum of `under` (N,), NaN where that is 0."""
    value = ratio(np.asarray(over.sum()), np.asarray(under.sum()))
    return Estimate(
        float(value), ratio(weighted_sums(weights, over), weighted_sums(weights, under)), limits
    )


def mean_over_pieces(
    values: np.ndarray, weights: np.ndarray, limits: tuple[float, float] = NO_LIMITS
) -> Estimate:
    """The mean of (N,) values over the pieces where it is defined, i.e. not NaN."""
    defined = np.isfinite(values).astype(np.float64)
    if defined.sum() < 2:  # one defined piece cannot be resampled
        weights = np.full(weights.shape, np.nan)
    return ratio_of_sums(np.where(defined > 0, values, 0.0), defined, weights, limits)


def excludes_zero(difference: Estimate) -> int:
    """-1 or 1 where the whole interval lies below or above 0, else (or without one) 0."""
    low, high = difference.whole_interval()
    return -1 if high < 0 else 1 if low > 0 else 0


def best_of(scores: Mapping[str, Estimate]) -> tuple[str | None, set[str]]:
    """The name with the least score, and those not significantly above it."""
    defined = {name: score for name, score in scores.items() if np.isfinite(score.value)}
    if not defined:
        return None, set()
    best = min(defined, key=lambda name: defined[name].value)
    others = set(defined) - {best}
    return best, {name for name in others if excludes_zero(defined[name] - defined[best]) != 1}
