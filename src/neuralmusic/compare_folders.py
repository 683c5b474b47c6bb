"""`neuralmusic compare REAL GENERATED ...`: folders of MIDI files, of any origin, compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure

from neuralmusic.comparison_frames import Frames, as_json, frames_of, write_frames
from neuralmusic.files import InputError, to_json, write_text
from neuralmusic.piece_sets import PieceSet, read_set, stored_set, with_originality
from neuralmusic.plots.densities import densities
from neuralmusic.plots.ranking import colours_of, differences, ranking
from neuralmusic.plots.saving import STYLE, save
from neuralmusic.set_comparison import SetComparison, compare_sets
from neuralmusic.set_comparison_text import as_terminal

DATA = Path("data")
Draw = Callable[[SetComparison, Frames, Mapping[str, str], str], Figure]
FIGURES: dict[str, Draw] = {
    "ranking": lambda _, frames, colours, title: ranking(frames, colours, title),
    "differences": lambda _, frames, colours, title: differences(frames, colours, title),
    "densities": lambda found, _, colours, title: densities(found, colours, title),
}


@dataclass(frozen=True)
class Reading:
    """How files are read: see `read_midi`, and what of them is compared."""

    time: str  # "seconds" or "beats"
    sustain_pedal: bool
    cut_seconds: float  # pieces are cut to this length
    workers: int


def compare_folders(
    names: Sequence[str],
    reading: Reading,
    training: str | None = None,
    out: Path | None = None,
    json: Path | None = None,
    seed: int = 2021,
    resamples: int = 1000,
) -> str:
    """Compares the sets `names[1:]` with `names[0]`; returns what to print.

    A name is a folder of MIDI files or a dataset that the workflow has converted. `training` is
    what the generated pieces might have copied from. Into the folder `out` go the frames as CSV
    and the figures; `json` is one file with everything.
    Raises InputError where a set cannot be read.
    """
    if resamples < 0 or reading.workers < 1:
        raise InputError("--resamples is 0 or more, and --workers 1 or more")
    if len(names) < 2:
        raise InputError("name at least two folders: the real pieces, then the generated ones")
    read = [_set(path, name, reading) for path, name in zip(names, labels(names), strict=True)]
    if training is not None:
        learned = _set(training, "training", reading)
        read = [with_originality(of, learned) for of in read]
        lost = {f"training: {file}": why for file, why in learned.rejected.items()}
        read[0] = replace(read[0], rejected={**read[0].rejected, **lost})
    reference, *others = read
    found = compare_sets(
        reference, {of.name: [of] for of in others}, seed, resamples, reading.workers
    )
    frames = frames_of(found)
    if out is not None:
        write_frames(frames, out)
        _draw(found, frames, out)
    if json is not None:
        write_text(json, to_json(as_json(frames)))
    return as_terminal(found)


def labels(names: Sequence[str]) -> list[str]:
    """A short name for each folder: its own, with as many of its parents as tell all apart.

    Of one folder that is named twice, as to see what a set makes of itself, the second is numbered.
    """
    parts = [Path(name).resolve().parts if Path(name).is_dir() else (name,) for name in names]
    for depth in range(1, max(map(len, parts)) + 1):
        found = ["/".join(of[-depth:]) for of in parts]
        if len(set(found)) == len(set(parts)):
            break
    told: list[str] = []
    for name in found:
        label, number = name, 1
        while label in told or (number > 1 and label in found):  # a folder may be called "a (2)"
            number += 1
            label = f"{name} ({number})"
        told.append(label)
    return told


def _set(path: str, name: str, reading: Reading) -> PieceSet:
    notes = DATA / "notes" / path / "notes.npz"
    if not Path(path).is_dir() and notes.is_file():
        return stored_set(name, notes, reading.time, reading.cut_seconds)
    if not Path(path).exists():
        raise InputError(
            f"{path} is neither a folder nor a dataset in {DATA / 'notes'}: name a folder of MIDI"
            " files, or run `snakemake --cores all data` for a dataset of params.yaml"
        )
    return read_set(
        name,
        Path(path),
        reading.time,
        reading.sustain_pedal,
        reading.cut_seconds,
        reading.workers,
    )


def _draw(found: SetComparison, frames: Frames, folder: Path) -> None:
    with style.context(["default", str(STYLE)]):
        colours = colours_of(frames.names)
    title = f"{', '.join(frames.names)} beside {frames.reference}"
    for name, draw in FIGURES.items():
        save(partial(draw, found, frames, colours, title), folder, name)


def length_of(seconds: float | None) -> float:
    """The length that pieces are cut to, without one that of the piece."""
    if seconds is not None and not seconds > 0:
        raise InputError(f"--seconds {seconds:g}: pieces are cut to more than 0 seconds")
    return np.inf if seconds is None else seconds
