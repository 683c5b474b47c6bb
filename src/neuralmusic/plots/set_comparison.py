"""Figures of a comparison of sets: who is nearest, in what they differ, the densities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neuralmusic.estimate import Estimate
from neuralmusic.plots.run import DASHED, DOTTED, REMARK, say
from neuralmusic.set_comparison import SetComparison, Standing
from neuralmusic.set_comparison_text import heading

FLOOR_NAME = "markov"
REFERENCE = "#222222"
FAR = 2.0  # deviations: what lies farther off is drawn at the edge, and told
COLUMNS = 5  # of small panels


def colours_of(found: SetComparison) -> dict[str, str]:
    """A colour for every set, where nothing else gives it one."""
    cycle = rcParams["axes.prop_cycle"].by_key()["color"]
    return {n: f"#{cycle[i % len(cycle)].lstrip('#')}" for i, n in enumerate(found.sets)}


def ranking(found: SetComparison, colours: Mapping[str, str], title: str) -> Figure:
    """One row a set: its Fréchet distance and its diversity with 95 % intervals.

    Dashed lines mark the ceiling, one half of the reference against the other, and the floor, a
    Markov chain, where it is among the sets.
    """
    ranked = [of for of in found.standings if of.name != found.reference.name]
    ceiling = next(of for of in found.standings if of.name == found.reference.name)
    figure = Figure(figsize=(9.6, 1.7 + 0.34 * len(ranked)))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.6, 1])
    for axes, part in ((left, "frechet"), (right, "diversity")):
        for row, standing in enumerate(ranked):
            _interval(axes, getattr(standing, part), row, colours[standing.name])
        marked = [(ceiling, REFERENCE, DASHED)]
        marked += [(of, REMARK, DOTTED) for of in ranked if of.name == FLOOR_NAME]
        for standing, colour, style in marked:
            value = getattr(standing, part).value
            if np.isfinite(value):
                axes.axvline(value, color=colour, linestyle=style, linewidth=1.1, zorder=1)
        axes.grid(axis="y", visible=False)
    left.set_yticks(range(len(ranked)), [_place(of) for of in ranked])
    left.set_ylim(len(ranked) - 0.5, -0.5)
    values = [of.frechet.interval()[1] for of in ranked if np.isfinite(of.frechet.value)]
    values += [of.frechet.value for of in found.standings if np.isfinite(of.frechet.value)]
    known = [value for value in values if np.isfinite(value)]
    if known and max(known) > 20 * max(min(known), 0.05):
        left.set_xscale("symlog", linthresh=1.0)
    left.set_xlim(left=0)
    left.set_xlabel("squared standard deviations of the reference's pieces")
    left.set_title(f"Fréchet distance over {len(found.in_frechet)} measures: less is nearer")
    right.set_title("diversity: mean distance of two pieces")
    right.set_xlabel("standard deviations of the reference's pieces")
    handles = [
        Line2D([], [], color=REFERENCE, linestyle=DASHED, label=_ceiling_text(found)),
    ]
    if FLOOR_NAME in found.sets:
        handles.append(Line2D([], [], color=REMARK, linestyle=DOTTED, label=f"floor: {FLOOR_NAME}"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _ceiling_text(found: SetComparison) -> str:
    return (
        f"ceiling: left, one half of {found.reference.name} against the other; right, all of"
        f" {found.reference.name}"
    )


def _place(standing: Standing) -> str:
    if standing.places is None:
        return standing.name
    low, high = standing.places
    return f"{standing.name} ({low}-{high})" if low != high else f"{standing.name} ({low})"


def _interval(axes: Axes, estimate: Estimate, row: float, colour: str, size: float = 5) -> None:
    """A dot with its 95 % interval; nothing where it is undefined."""
    if not np.isfinite(estimate.value):
        return
    low, high = estimate.whole_interval()
    if np.isfinite(low):
        axes.plot([low, high], [row, row], color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot(estimate.value, row, "o", color=colour, markersize=size, markeredgecolor="white")


def differences(found: SetComparison, colours: Mapping[str, str], title: str) -> Figure:
    """One row a measure: how far each set's mean lies from the reference's, in its deviations."""
    by_set = {name: found.of(name) for name in found.sets}
    measures = [
        measure
        for measure in found.of(found.reference.name)
        if any(np.isfinite(of[measure].difference.value) for of in by_set.values())
    ]
    step = 0.8 / max(1, len(by_set))
    figure = Figure(figsize=(8.6, 1.6 + (0.2 + 0.09 * len(by_set)) * max(1, len(measures))))
    axes = figure.subplots()
    if not measures:
        say(axes, "no measure is defined in both sets and varies in the reference")
        return figure
    for at, (name, rows) in enumerate(by_set.items()):
        for row, measure in enumerate(measures):
            place = row - 0.4 + (at + 0.5) * step
            _difference(axes, rows[measure].difference, place, colours[name])
    for row in range(1, len(measures), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#f4f4f4", zorder=0, linewidth=0)
    axes.axvline(0, color=REFERENCE, linewidth=1.0, zorder=1)
    axes.set_yticks(range(len(measures)), [heading(measure) for measure in measures])
    axes.set_ylim(len(measures) - 0.5, -0.5)
    axes.set_xlim(-FAR * 1.15, FAR * 1.15)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(
        f"mean less that of {found.reference.name}, in standard deviations of its pieces"
        " (triangles: farther, by the number beside)"
    )
    handles = [
        Line2D([], [], color=colours[name], marker="o", markeredgecolor="white", label=name)
        for name in found.sets
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)))
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _difference(axes: Axes, estimate: Estimate, row: float, colour: str) -> None:
    if not np.isfinite(estimate.value):
        return
    if abs(estimate.value) <= FAR:
        low, high = estimate.whole_interval()
        if np.isfinite(low):
            edges = np.clip([low, high], -FAR, FAR)
            axes.plot(edges, [row, row], color=colour, linewidth=1.3, solid_capstyle="butt")
        axes.plot(estimate.value, row, "o", color=colour, markersize=3.6, markeredgewidth=0)
        return
    side = np.sign(estimate.value)
    axes.plot(side * FAR, row, ">" if side > 0 else "<", color=colour, markersize=4.5)
    axes.text(
        side * FAR * 1.03,
        row,
        f"{estimate.value:+.1f}",
        va="center",
        ha="left" if side > 0 else "right",
        fontsize=6,
        color=colour,
    )


def densities(found: SetComparison, colours: Mapping[str, str], title: str) -> Figure:
    """One panel a measure: the distances within the reference and between it and each set."""
    by_set = {name: found.of(name) for name in found.sets}
    measures = [
        measure
        for measure in found.of(found.reference.name)
        if any(_has_density(of[measure].densities) for of in by_set.values())
    ]
    rows = max(1, -(-len(measures) // COLUMNS))
    figure = Figure(figsize=(11.5, 0.9 + 1.55 * rows))
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes in panels[len(measures) :]:
        axes.set_axis_off()
    if not measures:
        say(panels[0], "no measure is defined in both sets")
    for axes, measure in zip(panels, measures, strict=False):
        _density_panel(axes, {name: of[measure].densities for name, of in by_set.items()}, colours)
        axes.set_title(heading(measure), fontsize=7.5)
        axes.set_yticks([])
        axes.tick_params(labelsize=6)
    handles = [Line2D([], [], color=REFERENCE, label=f"within {found.reference.name}")]
    handles += [
        Line2D([], [], color=colours[name], label=f"to {name}", linewidth=1.2) for name in by_set
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(7, len(handles)))
    figure.suptitle(f"{title}: densities of the distances between two pieces", x=0.01, ha="left")
    return figure


def _has_density(of) -> bool:
    return of is not None and len(of.grid) > 0


def _density_panel(axes: Axes, densities: Mapping, colours: Mapping[str, str]) -> None:
    drawn = {name: of for name, of in densities.items() if _has_density(of)}
    ends = []
    for at, (name, of) in enumerate(drawn.items()):
        if at == 0:
            axes.fill_between(of.grid, of.intra, color="#dddddd", linewidth=0)
            axes.plot(of.grid, of.intra, color=REFERENCE, linewidth=1.0)
        axes.plot(of.grid, of.inter, color=colours[name], linewidth=1.0)
        for density in (of.intra, of.inter):
            share = np.cumsum(density) / density.sum()
            ends.append(of.grid[min(np.searchsorted(share, 0.995), len(of.grid) - 1)])
    low = min(of.grid[0] for of in drawn.values())
    high = float(np.median(ends)) * 1.3 if len(ends) > 2 else max(ends)
    axes.set_xlim(max(low, -0.1 * high) if high > 0 else low, high or 1.0)
    axes.set_ylim(bottom=0)
