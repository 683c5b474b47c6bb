"""The thesis's objective, for every family that attends to a window: `last`."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from neuralmusic.models.model import Model
from neuralmusic.vocabulary import Vocabulary


class OfWindows(Protocol):
    """A network that can read a window by itself, as if nothing were before it."""

    vocabulary: Vocabulary
    window_steps: int

    def of_window(self, windows: Tensor) -> Tensor:
        """Logits (B, T, V) of windows (B, T)."""


class Windowed(Model):
    """A window of W steps, seen whole, predicts the one step after it.

    What is computed of a step depends on where its window begins, so nothing can be kept from one
    step to the next: every prediction reads its own window, and costs W times what the network's
    does when it carries its state.
    """

    network: OfWindows

    def __init__(self, network: Model) -> None:
        super().__init__()
        # Typed a Model, which holds the network as a module, and OfWindows, what is called of it.
        self.network = network  # type: ignore[assignment]
        self.vocabulary = network.vocabulary
        self.window_steps = self.network.window_steps

    def next_logits(self, windows: Tensor) -> Tensor:
        """Logits (B, V) of the step after each window (B, W)."""
        return self.network.of_window(windows)[:, -1]

    def training_logits(self, inputs: Tensor) -> Tensor:
        """Only the step after the window is predicted: (B, 1, V)."""
        return self.next_logits(inputs)[:, None]

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits as every model's; the state is the last W - 1 inputs, before a piece the start."""
        if state is None:
            shape = (inputs.shape[0], self.window_steps - 1, *inputs.shape[2:])
            state = inputs.new_full(shape, self.vocabulary.start)
        seen = torch.cat([state, inputs], dim=1)
        windows = (seen[:, step : step + self.window_steps] for step in range(inputs.shape[1]))
        logits = [self.next_logits(window) for window in windows]
        return torch.stack(logits, dim=1), seen[:, 1 - self.window_steps :]
