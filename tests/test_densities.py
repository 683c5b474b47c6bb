"""The overlap of distances: by hand, by SciPy, and of sets with too little in them."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import gaussian_kde

from neuralmusic.estimate import resample_weights
from neuralmusic.measures.densities import CELLS, overlap, same_pieces

NO_SAME = np.zeros((0, 2), np.int64)


def compared(real, other, same=NO_SAME, resamples=3):
    """Two sets of values with resamples of their own."""
    real, other = np.asarray(real, float), np.asarray(other, float)
    weights = [
        resample_weights(1, label, len(of), resamples)
        for label, of in (("real", real), ("other", other))
    ]
    return overlap(real, other, *weights, same)


def itself(values):
    """A set held against itself, every piece being the same as itself."""
    at = np.arange(len(values))
    return compared(values, values, np.column_stack([at, at]))


def smoothed(distances, bandwidth, grid):
    """The plain density: a Gaussian a distance, each summing to 1 on the grid."""
    kernels = np.exp(-0.5 * ((grid[None, :] - np.asarray(distances)[:, None]) / bandwidth) ** 2)
    return (kernels / kernels.sum(axis=1, keepdims=True)).mean(axis=0)


def held(p, q, pairs_p, pairs_q):
    """Overlap and KL of two densities that sum to 1, as the formula says."""
    floored = [
        (pairs * of + 1 / len(of)) / (pairs + 1) for of, pairs in ((p, pairs_p), (q, pairs_q))
    ]
    return np.minimum(p, q).sum(), (floored[0] * np.log(floored[0] / floored[1])).sum()


def scott(distances):
    return np.std(distances) * len(distances) ** -0.2


def drawn(seed, pieces, kind):
    """Numbers, or vectors of 12 shares."""
    generator = np.random.default_rng(seed)
    if kind == "numbers":
        return generator.gamma(3, 2 + seed, pieces)
    return generator.dirichlet(np.linspace(1, 2 + seed, 12), pieces)


def matrix(first, second):
    """Distances of all pieces of two sets."""
    return cdist(np.reshape(first, (len(first), -1)), np.reshape(second, (len(second), -1)))


def between(values):
    """Distances of two different pieces, each pair in both orders."""
    return np.repeat(pdist(np.reshape(values, (len(values), -1))), 2)


def test_overlap_by_hand():
    # Within: 255 twice. Between: 0 and 255. A cell is 1 and so is the bandwidth, there being no
    # spread: the densities share the half of the second that lies at 255.
    found = compared([0, 255], [0])
    assert found.overlap.value == pytest.approx(0.5)
    assert found.grid[[0, -1]].tolist() == [-4, 259]
    # Where the first has its mass the second has half of it, plus one pair spread over 264 cells.
    bell = np.exp(-0.5 * np.arange(-255, 9) ** 2.0)[::-1]
    p, q = bell / bell.sum(), np.zeros(264)
    q += p / 2 + p[::-1] / 2
    assert found.kl.value == pytest.approx(held(p, q, 2, 2)[1], abs=0.002)
    assert found.kl.value == pytest.approx(2 / 3 * np.log(2), abs=0.05)
    assert found.reason == ""


def test_sets_that_are_far_apart_do_not_overlap():
    found = compared([0, 1, 2], [100, 101])  # within: 1 and 2; between: 98 to 101
    assert found.overlap.value == pytest.approx(0, abs=1e-12)
    assert found.kl.value > 2


def test_a_piece_of_both_sets_makes_no_pair():
    # Between: 255 alone, the 0 with itself being none
    found = compared([0, 255], [0], same_pieces(["a", "b"], ["a"]))
    assert found.overlap.value == pytest.approx(1)
    found = compared([0, 255], [255], same_pieces(["a", "b"], ["c"]))
    assert found.overlap.value == pytest.approx(0.5)


@pytest.mark.parametrize("kind", ["numbers", "vectors"])
def test_the_densities_are_those_of_scipy(kind, capsys):
    real, other = drawn(0, 120, kind), drawn(1, 110, kind)
    found = compared(real, other)
    intra, inter = between(real), matrix(real, other).ravel()
    grid, cell = found.grid, found.grid[1] - found.grid[0]
    bandwidth = scott(intra)
    assert bandwidth > cell
    p, q = (gaussian_kde(of, bw_method=bandwidth / of.std(ddof=1))(grid) for of in (intra, inter))
    assert found.intra == pytest.approx(p, abs=0.01 * p.max())
    assert found.inter == pytest.approx(q, abs=0.01 * p.max())
    area, kl = held(p * cell, q * cell, len(intra), len(inter))
    assert 0.2 < area < 0.95
    assert found.overlap.value == pytest.approx(area, abs=0.005)
    assert found.kl.value == pytest.approx(kl, abs=0.005)
    assert capsys.readouterr() == ("", "")


def test_numbers_that_are_binned_are_as_good_as_distances_that_are():
    """Numbers are put into cells before they are subtracted, vectors afterwards."""
    real, other = drawn(0, 60, "numbers"), drawn(1, 50, "numbers")
    numbers, vectors = compared(real, other), compared(real[:, None], other[:, None])
    assert numbers.overlap.value == pytest.approx(vectors.overlap.value, abs=0.005)
    assert numbers.kl.value == pytest.approx(vectors.kl.value, abs=0.01)
    # Not binned at all
    intra, inter = between(real), matrix(real, other).ravel()
    area, kl = held(
        *(smoothed(of, scott(intra), numbers.grid) for of in (intra, inter)), len(intra), len(inter)
    )
    assert numbers.overlap.value == pytest.approx(area, abs=0.005)
    assert numbers.kl.value == pytest.approx(kl, abs=0.01)


@pytest.mark.parametrize("pieces", [3, 10, 50])
@pytest.mark.parametrize("kind", ["numbers", "vectors"])
def test_a_set_is_as_near_to_itself_as_can_be(kind, pieces):
    values = drawn(0, pieces, kind)
    found = itself(values)
    assert found.overlap.value == pytest.approx(1, abs=1e-12)
    assert found.kl.value == pytest.approx(0, abs=1e-12)
    assert found.intra == pytest.approx(found.inter)
    twice = np.concatenate([values[:2], values])  # copies are pieces of their own
    digests = [*"ab", *(f"{'ab'[at] if at < 2 else at}" for at in range(pieces))]
    found = compared(twice, twice, same_pieces(digests, digests))
    assert found.overlap.value == pytest.approx(1, abs=1e-12)
    assert found.kl.value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("shape", [(), (12,)])
def test_constant_sets_overlap_where_they_are_equal(shape):
    of = [np.full((4, *shape), value) for value in (5.0, 7.0)]
    same, other = compared(of[0], of[0]), compared(*of)
    assert same.overlap.value == 1.0
    # The one pair that is added weighs more among 12 pairs than among 16.
    assert same.kl.value == pytest.approx(0, abs=0.005)
    assert itself(of[0]).kl.value == 0.0
    assert same.reason == "the same in every piece"
    assert other.overlap.value == pytest.approx(0, abs=1e-12)
    assert other.kl.value > 2
    assert other.reason == ""


@pytest.mark.parametrize("shape", [(), (2,)])
def test_what_differs_by_rounding_is_equal(shape):
    """Sums in another order: without care these densities would be of rounding alone."""
    generator = np.random.default_rng(0)
    of = [np.full((9, *shape), 1.9) + 2e-16 * generator.integers(-4, 5, (9, *shape)) for _ in "ab"]
    assert len(np.unique(of[0])) > 2
    found = compared(*of)
    assert found.overlap.value == pytest.approx(1)
    assert found.kl.value == pytest.approx(0, abs=0.005)
    assert found.reason == "the same in every piece"


@pytest.mark.parametrize(
    ("real", "other", "reason"),
    [
        ([], [1, 2], "fewer than two pieces of the reference"),
        ([1], [1, 2], "fewer than two pieces of the reference"),
        ([1, np.nan], [1, 2], "fewer than two pieces of the reference"),
        ([1, 2], [], "undefined in every piece"),
        ([1, 2, 3], [np.nan, np.nan], "undefined in every piece"),
        ([], [], "fewer than two pieces of the reference"),
    ],
)
def test_sets_with_too_little_in_them_say_so(real, other, reason):
    found = compared(real, other)
    assert np.isnan([found.overlap.value, found.kl.value]).all()
    assert np.isnan(found.overlap.resamples).all() and len(found.overlap.resamples) == 3
    assert np.isnan(found.overlap.interval()).all()
    assert reason in found.reason
    wide = compared(*(np.reshape(np.repeat(of, 2), (-1, 2)) for of in (real, other)))
    assert wide.reason == found.reason


def test_sets_without_a_pair_of_different_pieces_say_so():
    found = compared([1, 2, np.nan], [1], same_pieces(["a", "b", "c"], ["a"]))
    assert np.isfinite(found.overlap.value)
    found = compared([1.0, 1.0], [1.0], np.array([[0, 0], [1, 0]]))
    assert np.isnan(found.overlap.value)
    assert found.reason == "no pair of different pieces"


def test_one_and_two_pieces_have_a_value_and_one_no_interval():
    one, two = compared([1, 2, 4], [3]), compared([1, 2], [2, 4])
    assert 0 < one.overlap.value < 1 and 0 < two.overlap.value < 1
    assert np.isnan(one.overlap.interval()).all()
    assert len(two.overlap.resamples) == 3


@pytest.mark.parametrize("kind", ["numbers", "vectors"])
def test_pieces_in_which_a_measure_is_undefined_are_left_out(kind):
    real, other = drawn(0, 20, kind), drawn(1, 15, kind)
    nothing = np.full((4, *real.shape[1:]), np.nan)
    padded = [np.concatenate([nothing[:2], of[:5], nothing[2:], of[5:]]) for of in (real, other)]
    if kind == "vectors":
        padded[0][0, 1:] = 0.5  # partly defined is undefined
    found, whole = compared(*padded), compared(real, other)
    assert found.overlap.value == pytest.approx(whole.overlap.value)
    assert found.kl.value == pytest.approx(whole.kl.value)
    assert found.intra == pytest.approx(whole.intra)


@pytest.mark.parametrize("kind", ["numbers", "vectors"])
def test_resamples_are_the_sets_written_out(kind):
    """Every piece as often as it was drawn; two copies of one piece are no pair."""
    if kind == "numbers":  # in whole cells, so that binning does nothing
        generator = np.random.default_rng(3)
        real, other = (generator.integers(0, CELLS, n).astype(float) for n in (9, 8))
        real[:2] = 0, CELLS - 1
    else:
        real, other = drawn(0, 9, kind), drawn(1, 8, kind)
    other[:3] = real[2:5]
    real[8], other[5] = np.nan, np.nan
    same = np.column_stack([[2, 3, 4], [0, 1, 2]])
    weights = resample_weights(1, "real", 9, 12), resample_weights(1, "other", 8, 12)
    found = overlap(real, other, *weights, same)
    cell = found.grid[1] - found.grid[0]
    of_real, of_other = (np.rint(matrix(real, of) / cell) * cell for of in (real, other))
    is_same = np.zeros((9, 8), bool)
    is_same[same[:, 0], same[:, 1]] = True
    usable = np.isfinite(of_real) & ~np.eye(9, dtype=bool)
    bandwidth = max(cell, scott(of_real[usable]))
    for b, rows in enumerate(zip(*weights, strict=True)):
        first, second = (np.repeat(np.arange(len(row)), row.astype(int)) for row in rows)
        intra = [of_real[i, j] for i in first for j in first if i != j]
        inter = [of_other[i, j] for i in first for j in second if not is_same[i, j]]
        intra, inter = (np.array([d for d in of if np.isfinite(d)]) for of in (intra, inter))
        p, q = (smoothed(of, bandwidth, found.grid) for of in (intra, inter))
        area, kl = held(p, q, len(intra), len(inter))
        assert found.overlap.resamples[b] == pytest.approx(area, abs=1e-9)
        assert found.kl.resamples[b] == pytest.approx(kl, abs=1e-9)


def test_a_resample_without_a_pair_is_undefined():
    real, other = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0])
    weights = np.array([[3.0, 0, 0], [1, 1, 1]]), np.array([[1.0, 1], [1, 1]])
    found = overlap(real, other, *weights, NO_SAME)
    assert np.isnan(found.overlap.resamples).tolist() == [True, False]
    assert found.overlap.resamples[1] == pytest.approx(found.overlap.value)


def test_pieces_are_the_same_by_their_notes():
    assert same_pieces(["a", "b", "c"], ["c", "x", "a"]).tolist() == [[2, 0], [0, 2]]
    assert same_pieces(["a"], ["b"]).shape == same_pieces([], []).shape == (0, 2)


def test_a_copy_is_the_same_as_one_piece_only():
    # The first a is the first a, the second the second, and of a third there is none.
    assert same_pieces(["a", "b", "a"], ["a", "a", "a"]).tolist() == [[0, 0], [2, 1]]
    assert same_pieces(["a", "a", "a"], ["b", "a"]).tolist() == [[0, 1]]
