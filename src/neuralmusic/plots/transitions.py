"""Pitch-class transition matrices."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from neuralmusic.compare import REAL
from neuralmusic.measures.distances import kl_divergence
from neuralmusic.measures.pitch import CLASSES
from neuralmusic.pitch_names import CLASS_NAMES
from neuralmusic.plots.run import Run, common_limit, say


def transition_matrices(run: Run) -> Figure:
    """Pitch-class transitions of each model and the real set, one scale (thesis 5.5 and 5.10)."""
    names = [REAL, *run.beside, *run.models]
    of_runs = {
        name: [of.transition_counts.sum(axis=0) for of in run.metrics_of_runs(name)]
        for name in names
    }
    counts = {name: np.sum(of, axis=0) for name, of in of_runs.items()}
    shares = {name: count / max(count.sum(), 1) for name, count in counts.items()}
    peaks = {name: float(share.max()) for name, share in shares.items()}
    highest = common_limit({n: of for n, of in peaks.items() if n not in run.beside}) or 1.0
    clipped = {name: peak > highest for name, peak in peaks.items()}
    across = min(4, len(names))
    down = -(-len(names) // across)
    figure = Figure(figsize=(2.45 * across + 0.9, 2.62 * down + 0.4))
    panels = figure.subplots(down, across, squeeze=False)
    scale = ScalarMappable(Normalize(0, highest), "magma_r")
    for index, axes in enumerate(panels.flat):
        if index >= len(names):
            axes.set_axis_off()
            continue
        name = names[index]
        matrix = shares[name].reshape(CLASSES, CLASSES)
        axes.pcolormesh(matrix, cmap=scale.cmap, norm=scale.norm, edgecolor="face", linewidth=0.2)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.grid(False)
        axes.tick_params(length=0, labelsize=6.5)
        axes.set_xticks(np.arange(CLASSES) + 0.5, CLASS_NAMES)
        axes.set_yticks(np.arange(CLASSES) + 0.5, CLASS_NAMES)
        axes.set(
            xlabel="to" if index + across >= len(names) else "",
            ylabel="from" if index % across == 0 else "",
        )
        # As in the tables, the mean of the runs: their pieces together would be nearer.
        kl = float(np.mean([kl_divergence(counts[REAL], of) for of in of_runs[name]]))
        told = f", KL {kl:.4f}" if name != REAL and np.isfinite(kl) else ""
        axes.set_title(f"{name}{told}" + (f", up to {peaks[name]:.2f}" if clipped[name] else ""))
        if not counts[name].sum():
            say(axes, "no transitions")
    figure.colorbar(
        scale,
        ax=panels,
        label="share of all transitions",
        shrink=0.75,
        aspect=30,
        extend="max" if any(clipped.values()) else "neither",
    )
    figure.suptitle(
        f"Pitch-class transitions, {run.title}; KL(real ‖ model) in nats",
        x=0.01,
        ha="left",
    )
    return figure
