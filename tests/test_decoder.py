"""The decoder family beyond what every family has to do: attention, positions, parameters."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from neuralmusic.checkpoint import build_model
from neuralmusic.models.decoder import POSITIONS, SLOWEST, Decoder, Settings, sinusoidal
from neuralmusic.vocabulary import Classes
from tests.tiny import EXPERIMENTS, job

DECODERS = [n for n, m in EXPERIMENTS["attention"]["models"].items() if m["family"] == "decoder"]
WINDOW = 12
of_shapes = pytest.mark.parametrize(("stacks", "heads"), [(1, 1), (1, 3), (3, 1), (2, 2)])


def decoder(stacks: int, heads: int, dropout: float = 0.0, sharpened: float = 1.5) -> Decoder:
    """A small one, its weights enlarged so that attention is not even."""
    torch.manual_seed(5)
    settings = Settings(8, stacks, heads, 16, "sinusoidal", dropout)
    model = Decoder(settings, Classes(7), WINDOW)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(sharpened)
    return model.eval()


def steps(batch: int = 2, length: int = WINDOW) -> torch.Tensor:
    return torch.randint(0, 7, (batch, length), generator=torch.Generator().manual_seed(3))


@of_shapes
def test_attention_rows_sum_to_one_and_nothing_looks_ahead(stacks, heads):
    scores = decoder(stacks, heads).attention_scores(steps(length=2 * WINDOW))
    assert scores.shape == (2, stacks, heads, 2 * WINDOW, 2 * WINDOW)
    assert torch.allclose(scores.sum(-1), torch.ones(()))
    of, to = torch.meshgrid(torch.arange(2 * WINDOW), torch.arange(2 * WINDOW), indexing="ij")
    assert (scores[..., (to > of) | (of - to >= WINDOW)] == 0).all()
    assert (scores[..., (to <= of) & (of - to < WINDOW)] > 0).all()


@of_shapes
def test_scores_that_are_shown_are_those_that_the_model_used(stacks, heads):
    """The model computed from its scores, by the formula, gives its own logits."""
    model = decoder(stacks, heads)
    inputs = steps()
    scores = model.attention_scores(inputs)
    positions = sinusoidal(torch.arange(WINDOW), 8)
    x = model.embedding(inputs) * math.sqrt(8) + positions
    for index, block in enumerate(model.blocks):
        values = block.value(block.attention_norm(x)).view(2, WINDOW, heads, 8)
        # (B, H, T, S) x (B, S, H, D) -> (B, T, H, D)
        attended = torch.einsum("bhts,bshd->bthd", scores[:, index], values)
        x = x + block.out(attended.reshape(2, WINDOW, heads * 8))
        x = x + block.narrow(block.widen(block.feed_forward_norm(x)).relu())
    logits = model.dense(model.hidden(model.norm(x)).relu())
    assert not torch.allclose(scores[..., 1:, :].std(-1), torch.zeros(()), atol=1e-2)
    with torch.no_grad():
        assert torch.allclose(logits, model(inputs)[0], atol=1e-4)
        assert torch.allclose(logits, model.training_logits(inputs), atol=1e-4)


def test_attention_is_scaled_and_heads_are_as_wide_as_the_model():
    model = decoder(1, 3)
    block = model.blocks[0]
    assert block.query.weight.shape == block.key.weight.shape == block.value.weight.shape == (24, 8)
    assert block.out.weight.shape == (8, 24)
    x = torch.randn(1, 4, 8)
    normalised = block.attention_norm(x)
    queries, keys = (of(normalised).view(4, 3, 8) for of in (block.query, block.key))
    for head in range(3):
        dots = queries[:, head] @ keys[:, head].T / math.sqrt(8)
        expected = torch.stack([functional.softmax(dots[3, :4], -1)])
        assert torch.allclose(block.scores(x)[0, head, 3:], expected, atol=1e-5)


def test_sinusoids_by_hand():
    found = sinusoidal(torch.tensor([0, 1, 50_000]), 4)
    assert found.dtype == torch.float32
    expected = [
        [0, 1, 0, 1],
        [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)],
        [math.sin(50_000), math.cos(50_000), math.sin(500), math.cos(500)],
    ]
    assert np.allclose(found.numpy(), expected, atol=1e-6)
    assert sinusoidal(torch.zeros(2, 3), 5).shape == (2, 3, 5)  # an odd width too


def test_training_sees_every_phase_of_every_sinusoid():
    assert 2 * math.pi * SLOWEST < POSITIONS
    model = decoder(1, 1).train()
    seen = []
    model.encode = lambda positions, width: seen.append(positions) or sinusoidal(positions, width)
    torch.manual_seed(3)
    for _ in range(50):
        model.training_logits(steps(8))
    first = torch.cat([positions[:, 0] for positions in seen])
    assert first.min() < 0.05 * POSITIONS
    assert 0.95 * POSITIONS < first.max() < POSITIONS
    assert all((positions.diff(dim=1) == 1).all() for positions in seen)


def test_the_same_steps_elsewhere_are_other_inputs():
    """Without positions a decoder of one block would not know the order of what it attends to."""
    model = decoder(1, 1)
    inputs = steps(1)
    swapped = inputs[:, [1, 0, *range(2, WINDOW)]]
    assert not torch.equal(inputs, swapped)
    with torch.no_grad():
        found = [model(x)[0][:, -1] for x in (inputs, swapped)]
    assert not torch.allclose(*found, atol=1e-4)


def test_what_is_carried_does_not_grow():
    model = decoder(2, 2)
    with torch.no_grad():
        _, state = model(steps(3, 4 * WINDOW))
        _, state = model(steps(3, 1), state)
    assert state.next_step == 4 * WINDOW + 1
    for kept in state.windows:
        assert [row.shape for row in kept.rows] == [(3, WINDOW, 8)]


def test_matrices_begin_xavier_uniform():
    torch.manual_seed(3)
    model = Decoder(Settings(64, 2, 2, 128, "sinusoidal", 0.4), Classes(50), WINDOW)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    assert len(matrices) == 1 + 2 * 6 + 2
    for weight in matrices:
        limit = math.sqrt(6 / sum(weight.shape))
        assert 0.95 * limit < weight.abs().max() <= limit
        assert weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)


def test_dropout_ends_each_module_and_leaves_the_residual_path():
    block = decoder(1, 1, dropout=1 - 2**-10).blocks[0].train()
    x = torch.randn(1, 5, 8)
    torch.manual_seed(3)
    assert torch.equal(block(x), x)  # nothing but the residual path is left


def parameters(name: str) -> int:
    own = EXPERIMENTS["attention"]["models"][name]
    params = job(name, "attention") | {"settings": own["settings"]}
    return sum(p.numel() for p in build_model(params).parameters())


def test_a_pair_of_more_heads_and_more_stacks_has_equally_many_parameters():
    assert set(DECODERS) >= {"s1h1", "s1h3", "s3h1", "s2h2", "s1h3_wide"}
    heads, stacks = parameters("s1h3_wide"), parameters("s3h1")
    assert abs(heads - stacks) < 0.005 * stacks
    settings = [EXPERIMENTS["attention"]["models"][n]["settings"] for n in ("s1h3_wide", "s3h1")]
    assert [s["heads"] for s in settings] == [3, 1]
    assert [s["stacks"] for s in settings] == [1, 3]
