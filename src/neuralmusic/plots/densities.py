"""The densities of the distances between pieces, one panel a measure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neuralmusic.comparison_frames import heading
from neuralmusic.measures.densities import Overlap
from neuralmusic.plots.run import say
from neuralmusic.set_comparison import SetComparison

REFERENCE = "#222222"
COLUMNS = 5  # of panels


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


def _has_density(of: Overlap | None) -> bool:
    return of is not None and len(of.grid) > 0


def _density_panel(
    axes: Axes, densities: Mapping[str, Overlap | None], colours: Mapping[str, str]
) -> None:
    drawn = {name: of for name, of in densities.items() if of is not None and len(of.grid)}
    ends: list[float] = []
    for at, (name, of) in enumerate(drawn.items()):
        if at == 0:
            axes.fill_between(of.grid, of.intra, color="#dddddd", linewidth=0)
            axes.plot(of.grid, of.intra, color=REFERENCE, linewidth=1.0)
        axes.plot(of.grid, of.inter, color=colours[name], linewidth=1.0)
        for density in (of.intra, of.inter):
            share = np.cumsum(density) / density.sum()
            last = min(int(np.searchsorted(share, 0.995)), len(of.grid) - 1)
            ends.append(float(of.grid[last]))
    low = min(of.grid[0] for of in drawn.values())
    high = float(np.median(ends)) * 1.3 if len(ends) > 2 else max(ends)
    axes.set_xlim(max(low, -0.1 * high) if high > 0 else low, high or 1.0)
    axes.set_ylim(bottom=0)
