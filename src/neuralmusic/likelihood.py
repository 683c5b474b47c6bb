"""Negative log-likelihood of whole pieces under a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from neuralmusic.models.model import Model

BATCH_PIECES = 64
CHUNK_STEPS = 256


@torch.no_grad()
def nll_nats(model: Model, pieces: Sequence[np.ndarray], device: torch.device) -> np.ndarray:
    """The negative log-likelihood of each piece (steps,) in nats, summed over its steps: (pieces,).

    The state is carried from the first step of a piece to its last, as in sampling.
    """
    model.eval()
    total = np.zeros(len(pieces))
    by_length = np.argsort([len(piece) for piece in pieces], kind="stable")
    for first in range(0, len(pieces), BATCH_PIECES):
        batch = by_length[first : first + BATCH_PIECES]
        longest = max(len(pieces[index]) for index in batch)
        targets = np.full((len(batch), longest), -1)
        for row, index in enumerate(batch):
            targets[row, : len(pieces[index])] = pieces[index]
        inputs = shift_right(np.maximum(targets, 0), model.classes)
        state = None
        for start in range(0, longest, CHUNK_STEPS):
            chunk = slice(start, start + CHUNK_STEPS)
            logits, state = model(torch.from_numpy(inputs[:, chunk]).to(device), state)
            wanted = torch.from_numpy(targets[:, chunk])
            # In double precision, so that a sum of many steps loses nothing; not every GPU has it.
            log_probabilities = torch.log_softmax(logits.to("cpu", torch.float64), dim=-1)
            chosen = log_probabilities.gather(2, wanted.clamp(min=0)[..., None])[..., 0]
            total[batch] -= (chosen * (wanted >= 0)).sum(dim=1).numpy()
    return total


def shift_right(classes: np.ndarray, start: int) -> np.ndarray:
    """What precedes each step: (B, T) moved right by one, the start class before the first."""
    return np.concatenate(
        [np.full((len(classes), 1), start), classes[:, :-1]], axis=1, dtype=np.int64
    )
