"""Sampling: all pieces as one batch that carries its state, against the plain way.

The plain way is one piece at a time, and for every token the last 128 steps computed anew.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.line import Line
from neuralmusic.checkpoint import build_model
from neuralmusic.device import prepare_torch
from neuralmusic.jobs import model_parameters
from neuralmusic.representations import melody
from neuralmusic.sample import generate

MODELS = ("basic", "attn_res_emb")
ROUNDS = 3
REFERENCE_TOKENS = 60


def measure(params: dict) -> Iterator[Line]:
    """A line for each model, untrained: what is sampled does not change how long it takes."""
    for name in MODELS:
        job = model_parameters(params, "monophonic", name, "sample")
        device = prepare_torch(job)
        torch.manual_seed(0)
        model = build_model(job).to(device).eval()
        sampling = job["sampling"]
        window, precision = job["training"]["window_steps"], job["training"]["precision"]
        rate = job["representation"]["steps_per_second"]
        steps = round(sampling["seconds"] * rate)
        primers = np.random.default_rng(0).integers(
            0, model.vocabulary.size, (sampling["pieces"], window)
        )
        ours, reference = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            generate(model, primers, steps, melody, rate, sampling, precision, 0, device)
            ours.append(len(primers) * steps / (time.perf_counter() - began))
            began = time.perf_counter()
            recompute_window(model, primers[0], REFERENCE_TOKENS, window, device)
            reference.append(REFERENCE_TOKENS / (time.perf_counter() - began))
        yield Line(
            f"sampling {name}",
            statistics.median(ours),
            statistics.median(reference),
            "tokens a second",
            statistics.median(a / b for a, b in zip(ours, reference, strict=True)),
        )


@torch.no_grad()
def recompute_window(
    model: torch.nn.Module, primer: np.ndarray, tokens: int, window: int, device: torch.device
) -> list[int]:
    """Samples one piece, computing its last `window` steps for each token."""
    history = primer.tolist()
    for _ in range(tokens):
        inputs = torch.tensor([history[-window:]], device=device)
        logits, _ = model(inputs)
        probabilities = torch.softmax(logits[0, -1], dim=-1)
        history.append(int(torch.multinomial(probabilities, 1)))
    return history[len(primer) :]
