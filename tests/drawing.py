"""Draws figures of results made by hand, for tests to look into."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import style
from matplotlib.collections import Collection
from matplotlib.figure import Figure

from neuralmusic import jobs
from neuralmusic.figures import KINDS
from neuralmusic.plots.run import Run
from neuralmusic.plots.saving import STYLE
from tests.constructed import params

FEW = ["basic", "attn", "markov"]


def run_of(name: str, results: Path, models: Sequence[str] = FEW, **changed: Any) -> Run:
    """What a figure is drawn from; the data lie beside the results."""
    _, experiment = jobs.FIGURES[name]
    own = params(models, experiment=experiment, **changed)["experiments"][experiment]
    return Run(experiment, own, results, results.parent / "data")


def drawing(name: str, results: Path, models: Sequence[str] = FEW, **changed: Any) -> Figure:
    """The figure itself, to look into."""
    with style.context(["default", str(STYLE)]):
        return KINDS[jobs.FIGURES[name][0]](run_of(name, results, models, **changed))


def render(figure: Figure) -> None:
    """Draws without the layout, which takes most of the time."""
    figure.set_layout_engine("none")
    figure.draw_without_rendering()


def texts(figure: Figure) -> list[str]:
    """Everything that is written in a figure."""
    found = [t.get_text() for t in figure.findobj(mpl.text.Text)]
    return [text for text in found if text]


def said(figure: Figure) -> str:
    """All of it as one text."""
    return " ".join(texts(figure))


def starts_of(collection: Collection) -> list[float]:
    """Where the bars of a pianoroll begin."""
    return sorted(path.vertices[:, 0].min() for path in collection.get_paths())
