"""What was trained: the parameters, training steps and epochs of every run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import SafetensorError, safe_open

from neuralmusic.compare import trained_models
from neuralmusic.files import InputError
from neuralmusic.jobs import model_of
from neuralmusic.stored import read_csv
from neuralmusic.table_text import Page, Table, number

COLUMNS = ["experiment", "model", "run", "parameters", "tokens", "epochs", "kept_epoch"]
COLUMNS += ["valid_loss"]


def training(params: Mapping[str, Any], results: Path) -> Table:
    """What every run of every experiment is and was trained on: parameters, steps, epochs.

    The seconds are in the report, since they are not the same each time.
    """
    rows, pages = [], []
    for experiment, own in params["experiments"].items():
        if own["weights_of"]:
            continue
        folders = own.get("folders", [])
        of_experiment = [
            {"experiment": experiment, **training_row(results, experiment, run)}
            for runs in (own["runs"][model] for model in trained_models(own))
            for run in runs
        ]
        rows += of_experiment
        pages.append(
            Page(
                title=f"What was trained, {experiment} experiment",
                about=(
                    "Numbers that each model learned (parameters), steps that it was asked to"
                    " predict in training (tokens), epochs, and the one whose weights are kept:"
                    " that of the lowest loss on the validation pieces."
                ),
                header=["model", "parameters", "tokens", "epochs", "kept", "held-out loss"],
                rows=[
                    [
                        row["run"],
                        f"{row['parameters']:,}",
                        f"{row['tokens']:,}",
                        str(row["epochs"]),
                        str(row["kept_epoch"]),
                        number(row["valid_loss"], 4),
                    ]
                    for row in of_experiment
                ],
                footnotes=[
                    "A Markov chain reads every step once and keeps a number for each pair of"
                    " classes, or for each bit and its last value.",
                    f"Not trained: {', '.join(folders)}, a folder of MIDI files."
                    if folders
                    else "",
                ],
            )
        )
    return Table(pd.DataFrame(rows, columns=COLUMNS), pages)


def training_row(results: Path, experiment: str, run: str) -> dict[str, Any]:
    """One run: model, run, parameters, tokens, epochs, kept_epoch, valid_loss."""
    folder = Path(results) / "models" / experiment / run
    path = folder / "log.csv"
    log = read_csv(path, [], ["epoch", "tokens", "valid_loss"]).sort_values("epoch")
    if log["valid_loss"].isna().all():
        raise InputError(f"{path} has no epoch; delete {folder} and run again")
    kept = log.loc[log["valid_loss"].idxmin()]
    return {
        "model": model_of(run),
        "run": run,
        "parameters": stored_numbers(folder / "weights.safetensors"),
        "tokens": int(log["tokens"].iloc[-1]),
        "epochs": len(log),
        "kept_epoch": int(kept["epoch"]),
        "valid_loss": float(kept["valid_loss"]),
    }


def stored_numbers(path: Path) -> int:
    """How many numbers a file of weights holds."""
    try:
        with safe_open(path, "np") as weights:
            names = list(weights.keys())
            shapes = [weights.get_slice(name).get_shape() for name in names]
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} holds no weights that can be read: {error}") from error
    return sum(math.prod(shape) for shape in shapes)
