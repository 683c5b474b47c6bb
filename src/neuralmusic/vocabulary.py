"""What one step of a piece is to a model: one of V classes, or V independent bits.

Every model reads steps and gives V logits for the next one; what the logits mean, and so the loss
and how a step is drawn, is the vocabulary's. Axes: B batch, T steps, V classes or bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuralmusic.representations import REPRESENTATIONS


@dataclass(frozen=True)
class Classes:
    """Each step is one of `size` classes: int64 tensors (..., T). `size` itself is the start."""

    size: int

    @property
    def step_shape(self) -> tuple[int, ...]:
        return ()

    @property
    def start(self) -> int:
        """What precedes the first step of a piece."""
        return self.size

    @property
    def heard(self) -> int:
        """How many of the V inputs speak at a time."""
        return 1

    def one_hot(self, steps: Tensor, dtype: torch.dtype) -> Tensor:
        """(B, T) -> (B, T, V); the start is the vector of no class, all zeros."""
        return functional.one_hot(steps, self.size + 1)[..., :-1].to(dtype)

    def embedding(self, width: int) -> nn.Module:
        """A learned map of steps (B, T) to (B, T, width)."""
        return nn.Embedding(self.size + 1, width)

    def nll(self, logits: Tensor, steps: Tensor) -> Tensor:
        """The negative log-likelihood in nats of each step: (B, T, V), (B, T) -> (B, T)."""
        losses = functional.cross_entropy(logits.flatten(0, -2), steps.flatten(), reduction="none")
        return losses.view(steps.shape)

    def draw(
        self, logits: Tensor, sampling: dict, generator: torch.Generator, allowed: Tensor | None
    ) -> Tensor:
        """One step for each row of logits (B, V), of the classes `allowed` (B, V) where given."""
        if allowed is not None:
            logits = logits.masked_fill(~allowed, -torch.inf)
        restricted = restrict(logits, sampling["temperature"], sampling["top_k"], sampling["top_p"])
        probabilities = torch.softmax(restricted, dim=-1)
        return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


@dataclass(frozen=True)
class Bits:
    """Each step is `size` bits that are independent given the past: uint8 tensors (..., T, V)."""

    size: int

    @property
    def step_shape(self) -> tuple[int, ...]:
        return (self.size,)

    @property
    def start(self) -> int:
        """What precedes the first step of a piece: no bit set."""
        return 0

    @property
    def heard(self) -> int:
        """How many of the V inputs speak at a time: of a pianoroll about a chord's notes."""
        return 4

    def one_hot(self, steps: Tensor, dtype: torch.dtype) -> Tensor:
        """The bits themselves: (B, T, V)."""
        return steps.to(dtype)

    def embedding(self, width: int) -> nn.Module:
        """A learned linear map of steps (B, T, V) to (B, T, width)."""
        return BitsEmbedding(self.size, width, self.heard)

    def nll(self, logits: Tensor, steps: Tensor) -> Tensor:
        """The negative log-likelihood in nats of each step, summed over its bits: -> (B, T)."""
        losses = functional.binary_cross_entropy_with_logits(
            logits, steps.to(logits.dtype), reduction="none"
        )
        return losses.sum(dim=-1)

    def draw(
        self, logits: Tensor, sampling: dict, generator: torch.Generator, allowed: Tensor | None
    ) -> Tensor:
        """One step for each row of logits (B, V): every bit from its own probability.

        With a threshold, the bits whose probability reaches it.
        """
        probabilities = torch.sigmoid(logits / sampling["temperature"])
        if sampling["threshold"] is not None:
            return (probabilities >= sampling["threshold"]).to(torch.uint8)
        return torch.bernoulli(probabilities, generator=generator).to(torch.uint8)


Vocabulary = Classes | Bits


class BitsEmbedding(nn.Linear):
    """A sum of learned vectors, one for each bit that is set, of variance 1 for a chord."""

    def __init__(self, bits: int, width: int, heard: int) -> None:
        super().__init__(bits, width)
        nn.init.normal_(self.weight, std=heard**-0.5)
        nn.init.zeros_(self.bias)

    def forward(self, steps: Tensor) -> Tensor:
        return super().forward(steps.to(self.weight.dtype))


def vocabulary_of(representation: str) -> Vocabulary:
    """The vocabulary of a registered representation."""
    module = REPRESENTATIONS[representation]
    return Bits(module.BITS) if hasattr(module, "BITS") else Classes(module.CLASSES)


def restrict(logits: Tensor, temperature: float, top_k: int | None, top_p: float | None) -> Tensor:
    """Logits (B, V) divided by the temperature, with what top-k and top-p exclude at -inf.

    top-k keeps the k likeliest classes; top-p the likeliest that together reach the share p
    (Holtzman et al. 2020), always at least one.
    """
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        smallest = logits.topk(top_k, dim=-1)[0][:, -1:]
        logits = logits.masked_fill(logits < smallest, -torch.inf)
    if top_p is not None and top_p < 1:
        descending, order = logits.sort(dim=-1, descending=True)
        share_before = descending.softmax(dim=-1).cumsum(dim=-1) - descending.softmax(dim=-1)
        excluded = (share_before >= top_p).scatter(-1, order, share_before >= top_p)
        logits = logits.masked_fill(excluded, -torch.inf)
    return logits
