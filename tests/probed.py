"""What `probe` leaves of a decoder, made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neuralmusic.files import to_json, write_text, writing
from neuralmusic.jobs import ATTENTION, PROBES
from neuralmusic.probe_steps import PIECE
from neuralmusic.probe_steps import PROBES as MADE
from neuralmusic.representations import events

STEPS, WIDTH, FEED_FORWARD = 32, 16, 24
REST = 25


def modules(
    blocks: int, heads: int, steps: int = STEPS, forward: int = FEED_FORWARD
) -> list[dict[str, Any]]:
    """The modules of a decoder in the order in which they run."""
    flat, wide, high = [steps, WIDTH], [steps, WIDTH * heads], [steps, forward]
    found: list[tuple[str, str, list[int], list[int]]] = [("embedding", "Embedding", [steps], flat)]
    for block in range(blocks):
        found += [
            (f"blocks.{block}.{name}", kind, before, after)
            for name, kind, before, after in [
                ("attention_norm", "LayerNorm", flat, flat),
                ("query", "Linear", flat, wide),
                ("key", "Linear", flat, wide),
                ("value", "Linear", flat, wide),
                ("out", "Linear", wide, flat),
                ("dropout", "Dropout", flat, flat),
                ("feed_forward_norm", "LayerNorm", flat, flat),
                ("widen", "Linear", flat, high),
                ("narrow", "Linear", high, flat),
                ("dropout", "Dropout", flat, flat),
            ]
        ]
    found += [
        ("norm", "LayerNorm", flat, flat),
        ("hidden", "Linear", flat, flat),
        ("dense", "Linear", flat, [steps, events.CLASSES]),
    ]
    return [dict(zip(("name", "kind", "from", "to"), one, strict=True)) for one in found]


def scores(seed: int, blocks: int, heads: int, steps: int) -> np.ndarray:
    """Rows that sum to one, of the past only, some of them so sharp that others are zero."""
    logits = np.random.default_rng(seed).normal(0, 20, (blocks, heads, steps, steps))
    logits[..., ~np.tri(steps, dtype=bool)] = -np.inf
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def write_probe(
    results: Path,
    model: str,
    blocks: int,
    heads: int,
    *,
    experiment: str = ATTENTION,
    steps: int = STEPS,
    forward: int = FEED_FORWARD,
) -> None:
    """The folder of one model; its piece has every kind of event."""
    folder = results / PROBES / experiment / model
    piece = [events.CLASSES, events.VELOCITY + 20, 60, events.TIME_SHIFT + 9, events.NOTE_OFF + 60]
    told = {"pitch": 50, "rest_steps": REST, "piece": "8.mid"}
    told |= {"events": [piece[0], *(piece[1 + i % 4] for i in range(steps - 1))]}
    with writing(folder / "scores.npz", binary=True) as file:
        named = {n: scores(i, blocks, heads, steps) for i, n in enumerate([*MADE, PIECE])}
        np.savez_compressed(file, allow_pickle=False, **named)
    write_text(folder / "probe.json", to_json(told))
    settings = {"stacks": blocks, "heads": heads, "hidden_size": WIDTH, "dropout": 0.4}
    settings |= {"feed_forward_size": forward, "positions": "sinusoidal"}
    ran = {"settings": settings, "modules": modules(blocks, heads, steps, forward)}
    write_text(folder / "modules.json", to_json(ran))
