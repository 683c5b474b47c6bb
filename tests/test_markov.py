"""The chain, by hand."""

import numpy as np
import pytest
import torch

from neuralmusic.likelihood import nll_nats
from neuralmusic.models import markov
from neuralmusic.vocabulary import Bits, Classes
from tests.entries import CPU


def test_markov_by_hand():
    """Two pieces over three classes, the third never seen."""
    model = markov.build(markov.Settings(smoothing=1.0), Classes(3), 8, "causal")
    model.fit([np.array([0, 1, 1]), np.array([1])])
    probabilities = model.log_probabilities.exp()
    # Counts of class 0, 1, 2 anywhere, plus one: 2, 4, 1 of 7; each row has them once in all.
    expected = [
        [(0 + 2 / 7) / 2, (1 + 4 / 7) / 2, (1 / 7) / 2],  # after 0: once 1
        [(0 + 2 / 7) / 2, (1 + 4 / 7) / 2, (1 / 7) / 2],  # after 1: once 1
        [2 / 7, 4 / 7, 1 / 7],  # after 2: never seen
        [(1 + 2 / 7) / 3, (1 + 4 / 7) / 3, (1 / 7) / 3],  # at the start: once 0, once 1
    ]
    assert torch.allclose(probabilities, torch.tensor(expected), atol=1e-6)
    found = nll_nats(model, [np.array([0, 2, 2])], CPU)
    by_hand = -np.log(expected[3][0]) - np.log(expected[0][2]) - np.log(expected[2][2])
    assert found == pytest.approx([by_hand], rel=1e-6)


def test_markov_of_bits_by_hand():
    """Two pieces of two bits; each bit has a chain of its own, and is not set before a piece."""
    model = markov.build(markov.Settings(smoothing=2.0), Bits(2), 8, "causal")
    pieces = [[[1, 0], [1, 0], [0, 0], [1, 0]], [[0, 0]]]
    model.fit([np.array(piece, dtype=np.uint8) for piece in pieces])
    # The first bit is set 3 times of 5, plus one each: 4 of 7. Not set before, as at both pieces'
    # start, it is set 2 times of 3; set before, 1 time of 2. The smoothing counts as 2 in each.
    after_off, after_on = (2 + 2 * 4 / 7) / 5, (1 + 2 * 4 / 7) / 4
    # The second is never set: 1 of 7; it was never set before.
    never_off, never_on = (0 + 2 * 1 / 7) / 7, 1 / 7
    found = torch.sigmoid(model.log_odds)
    expected = torch.tensor([[after_off, never_off], [after_on, never_on]])
    assert torch.allclose(found, expected, atol=1e-6)
    nll = nll_nats(model, [np.array([[1, 0], [0, 1]], dtype=np.uint8)], CPU)
    by_hand = [after_off, 1 - never_off, 1 - after_on, never_off]
    assert nll == pytest.approx([-np.log(by_hand).sum()], rel=1e-6)


def test_markov_is_uniform_before_it_is_fitted():
    model = markov.build(markov.Settings(smoothing=1.0), Classes(4), 8, "causal")
    assert nll_nats(model, [np.array([0, 3, 3])], CPU) == pytest.approx([3 * np.log(4)])
    model = markov.build(markov.Settings(smoothing=1.0), Bits(4), 8, "causal")
    assert nll_nats(model, [np.eye(4, dtype=np.uint8)[:3]], CPU) == pytest.approx([12 * np.log(2)])
