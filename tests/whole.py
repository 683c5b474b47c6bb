"""A small but whole results folder, made by hand: all that figures and the report are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from neuralmusic.files import write_csv, write_text
from neuralmusic.midi import write_midi
from neuralmusic.notes import NoteList
from tests.constructed import (
    MODELS,
    drawn,
    melody,
    write_heldout,
    write_metrics,
    write_validation,
)

SILENCE = NoteList.of([], 60.0)
ONE_NOTE = melody([64])


def write_log(results: Path, model: str, losses: Sequence[float]) -> None:
    """A training of one epoch a loss."""
    epochs = np.arange(1, len(losses) + 1)
    table = {"step": 100 * epochs, "epoch": epochs, "train_loss": np.asarray(losses) + 0.1}
    table |= {"valid_loss": losses, "seconds": 0.37 * epochs}
    write_csv(results / "models" / "monophonic" / model / "log.csv", pd.DataFrame(table))


def write_pieces(results: Path, model: str, pieces: Sequence[NoteList]) -> None:
    """A set of pieces: the first two as samples, all as metrics."""
    write_metrics(results, model, pieces)
    folder = results / "samples" / "monophonic" / model
    rows = []
    for index, piece in enumerate(pieces[:2]):
        write_midi(folder / f"{index:04d}.mid", piece)
        rows.append([f"{index:04d}.mid", f"tune {index}.mid", 0, 0])
    columns = ["file", "primer_piece", "primer_start_step", "stuck_notes"]
    write_csv(folder / "pieces.csv", pd.DataFrame(rows, columns=columns))


def write_whole(results: Path, models: Sequence[str] = MODELS, pieces: int = 6) -> Path:
    """Every model of the monophonic experiment, and the real pieces."""
    write_pieces(results, "real", drawn(1000, pieces))
    for index, model in enumerate(models):
        write_pieces(results, model, drawn(index, pieces, tilt=0.1 * index))
        epochs = 1 if model == "markov" else 5
        losses = 0.6 + 0.02 * index + np.exp(-np.arange(epochs) / 2)
        write_log(results, model, losses)
        write_validation(results, model, losses[:, None] + np.linspace(-0.1, 0.1, 4))
        write_heldout(results, model, np.linspace(60, 90, 5) + 2 * index)
    return results


def write_data(data: Path, dataset: str) -> None:
    """The notes and the split of a dataset, as far as the report reads them."""
    rejected = [
        ("a.mid", "the same notes as b.mid"),
        ("c.mid", "the same notes as d.mid"),
        ("<b>e.mid", "no readable MIDI file (OSError: <script>alert('x')</script>)"),
        ("f.mid", "no readable MIDI file (EOFError: )"),
        ("g.mid", "21000000 bytes, over the limit of 20000000"),
    ]
    frame = pd.DataFrame(rejected, columns=["file", "reason"])
    write_csv(data / "notes" / dataset / "rejected.csv", frame)
    parts = ["train"] * 7 + ["valid"] + ["test"] * 2
    split = pd.DataFrame({"piece": [f"{i}.mid" for i in range(len(parts))], "split": parts})
    write_csv(data / "splits" / dataset / "split.csv", split)


def write_benchmark(logs: Path, rule: str, job: str, seconds: str, memory: str) -> None:
    """A benchmark file as Snakemake writes it."""
    head = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
    line = f"{seconds}\t0:00:00\t{memory}\t1.0\t1.0\t1.0\t0.0\t0.0\t90.0\t{seconds}"
    write_text(logs / rule / f"{job}.tsv", f"{head}\n{line}\n")
