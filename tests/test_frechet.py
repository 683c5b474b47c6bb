"""The Fréchet distance: closed forms, by SciPy's matrix root, and what it leaves out."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.covariance import ledoit_wolf

from neuralmusic.estimate import resample_weights
from neuralmusic.measures import frechet
from neuralmusic.measures.frechet import frechet_distance, scale_of, scaled, why_none


def distance(real, other, resamples=2):
    real, other = np.asarray(real, float), np.asarray(other, float)
    weights = (resample_weights(1, str(len(of)), len(of), resamples) for of in (real, other))
    return frechet_distance(real, other, *weights)


def drawn(seed, pieces, measures=5):
    """Measures that go together."""
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(pieces, measures)) @ generator.normal(size=(measures, measures))
    return mixed + generator.normal(size=measures)


def slowly(real, other, shrinkages):
    """The formula with a root of the product, which needs no symmetric root."""
    means = [of.mean(axis=0) for of in (real, other)]
    covariances = []
    for of, shrinkage in zip((real, other), shrinkages, strict=True):
        plain = np.cov(of.T, bias=True)
        level = np.trace(plain) / len(plain)
        covariances.append((1 - shrinkage) * plain + shrinkage * level * np.eye(len(plain)))
    root = sqrtm(covariances[0] @ covariances[1]).real
    return ((means[0] - means[1]) ** 2).sum() + np.trace(sum(covariances) - 2 * root)


@pytest.fixture
def no_shrinkage(monkeypatch):
    monkeypatch.setattr(frechet, "shrinkage_of", lambda pieces: 0.0)


def test_of_one_measure_by_hand():
    # Means 0 and 3, variances 2/3 and 4 times that: 9 + (2 - 1)^2 * 2/3; one measure has no
    # covariance to shrink.
    real, other = [[-1], [0], [1]], [[1], [3], [5]]
    assert distance(real, other).value == pytest.approx(9 + 2 / 3)
    assert distance(other, real).value == pytest.approx(9 + 2 / 3)


def test_of_two_measures_by_hand(no_shrinkage):
    square = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])  # means 0, variances 1
    other = square * [2, 3] + [3, 0]  # means 3 and 0, variances 4 and 9
    assert distance(square, other).value == pytest.approx(9 + (2 - 1) ** 2 + (3 - 1) ** 2)


def test_what_goes_together_counts(no_shrinkage):
    # Equal means and variances. Eigenvalues of the covariances: 1 and 1 against 2 and 0, so that
    # tr(S + T) - 2 (sqrt 2 + 0) is left.
    square = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    line = np.array([[-1, -1], [-1, -1], [1, 1], [1, 1]])
    assert distance(square, line).value == pytest.approx(4 - 2 * np.sqrt(2))


def test_what_ledoit_and_wolf_find_is_shrunk():
    real, other = drawn(0, 12), drawn(1, 30)
    found = [ledoit_wolf(of)[1] for of in (real, other)]
    assert all(0.05 < shrinkage < 0.95 for shrinkage in found)
    assert distance(real, other).value == pytest.approx(slowly(real, other, found))
    assert distance(real, other).value != pytest.approx(slowly(real, other, (0, 0)), rel=1e-3)


@pytest.mark.parametrize("pieces", [3, 10, 50])
def test_a_set_has_no_distance_to_itself(pieces):
    real = drawn(0, pieces)
    real = np.column_stack([real, real[:, 0] - real[:, 1]])  # as a range is of two pitches
    assert distance(real, real).value == 0.0
    assert distance(real, real[::-1]).value == pytest.approx(0, abs=1e-9)


def test_one_deviation_in_one_measure_is_one():
    real = drawn(0, 40) * [1, 10, 0.1, 5, 2] + 7
    scale = scale_of(real, [real])
    for measure in range(5):
        other = real.copy()
        other[:, measure] += real[:, measure].std()
        assert distance(scaled(real, scale), scaled(other, scale)).value == pytest.approx(1)


def test_the_unit_of_a_measure_changes_nothing():
    real, other = drawn(0, 20), drawn(1, 20)
    found = []
    for unit in ([1, 1, 1, 1, 1], [60, 1e3, 1, 0.01, 1]):
        sets = real * unit, other * unit
        scale = scale_of(sets[0], [sets[1]])
        found.append(distance(*(scaled(of, scale) for of in sets)).value)
    assert found[0] == pytest.approx(found[1])


def test_resamples_are_the_sets_written_out():
    real, other = drawn(0, 14, 3), drawn(1, 11, 3)
    weights = resample_weights(1, "real", 14, 8), resample_weights(1, "other", 11, 8)
    found = frechet_distance(real, other, *weights)
    # By how much is shrunk is found once, of the set as it is.
    shrinkages = [ledoit_wolf(of)[1] for of in (real, other)]
    for b in range(8):
        sets = [
            np.repeat(of, rows[b].astype(int), axis=0)
            for of, rows in zip((real, other), weights, strict=True)
        ]
        assert found.resamples[b] == pytest.approx(slowly(*sets, shrinkages))


def test_tiny_sets_have_no_distance():
    for real, other in ((2, 9), (9, 2), (1, 9), (9, 0), (0, 0)):
        found = distance(drawn(0, real), drawn(1, other))
        assert np.isnan(found.value)
        assert np.isnan(found.resamples).all()
    assert np.isnan(distance(np.zeros((9, 0)), np.zeros((9, 0))).value)
    assert distance(drawn(0, 3), drawn(1, 3)).value > 0


def test_a_set_of_copies_has_a_distance():
    """What models that collapsed make: no spread, whose root is 0."""
    real = scaled(drawn(0, 20), scale_of(drawn(0, 20), []))
    found = distance(real, np.repeat(real[:1], 20, axis=0))
    assert found.value == pytest.approx((real[0] ** 2).sum() + 5)


def test_what_is_undefined_in_any_set_is_left_out_for_all():
    real, first, second = drawn(0, 10), drawn(1, 8), drawn(2, 7)
    first[:, 1] = np.nan
    second[:6, 3] = np.nan  # but for one piece
    real[:, 4] = 0.1 + 0.2
    real[::2, 4] = 0.3  # equal but for rounding, which is no deviation
    scale = scale_of(real, [first, second])
    assert scale.kept.tolist() == [True, False, True, True, False]
    assert scale.mean == pytest.approx(real[:, [0, 2, 3]].mean(axis=0))
    assert scale.spread == pytest.approx(real[:, [0, 2, 3]].std(axis=0))
    for of in (real, first, second):
        assert scaled(of, scale).shape == (len(of), 3)
    real[:, 0] = np.nan
    assert scale_of(real, [first, second]).kept.tolist() == [False, False, True, True, False]


def test_sets_too_small_for_a_distance_leave_out_nothing_for_others():
    real, other = drawn(0, 10), drawn(1, 8)
    tiny = np.full((2, 5), np.nan)
    for small in (np.zeros((0, 5)), tiny):
        assert scale_of(real, [other, small]).kept.all()
        assert np.isfinite(scaled(small, scale_of(real, [other, small]))).all()


def test_a_set_without_most_measures_is_not_compared_and_takes_none_from_others():
    real, other = drawn(0, 10), drawn(1, 8)
    silent, partly = np.full((2, 9, 5), np.nan)
    silent[:, 0] = 0.0
    partly[:, 1:] = drawn(2, 9, 4)  # one of five is less than a third
    assert why_none(real, other) == why_none(real, partly) == ""
    assert why_none(real, silent).startswith("4 of the reference's 5 measures are undefined")
    assert why_none(real, real[:2]) == "fewer than three pieces"
    assert why_none(real[:2], real) == "fewer than three pieces in the reference"
    assert scale_of(real, [other, silent]).kept.all()
    assert scale_of(real, [other, silent, partly]).kept.tolist() == [False, *[True] * 4]


def test_a_piece_that_lacks_a_measure_has_the_mean_of_its_set():
    real = np.array([[0.0, 1], [2, 3], [4, 8]])
    scale = scale_of(real, [])
    other = np.array([[1.0, np.nan], [5, 4], [9, 6]])
    found = scaled(other, scale)
    assert found[0, 1] == pytest.approx((5 - 4) / real[:, 1].std())
    assert scaled(real, scale).mean(axis=0) == pytest.approx([0, 0])
    assert scaled(real, scale).std(axis=0) == pytest.approx([1, 1])
