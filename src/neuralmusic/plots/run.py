"""What a figure is drawn from, and what all figures share: colours, names of pitches, remarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes

from neuralmusic.compare import FLOOR, REAL, MetricSet, load_metrics
from neuralmusic.measures.pitch import CLASSES

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
}
CLASS_NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
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
        """The trained models in the order of params.yaml."""
        return [model for model in self.params["models"] if model != REAL]

    @property
    def colours(self) -> dict[str, str]:
        """The colour of every model and of the real pieces."""
        others = [model for model in self.models if model not in COLOURS]
        cycle = rcParams["axes.prop_cycle"].by_key()["color"]
        drawn = {model: f"#{cycle[i % len(cycle)].lstrip('#')}" for i, model in enumerate(others)}
        return COLOURS | drawn

    def folder(self, kind: str, model: str) -> Path:
        return self.results / kind / self.experiment / model

    def metrics(self, model: str) -> MetricSet:
        return load_metrics(self.folder("metrics", model), self.params["min_seconds"])


def pitch_name(pitch: int) -> str:
    """The name of a MIDI pitch, middle C (60) being C4."""
    return f"{CLASS_NAMES[pitch % CLASSES]}{pitch // CLASSES - 1}"


def say(axes: Axes, text: str) -> None:
    """A remark in the middle of a panel that has nothing to show."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=REMARK)
