"""Densities of the distances between pieces, and errors by pitch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from neuralmusic.compare import REAL, pooled
from neuralmusic.measures.distances import inter_distances, intra_distances
from neuralmusic.measures.pitch import CLASSES, PITCHES
from neuralmusic.pitch_names import pitch_name
from neuralmusic.plots.run import DOTTED, REMARK, Run, common_limit, say

if TYPE_CHECKING:
    from scipy.stats import gaussian_kde

SHADE = "#dddddd"
SAME = 1e-9  # distances nearer than this, relatively, have no density
BANDWIDTHS_OUTSIDE = 3  # how far beyond the last piece a density is drawn
IQR_OF_NORMAL = 1.349  # interquartile range of a normal distribution, in standard deviations
RARE = 0.005  # the share of a model's lowest and highest onsets that an axis need not hold
FENCE = 3  # interquartile ranges above the third quartile, where single pieces are far out


def distance_densities(run: Run) -> Figure:
    """Densities of distances, and errors by pitch (thesis figures 5.6 and 5.9)."""
    of_runs = {name: run.metrics_of_runs(name) for name in [*run.models, REAL]}
    sets = {name: pooled(of) for name, of in of_runs.items()}
    histograms = {name: metrics.pitch_per_minute for name, metrics in sets.items()}
    # Within each run, as in the tables: the pieces of another seed are another set.
    intra = {
        name: np.concatenate([intra_distances(each.pitch_per_minute) for each in of])
        for name, of in of_runs.items()
    }
    inter = {n: inter_distances(of, histograms[REAL]) for n, of in histograms.items() if n != REAL}
    inter[REAL] = intra[REAL]  # a real piece is held against the other real pieces
    figure = Figure(figsize=(10.4, max(5.4, 1.15 * len(run.models) + 1)))
    grid = figure.add_gridspec(1, 2, width_ratios=[1.15, 1])
    left, right = (figure.add_subfigure(grid[0, column]) for column in (0, 1))
    top, bottom = left.subplots(2, 1, sharex=True)  # the same distances, so one axis
    limits = _common_limits(intra, inter)
    _densities(top, intra, run.colours, limits)
    _densities(bottom, inter, run.colours, limits)
    top.set_title("intra-set: to the other pieces of its own set")
    bottom.set_title("inter-set: to the real pieces")
    bottom.set_xlabel("mean distance of a piece's pitch histogram (onsets per minute)")
    top.tick_params(labelbottom=True)
    handles = [
        Line2D([], [], label=f"{name} ({len(of)} pieces)", **_style(name, run.colours))
        for name, of in sets.items()
    ]
    left.legend(handles=handles, loc="outside lower center", ncols=3)
    _errors_by_pitch(right, histograms, run)
    figure.suptitle(f"Distances and errors of pitch, {run.title}", x=0.01, ha="left")
    return figure


def _density(distances: np.ndarray) -> tuple[gaussian_kde, float] | None:
    """The density of some distances and its bandwidth, None where all are equal.

    The bandwidth is Scott's for the lesser of two measures of spread, of which one does not heed
    a few far pieces: these would blur all others.
    """
    from scipy.stats import gaussian_kde  # takes a second to load, for most figures in vain

    if np.ptp(distances) <= SAME * max(1.0, float(np.abs(distances).max())):
        return None
    deviation = float(np.std(distances, ddof=1))
    spread = min(deviation, _interquartile_range(distances) / IQR_OF_NORMAL) or deviation
    bandwidth = spread * len(distances) ** -0.2
    return gaussian_kde(distances, bandwidth / deviation), bandwidth


def _interquartile_range(values: np.ndarray) -> float:
    low, high = np.quantile(values, (0.25, 0.75))
    return float(high - low)


def _common_limits(*panels: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """The range of distances that holds all sets but far pieces, and sets, above the others."""
    ends: dict[str, list[float]] = {}
    for panel in panels:
        for name, values in panel.items():
            known = values[np.isfinite(values)]
            if len(known):
                found = _density(known)
                pad = BANDWIDTHS_OUTSIDE * found[1] if found else 0.0
                fence = float(np.quantile(known, 0.75) + FENCE * _interquartile_range(known))
                of_set = [float(known.min()) - pad, min(float(known.max()), fence) + pad]
                ends[name] = [*ends.get(name, []), *of_set]
    least = max(0.0, min((min(ends[name]) for name in ends), default=0.0))
    high = common_limit({name: max(of) for name, of in ends.items()}, least)
    low = max(0.0, min((min(of) for of in ends.values() if max(of) <= high), default=0.0))
    margin = 0.02 * (high - low) or 0.5
    return max(0.0, low - margin), high + margin


def _style(name: str, colours: Mapping[str, str]) -> dict[str, Any]:
    return {"color": colours[name], "linewidth": 2.0 if name == REAL else 1.5}


def _densities(
    axes: Axes,
    distances: Mapping[str, np.ndarray],
    colours: Mapping[str, str],
    limits: tuple[float, float],
) -> None:
    """One curve a set; a vertical line where all its distances are equal.

    The legend has what the curves do not show.
    """
    peaks: dict[str, float] = {}
    remarks: dict[str, list[str]] = {name: [] for name in distances}
    dotted = set()
    for name, values in distances.items():
        known = values[np.isfinite(values)]
        if len(known) == 0:
            remarks[name].append(f"too few pieces ({len(values)})")
            continue
        if found := _density(known):
            density, bandwidth = found
            pad = BANDWIDTHS_OUTSIDE * bandwidth
            low, high = max(limits[0], known.min() - pad), min(limits[1], known.max() + pad)
            if low < high:
                at = np.linspace(low, high, 500)
                axes.plot(at, density(at), **_style(name, colours))
                peaks[name] = float(density(at).max())
        else:
            dotted.add(name)
            axes.axvline(known[0], linestyle=DOTTED, **_style(name, colours))
            remarks[name].append(
                f"{len(known)} of equal distance" if len(known) > 1 else "one piece"
            )
        if beyond := int((known > limits[1]).sum()):
            remarks[name].append(f"{beyond} beyond the edge, up to {known.max():.0f}")
    highest = common_limit(peaks) or 1.0
    for name, peak in peaks.items():
        if peak > highest:
            remarks[name].append(f"peak {peak:.2g}")
    room = 1.06 + 0.08 * sum(map(bool, remarks.values()))  # for the legend above the curves
    axes.set(xlim=limits, ylim=(0, highest * room), ylabel="density")
    handles = [
        Line2D(
            [],
            [],
            label=f"{name}: {', '.join(said)}",
            linestyle=DOTTED if name in dotted else "-",
            **_style(name, colours),
        )
        for name, said in remarks.items()
        if said
    ]
    if handles:
        axes.legend(handles=handles, loc="upper right", labelspacing=0.3)


def _errors_by_pitch(figure: SubFigure, histograms: Mapping[str, np.ndarray], run: Run) -> None:
    """A panel a model: its absolute error of occurrence by pitch, real occurrence behind."""
    occurrence = {name: of.mean(axis=0) for name, of in histograms.items() if len(of)}
    real = occurrence.get(REAL, np.zeros(0))
    panels = figure.subplots(max(1, len(run.models)), 1, sharex=True, sharey=True, squeeze=False)
    low, high = _pitches_played(occurrence)
    errors = {n: np.abs(occurrence[n] - real) for n in run.models if n in occurrence and len(real)}
    highest = common_limit({n: float(error.max()) for n, error in errors.items()}) * 1.1 or 1.0
    edges = np.arange(PITCHES + 1) - 0.5
    for axes, model in zip(panels[:, 0], run.models, strict=False):
        axes.set_title(model)
        if model not in errors:
            say(axes, "no piece is long enough")
            continue
        if real.max() > 0:
            axes.stairs(real / real.max() * highest, edges, fill=True, color=SHADE)
        error = errors[model]
        # What is higher runs along the upper edge.
        axes.stairs(np.minimum(error, highest), edges, color=run.colours[model], linewidth=1.4)
        told = f"total {error.sum():.1f}"
        if error.max() > highest:
            told += f", highest {error.max():.1f} at {pitch_name(int(error.argmax()))}"
        axes.set_title(told, loc="right", color=REMARK)
    ticks = [p for p in range(low, high + 1) if p % CLASSES == 0]
    last = panels[-1, 0]
    last.set(xlim=(low - 0.5, high + 0.5), ylim=(0, highest), xlabel="pitch")
    last.set_xticks(ticks or [low, high], [pitch_name(p) for p in ticks or [low, high]])
    figure.supylabel("mean absolute error of occurrence (onsets per minute)", fontsize=8.5)
    if len(real) and real.max() > 0:
        peak = f"{real.max():.1f} at {pitch_name(int(real.argmax()))}"
        last.set_xlabel(f"pitch (grey: occurrence in real pieces, scaled; its peak is {peak})")


def _pitches_played(occurrence: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """The range of pitches that real pieces play, and of each model nearly all that it plays."""
    ends = []
    for name, of in occurrence.items():
        if of.sum() > 0:
            share = np.cumsum(of) / of.sum()
            rare = 0.0 if name == REAL else RARE
            low, high = np.searchsorted(share, rare, side="right"), np.searchsorted(share, 1 - rare)
            played = np.flatnonzero(of)
            ends += [max(int(low), int(played[0])), min(int(high), int(played[-1]))]
    return (min(ends) - 1, max(ends) + 1) if ends else (58, 74)
