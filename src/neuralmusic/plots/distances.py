"""Densities of the distances between pieces, and errors by pitch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from scipy.stats import gaussian_kde

from neuralmusic.compare import REAL
from neuralmusic.measures.distances import inter_distances, intra_distances
from neuralmusic.measures.pitch import CLASSES, PITCHES
from neuralmusic.plots.run import DOTTED, REMARK, Run, pitch_name, say

SHADE = "#dddddd"
SAME = 1e-9  # distances nearer than this, relatively, have no density
BANDWIDTHS_OUTSIDE = 3  # how far beyond the last piece a density is drawn


def distance_densities(run: Run) -> Figure:
    """Densities of distances, and errors by pitch (thesis figure 5.6)."""
    sets = {name: run.metrics(name) for name in [*run.models, REAL]}
    histograms = {name: metrics.pitch_per_minute for name, metrics in sets.items()}
    intra = {name: intra_distances(of) for name, of in histograms.items()}
    inter = {n: inter_distances(of, histograms[REAL]) for n, of in histograms.items() if n != REAL}
    inter[REAL] = intra[REAL]  # a real piece is held against the other real pieces
    figure = Figure(figsize=(10.4, max(5.4, 1.15 * len(run.models) + 1)))
    grid = figure.add_gridspec(1, 2, width_ratios=[1.15, 1])
    left, right = (figure.add_subfigure(grid[0, column]) for column in (0, 1))
    top, bottom = left.subplots(2, 1, sharex=True)  # the same distances, so one axis
    _densities(top, intra, run.colours, "intra-set: to the other pieces of its own set")
    _densities(bottom, inter, run.colours, "inter-set: to the real pieces", whole_legend=False)
    bottom.set_xlabel("mean distance of a piece's pitch histogram (onsets per minute)")
    _errors_by_pitch(right, histograms, run)
    figure.suptitle(
        f"Distances and errors of pitch, {run.experiment} experiment", x=0.01, ha="left"
    )
    return figure


def _densities(
    axes: Axes,
    distances: Mapping[str, np.ndarray],
    colours: Mapping[str, str],
    title: str,
    whole_legend: bool = True,
) -> None:
    """One curve a set; a vertical line where all its distances are equal.

    Without `whole_legend` the legend has only the sets of which it has something else to say.
    """
    handles = []
    for name, values in distances.items():
        known = values[np.isfinite(values)]
        line: dict[str, Any] = {"color": colours[name], "linewidth": 2.0 if name == REAL else 1.5}
        label = f"{name} ({len(known)} pieces)"
        if len(known) == 0:
            label = f"{name}: too few pieces ({len(values)})"
            line["linestyle"] = ""
        elif np.ptp(known) <= SAME * max(1.0, float(np.abs(known).max())):
            axes.axvline(known[0], linestyle=DOTTED, **line)
            label = (
                f"{name}: {len(known)} of equal distance"
                if len(known) > 1
                else f"{name}: one piece"
            )
            line["linestyle"] = DOTTED
        else:
            density = gaussian_kde(known)
            pad = BANDWIDTHS_OUTSIDE * float(np.sqrt(density.covariance[0, 0]))
            at = np.linspace(max(0.0, known.min() - pad), known.max() + pad, 400)
            axes.plot(at, density(at), **line)
            if not whole_legend:
                continue
        handles.append(Line2D([], [], label=label, **line))
    axes.set_ylim(bottom=0)
    axes.tick_params(labelbottom=True)
    axes.set(title=title, ylabel="density")
    if handles:
        axes.legend(handles=handles, loc="best", labelspacing=0.3)


def _errors_by_pitch(figure: SubFigure, histograms: Mapping[str, np.ndarray], run: Run) -> None:
    """A panel a model: its absolute error of occurrence by pitch, real occurrence behind."""
    occurrence = {name: of.mean(axis=0) for name, of in histograms.items() if len(of)}
    real = occurrence.get(REAL, np.zeros(0))
    panels = figure.subplots(max(1, len(run.models)), 1, sharex=True, sharey=True, squeeze=False)
    played = np.flatnonzero(sum(occurrence.values(), np.zeros(PITCHES)))
    low, high = (played[0] - 1, played[-1] + 1) if len(played) else (58, 74)
    errors = {n: np.abs(occurrence[n] - real) for n in run.models if n in occurrence and len(real)}
    highest = max((float(error.max()) for error in errors.values()), default=0.0) * 1.1 or 1.0
    edges = np.arange(PITCHES + 1) - 0.5
    for axes, model in zip(panels[:, 0], run.models, strict=False):
        axes.set_title(model)
        if model not in errors:
            say(axes, "no piece is long enough")
            continue
        if real.max() > 0:
            axes.stairs(real / real.max() * highest, edges, fill=True, color=SHADE)
        axes.stairs(errors[model], edges, color=run.colours[model], linewidth=1.4)
        axes.set_title(f"total {errors[model].sum():.1f}", loc="right", color=REMARK)
    ticks = [p for p in range(low, high + 1) if p % CLASSES == 0]
    last = panels[-1, 0]
    last.set(xlim=(low - 0.5, high + 0.5), ylim=(0, highest), xlabel="pitch")
    last.set_xticks(ticks or [low, high], [pitch_name(p) for p in ticks or [low, high]])
    figure.supylabel("mean absolute error of occurrence (onsets per minute)", fontsize=8.5)
    if len(real) and real.max() > 0:
        peak = f"{real.max():.1f} at {pitch_name(int(real.argmax()))}"
        last.set_xlabel(f"pitch (grey: occurrence in real pieces, scaled; its peak is {peak})")
