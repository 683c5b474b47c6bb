"""A first-order Markov chain over the classes: the floor of every table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neuralmusic.models.model import Model


@dataclass(frozen=True)
class Settings:
    """The chain's entry in params.yaml."""

    smoothing: float  # added to the count of every transition, spread over the classes


def build(settings: Settings, classes: int, window_steps: int, objective: str) -> Model:
    """An unfitted chain; the window and the objective are the gradient-trained families'."""
    return Markov(settings, classes)


class Markov(Model):
    """Rows are the class before (the last row: the start of a piece), columns the class after."""

    log_probabilities: Tensor

    def __init__(self, settings: Settings, classes: int) -> None:
        super().__init__()
        self.smoothing = settings.smoothing
        self.classes = classes
        uniform = torch.full((classes + 1, classes), -float(np.log(classes)))
        self.register_buffer("log_probabilities", uniform)

    def fit(self, pieces: Sequence[np.ndarray]) -> None:
        """Counts the transitions of pieces (steps,) of classes.

        The smoothing backs off to how often each class occurs at all, itself with one added, so
        that a class never seen after another keeps a chance in proportion to its use.
        """
        counts = np.zeros((self.classes + 1, self.classes))
        for piece in pieces:
            before = np.concatenate([[self.classes], piece[:-1]])
            np.add.at(counts, (before, piece), 1.0)
        overall = counts.sum(axis=0) + 1.0
        counts += self.smoothing * overall / overall.sum()
        probabilities = counts / counts.sum(axis=1, keepdims=True)
        self.log_probabilities.copy_(torch.from_numpy(np.log(probabilities)))

    def forward(self, inputs: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Log-probabilities (B, T, V) of the steps after `inputs` (B, T)."""
        return self.log_probabilities[inputs], None
