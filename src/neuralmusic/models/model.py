"""What every family's module has, so that one loop trains and one sampler samples them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn

from neuralmusic.vocabulary import Vocabulary


class Model(nn.Module):
    """Predicts one step ahead; see the package's docstring for `forward`."""

    vocabulary: Vocabulary

    def forward(self, inputs: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Logits (B, T, V) of the steps after `inputs` (B, T), and the state after them."""
        raise TypeError(f"{type(self).__name__} defines no forward")

    def training_logits(self, inputs: Tensor) -> Tensor:
        """The logits that training compares with a window's targets: (B, T, V)."""
        return self(inputs)[0]


@runtime_checkable
class Counted(Protocol):
    """A model that is fitted by counting, not by gradient."""

    def fit(self, pieces: Sequence[np.ndarray]) -> None:
        """Fits the model to pieces of steps: classes (T,) or bits (T, V)."""
