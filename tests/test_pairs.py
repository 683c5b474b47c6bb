"""Draws of pairs: balanced, without a pair twice, and with an interval that holds what they add."""

import numpy as np
import pytest

from neuralmusic import estimate
from neuralmusic.estimate import resample_counts, resample_weights
from neuralmusic.measures import pairs
from neuralmusic.measures.densities import overlap
from neuralmusic.measures.pairs import Pairs
from neuralmusic.set_distances import mean_distances


def placed(found):
    return [np.broadcast_to(of, found.shape).ravel() for of in (found.first, found.second)]


@pytest.mark.parametrize("sizes", [(30, 30), (40, 7), (7, 40), (31, 31)])
@pytest.mark.parametrize("within", [False, True])
def test_a_draw_is_balanced_and_has_no_pair_twice(sizes, within, monkeypatch):
    if within and len(set(sizes)) > 1:
        return
    monkeypatch.setattr(pairs, "MOST_PAIRS", 200)
    found = Pairs.of(*sizes, within, seed=3)
    first, second = placed(found)
    assert found.is_draw
    assert 150 < len(first) <= 200
    drawn = {frozenset(pair) if within else pair for pair in zip(first, second, strict=True)}
    assert len(drawn) == len(first)
    for of, size in ((first, sizes[0]), (second, sizes[1])):
        counts = np.bincount(of, minlength=size)
        assert np.ptp(counts) <= max(1, np.prod(found.shape) // max(sizes))
    if within:
        assert (first != second).all()
    again, other = Pairs.of(*sizes, within, seed=3), Pairs.of(*sizes, within, seed=4)
    assert np.array_equal(placed(again), placed(found))
    assert not np.array_equal(placed(other), placed(found))
    vectors = [np.random.default_rng(at).normal(size=(size, 4)) for at, size in enumerate(sizes)]
    expected = np.linalg.norm(vectors[0][first] - vectors[1][second], axis=1)
    assert found.distances(*vectors).ravel() == pytest.approx(expected)


def test_few_pairs_are_all():
    found = Pairs.of(5, 4, within=False)
    assert not found.is_draw
    assert sorted(zip(*placed(found), strict=True)) == [(i, j) for i in range(5) for j in range(4)]


def test_a_draw_says_what_all_pairs_do_with_a_wider_interval(monkeypatch):
    generator = np.random.default_rng(0)
    real = generator.dirichlet(np.linspace(1, 2, 12), 200)
    other = generator.dirichlet(np.linspace(1, 4, 12), 150)
    other[:5] = real[20:25]
    real[7], other[9] = np.nan, np.nan
    same = np.column_stack([np.arange(20, 25), np.arange(5)])
    weights = resample_counts(1, "a", 200, 200), resample_counts(1, "b", 150, 200)
    whole = overlap(real, other, *weights, same)
    monkeypatch.setattr(pairs, "MOST_PAIRS", 6000)
    found = [overlap(real, other, *weights, same, seed) for seed in range(8)]
    values = np.array([of.overlap.value for of in found])
    assert values == pytest.approx(whole.overlap.value, abs=0.03)
    assert values.std() > 0
    by_pieces = whole.overlap.resamples.std()
    for of in found:
        assert "a draw" in of.reason
        assert of.overlap.resamples.std() > np.hypot(by_pieces, values.std()) * 0.9
    assert whole.reason == ""


def test_the_diversity_of_a_draw_is_that_of_all(monkeypatch):
    pieces = np.random.default_rng(0).normal(size=(300, 6))
    weights = resample_counts(1, "a", 300, 50)
    whole = mean_distances(pieces, weights, 1)
    monkeypatch.setattr(pairs, "MOST_PAIRS", 9000)
    drawn = mean_distances(pieces, weights, 1)
    assert drawn[0] == pytest.approx(whole[0], rel=0.01)
    assert drawn[1:].std() == pytest.approx(whole[1:].std(), rel=0.5)


@pytest.mark.parametrize("block", [1, 100, 10**6])
def test_resamples_are_the_same_in_any_blocks(block, monkeypatch):
    generator = np.random.default_rng(estimate.derive(5, "bootstrap", "x"))
    expected = generator.multinomial(30, np.full(30, 1 / 30), 40)
    monkeypatch.setattr(estimate, "BLOCK", block)
    counts = resample_counts(5, "x", 30, 40)
    assert counts.dtype == np.uint8
    assert np.array_equal(counts, expected)
    assert np.array_equal(resample_weights(5, "x", 30, 40), expected)
    values = generator.normal(size=30)
    assert estimate.weighted_sums(counts, values) == pytest.approx(expected @ values)
    for pieces in (0, 1):
        assert np.isnan(resample_counts(5, "x", pieces, 40)).all()
