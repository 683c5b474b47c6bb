"""The page of the measures, beside the report: what each says, and which agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuralmusic.files import write_text
from neuralmusic.measures.registry import (
    AGAINST_TRAINING,
    BETWEEN_SETS,
    MEASURES,
    described,
    description_of,
)
from neuralmusic.page import render

ADDRESS = "measures.html"


def write_measures_page(figures: Sequence[Mapping[str, Any]], out_folder: Path) -> None:
    """Writes out_folder/measures.html with the figures of agreement, as the report has figures."""
    of_pieces = [
        {"name": name, "heading": measure.heading, "said": described(measure)}
        for name, measure in MEASURES.items()
    ]
    groups = [
        {
            "id": "pieces",
            "title": "Of one piece",
            "about": "Held against real music by their means and by the distances between pieces.",
            "measures": of_pieces,
        },
        {
            "id": "training",
            "title": "Of a piece against the training set",
            "about": "Of real pieces that were not trained on it is what music has in common.",
            "measures": _by_function(AGAINST_TRAINING),
        },
        {
            "id": "sets",
            "title": "Of a set of pieces against real ones",
            "about": "From the measures of all pieces of both sets.",
            "measures": _by_function(BETWEEN_SETS),
        },
    ]
    page = render("measures.html", groups=groups, figures=list(figures))
    write_text(out_folder / ADDRESS, page)


def _by_function(functions: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "heading": name.replace("_", " "), "said": description_of(function)}
        for name, function in functions.items()
    ]
