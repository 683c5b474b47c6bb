"""Attention and dropout, against their formulas."""

import pytest
import torch

from neuralmusic.models.attention import attend, empty_window
from neuralmusic.models.dropout import Dropout

# Attention.


def reference(queries, keys, values, window: int, scale: float) -> torch.Tensor:
    """Attention one step at a time: softmax over the last W steps, as the formula says."""
    out = torch.empty_like(values)
    for step in range(queries.shape[1]):
        past = slice(max(0, step - window + 1), step + 1)
        scores = (queries[:, step, None] * keys[:, past]).sum(-1) * scale
        out[:, step] = (torch.softmax(scores, -1)[..., None] * values[:, past]).sum(1)
    return out


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("length", [1, 4, 5, 6, 17])
def test_attention_is_the_formula(length, scale):
    torch.manual_seed(3)
    queries, keys, values = torch.randn(3, 2, length, 4).unbind()
    expected = reference(queries, keys, values, 5, scale)
    found = attend(queries, keys, values, 5, scale)
    assert torch.allclose(found, expected, atol=1e-5)
    for cut in ([length], [1] * length, [length // 2, length - length // 2]):
        kept = empty_window(keys, 5)
        calls = zip(
            *(x.split([c for c in cut if c], 1) for x in (queries, keys, values)), strict=True
        )
        found = torch.cat([attend(*call, 5, scale, kept) for call in calls], 1)
        assert torch.allclose(found, expected, atol=1e-5)


def test_attention_weights_sum_to_one():
    torch.manual_seed(3)
    queries, keys = torch.randn(2, 2, 17, 4).unbind()
    assert torch.allclose(attend(queries, keys, torch.ones(2, 17, 4), 5, 1.0), torch.ones(2, 17, 4))


def test_attention_never_reaches_past_its_window():
    torch.manual_seed(3)
    queries, keys, values = torch.randn(3, 2, 17, 4).unbind()
    before = attend(queries, keys, values, 5, 1.0)
    keys[:, 6], values[:, 6] = 9.0, 1000.0
    changed = (attend(queries, keys, values, 5, 1.0) != before).any(-1).all(0)
    assert changed.nonzero()[:, 0].tolist() == [6, 7, 8, 9, 10]


# Dropout.


@pytest.mark.parametrize("probability", [0.1, 0.4, 0.75])
def test_dropout_zeroes_a_share_and_keeps_the_mean(probability):
    torch.manual_seed(3)
    x = torch.ones(400, 501)  # no multiple of what one random number decides
    dropped = Dropout(probability)(x)
    zero = dropped == 0
    assert torch.allclose(dropped[~zero], torch.tensor(1 / (1 - probability)), rtol=1e-4)
    assert zero.float().mean().item() == pytest.approx(probability, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)
    for step in range(1, 9):  # neighbours are dropped independently of each other
        together = (zero.flatten()[step:] & zero.flatten()[:-step]).float().mean().item()
        assert together == pytest.approx(probability**2, abs=0.01)
    assert not torch.equal(Dropout(probability)(x), dropped)
    torch.manual_seed(3)
    assert torch.equal(Dropout(probability)(x), dropped)


def test_dropout_does_nothing_outside_training():
    x = torch.randn(4, 5)
    assert torch.equal(Dropout(0.4).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
