"""What a figure is drawn from, and what all figures share: colours, scales, names, remarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes

from neuralmusic.compare import FLOOR, REAL, SOURCE, MetricSet, load_metrics, pooled, trained_models
from neuralmusic.lengths import WHOLE, note_ends, real_lengths
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.stored import read_csv

# One colour a model through all figures, after Okabe and Ito's. Plain models are blue, attention
# without embedding is warm; all differ in lightness too, for readers who do not see the hues.
COLOURS = {
    "basic": "#0072b2",
    "emb": "#56b4e9",
    "attn": "#e69f00",
    "attn_res": "#c1440e",
    "attn_res_emb": "#7b2d72",
    FLOOR: "#999999",
    REAL: "#222222",
    SOURCE: "#009e73",
}
DASHED, DOTTED = (0, (4, 2)), (0, (1, 1))
REMARK = "#666666"


@dataclass(frozen=True)
class Run:
    """What the figures of one experiment are drawn from."""

    experiment: str
    params: Mapping[str, Any]  # of this experiment
    results: Path
    data: Path

    @property
    def models(self) -> list[str]:
        """The models in the order of params.yaml."""
        return [model for model in self.params["models"] if model != REAL]

    @property
    def beside(self) -> list[str]:
        """What is shown beside the real pieces, and is no model."""
        return list(self.params.get("beside", []))

    @property
    def trained(self) -> list[str]:
        """Those of them that were trained; the others are folders of MIDI files."""
        return trained_models(self.params)

    @property
    def colours(self) -> dict[str, str]:
        """The colour of every model and of the real pieces."""
        others = [model for model in self.models if model not in COLOURS]
        cycle = rcParams["axes.prop_cycle"].by_key()["color"]
        drawn = {model: f"#{cycle[i % len(cycle)].lstrip('#')}" for i, model in enumerate(others)}
        return COLOURS | drawn

    def runs(self, name: str) -> list[str]:
        """The runs of a model, the first of its own name; of `real` that alone."""
        return list(self.params["runs"].get(name, [name]))

    @property
    def title(self) -> str:
        """The experiment, and how many seeds its models have where it is more than one."""
        seeds = max(map(len, self.params["runs"].values()), default=1)
        return f"{self.experiment} experiment" + (f", {seeds} seeds" if seeds > 1 else "")

    def folder(self, kind: str, run: str) -> Path:
        return self.results / kind / self.experiment / run

    def metrics_of_runs(self, name: str) -> list[MetricSet]:
        """The measured pieces of each run of a model, or the real ones."""
        least = self.params["min_seconds"]
        return [load_metrics(self.folder("metrics", run), least) for run in self.runs(name)]

    def metrics(self, name: str) -> MetricSet:
        """The measured pieces of all runs of a model, or the real ones."""
        return pooled(self.metrics_of_runs(name))

    def of_all_runs(self, name: str, read: Callable[[str], pd.DataFrame]) -> pd.DataFrame:
        """The rows that `read` finds for each run of a model, each file named after its run too."""
        runs = self.runs(name)
        if len(runs) == 1:
            return read(name)
        frames = [read(run).assign(run=run) for run in runs]
        every = pd.concat(frames, ignore_index=True)
        return every.assign(file=every["run"] + "/" + every["file"])

    @property
    def representation(self) -> str:
        return str(self.params["representation"]["name"])

    @property
    def steps_per_second(self) -> float:
        return float(self.params["representation"]["steps_per_second"])

    @property
    def unit(self) -> str:
        """What one step of the experiment's representation is called."""
        return str(REPRESENTATIONS[self.representation].STEP)

    def sampled(self, run: str) -> pd.DataFrame:
        """What `sample` says of each piece of a run or of `real`, by file."""
        path = self.folder("samples", run) / "pieces.csv"
        frame = read_csv(path, ["file", "primer_piece"], ["notes", "stuck_notes"])
        return frame.sort_values("file", kind="stable")

    def note_ends(self, run: str) -> pd.DataFrame:
        """How each note of a run's pieces ended; those of a piece are in (onset, pitch) order."""
        return note_ends(self.folder("samples", run))

    def counted_note_ends(self, run: str) -> pd.DataFrame:
        """The same of the notes that tables count: see `lengths`."""
        return note_ends(self.folder("samples", run), WHOLE if run == REAL else self.lengths)

    @cached_property
    def lengths(self) -> Sequence[float]:
        """Up to which the samples are measured."""
        return real_lengths(self.folder("samples", REAL), self.params["min_seconds"])


def common_limit(highest: Mapping[str, float], low: float = 0.0) -> float:
    """The upper end of a scale for all sets, from the upper end of each: one far off sets it not.

    It holds the real pieces and at least half of the models, and each further one that no more
    than doubles the range. `low` where no set has a finite end.
    """
    finite = {name: value for name, value in highest.items() if np.isfinite(value)}
    models = sorted(value for name, value in finite.items() if name != REAL)
    limit = max([*models[: (len(models) + 1) // 2], finite.get(REAL, low)])
    for value in models:
        if value - low <= 2 * (limit - low):
            limit = max(limit, value)
    return limit


def say(axes: Axes, text: str) -> None:
    """A remark in the middle of a panel that has nothing to show."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=REMARK)
