"""Result folders made by hand, so that what tables and claims must say of them is known."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.compare import MetricSet, Resampled, resample_weights
from neuralmusic.evaluate import PITCH_COLUMNS, TRANSITION_COLUMNS, piece_row
from neuralmusic.files import write_csv, write_text
from neuralmusic.notes import NoteList

RECURRENT = ["basic", "emb", "attn", "attn_res", "attn_res_emb"]
MODELS = [*RECURRENT, "markov"]
PITCHES = np.arange(60, 72)  # what a constructed piece plays: one octave


def params(models: Sequence[str] = MODELS, **changed: Any) -> dict:
    """A job's parameters."""
    own = {"models": list(models), "pieces": 500, "sample_seconds": 60, "min_seconds": 20}
    own |= {"resamples": 200, "seed": 2021, "steps_per_second": 8}
    return {"experiments": {"monophonic": own | changed}}


def melody(pitches: Sequence[int] | np.ndarray, length_seconds: float = 60.0) -> NoteList:
    """One note after the other, a quarter of a second each."""
    onsets = np.arange(len(pitches)) * 0.25
    rows = [(t, t + 0.25, int(p), 80) for t, p in zip(onsets, pitches, strict=True)]
    return NoteList.of(rows, length_seconds)


def drawn(
    seed: int, pieces: int, tilt: float = 0.0, notes: int = 60, spread: float = 30.0
) -> list[NoteList]:
    """Pieces of drawn pitches; `tilt` prefers the higher ones, a small `spread` differs more."""
    generator = np.random.default_rng(seed)
    base = np.exp(tilt * np.linspace(-1, 1, len(PITCHES)))
    shares = generator.dirichlet(spread * base / base.sum(), pieces)
    return [melody(generator.choice(PITCHES, notes, p=share)) for share in shares]


def metric_set(pieces: Sequence[NoteList], name: str = "made") -> MetricSet:
    """The pieces as `load_metrics` gives them."""
    rows = [piece_row(f"{i:04d}.mid", piece) for i, piece in enumerate(pieces)]
    length = np.array([row["length_seconds"] for row in rows])
    return MetricSet(
        name=name,
        files=tuple(row["file"] for row in rows),
        length_seconds=length,
        pitch_counts=_table(rows, PITCH_COLUMNS),
        transition_counts=_table(rows, TRANSITION_COLUMNS),
        character={"notes_per_minute": np.array([row["notes"] for row in rows]) * 60 / length},
        left_out=0,
    )


def _table(rows: list[dict], columns: list[str]) -> np.ndarray:
    return np.array([[row[c] for c in columns] for row in rows], float).reshape(-1, len(columns))


def resampled(pieces: Sequence[NoteList], label: str = "made", resamples: int = 200) -> Resampled:
    """The pieces with resamples."""
    return Resampled(metric_set(pieces, label), resample_weights(1, label, len(pieces), resamples))


def write_metrics(results: Path, model: str, pieces: Sequence[NoteList]) -> None:
    """A metrics folder of the monophonic experiment."""
    write_text(results / "metrics" / "monophonic" / model / "pieces.csv", _csv(pieces))


def _csv(pieces: Sequence[NoteList]) -> str:
    rows = [piece_row(f"{i:04d}.mid", piece) for i, piece in enumerate(pieces)]
    return pd.DataFrame(rows).to_csv(index=False, float_format="%.6g")


@functools.cache
def _drawn_csv(seed: int, pieces: int, tilt: float) -> str:
    return _csv(drawn(seed, pieces, tilt))


def write_all_metrics(results: Path, tilts: dict[str, float], pieces: int = 40) -> None:
    """Every model's pieces tilted by its number against `real`, which has tilt 0."""
    folder = results / "metrics" / "monophonic"
    write_text(folder / "real" / "pieces.csv", _drawn_csv(1000, pieces, 0.0))
    for index, (model, tilt) in enumerate(tilts.items()):
        write_text(folder / model / "pieces.csv", _drawn_csv(index, pieces, tilt))


def write_heldout(results: Path, model: str, nll_nats: Sequence[float]) -> None:
    """A score: piece i has 100 + i steps of an eighth of a second."""
    steps = 100 + np.arange(len(nll_nats))
    table = {"piece": [f"piece {i}" for i in range(len(nll_nats))], "steps": steps}
    table |= {"length_seconds": steps / 8, "nll_nats": np.asarray(nll_nats)}
    path = results / "scores" / "monophonic" / model / "heldout.csv"
    write_csv(path, pd.DataFrame(table))


def write_validation(results: Path, model: str, losses: np.ndarray) -> None:
    """Losses a step, (epochs, pieces); every piece has 100 steps."""
    rows = [
        (epoch + 1, f"piece {piece}", 100, 100 * loss)
        for epoch, of_epoch in enumerate(losses)
        for piece, loss in enumerate(of_epoch)
    ]
    frame = pd.DataFrame(rows, columns=["epoch", "piece", "steps", "nll_nats"])
    write_csv(results / "models" / "monophonic" / model / "validation.csv", frame)
