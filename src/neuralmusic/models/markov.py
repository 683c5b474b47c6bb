"""A first-order Markov chain over the steps: the floor of every table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neuralmusic.models.model import Model
from neuralmusic.vocabulary import Bits, Vocabulary


@dataclass(frozen=True)
class Settings:
    """The chain's entry in params.yaml."""

    smoothing: float  # added to the count of every transition, spread over what may follow


def build(settings: Settings, vocabulary: Vocabulary, window_steps: int, objective: str) -> Model:
    """An unfitted chain; the window and the objective are the gradient-trained families'."""
    chain = MarkovBits if isinstance(vocabulary, Bits) else Markov
    return chain(settings, vocabulary)


class Markov(Model):
    """Rows are the class before (the last row: the start of a piece), columns the class after."""

    log_probabilities: Tensor  # (V + 1, V)

    def __init__(self, settings: Settings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.smoothing = settings.smoothing
        self.vocabulary = vocabulary
        classes = vocabulary.size
        uniform = torch.full((classes + 1, classes), -float(np.log(classes)))
        self.register_buffer("log_probabilities", uniform)

    def fit(self, pieces: Sequence[np.ndarray]) -> None:
        """Counts the transitions of pieces (T,) of classes.

        The smoothing backs off to how often each class occurs at all, itself with one added, so
        that a class never seen after another keeps a chance in proportion to its use.
        """
        counts = np.zeros(self.log_probabilities.shape)
        for piece in pieces:
            before = np.concatenate([[self.vocabulary.start], piece[:-1]])
            np.add.at(counts, (before, piece), 1.0)
        overall = counts.sum(axis=0) + 1.0
        counts += self.smoothing * overall / overall.sum()
        probabilities = counts / counts.sum(axis=1, keepdims=True)
        self.log_probabilities.copy_(torch.from_numpy(np.log(probabilities)))

    def forward(self, inputs: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Log-probabilities (B, T, V) of the steps after `inputs` (B, T)."""
        return self.log_probabilities[inputs], None


class MarkovBits(Model):
    """A chain of two states for every bit: set or not, given whether it was set the step before."""

    log_odds: Tensor  # (2, V): the logit of a bit after it was not set, and after it was

    def __init__(self, settings: Settings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.smoothing = settings.smoothing
        self.vocabulary = vocabulary
        self.register_buffer("log_odds", torch.zeros(2, vocabulary.size))

    def fit(self, pieces: Sequence[np.ndarray]) -> None:
        """Counts the transitions of pieces (T, V) of bits; the smoothing is as the classes'."""
        counts = np.zeros((2, 2, self.vocabulary.size))  # before, after, bit
        for piece in pieces:
            before = np.concatenate([np.zeros_like(piece[:1]), piece[:-1]])
            for was in (0, 1):
                for now in (0, 1):
                    counts[was, now] += ((before == was) & (piece == now)).sum(axis=0)
        overall = counts.sum(axis=0) + 1.0
        counts += self.smoothing * overall / overall.sum(axis=0)
        self.log_odds.copy_(torch.from_numpy(np.log(counts[:, 1] / counts[:, 0])))

    def forward(self, inputs: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Logits (B, T, V) of the bits after `inputs` (B, T, V)."""
        return torch.where(inputs > 0, self.log_odds[1], self.log_odds[0]), None
