"""What several seeds do to an estimate: by hand, and nothing at all where there is one."""

import numpy as np
import pytest

from neuralmusic.estimate import (
    Estimate,
    best_of,
    excludes_zero,
    mean_of,
    over_runs,
    seed_draws,
)

SPREAD = np.linspace(-1, 1, 1001)  # whose 95 % interval is 0.95 to either side
T_OF_2 = 4.302653  # Student's t, two-sided 5 %, from a printed table


def seeded(value=0.0, variance=0.0, freedom=2.0, limits=(-np.inf, np.inf)):
    return Estimate(value, value + SPREAD, limits, variance, freedom)


def test_over_runs_is_the_mean_with_the_spread_by_hand():
    runs = [Estimate(v, np.array([v - 1, v + 4.0]), (0.0, 9.0)) for v in (1.0, 2.0, 6.0)]
    mean = over_runs(runs)
    assert mean.value == 3.0 and mean.resamples.tolist() == [2.0, 7.0]
    assert mean.limits == (0.0, 9.0)
    # Deviations -2, -1 and 3: s² = 14 / 2, and that of the mean a third of it.
    assert mean.seeds_variance == pytest.approx(7 / 3) and mean.seeds_freedom == 2
    assert mean.seeds_sd == pytest.approx(np.sqrt(7))
    assert (mean * 10).seeds_sd == pytest.approx(10 * np.sqrt(7))


def test_one_run_is_that_run_bit_for_bit():
    run = Estimate(0.3, np.random.default_rng(0).gamma(2, size=99), (0.0, 1.0))
    assert over_runs([run]) is run
    for made in (run, run - run * 0.3, run - 0.1, abs(run), run / (run * 0.7), mean_of([run, run])):
        assert made.seeds_freedom is None and np.isnan(made.seeds_sd)
        for choices in (1, 4):
            assert made.whole_interval(choices) == made.interval(choices)
        assert made.whole_percentile_interval() == made.percentile_interval()


def test_the_seeds_of_two_models_add_up_as_welch_and_satterthwaite_say():
    first, second = seeded(6.0, variance=4.0, freedom=2.0), seeded(2.0, variance=1.0, freedom=4.0)
    # (4 + 1)² / (4² / 2 + 1² / 4) = 25 / 8.25
    for both, variance in ((first - second, 5.0), (mean_of([first, second]), 1.25)):
        assert both.seeds_variance == pytest.approx(variance)
        assert both.seeds_freedom == pytest.approx(25 / 8.25)
    known = Estimate(2.0, 2 + SPREAD)  # a single run: nothing is known of its seeds
    assert ((first - known).seeds_variance, (first - known).seeds_freedom) == (4.0, 2.0)
    assert mean_of([first, known]).seeds_variance == 1.0
    equal = seeded(variance=0.0)
    less = equal - equal * 3
    assert less.seeds_variance == 0
    assert less.whole_interval() == pytest.approx(less.interval())


def test_the_seeds_follow_what_is_done_to_a_number():
    estimate = seeded(-6.0, variance=4.0, freedom=2.0)
    for made, value, variance in (
        (estimate - 1.0, -7.0, 4.0),
        (estimate * 3, -18.0, 36.0),
        (abs(estimate), 6.0, 4.0),
        (estimate / Estimate(2.0, 2 + SPREAD / 9), -3.0, 1.0),
    ):
        assert made.value == value and made.seeds_freedom == 2
        assert made.seeds_variance == pytest.approx(variance)
    # a / b of both: 4 / 2² + 1 * (6 / 2)² / 2²
    quotient = estimate / seeded(2.0, variance=1.0, freedom=4.0)
    assert quotient.seeds_variance == pytest.approx(1 + 2.25)
    assert quotient.seeds_freedom == pytest.approx(3.25**2 / (1 / 2 + 2.25**2 / 4))


def test_the_whole_interval_by_hand():
    """Distances of 0.95 over pieces and of t times the standard error over seeds: MOVER."""
    estimate = seeded(5.0, variance=0.5**2)
    assert estimate.interval() == pytest.approx((4.05, 5.95))
    distance = np.sqrt(0.95**2 + (T_OF_2 * 0.5) ** 2)
    assert distance == pytest.approx(2.3517, abs=1e-4)  # √(0.9025 + 4.6282)
    assert estimate.whole_interval() == pytest.approx((5 - distance, 5 + distance))
    assert estimate.whole_percentile_interval() == pytest.approx((5 - distance, 5 + distance))
    # Of two seeds there is one degree of freedom: t is 12.706.
    low, _ = seeded(5.0, variance=0.01, freedom=1.0).whole_interval()
    assert low == pytest.approx(5 - np.sqrt(0.95**2 + 1.2706**2), abs=1e-4)
    # Among five choices the level is a fifth of 5 %: 0.99 over pieces, t is 9.925.
    low, _ = seeded(5.0, variance=0.01).whole_interval(choices=5)
    assert low == pytest.approx(5 - np.sqrt(0.99**2 + 0.9925**2), abs=1e-4)


def test_the_limits_of_a_number_hold_for_the_whole_interval():
    low, high = seeded(0.9, variance=0.25, limits=(0.0, 1.0)).whole_interval()
    assert low == 0.0 and high == 1.0


def test_a_run_without_a_number_leaves_none():
    undefined = over_runs([Estimate(1.0, SPREAD), Estimate(np.nan, SPREAD * np.nan)])
    assert np.isnan(undefined.value) and np.isnan(undefined.seeds_sd)
    assert np.isnan(undefined.whole_interval()).all()
    assert np.isnan((undefined - seeded(1.0)).whole_interval()).all()
    no_pieces = Estimate(1.0, SPREAD * np.nan, (-np.inf, np.inf), 0.25, 2.0)
    assert np.isnan(no_pieces.whole_interval()).all()


def test_marks_go_by_the_whole_interval():
    near, far = seeded(2.0, variance=0.01), seeded(2.0, variance=1.0)
    assert excludes_zero(near) == 1 and excludes_zero(far) == 0
    best = Estimate(0.0, SPREAD[::-1] * 0.1)
    assert best_of({"best": best, "other": near}) == ("best", set())
    assert best_of({"best": best, "other": far}) == ("best", {"other"})


@pytest.mark.parametrize(
    ("values", "reach"),
    # t of 3 of 4 (1 and 0.8165) and of 39 of 40 draws, times the standard errors 1 and 1 / √3.
    [([-1.0, 1.0], {0.75: 1.0}), ([-1.0, 0.0, 1.0], {0.75: 0.4714, 0.975: 2.4842})],
)
def test_seed_draws_reach_as_far_as_students_t(values, reach):
    draws = seed_draws(7, "monophonic/emb", len(values), 40000)
    moved = draws @ np.array(values)
    for level, distance in reach.items():
        assert np.quantile(moved, [1 - level, level]) == pytest.approx(
            (-distance, distance), rel=0.05
        )
    assert (draws[:100] == seed_draws(7, "monophonic/emb", len(values), 40000)[:100]).all()


def test_seed_draws_of_one_run_move_nothing():
    assert seed_draws(7, "monophonic/emb", 1, 5).tolist() == [[0.0]] * 5
