"""Dropout that draws few random numbers: on a CPU they cost as much as a third of an LSTM."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVELS = 2**16


class Dropout(nn.Module):
    """Zeroes each element with a probability, in training; the others are scaled to keep the mean.

    On a CPU each random number of 64 bits decides four elements, so that the probability is
    rounded to 1/65536. `make bench` measures what training gains.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.dropped_levels = round(probability * LEVELS)
        self.probability = self.dropped_levels / LEVELS

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.dropped_levels == 0:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.probability)
        numbers = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        levels = numbers.view(torch.int16)[: x.numel()].view(x.shape)  # uniform in -2^15 .. 2^15-1
        kept = (levels >= self.dropped_levels - LEVELS // 2).to(x.dtype)
        return x * kept.mul_(1 / (1 - self.probability))
