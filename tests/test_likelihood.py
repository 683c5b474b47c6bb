"""Held-out likelihood is what one step at a time gives, for every model."""

import itertools

import numpy as np
import pytest
import torch

from neuralmusic.likelihood import gather, nll_nats
from neuralmusic.models import markov
from neuralmusic.models.model import Model
from neuralmusic.vocabulary import Bits, Classes, Vocabulary
from tests.entries import CPU, both, built, each, small_vocabulary, some_pieces


def read_one_by_one(vocabulary: Vocabulary, piece: np.ndarray, first: int, length: int) -> list:
    """`gather` of one piece, step by step."""
    outside = np.full(vocabulary.step_shape, vocabulary.start).tolist()
    within = range(len(piece))
    return [piece[i].tolist() if i in within else outside for i in range(first, first + length)]


@both
@pytest.mark.parametrize("in_file", [False, True])
def test_gather_reads_steps_and_gives_the_start_outside(vocabulary, in_file, tmp_path):
    pieces = some_pieces(vocabulary, 5, 1, 9, 0)
    if in_file:
        np.save(tmp_path / "steps.npy", np.concatenate(pieces))
        steps = np.load(tmp_path / "steps.npy", mmap_mode="r")
        bounds = np.cumsum([0, *map(len, pieces)])
        pieces = [steps[a:b] for a, b in itertools.pairwise(bounds)]
    for first in (-9, -3, -1, 0, 2, 4, 5, 8, 20, np.array([-1, 0, 3, -2])):
        for length in (0, 1, 4, 12):
            found = gather(pieces, first, length, vocabulary)
            assert found.shape == (4, length, *vocabulary.step_shape)
            assert found.dtype == (np.int64 if isinstance(vocabulary, Classes) else np.uint8)
            firsts = np.broadcast_to(first, 4).tolist()
            for row, piece, begin in zip(found, pieces, firsts, strict=True):
                assert row.tolist() == read_one_by_one(vocabulary, piece, begin, length)


@both
def test_what_is_gathered_is_a_copy(vocabulary):
    (piece,) = some_pieces(vocabulary, 5)
    kept = piece.copy()
    gather([piece], 0, 5, vocabulary)[:] = 0
    assert np.array_equal(piece, kept)


def slow_nll(model: Model, piece: np.ndarray) -> float:
    """One step at a time, the state carried."""
    is_bits = isinstance(model.vocabulary, Bits)
    before = torch.full((1, 1, *model.vocabulary.step_shape), model.vocabulary.start)
    state, total = None, 0.0
    with torch.no_grad():
        for step in torch.from_numpy(piece).long():
            logits, state = model(before.byte() if is_bits else before, state)
            logits = logits[0, 0].double()
            if is_bits:
                of_bits = torch.where(step > 0, torch.sigmoid(logits), torch.sigmoid(-logits))
                total -= of_bits.log().sum().item()
            else:
                total -= torch.log_softmax(logits, -1)[step].item()
            before = step[None, None]
    return total


@each
def test_nll_is_that_of_one_step_at_a_time(experiment, name, objective, monkeypatch):
    """Also across the bounds of chunks and batches."""
    monkeypatch.setattr("neuralmusic.likelihood.CHUNK_STEPS", 8)
    monkeypatch.setattr("neuralmusic.likelihood.BATCH_PIECES", 3)
    model = built(experiment, name, objective)
    pieces = some_pieces(model.vocabulary, 20, 1, 8, 9, 30, 7, 16)
    kept = [piece.copy() for piece in pieces]
    found = nll_nats(model, pieces, CPU)
    assert found == pytest.approx([slow_nll(model, piece) for piece in pieces], rel=1e-5)
    for index, piece in enumerate(pieces):  # whatever it is scored beside
        assert nll_nats(model, [piece], CPU) == pytest.approx(found[index : index + 1], rel=1e-5)
    assert nll_nats(model, pieces[::-1], CPU) == pytest.approx(found[::-1], rel=1e-5)
    assert all(np.array_equal(*both) for both in zip(pieces, kept, strict=True))


@each
def test_nll_drops_nothing_though_the_model_was_in_training(experiment, name, objective):
    pieces = some_pieces(small_vocabulary(experiment), 7)
    expected = nll_nats(built(experiment, name, objective), pieces, CPU)
    dropping = built(experiment, name, objective, dropout=0.5).train()
    assert nll_nats(dropping, pieces, CPU) == pytest.approx(expected, rel=1e-6)


@both
def test_nll_of_no_piece_is_empty_and_of_an_empty_piece_none(vocabulary):
    model = markov.build(markov.Settings(smoothing=1.0), vocabulary, 8, "causal")
    assert nll_nats(model, [], CPU).shape == (0,)
    assert nll_nats(model, some_pieces(vocabulary, 0), CPU).tolist() == [0]
    some = some_pieces(vocabulary, 0, 3)
    assert nll_nats(model, some, CPU).tolist() == [0, *nll_nats(model, some[1:], CPU)]
