"""How figures become files: in one style, as PNG and SVG whose bytes depend on the data alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure

from neuralmusic.files import writing

STYLE = Path(__file__).parents[1] / "neuralmusic.mplstyle"
# What would differ between two drawings, or between versions of matplotlib.
NO_METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}


def save(make: Callable[[], Figure], folder: Path, name: str) -> None:
    """Writes the figure that `make` draws as folder/{name}.png and {name}.svg."""
    with style.context(["default", str(STYLE)]):  # whatever the user's own style is
        figure = make()
        for ending, metadata in NO_METADATA.items():
            with writing(folder / f"{name}.{ending}", binary=True) as file:
                figure.savefig(file, format=ending, metadata=metadata)
