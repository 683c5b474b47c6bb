"""What a corpus is, before anything is learned from it: numbers, a figure, what was rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuralmusic import config, jobs
from neuralmusic.description import Description, measured
from neuralmusic.description_text import (
    Told,
    as_markdown,
    as_terminal,
    groups_section,
    how_timed,
    losses_section,
)
from neuralmusic.files import InputError, write_csv, write_text
from neuralmusic.groups import GROUPS, NUMBERS, TEXTS
from neuralmusic.isolated import Failure, isolated_map
from neuralmusic.notes import load_notes
from neuralmusic.plots.corpus import corpus
from neuralmusic.plots.saving import save
from neuralmusic.prepare import REJECTED_COLUMNS, SECONDS_A_FILE, read_parts
from neuralmusic.rejected import by_kind
from neuralmusic.representation_losses import representation_losses
from neuralmusic.stored import read_csv, read_exact_csv
from neuralmusic.tempo import Tempo, read_tempo

FIGURE = "description"


def describe(
    params: Mapping[str, Any], raw: Path, notes: Path, splits: Path, out: Path, workers: int
) -> str:
    """Writes summary, pieces, groups, losses and rejected as CSV, description.md and the figure.

    Returns the summary as lines for a terminal.
    Raises InputError where the notes or the split are missing.
    """
    found = description(params, raw, notes, splits, workers)
    write_csv(out / "pieces.csv", found.pieces)
    write_csv(out / "summary.csv", found.summary)
    write_csv(out / "rejected.csv", found.rejected)
    save(lambda: corpus(found), out, FIGURE)
    write_csv(out / "groups.csv", found.groups)
    write_csv(out / "losses.csv", found.losses)
    sections = [
        groups_section(found.groups),
        losses_section(found.losses, len(found.pieces)),
    ]
    how = how_timed(params["time"])
    told = Told(found.dataset, found.summary, found.rejected, how, sections)
    write_text(out / f"{FIGURE}.md", as_markdown(told))
    return as_terminal(told)


def description(
    params: Mapping[str, Any], raw: Path, notes: Path, splits: Path, workers: int
) -> Description:
    """The description of a dataset from what `fetch`, `convert` and `split` wrote."""
    stored = load_notes(notes / "notes.npz")
    parts = read_parts(splits, stored)
    paths = [raw / name for name in stored]
    tempos = dict(zip(stored, read_tempos(paths, workers), strict=True))
    pieces, counts = measured(stored.items(), parts, tempos)
    rejected = read_exact_csv(notes / "rejected.csv", REJECTED_COLUMNS)
    is_in_beats = params["time"] == "beats"
    groups = read_csv(splits / GROUPS, TEXTS, NUMBERS)
    losses = representation_losses(stored, params["representations"])
    of_files = by_kind(rejected)
    return Description(params["dataset"], is_in_beats, pieces, counts, of_files, groups, losses)


def read_tempos(paths: Sequence[Path], workers: int) -> list[Tempo | None]:
    """The tempo of every file, each read in a process that it cannot hang or fill for others."""
    answers = isolated_map(read_tempo, paths, workers, SECONDS_A_FILE)
    return [None if isinstance(answer, Failure) else answer for answer in answers]


def parameters_of(dataset: str, notes: Path, splits: Path) -> dict:
    """What describes a dataset of params.yaml: the parameters that the workflow gives the verb.

    Raises InputError where params.yaml has no such dataset, or its notes or split are not there.
    """
    params = config.load()
    if dataset not in params["datasets"]:
        raise InputError(
            f"there is no dataset {dataset!r} in params.yaml;"
            f" there are {', '.join(params['datasets'])}"
        )
    for path in (notes / "notes.npz", splits / "split.csv"):
        if not path.is_file():
            choose = "choose it as the `dataset` of an experiment, then run"
            first = "run" if dataset in jobs.dataset_names(params) else choose
            raise InputError(f"{path} is not there: {first} `snakemake --cores all data`")
    return jobs.dataset_parameters(params, dataset, "describe")
