"""The page of the measures, beside the report: what each says, and which agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuralmusic.files import write_text
from neuralmusic.measure_catalogue import OTHERS
from neuralmusic.measures.registry import MEASURES, described, description_of
from neuralmusic.page import render

ADDRESS = "measures.html"


def write_measures_page(figures: Sequence[Mapping[str, Any]], out_folder: Path) -> None:
    """Writes out_folder/measures.html with the figures of agreement, as the report has figures."""
    of_pieces = [
        {"name": name, "heading": measure.heading, "said": described(measure)}
        for name, measure in MEASURES.items()
    ]
    groups = {"one piece": of_pieces}
    for of, functions in OTHERS.items():
        groups[of] = [
            {"name": name, "heading": name.replace("_", " "), "said": description_of(function)}
            for name, function in functions.items()
        ]
    page = render("measures.html", groups=groups, figures=list(figures))
    write_text(out_folder / ADDRESS, page)
