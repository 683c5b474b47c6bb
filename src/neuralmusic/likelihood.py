"""Negative log-likelihood of whole pieces under a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from neuralmusic.models.model import Model
from neuralmusic.vocabulary import Vocabulary

BATCH_PIECES = 64
CHUNK_STEPS = 256


@torch.no_grad()
def nll_nats(model: Model, pieces: Sequence[np.ndarray], device: torch.device) -> np.ndarray:
    """The negative log-likelihood of each piece in nats, summed over its steps: (pieces,).

    A piece is classes (T,) or bits (T, V). The state is carried from the first step of a piece to
    its last, as in sampling.
    """
    model.eval()
    total = np.zeros(len(pieces))
    lengths = np.array([len(piece) for piece in pieces])
    by_length = np.argsort(lengths, kind="stable")
    for first in range(0, len(pieces), BATCH_PIECES):
        batch = by_length[first : first + BATCH_PIECES]
        longest = lengths[batch].max()
        state = None
        for start in range(0, longest, CHUNK_STEPS):
            span = min(CHUNK_STEPS, longest - start)
            # The step before the chunk comes along: it is the first one's input.
            steps = torch.from_numpy(
                gather([pieces[index] for index in batch], start - 1, span + 1, model.vocabulary)
            )
            logits, state = model(steps[:, :-1].to(device), state)
            inside = start + np.arange(span) < lengths[batch, None]
            wanted = steps[:, 1:]
            wanted[~torch.from_numpy(inside)] = 0  # any step that there is: it does not count
            # In double precision, so that a sum of many steps loses nothing; not every GPU has it.
            losses = model.vocabulary.nll(logits.to("cpu", torch.float64), wanted).numpy()
            total[batch] += (losses * inside).sum(axis=1)
    return total


def gather(
    pieces: Sequence[np.ndarray], first: int | np.ndarray, length: int, vocabulary: Vocabulary
) -> np.ndarray:
    """`length` steps of each piece from step `first` on, by piece where there are several.

    Shape (B, length) of classes, int64, or (B, length, V) of bits, uint8; outside a piece there is
    the vocabulary's start. Only the steps asked for are read, of pieces that lie in a file.
    """
    dtype = np.uint8 if vocabulary.step_shape else np.int64
    steps = np.full((len(pieces), length, *vocabulary.step_shape), vocabulary.start, dtype=dtype)
    firsts = np.broadcast_to(first, len(pieces)).tolist()
    for row, (piece, begin) in enumerate(zip(pieces, firsts, strict=True)):
        low, high = max(begin, 0), min(begin + length, len(piece))
        if low < high:
            steps[row, low - begin : high - begin] = piece[low:high]
    return steps
