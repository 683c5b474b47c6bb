"""The figures of `neuralmusic compare`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure

from neuralmusic.comparison_frames import Frames
from neuralmusic.plots.densities import densities
from neuralmusic.plots.ranking import colours_of, differences, ranking
from neuralmusic.plots.saving import STYLE, save
from neuralmusic.set_comparison import SetComparison

Draw = Callable[[SetComparison, Frames, Mapping[str, str], str], Figure]
FIGURES: dict[str, Draw] = {
    "ranking": lambda _, frames, colours, title: ranking(frames, colours, title),
    "differences": lambda _, frames, colours, title: differences(frames, colours, title),
    "densities": lambda found, _, colours, title: densities(found, colours, title),
}


def draw_comparison(found: SetComparison, frames: Frames, folder: Path) -> None:
    """Writes each of FIGURES as PNG and SVG."""
    with style.context(["default", str(STYLE)]):
        colours = colours_of(frames.names)
    title = f"{', '.join(frames.names)} beside {frames.reference}"
    for name, draw in FIGURES.items():
        save(partial(draw, found, frames, colours, title), folder, name)
