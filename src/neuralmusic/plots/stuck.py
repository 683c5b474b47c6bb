"""Notes that a model does not turn off: the worst sample, and how likely by the note's age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

from neuralmusic.compare import FLOOR, REAL
from neuralmusic.estimate import SHARE, Estimate, resample_weights
from neuralmusic.files import InputError
from neuralmusic.notes import NoteList
from neuralmusic.plots.pianoroll import (
    draw_bars_of,
    draw_notes,
    first_file,
    outside,
    pitch_axis,
    pitch_range,
    read_sample,
    source_of,
)
from neuralmusic.plots.run import DASHED, REMARK, Run, say

PLAYED, STUCK = "#6b7683", "#d55e00"
FEWEST_NOTES = 2  # a sample of one note has no rate to speak of
FEWEST_LEFT = 10  # notes below which a share says nothing
ONSET_ROUNDING = 0.002  # seconds: two ticks of a MIDI file
AGES = 60  # ages at which the share is computed


def deteriorating_sample(run: Run) -> Figure:
    """The sample with the highest stuck-note rate above a real piece (thesis figure 5.8)."""
    model, file, why = _worst_sample(run)
    real = first_file(run.folder("samples", REAL)).name
    shown = [(model, file, why), (REAL, real, f"test piece {source_of(run, REAL, real)}")]
    pieces = [read_sample(run.folder("samples", name) / of) for name, of, _ in shown]
    low, high = pitch_range(dict(zip((model, REAL), pieces, strict=True)))
    figure = Figure(figsize=(9.6, 4.6 + 0.03 * max(0, high - low - 40)))
    column = figure.subplots(2, 1, sharex=True, sharey=True)
    for axes, notes, (name, of, told) in zip(column, pieces, shown, strict=True):
        stuck, count = _stuck_notes(run, name, of, notes)
        draw_notes(axes, notes, PLAYED, run.params["sample_seconds"])
        draw_bars_of(axes, notes, stuck, STUCK, run.params["sample_seconds"])
        sampled = int(run.sampled(name).set_index("file")["notes"].get(of, len(notes)))
        percent = f" ({100 * count / sampled:.0f} %)" if sampled else ""
        rate = f"{count} of {sampled} notes stuck{percent}"
        axes.set_title(f"{name}, {of}: {rate}{outside(notes, low, high)}\n{told}")
    pitch_axis(list(column), low, high)
    column[0].set_xlim(0, run.params["sample_seconds"])
    column[1].set_xlabel("time (seconds)")
    figure.legend(
        handles=[
            Patch(color=PLAYED, label="turned off in time"),
            Patch(color=STUCK, label="stuck: decoding had to end it"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    figure.suptitle(
        f"A deteriorating sample above a real piece, {run.experiment} experiment", x=0.01, ha="left"
    )
    return figure


def _worst_sample(run: Run) -> tuple[str, str, str]:
    """Run and file of the sample with the highest stuck-note rate, and why it was chosen.

    The Markov chain does not compete with others: it knows the last event alone, so that it
    forgets notes by design, and the sample is to show what a trained model does.
    """
    models = [model for model in run.models if model != FLOOR] or run.models
    runs = [of_model for model in models for of_model in run.runs(model)]
    every = pd.concat([run.sampled(name).assign(run=name) for name in runs])
    counted = every[every["notes"] >= FEWEST_NOTES]
    rated = counted.assign(rate=counted["stuck_notes"] / counted["notes"])
    if (rated["rate"] > 0).any():
        # Of equal rates that of more notes, and then the first.
        worst = rated.sort_values(["rate", "notes"], ascending=False, kind="stable").iloc[0]
        why = f"the highest rate of {len(every):,} samples"
        return str(worst["run"]), str(worst["file"]), why
    ends = pd.concat([run.note_ends(name).assign(run=name) for name in runs], ignore_index=True)
    if not len(ends):
        first = first_file(run.folder("samples", runs[0])).name
        return runs[0], first, f"none of {len(every):,} samples has a note"
    row = ends.loc[ends["age_steps"].idxmax()]
    why = (
        f"none of {len(every):,} samples has a stuck note; this one has the longest,"
        f" {int(row['age_steps']):,} {run.unit}s"
    )
    return str(row["run"]), str(row["file"]), why


def _stuck_notes(run: Run, name: str, file: str, notes: NoteList) -> tuple[np.ndarray, int]:
    """Which notes of a sample's file are stuck, and how many of those that were sampled.

    Where several begin at once on one key, the file has one note for them: stuck if one of them is.
    Raises InputError where a stuck note is not in the file.
    """
    ends = run.note_ends(name)
    stuck = ends[(ends["file"] == file) & (ends["stuck"] == 1)]
    at = stuck["onset_seconds"].to_numpy(np.float64)[:, None]
    same_key = stuck["pitch"].to_numpy()[:, None] == notes.pitch[None, :]
    same = same_key & (np.abs(at - notes.onset_seconds[None, :]) < ONSET_ROUNDING)  # (stuck, notes)
    if not same.any(axis=1).all():
        path = run.folder("samples", name) / file
        raise InputError(f"{path} is not what note_ends.csv tells of: sample the model again")
    return same.any(axis=0), len(stuck)


@dataclass(frozen=True)
class ByAge:
    """Of one set: notes that reach each age of a grid, and the share never turned off."""

    reached: np.ndarray  # (ages,) notes
    share: np.ndarray  # (ages,)
    low: np.ndarray  # (ages,) of the 95 % band, NaN where there is none
    high: np.ndarray


def stuck_by_age(run: Run) -> Figure:
    """The share of notes never turned off, by the age that they have reached."""
    names = [*run.models, REAL]
    ends = {name: run.of_all_runs(name, run.counted_note_ends) for name in names}
    oldest = max((int(of["age_steps"].max()) for of in ends.values() if len(of)), default=1)
    ages = np.unique(np.geomspace(1, max(oldest, 2), AGES).round().astype(int))
    found = {name: _by_age(run, name, of, ages) for name, of in ends.items()}
    figure = Figure(figsize=(9.6, 5.4))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2.6, 1])
    top = 0.0
    for name, of in found.items():
        enough = of.reached >= FEWEST_LEFT
        style = {"color": run.colours[name], "linewidth": 2.0 if name == REAL else 1.5}
        below.plot(ages[of.reached > 0], of.reached[of.reached > 0], **style)
        label = name if enough.any() else f"{name}: under {FEWEST_LEFT} notes"
        above.plot(ages[enough], 100 * of.share[enough], label=label, **style)
        band = enough & np.isfinite(of.low)
        above.fill_between(
            ages[band],
            100 * of.low[band],
            100 * of.high[band],
            color=run.colours[name],
            alpha=0.15,
            linewidth=0,
        )
        top = max(
            top, np.max(100 * of.high[band], initial=0), np.max(100 * of.share[enough], initial=0)
        )
    _mark_window(above, run, label=True)
    _mark_window(below, run, label=False)
    right = max(oldest, 1.2 * run.params["window_steps"])
    above.set(xscale="log", xlim=(1, right), ylim=(0, min(top * 1.06, 102) or 1))
    above.set(ylabel="never turned off (%)", title="share of the notes that reach an age")
    below.set(yscale="log", ylabel="notes", title="notes that reach it")
    below.set_ylim(bottom=0.8)
    below.set_xlabel(f"age of a note ({run.unit}s since it began)")
    for axis in (below.xaxis, below.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.set_minor_formatter(NullFormatter())
    if not any(of.reached.any() for of in found.values()):
        say(above, "no notes")
    figure.legend(loc="outside right upper")
    figure.suptitle(f"Notes never turned off by their age, {run.title}", x=0.01, ha="left")
    return figure


def _mark_window(axes: Axes, run: Run, label: bool) -> None:
    window = int(run.params["window_steps"])
    told = f"window in training:\n{window} {run.unit}s" if label else None
    axes.axvline(window, color=REMARK, linestyle=DASHED, linewidth=1.0, label=told, zorder=0.5)


def _by_age(run: Run, name: str, ends: pd.DataFrame, ages: np.ndarray) -> ByAge:
    """Counts notes by piece and age, and resamples the pieces."""
    files = pd.Index(run.of_all_runs(name, run.sampled)["file"])
    ends = ends[ends["file"].isin(files)]
    piece = files.get_indexer(ends["file"])
    # Not `stuck`: that is also what lasted too long, though it was turned off at last.
    never = ends["turned_off"].to_numpy() == 0
    # A note of age a reaches all ages of the grid up to a: the first `reaches` of them.
    reaches = np.searchsorted(ages, ends["age_steps"].to_numpy(), side="right")
    reached, stuck = (np.zeros((len(files), len(ages) + 1)) for _ in range(2))
    np.add.at(reached, (piece, reaches), 1)
    np.add.at(stuck, (piece[never], reaches[never]), 1)
    reached, stuck = (np.cumsum(of[:, ::-1], axis=1)[:, -2::-1] for of in (reached, stuck))
    label = f"{run.experiment}/{name}/notes"
    weights = resample_weights(run.params["seed"], label, len(files), run.params["resamples"])
    share = _ratio(stuck.sum(axis=0), reached.sum(axis=0))
    resampled = _ratio(weights @ stuck, weights @ reached)
    limits = np.array(
        [Estimate(float(s), r, SHARE).interval() for s, r in zip(share, resampled.T, strict=True)]
    )
    return ByAge(reached.sum(axis=0), share, limits[:, 0], limits[:, 1])


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    return over / np.where(under == 0, np.nan, under)
