"""The tables that only the attention experiment asked for: 5.9, and what each training cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import SafetensorError, safe_open

from neuralmusic.compare import experiment_params, load_comparison, read_csv
from neuralmusic.files import InputError
from neuralmusic.jobs import model_of
from neuralmusic.set_tables import (
    half_against_half,
    inter_estimates,
    printed_by_thesis,
    source_footnote,
)
from neuralmusic.table_text import (
    Page,
    Table,
    empty_footnote,
    floor_footnote,
    interval_footnote,
    number,
    rank,
    seeds_footnote,
    sizes_footnote,
    with_interval,
)

HISTOGRAMS = {"raw": False, "transposed": True}  # whether pitches are folded to their classes


def distance_to_real(params: Mapping[str, Any], results: Path) -> Table:
    """Table 5.9: inter-set distances of the 128 pitches and of the 12 pitch classes.

    One row a model; of each histogram the sum (the mean times the number of pieces), its interval,
    the deviation between seeds, the mean, and the thesis's number.
    """
    rows, pages = [], []
    for experiment in params["experiments"]:
        comparison = load_comparison(experiment, params, results)
        found = {name: inter_estimates(comparison, folded) for name, folded in HISTOGRAMS.items()}
        rankings = {name: rank(of) for name, of in found.items()}
        thesis = {
            name: printed_by_thesis(f"table_5_9_{name}", experiment, comparison.names)
            for name in HISTOGRAMS
        }
        lines = []
        for model in comparison.names:
            row: dict[str, Any] = {"experiment": experiment, "model": model}
            row |= {"seeds": len(comparison.sets_of(model))}
            line = [model]
            for name in HISTOGRAMS:
                mean = found[name][model]
                total = mean * comparison.pieces
                low, high = total.interval()
                row |= {name: total.value, f"{name}_ci_low": low, f"{name}_ci_high": high}
                row |= {f"{name}_seeds_sd": total.seeds_sd, f"{name}_mean": mean.value}
                row |= {f"thesis_{name}": thesis[name][model]}
                shown = rankings[name].mark(model, with_interval(total, 1))
                line += [shown, number(mean.value, 3), thesis[name][model]]
            rows.append(row)
            lines.append(line)
        pages.append(
            Page(
                title=f"Table 5.9: Euclidean distance to the real dataset, {experiment} experiment",
                about=(
                    "Euclidean distance between the histograms of a piece of the model and a real"
                    f" one, onsets per minute: mean, and the mean times {comparison.pieces} pieces."
                    " Raw: of the 128 pitches, as in table 5.7; transposed: of the 12 pitch"
                    " classes, whatever the octave. Less is better; below `real`, pieces lie"
                    " nearer to the middle of the real ones than real ones do."
                ),
                header=["model"]
                + [f"{name}, {of}" for name in HISTOGRAMS for of in ("sum", "mean", "thesis")],
                rows=lines,
                footnotes=[
                    interval_footnote(experiment_params(params, experiment)["resamples"]),
                    seeds_footnote(comparison.runs),
                    *(f"{name}: {floor_footnote(of)}" for name, of in rankings.items()),
                    half_against_half(comparison),
                    sizes_footnote(comparison),
                    *(
                        f"{name}: {source}"
                        for name in HISTOGRAMS
                        if (source := source_footnote(f"table_5_9_{name}", experiment))
                    ),
                    *dict.fromkeys(empty_footnote(comparison, of) for of in found.values()),
                ],
            )
        )
    return Table(pd.DataFrame(rows), pages)


def training(params: Mapping[str, Any], results: Path) -> Table:
    """What every run of every experiment is and was trained on: parameters, steps, epochs.

    The seconds are in the report, since they are not the same each time.
    """
    rows, pages = [], []
    for experiment, own in params["experiments"].items():
        if own["weights_of"]:
            continue
        of_experiment = [
            {"experiment": experiment, **training_row(results, experiment, run)}
            for runs in (own["runs"][model] for model in own["models"])
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
                    " classes, or for each bit and its last value."
                ],
            )
        )
    return Table(pd.DataFrame(rows), pages)


def training_row(results: Path, experiment: str, run: str) -> dict[str, Any]:
    """One run: model, run, parameters, tokens, epochs, kept_epoch, valid_loss."""
    folder = Path(results) / "models" / experiment / run
    log = read_csv(folder / "log.csv", []).sort_values("epoch")
    if log.empty or "tokens" not in log.columns:
        raise InputError(f"{folder / 'log.csv'} has no tokens: train the model again")
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
