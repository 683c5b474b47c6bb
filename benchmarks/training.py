"""Training: our loop against a plain float32 PyTorch loop, on the same windows to the same loss."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.line import Line
from neuralmusic.checkpoint import build_model
from neuralmusic.device import prepare_torch
from neuralmusic.files import InputError
from neuralmusic.jobs import corpus_of, model_parameters
from neuralmusic.likelihood import nll_nats
from neuralmusic.prepare import load_encoded
from neuralmusic.representations import melody
from neuralmusic.train import Training, Windows, run_epoch

MODEL = "basic"
EPOCHS = 8
IGNORED = -100  # PyTorch's word for a target that does not count


class PlainRnn(nn.Module):
    """The basic model as a tutorial would write it."""

    def __init__(self, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.classes = classes
        self.first = nn.LSTM(classes + 1, width, batch_first=True)
        self.second = nn.LSTM(width, width, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(width, classes)

    def forward(self, inputs, state=None):
        before, after = state or (None, None)
        x = nn.functional.one_hot(inputs, self.classes + 1).float()
        x, before = self.first(x, before)
        x, after = self.second(self.dropout(x), after)
        return self.dense(self.dropout(x)), (before, after)


def plain_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, windows: Windows, clip: float):
    model.train()
    for batch in windows:
        logits, _ = model(torch.from_numpy(batch.inputs))
        targets = torch.from_numpy(np.where(batch.counted > 0, batch.targets, IGNORED))
        loss = nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), clip)
        optimizer.step()


def measure(params: dict) -> Iterator[Line]:
    """Seconds to the same held-out loss, and that loss after the same number of epochs.

    Epochs of ours and of the reference take turns, so that both meet the same machine. The loss
    aimed at is the higher of the two after the last epoch.
    """
    job = model_parameters(params, "monophonic", MODEL, "train")
    encoded = Path("data/encoded") / corpus_of(params["experiments"]["monophonic"])
    if not encoded.exists():
        raise InputError(f"{encoded} is missing: run `snakemake --cores all data` first")
    job["device"] = "cpu"
    device = prepare_torch(job)
    # What is compared is the loop, over too few epochs for a schedule.
    training = Training(**job["training"] | {"learning_rate": 0.001, "schedule": "constant"})
    pieces = load_encoded(encoded, "train").pieces
    valid = load_encoded(encoded, "valid").pieces
    steps = sum(map(len, valid))

    torch.manual_seed(0)
    ours = build_model(job)
    plain = PlainRnn(
        ours.vocabulary.size, job["settings"]["hidden_size"], job["settings"]["dropout"]
    )
    # The same first weights: what is compared is the loop, not where it begins.
    weights = ours.state_dict()
    weights["first.weight_ih_l0"] = nn.functional.pad(weights["first.weight_ih_l0"], (0, 1))
    plain.load_state_dict(weights)
    ours_optimizer = torch.optim.Adam(ours.parameters(), lr=training.learning_rate, fused=True)
    plain_optimizer = torch.optim.Adam(plain.parameters(), lr=training.learning_rate)
    loops: dict[str, tuple[nn.Module, Callable[[Windows], object]]] = {
        "ours": (ours, lambda w: run_epoch(ours, ours_optimizer, w, training, device)),
        "reference": (
            plain,
            lambda w: plain_epoch(plain, plain_optimizer, w, training.gradient_clip),
        ),
    }
    seconds: dict[str, list[float]] = {name: [0.0] for name in loops}
    losses: dict[str, list[float]] = {
        name: [float(nll_nats(model, valid, device).sum() / steps)]
        for name, (model, _) in loops.items()
    }
    for epoch in range(EPOCHS):
        for name, (model, run) in loops.items():
            torch.manual_seed(epoch)
            windows = Windows(pieces, training, ours.vocabulary, melody.transpose, seed=epoch)
            began = time.perf_counter()
            run(windows)
            seconds[name].append(seconds[name][-1] + time.perf_counter() - began)
            losses[name].append(float(nll_nats(model, valid, device).sum() / steps))
    aim = max(found[-1] for found in losses.values())
    reached = {name: seconds_to(aim, seconds[name], losses[name]) for name in loops}
    yield Line(
        f"training {MODEL} to {aim:.3f} nats a step",
        reached["ours"],
        reached["reference"],
        "seconds",
        reached["reference"] / reached["ours"],
    )
    yield Line(
        f"held-out NLL of {MODEL} after {EPOCHS} epochs",
        losses["ours"][-1],
        losses["reference"][-1],
        "nats a step",
        losses["reference"][-1] / losses["ours"][-1],
    )


def seconds_to(aim: float, seconds: list[float], losses: list[float]) -> float:
    """When a loss is first reached, on the straight lines between epochs."""
    for index in range(1, len(losses)):
        if losses[index] <= aim:
            share = (losses[index - 1] - aim) / (losses[index - 1] - losses[index])
            return float(np.interp(share, [0, 1], seconds[index - 1 : index + 1]))
    raise AssertionError("the loss was not reached")
