"""The decoder: sampling with kept keys and values, and training, each against the plain way."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.line import Line
from benchmarks.training import plain_epoch
from neuralmusic.checkpoint import build_model
from neuralmusic.device import computes_in_bfloat16, prepare_torch
from neuralmusic.files import InputError
from neuralmusic.jobs import corpus_of, model_parameters
from neuralmusic.models.decoder import POSITIONS, sinusoidal
from neuralmusic.models.model import Model
from neuralmusic.prepare import load_encoded
from neuralmusic.representations import events
from neuralmusic.sample import generate
from neuralmusic.train import Training, Windows, run_epoch

EXPERIMENT = "attention"
MODELS = ("s1h1", "s1h3", "s3h1", "s2h2")
ROUNDS = 3
TOKENS, REFERENCE_TOKENS = 600, 3  # of each piece, in one round
WINDOWS = 192  # of a round of training


def measure_sampling(params: dict) -> Iterator[Line]:
    """Tokens a second of a whole batch, ours with the reading of its primers.

    The reference computes the last window anew for every token, all pieces at once and in the
    same precision. The models are untrained: what is sampled does not change how long it takes.
    """
    for name in MODELS:
        job = model_parameters(params, EXPERIMENT, name, "sample")
        device = prepare_torch(job)
        torch.manual_seed(0)
        model = build_model(job | {"training": job["training"] | {"objective": "causal"}})
        model = model.to(device).eval()
        window, precision = job["training"]["window_steps"], job["training"]["precision"]
        rate = job["representation"]["steps_per_second"]
        pieces = job["sampling"]["pieces"]
        primers = np.random.default_rng(0).integers(0, model.vocabulary.size, (pieces, window))
        hours = 3600 * rate  # so long that the number of events ends the pieces, and not their time
        sampling = job["sampling"] | {"max_steps_per_second": TOKENS / 3600}
        ours, reference = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            generate(model, primers, hours, events, rate, sampling, precision, 0, device)
            ours.append(pieces * TOKENS / (time.perf_counter() - began))
            began = time.perf_counter()
            recompute_windows(model, primers, REFERENCE_TOKENS, precision, device)
            reference.append(pieces * REFERENCE_TOKENS / (time.perf_counter() - began))
        yield Line(
            f"sampling {name}, {pieces} pieces at once",
            statistics.median(ours),
            statistics.median(reference),
            "tokens a second",
            statistics.median(a / b for a, b in zip(ours, reference, strict=True)),
        )


@torch.no_grad()
def recompute_windows(
    model: nn.Module, primers: np.ndarray, tokens: int, precision: str, device: torch.device
) -> None:
    """Samples all pieces at once, computing their last window for each token."""
    history = torch.from_numpy(primers).to(device)
    half = computes_in_bfloat16(precision, device)
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        for _ in range(tokens):
            logits = model.of_window(history)[:, -1].float()
            drawn = torch.multinomial(torch.softmax(logits, dim=-1), 1)
            history = torch.cat([history[:, 1:], drawn], dim=1)


class PlainDecoder(nn.Module):
    """The decoder as a tutorial would write it: every score is computed, masked and kept."""

    def __init__(self, classes: int, window: int, settings: dict) -> None:
        super().__init__()
        self.settings = settings
        width, heads = settings["hidden_size"], settings["heads"]
        dropout = settings["dropout"]
        self.embedding = nn.Embedding(classes + 1, width)
        self.blocks = nn.ModuleList()
        for _ in range(settings["stacks"]):
            block = nn.Module()
            block.first_norm, block.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
            block.query, block.key, block.value = (
                nn.Linear(width, heads * width) for _ in range(3)
            )
            block.out = nn.Linear(heads * width, width)
            block.feed_forward = nn.Sequential(
                nn.Linear(width, settings["feed_forward_size"]),
                nn.ReLU(),
                nn.Linear(settings["feed_forward_size"], width),
            )
            block.dropout = nn.Dropout(dropout)
            self.blocks.append(block)
        self.head = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, classes)
        )
        self.register_buffer("future", torch.ones(window, window).triu(1).bool())

    def forward(self, inputs: Tensor) -> tuple[Tensor, None]:
        width, heads = self.settings["hidden_size"], self.settings["heads"]
        batch, length = inputs.shape
        positions = torch.randint(POSITIONS, (batch, 1)) + torch.arange(length)
        x = self.embedding(inputs) * math.sqrt(width) + sinusoidal(positions, width)
        for block in self.blocks:
            y = block.first_norm(x)
            queries, keys, values = (
                of(y).view(batch, length, heads, width).transpose(1, 2)
                for of in (block.query, block.key, block.value)
            )
            scores = queries @ keys.transpose(2, 3) / math.sqrt(width)
            scores = scores.masked_fill(self.future[:length, :length], -torch.inf)
            y = (torch.softmax(scores, dim=-1) @ values).transpose(1, 2)
            x = x + block.dropout(block.out(y.reshape(batch, length, heads * width)))
            x = x + block.dropout(block.feed_forward(block.second_norm(x)))
        return self.head(x), None


def our_epoch(
    model: Model,
    optimizer: torch.optim.Optimizer,
    training: Training,
    device: torch.device,
    windows: Windows,
) -> None:
    run_epoch(model, optimizer, windows, training, device)


def their_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    clip: float,
    half: bool,
    windows: Windows,
) -> None:
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        plain_epoch(model, optimizer, windows, clip)


def measure_training(params: dict) -> Iterator[Line]:
    """Training tokens a second, against the plain decoder in float32 and in our precision."""
    encoded = Path("data/encoded") / corpus_of(params["experiments"][EXPERIMENT])
    if not encoded.exists():
        raise InputError(f"{encoded} is missing: run `snakemake --cores all data` first")
    pieces = load_encoded(encoded, "train").pieces
    for name in MODELS:
        job = model_parameters(params, EXPERIMENT, name, "train") | {"device": "cpu"}
        device = prepare_torch(job)
        training = Training(**job["training"] | {"windows_per_epoch": WINDOWS})
        ours = build_model(job)
        vocabulary = ours.vocabulary
        plain = PlainDecoder(vocabulary.size, training.window_steps, job["settings"])
        sizes = [sum(p.numel() for p in model.parameters()) for model in (ours, plain)]
        assert sizes[0] == sizes[1], f"other networks: {sizes} parameters"
        our_adam = torch.optim.Adam(ours.parameters(), training.learning_rate, fused=True)
        plain_adam = torch.optim.Adam(plain.parameters(), training.learning_rate)
        half = computes_in_bfloat16(training.precision, device)

        plainly = partial(their_epoch, plain, plain_adam, training.gradient_clip)
        loops: dict[str, Callable[[Windows], object]] = {
            "ours": partial(our_epoch, ours, our_adam, training, device),
            "plain, float32": partial(plainly, False),
        }
        if half:
            loops["plain, bfloat16"] = partial(plainly, True)
        rates: dict[str, list[float]] = {of: [] for of in loops}
        for number in range(ROUNDS + 1):
            for of, run in loops.items():
                windows = Windows(pieces, training, vocabulary, events.transpose, number)
                began = time.perf_counter()
                run(windows)
                if number:  # the first round warms up
                    tokens = int(windows.counted_steps.sum())
                    rates[of].append(tokens / (time.perf_counter() - began))
        for reference in list(loops)[1:]:
            ratios = (a / b for a, b in zip(rates["ours"], rates[reference], strict=True))
            yield Line(
                f"training {name} against {reference}",
                statistics.median(rates["ours"]),
                statistics.median(rates[reference]),
                "tokens a second",
                statistics.median(ratios),
            )
