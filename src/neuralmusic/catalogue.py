"""What `neuralmusic datasets` prints: every dataset, and whether it is here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuralmusic.datasets import DATASETS
from neuralmusic.datasets.source import IN_PACKAGE
from neuralmusic.files import InputError
from neuralmusic.listing import aligned, paragraph

HEADER = ("name", "what", "licence", "size", "obtained", "here")
WIDTHS = (23, 36, 22, 22, 17, 10)  # at most, in characters


def listing(datasets: Mapping[str, Mapping[str, Any]], data: Path) -> str:
    """A table of all datasets of the parameters, one or more lines each.

    `data` is the data folder.
    """
    rows = [HEADER]
    for name, settings in datasets.items():
        about = DATASETS[settings["source"]].ABOUT
        where = _where(name, settings, data)
        rows.append((name, about.title, about.licence, about.size, about.obtained, where))
    more = "What one of them is in full, and what to do: python -m neuralmusic datasets NAME"
    return f"{aligned(rows, WIDTHS)}\n\n{more}\n"


def details(name: str, datasets: Mapping[str, Mapping[str, Any]], data: Path) -> str:
    """All that is known of one dataset.

    Raises InputError where the parameters have none of that name.
    """
    if name not in datasets:
        raise InputError(f"there is no dataset {name!r}; there are {', '.join(datasets)}")
    settings = datasets[name]
    about = DATASETS[settings["source"]].ABOUT
    said = {
        "what": about.title,
        "address": about.address,
        "licence": about.licence,
        "citation": about.citation,
        "size": about.size,
        "sha256": about.sha256 or "none is known",
        "split": f"official: {about.split}" if about.split else "by hash, see `split`",
        "obtained": about.obtained,
        "to do": about.instructions,
        "here": _where(name, settings, data),
        "settings": ", ".join(f"{key}: {value!r}" for key, value in settings.items()),
        "to use it": f"make reproduce DATASET={name}",
    }
    lines = [name, *(paragraph(label, text) for label, text in said.items())]
    return "\n".join(lines) + "\n"


def _where(name: str, settings: Mapping[str, Any], data: Path) -> str:
    """Whether a dataset is here: fetched whole, or as far as that fetching needs no network."""
    about = DATASETS[settings["source"]].ABOUT
    if (data / "raw" / name / "params.json").exists():
        return "fetched"
    if about.obtained == IN_PACKAGE:
        return "installed"
    cached = getattr(DATASETS[settings["source"]], "cached", None)
    if cached and cached({"dataset": name, **settings}):
        return "downloaded"
    if (path := settings.get("path")) and Path(path).expanduser().exists():
        return "brought"
    return "no"
