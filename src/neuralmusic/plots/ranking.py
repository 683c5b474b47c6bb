"""Who is nearest to the reference, in what the sets differ, and which measures agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from neuralmusic.compare import FLOOR
from neuralmusic.comparison_frames import DISTANCE, Frames, heading, read_frames
from neuralmusic.plots.run import DASHED, DOTTED, REMARK, Run, say
from neuralmusic.set_comparison import FRECHET

REFERENCE = "#222222"
NEAR = 2.0  # deviations, up to which the axis of differences is linear
TICKS = (1, 2, 5, 10, 20, 50, 100, 1000)
DIVERSITY = "diversity_sd"
LEAST_MODELS = 3  # of which a rank correlation says anything


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """A colour for every set, where nothing else gives it one."""
    cycle = rcParams["axes.prop_cycle"].by_key()["color"]
    return {n: f"#{cycle[i % len(cycle)].lstrip('#')}" for i, n in enumerate(names)}


def model_ranking(run: Run) -> Figure:
    """The models of an experiment by how near they are to the real pieces."""
    return ranking(_frames(run), run.colours, f"Nearness to real pieces, {run.title}")


def model_differences(run: Run) -> Figure:
    """In what the models of an experiment differ from the real pieces."""
    return differences(_frames(run), run.colours, f"Differences from real pieces, {run.title}")


def measures_agree(run: Run) -> Figure:
    """Which measures put the models of an experiment in the same order."""
    return agreement(_frames(run), f"Which measures agree, {run.title}")


def _frames(run: Run) -> Frames:
    return read_frames(run.results / "rankings" / run.experiment)


def ranking(frames: Frames, colours: Mapping[str, str], title: str) -> Figure:
    """One row a set: its Fréchet distance and its diversity with 95 % intervals.

    Dashed lines mark the ceiling, one half of the reference against the other, and dotted ones
    the floor, a Markov chain, where it is among the sets.
    """
    ranked = [name for name in frames.ranking["set"] if name != frames.reference]
    figure = Figure(figsize=(9.6, 1.9 + 0.34 * max(1, len(ranked))))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.6, 1])
    marked = [(frames.reference, REFERENCE, DASHED)]
    marked += [(FLOOR, REMARK, DOTTED)] if FLOOR in ranked else []
    for axes, column in ((left, FRECHET), (right, DIVERSITY)):
        for row, name in enumerate(ranked):
            _interval(axes, frames.standing(name), column, row, colours[name])
        for name, colour, style in marked:
            if np.isfinite(value := frames.standing(name)[column]):
                axes.axvline(value, color=colour, linestyle=style, linewidth=1.1, zorder=1)
        axes.grid(axis="y", visible=False)
    left.set_yticks(range(len(ranked)), [_place(frames.standing(name)) for name in ranked])
    left.set_ylim(max(1, len(ranked)) - 0.5, -0.5)
    known = frames.ranking[FRECHET].to_numpy(float)
    known = known[np.isfinite(known)]
    if not len(known):
        say(left, "fewer than three pieces in each set")
    elif known.max() > 20 * max(known.min(), 0.05):
        left.set_xscale("symlog", linthresh=1.0)
        left.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    left.set_xlim(left=0)
    left.set_xlabel(f"squared standard deviations of {frames.reference}")
    left.set_title(f"Fréchet distance over {len(frames.in_frechet)} measures: less is nearer")
    right.set_title("diversity: mean distance between two pieces")
    right.set_xlabel(f"standard deviations of {frames.reference}")
    of = frames.reference
    ceiling = f"ceiling: one half of {of} against the other (left), all of {of} (right)"
    handles = [Line2D([], [], color=REFERENCE, linestyle=DASHED, label=ceiling)]
    if FLOOR in ranked:
        handles.append(Line2D([], [], color=REMARK, linestyle=DOTTED, label=f"floor: {FLOOR}"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _place(standing: pd.Series) -> str:
    """A set with the places that it may have."""
    low, high = standing["best_place"], standing["worst_place"]
    if pd.isna(low):
        return str(standing["set"])
    places = f"{low:.0f}" if low == high else f"{low:.0f}-{high:.0f}"
    return f"{standing['set']} (place {places})"


def _interval(
    axes: Axes, row: pd.Series, column: str, place: float, colour: str, size: float = 5
) -> None:
    """A dot with its 95 % interval; nothing where it is undefined."""
    value, low, high = (row[name] for name in (column, f"{column}_ci_low", f"{column}_ci_high"))
    if not np.isfinite(value):
        return
    if np.isfinite(low):
        axes.plot([low, high], [place] * 2, color=colour, linewidth=1.5, solid_capstyle="butt")
    axes.plot(
        value,
        place,
        "o",
        color=colour,
        markersize=size,
        markeredgecolor="white",
        markeredgewidth=size / 8,
    )


def differences(frames: Frames, colours: Mapping[str, str], title: str) -> Figure:
    """One row a measure: how far each set's mean lies from the reference's, in its deviations.

    Intervals are those by which differences are called significant. Beyond `NEAR` the axis is
    logarithmic: some measures differ tenfold more than others.
    """
    by_set = {name: frames.of(name) for name in (*frames.names, *frames.beside)}
    measures = [
        measure
        for measure in frames.of(frames.reference).index
        if any(np.isfinite(of.loc[measure, "difference_sd"]) for of in by_set.values())
    ]
    step = 0.8 / max(1, len(by_set))
    figure = Figure(figsize=(8.6, 1.6 + (0.14 + 0.065 * len(by_set)) * max(1, len(measures))))
    axes = figure.subplots()
    figure.suptitle(title, x=0.01, ha="left")
    if not measures:
        say(axes, "no measure is defined in both sets and varies in the reference")
        axes.set_axis_off()
        return figure
    for at, (name, rows) in enumerate(by_set.items()):
        for row, measure in enumerate(measures):
            place = row - 0.4 + (at + 0.5) * step
            _interval(axes, rows.loc[measure], "difference_sd", place, colours[name], size=3.6)
    for row in range(1, len(measures), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#f4f4f4", zorder=0, linewidth=0)
    axes.axvline(0, color=REFERENCE, linewidth=1.0, zorder=1)
    axes.set_yticks(range(len(measures)), [heading(measure) for measure in measures])
    axes.set_ylim(len(measures) - 0.5, -0.5)
    axes.set_xscale("symlog", linthresh=NEAR, linscale=1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    limit = 1.1 * max(NEAR, *np.abs(axes.get_xlim()))
    axes.set_xticks([0, *(sign * at for at in TICKS if at < limit for sign in (-1, 1))])
    axes.set_xlim(-limit, limit)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(
        f"mean less that of {frames.reference}, in standard deviations of its pieces:"
        f" linear to {NEAR:g}, then logarithmic.\n"
        "Intervals are corrected for their number: those without 0 are certain differences"
    )
    handles = [
        Line2D([], [], color=colours[name], marker="o", markeredgecolor="white", label=name)
        for name in by_set
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)))
    return figure


def agreement(frames: Frames, title: str) -> Figure:
    """Rank correlations between measures: whether they put the sets in the same order.

    By how far each set is from the reference in each measure. With a handful of sets the
    correlations are coarse: their number is told beside them.
    """
    scores = pd.DataFrame(
        {
            measure: [frames.of(name).loc[measure, DISTANCE] for name in frames.names]
            for measure in frames.of(frames.reference).index
        }
    )
    standings = [frames.standing(name)[FRECHET] for name in frames.names]
    scores.insert(0, FRECHET, standings)
    scores = scores.loc[:, scores.notna().all() & (scores.max() > scores.min())]
    size = 2.6 + 0.19 * max(8, scores.shape[1])
    figure = Figure(figsize=(size + 0.6, size))
    axes = figure.subplots()
    figure.suptitle(title, x=0.01, ha="left")
    if len(scores) < LEAST_MODELS or scores.shape[1] < 2:
        say(axes, f"fewer than {LEAST_MODELS} sets that measures can rank")
        axes.set_axis_off()
        return figure
    image = axes.imshow(scores.corr(method="spearman"), vmin=-1, vmax=1, cmap="RdBu_r")
    names = ["Fréchet distance" if name == FRECHET else heading(name) for name in scores.columns]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=6.5)
    axes.set_yticks(range(len(names)), names, fontsize=6.5)
    axes.grid(visible=False)
    bar = figure.colorbar(image, ax=axes, shrink=0.5)
    bar.set_label(
        f"Spearman's rank correlation over {len(scores)} sets: 1 the same order, -1 the opposite"
    )
    return figure
