"""The page of a dataset, beside the report: what it is, whose it is, and what was rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from neuralmusic import datasets, jobs
from neuralmusic.datasets.source import Source
from neuralmusic.description import ALL
from neuralmusic.description_text import (
    ABOUT,
    CAPTION,
    groups_section,
    how_timed,
    in_a_sentence,
    losses_section,
    rejected_title,
    summary_table,
)
from neuralmusic.files import write_text
from neuralmusic.groups import GROUPS, TEXTS
from neuralmusic.page import embedded, optional_csv, render
from neuralmusic.rejected import by_kind
from neuralmusic.representation_losses import COLUMNS

SHOWN_REJECTED = 200  # files; the rest is counted


@dataclass(frozen=True)
class Dataset:
    """What the report's first page says of a dataset."""

    name: str
    about: Source | None  # None where the parameters do not say where it is from
    told: str  # empty where it has not been described
    address: str  # of its page, from the first one


def write_page(
    name: str, params: Mapping[str, Any], results: Path, data: Path, out_folder: Path
) -> Dataset:
    """Writes out_folder/datasets/{name}.html; what is not there is said in the page."""
    settings = params.get("resolved", {}).get("datasets", {}).get(name, {})
    source = datasets.DATASETS.get(settings.get("source"))
    about = source.ABOUT if source else None
    folder = results / jobs.DESCRIPTIONS / name
    summary = optional_csv(folder / "summary.csv", ["part"])
    rejected = optional_csv(data / "notes" / name / "rejected.csv", ["file", "reason"])
    groups = optional_csv(folder / GROUPS, TEXTS)
    losses = optional_csv(folder / "losses.csv", COLUMNS[:1])
    kinds = None if rejected is None else by_kind(rejected)
    used = [e for e, own in params["experiments"].items() if own.get("dataset") == name]
    page = render(
        "dataset.html",
        name=name,
        about=about,
        used_by=used,
        summary=None if summary is None else summary_table(summary),
        remark=f"{how_timed(settings.get('time'))} {ABOUT}".strip(),
        image=embedded(folder / "description.png"),
        caption=CAPTION,
        groups=None if groups is None else groups_section(groups),
        losses=None
        if losses is None or summary is None
        else losses_section(losses, int(summary.set_index("part").loc[ALL, "pieces"])),
        rejected_title=_title(kinds, summary),
        kinds=[] if kinds is None else kinds.to_dict("records"),
        rejected=[] if rejected is None else rejected.fillna("").to_numpy()[:SHOWN_REJECTED],
        rejected_count=0 if rejected is None else len(rejected),
    )
    address = f"datasets/{name}.html"
    write_text(out_folder / address, page)
    told = "" if summary is None else in_a_sentence(summary, kinds, groups)
    return Dataset(name, about, told, address)


def _title(kinds: pd.DataFrame | None, summary: pd.DataFrame | None) -> str | None:
    """How many files were rejected, of how many where that is known; None where it is not."""
    if kinds is None:
        return None
    if summary is None:
        count = kinds["files"].sum()
        return f"{count:,} file{' was' if count == 1 else 's were'} rejected"
    return rejected_title(kinds, int(summary.set_index("part").loc[ALL, "pieces"]))
