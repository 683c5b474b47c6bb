"""Whether a difference is one: p of known z, and many p corrected by hand."""

import numpy as np
import pytest

from neuralmusic.estimate import Estimate, mean_over_pieces, resample_weights
from neuralmusic.significance import LEVEL, against_zero, corrected, p_value

SPREAD_OF_ONE = np.tile([-1.0, 1.0], 500_000)  # so many that Student's t is normal
MANY = 10**9  # pieces


def estimate(value, resamples=SPREAD_OF_ONE, **seeds):
    return Estimate(value, value + np.asarray(resamples, float), **seeds)


@pytest.mark.parametrize(
    ("value", "p"), [(0.0, 1.0), (1.0, 0.31731), (1.959964, 0.05), (-2.575829, 0.01)]
)
def test_p_of_a_known_z(value, p):
    assert p_value(estimate(value), MANY) == pytest.approx(p, abs=1e-5)
    assert p_value(estimate(10 * value, 10 * SPREAD_OF_ONE), MANY) == pytest.approx(p, abs=1e-5)


def test_p_can_be_far_below_one_by_the_resamples():
    assert 0 < p_value(estimate(8.0), MANY) < 1e-14


def test_seeds_add_their_variance():
    many = estimate(2.0, seeds_variance=3.0, seeds_freedom=1e9)  # 2 / sqrt(1 + 3)
    assert p_value(many, MANY) == pytest.approx(0.31731, abs=1e-5)


def test_few_seeds_make_a_difference_less_certain():
    # Student's t, of 2 degrees of freedom: p = 1 - t / sqrt(2 + t^2) = 1 - 3 / sqrt(11)
    few = estimate(3.0, 0 * SPREAD_OF_ONE, seeds_variance=1.0, seeds_freedom=2.0)
    assert p_value(few, MANY) == pytest.approx(1 - 3 / np.sqrt(11))
    # Half of the variance is of the pieces, which are many: 4 times the freedom (Welch)
    mixed = estimate(3.0, seeds_variance=1.0, seeds_freedom=0.5)
    assert p_value(mixed, MANY) == pytest.approx(1 - 3 / np.sqrt(4 + 9))
    alike = p_value(estimate(3.0, seeds_freedom=2.0), MANY)
    assert alike == pytest.approx(p_value(estimate(3.0), MANY))


def test_few_pieces_make_a_difference_less_certain():
    # 3 pieces: variance 3 / 2, freedom 2: t = 3 / sqrt(1.5), p = 1 - t / sqrt(2 + t^2)
    assert p_value(estimate(3.0), 3) == pytest.approx(1 - np.sqrt(6 / 8))
    # 2 pieces: variance 2, freedom 1: t = 1, p = 1 - 2 / pi * arctan(t)
    assert p_value(estimate(np.sqrt(2)), 2) == pytest.approx(0.5)
    # Of two resamples the spread is known no better than of two pieces.
    assert p_value(estimate(1.0, [-1.0, 1.0]), MANY) == pytest.approx(0.5)


def test_nothing_is_known_without_a_value_or_half_of_the_resamples_or_two_pieces():
    assert np.isnan(p_value(estimate(np.nan), MANY))
    assert np.isnan(p_value(estimate(3.0), 1))
    assert np.isnan(p_value(Estimate(1.0, np.zeros(0)), MANY))
    assert np.isnan(p_value(Estimate(1.0, np.array([1.0, 2.0, np.nan, np.nan, np.nan])), MANY))
    half = Estimate(1.0, np.array([0.0, 2.0, np.nan, np.nan]))
    assert p_value(half, MANY) == pytest.approx(0.5)


def test_a_difference_without_spread_is_one_or_none():
    assert p_value(estimate(0.0, np.zeros(9)), 9) == 1.0
    assert p_value(estimate(0.5, np.zeros(9)), 9) == 0.0
    assert p_value(estimate(-0.5, 1e-16 * SPREAD_OF_ONE), 9) == 0.0
    assert p_value(estimate(1e-16, 1e-16 * SPREAD_OF_ONE), 9) == 1.0


def drawn_differences(generator, pieces, label, apart=0.0, resamples=200, measures=18):
    """Of so many measures: that of a set of pieces from 50 others, `apart` deviations away."""
    found = []
    weights = resample_weights(1, f"real {label}", 50, resamples)
    of_set = resample_weights(1, f"set {label}", pieces, resamples)
    for _ in range(measures):
        real = mean_over_pieces(generator.normal(size=50), weights)
        other = mean_over_pieces(generator.normal(apart, 1, pieces), of_set)
        found.append(other - real)
    return found


@pytest.mark.parametrize("pieces", [2, 3, 5, 10, 50])
def test_sets_of_any_size_from_one_distribution_seldom_differ(pieces):
    """By a normal distribution 99 % of comparisons of 2 pieces say so, and 30 % of those of 5."""
    generator = np.random.default_rng(pieces)
    trials = 150
    wrong = [
        any(
            of.is_significant
            for of in against_zero(drawn_differences(generator, pieces, trial), [pieces] * 18)
        )
        for trial in range(trials)
    ]
    # 5 %, and three standard errors of so many trials
    assert np.mean(wrong) <= LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / trials)


@pytest.mark.parametrize(("pieces", "apart"), [(5, 4.0), (10, 2.5), (50, 1.2)])
def test_sets_that_are_far_apart_differ(pieces, apart):
    generator = np.random.default_rng(pieces)
    found = [
        of.is_significant
        for trial in range(20)
        for of in against_zero(drawn_differences(generator, pieces, trial, apart), [pieces] * 18)
    ]
    assert np.mean(found) > 0.8


def test_corrected_by_hand():
    # m = 4 and 1 + 1/2 + 1/3 + 1/4 = 25/12; p m 25/12 / rank:
    # 0.001 * 4 * 25/12 / 1 = 1/120, 0.025 ... / 2 = 5/48, 0.03 ... / 3 = 1/12, 0.6 ... / 4 = 5/4;
    # none is more than those above it, nor than 1.
    found = corrected([0.03, 0.001, 0.6, 0.025])
    assert found == pytest.approx([1 / 12, 1 / 120, 1.0, 1 / 12])


def test_what_is_undefined_counts_for_nothing():
    found = corrected([np.nan, 0.03, 0.001, np.nan, 0.6, 0.025])
    assert found == pytest.approx([np.nan, 1 / 12, 1 / 120, np.nan, 1.0, 1 / 12], nan_ok=True)
    assert np.isnan(corrected([np.nan, np.nan])).all()
    assert corrected([]) == []
    assert corrected([0.02]) == [0.02]


def test_of_pure_chance_little_is_found():
    """All hypotheses hold: a discovery in a set of 40 is to be as rare as the level."""
    generator = np.random.default_rng(0)
    found = [min(corrected(generator.uniform(size=40))) < 0.05 for _ in range(400)]
    assert np.mean(found) < 0.05


def test_intervals_exclude_0_where_differences_are_significant_and_there_alone():
    generator = np.random.default_rng(0)
    for spread in (0.0, 0.5, 1.5, 4.0, 20.0):
        differences = [
            Estimate(value, value + generator.normal(size=200), seeds_variance=of, seeds_freedom=2)
            if of
            else Estimate(value, value + generator.normal(size=200))
            for value, of in zip(generator.normal(0, 1, 40) * spread, [0.0, 0.3] * 20, strict=True)
        ]
        differences.append(Estimate(float("nan"), np.full(200, np.nan)))
        found = against_zero(differences, [40] * len(differences))
        assert [of.p for of in found] == pytest.approx(
            [p_value(of, 40) for of in differences], nan_ok=True
        )
        for of in found[:-1]:
            low, high = of.interval
            assert low < high
            assert (low > 0 or high < 0) == of.is_significant == (of.p_corrected < LEVEL)
        assert np.isnan([found[-1].p, *found[-1].interval]).all()
        assert not found[-1].is_significant
    assert against_zero([], []) == []
    certain = against_zero([Estimate(2.0, np.full(9, 2.0)), Estimate(0.0, np.zeros(9))], [9, 9])
    assert [of.interval for of in certain] == [(2.0, 2.0), (0.0, 0.0)]
    assert [of.is_significant for of in certain] == [True, False]
