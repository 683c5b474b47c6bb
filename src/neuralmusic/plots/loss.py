"""Loss over training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neuralmusic.plots.run import DASHED, REMARK, Run, say
from neuralmusic.stored import read_csv

THIN = {"linewidth": 0.6, "alpha": 0.5, "zorder": 1.5}  # a run beside the mean of a model's
NUMBERS = ["epoch", "train_loss", "valid_loss"]  # of a log, which are drawn
SKIPPED = 0.2  # the share of training that is too steep to set the limits of a loss axis


def training_loss(run: Run) -> Figure:
    """Loss in training and held out, by epoch (thesis figure 5.2)."""
    of_runs = {
        model: [
            read_csv(run.folder("models", name) / "log.csv", [], NUMBERS).sort_values("epoch")
            for name in run.runs(model)
        ]
        for model in run.trained
    }
    logs = {model: _mean(of) for model, of in of_runs.items()}
    figure = Figure(figsize=(9.6, 4.2))
    panels = figure.subplots(1, 2, sharex=True)
    columns = ("train_loss", "valid_loss")
    last = max((int(log["epoch"].max()) for log in logs.values()), default=1)
    for axes, column in zip(panels, columns, strict=True):
        for model, log in logs.items():
            colour = run.colours[model]
            if len(log) == 1:  # fitted at once: there is no course to draw
                axes.axhline(log[column].iloc[0], color=colour, linestyle=DASHED, linewidth=1.2)
            else:
                axes.plot(log["epoch"], log[column], color=colour)
                several = len(of_runs[model]) > 1
                for of_run in of_runs[model]:
                    if several:
                        axes.plot(of_run["epoch"], of_run[column], color=colour, **THIN)
                    if column == "valid_loss" and of_run[column].notna().any():
                        best = of_run.loc[of_run[column].idxmin()]
                        axes.plot(
                            best["epoch"],
                            best[column],
                            "o",
                            color=colour,
                            markersize=4 if several else 6,
                            markeredgecolor="white",
                            markeredgewidth=0.8,
                            zorder=3,
                            clip_on=False,
                        )
        axes.set_xlim(1 if last > 1 else 0.5, last if last > 1 else 1.5)
        axes.set_xlabel(_epoch_label(logs.values()))
        shown = {
            name: of_run[column]
            for model, of in of_runs.items()
            for name, of_run in zip(run.runs(model), of, strict=True)
        }
        _focus_on_late_losses(axes, shown)
        axes.xaxis.get_major_locator().set_params(integer=True)
    keys = " of 88 keys" if run.representation == "pianoroll" else ""
    unit = f"loss (nats per {run.unit}{keys})"
    if not logs:
        for axes in panels:
            say(axes, "no model was trained")
    panels[0].set(title="training windows, with dropout", ylabel=unit)
    panels[1].set_title("held-out (validation) pieces")
    names = [_with_best(model, of) for model, of in of_runs.items()]
    lines = [
        Line2D([], [], color=run.colours[model], linestyle=DASHED if len(log) == 1 else "-")
        for model, log in logs.items()
    ]
    dot = Line2D([], [], color=REMARK, marker="o", linestyle="", markersize=5)
    figure.legend(
        [*lines, dot],
        [*names, "lowest: the weights kept"],
        loc="outside right upper",
        title="model, lowest held-out loss",
        title_fontsize=8,
        alignment="left",
    )
    figure.suptitle(f"Loss of the models of the {run.title}", x=0.01, ha="left")
    return figure


def _mean(logs: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of the runs of a model at the epochs that all have."""
    if len(logs) == 1:
        return logs[0]
    together = pd.concat(logs).groupby("epoch")
    return together.mean()[together.size() == len(logs)].reset_index()


def _focus_on_late_losses(axes: Axes, losses: Mapping[str, pd.Series]) -> None:
    """Limits the loss axis to what differs between models: all but the first, steep epochs.

    A constant line is shown if it no more than doubles that range, else its place is told.
    """
    late = [of.iloc[int(len(of) * SKIPPED) :] for of in losses.values() if len(of) > 1]
    values = _finite(np.concatenate(late or list(losses.values()) or [np.zeros(0)]))
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    beyond = []
    for model, of in losses.items():
        constant = float(of.iloc[0]) if len(of) == 1 else np.nan
        if constant > 2 * high - low:
            beyond.append(f"({model} lies above, at {constant:.3f})")
        elif np.isfinite(constant):
            low, high = min(low, constant), max(high, constant)
    pad = 0.06 * (high - low) or 0.05
    axes.set_ylim(low - pad, high + pad)
    if beyond:
        axes.set_xlabel("\n".join([axes.get_xlabel(), *beyond]))


def _finite(values: Any) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    return array[np.isfinite(array)]


def _epoch_label(logs: Any) -> str:
    """The axis of epochs, with the steps of an epoch where all models make equally many."""
    steps = {int(s) for log in logs if len(log) > 1 for s in log["step"].diff().dropna()}
    return f"epoch of {steps.pop():,} training steps" if len(steps) == 1 else "epoch"


def _with_best(model: str, logs: Sequence[pd.DataFrame]) -> str:
    """The lowest held-out loss, of several runs the mean of each one's, and its epoch."""
    lowest = [log["valid_loss"].min() for log in logs]
    if not np.isfinite(lowest).all():
        return f"{model}: no finite loss"
    epochs = sorted({int(log.loc[log["valid_loss"].idxmin(), "epoch"]) for log in logs})
    told = f", epoch {epochs[0]}" if len(logs[0]) > 1 else ""
    told += f" to {epochs[-1]}" if len(epochs) > 1 else ""
    return f"{model}: {np.mean(lowest):.3f}{told}"
