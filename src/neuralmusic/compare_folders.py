"""`neuralmusic compare REAL GENERATED ...`: folders of MIDI files, of any origin, compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from neuralmusic.comparison_frames import as_json, frames_of, write_frames
from neuralmusic.files import InputError, to_json, write_text
from neuralmusic.piece_sets import PieceSet, Reading, read_sets, stored_set, with_originality
from neuralmusic.safe_names import printable
from neuralmusic.set_comparison import LEAST_RESAMPLES, RESAMPLES, SEED, compare_sets
from neuralmusic.set_comparison_text import as_terminal, counted

DATA = Path("data")
TRAINING = "training"  # what the set is called that the others may have copied from


def compare_folders(
    names: Sequence[str],
    reading: Reading,
    training: str | None = None,
    out: Path | None = None,
    json: Path | None = None,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    workers: int = 1,
) -> str:
    """Compares the sets `names[1:]` with `names[0]`; returns what to print.

    A name is a folder of MIDI files or a dataset that the workflow has converted. `training` is
    what the generated pieces might have copied from. Into the folder `out` go the frames as CSV
    and the figures; `json` is one file with everything.
    Raises InputError where a set cannot be read.
    """
    if resamples < LEAST_RESAMPLES or workers < 1:
        raise InputError(f"--resamples is {LEAST_RESAMPLES} or more, and --workers 1 or more")
    if len(names) < 2:
        raise InputError("name at least two folders: the real pieces, then the generated ones")
    _check_places(out, json)
    named = dict(zip(labels(names), names, strict=True))
    more = {} if training is None else {labels([*names, TRAINING])[-1]: training}
    # Note lists are needed for what is copied alone, and take much memory.
    reading = replace(reading, keep_notes=training is not None)
    read = _sets({**named, **more}, reading, workers)
    reference, *others = (read[name] for name in named)
    warnings = []
    for learned in (read[name] for name in more):
        warnings += _copies(reference, learned)
        reference, *others = (with_originality(of, learned) for of in (reference, *others))
        lost = {f"{TRAINING}: {file}": why for file, why in learned.rejected.items()}
        reference = replace(reference, rejected={**reference.rejected, **lost})
    del read
    found = compare_sets(reference, {of.name: [of] for of in others}, seed, resamples, workers)
    frames = frames_of(found)
    if out is not None:
        from neuralmusic.plots.comparison import draw_comparison  # takes seconds to load

        write_frames(frames, out)
        draw_comparison(found, frames, out)
    if json is not None:
        write_text(json, to_json(as_json(frames)))
    return as_terminal(found, warnings)


def _check_places(out: Path | None, json: Path | None) -> None:
    """Raises InputError where nothing can be written, before anything is read."""
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"--out {printable(str(out))} is a file: name a folder")
    if json is not None and json.is_dir():
        raise InputError(f"--json {printable(str(json))} is a folder: name a file")


def _copies(reference: PieceSet, training: PieceSet) -> list[str]:
    """A warning of a training set that is silent, or that has pieces of the reference."""
    if len(training.silent) == len(training):
        return [
            "The training set has no notes (drums are not read), so that nothing can be found to be"
            " copied from it: name the folder of the music that was learned from."
        ]
    copies = len(set(reference.digests) & set(training.digests))
    if not copies:
        return []
    which = f"{copies} of {counted(len(reference), 'piece')} of {reference.name}"
    which += " are in the training set"
    if set(reference.digests) == set(training.digests):
        which = f"The training set is {reference.name} itself, the reference"
    return [
        f"{which}: such pieces count as copied whole, so that the reference does not say how much"
        " real music shares by chance. Name real pieces that were not learned from, such as a test"
        " set, as the reference."
    ]


def labels(names: Sequence[str]) -> list[str]:
    """A short name for each folder: its own, with as many of its parents as tell all apart.

    Of one folder that is named twice, as to see what a set makes of itself, the second is numbered.
    """
    parts = [
        tuple(map(printable, Path(name).resolve().parts if Path(name).is_dir() else (name,)))
        for name in names
    ]
    for depth in range(1, max(map(len, parts)) + 1):
        found = ["/".join(of[-depth:]) for of in parts]
        if len(set(found)) == len(set(parts)):
            break
    given: list[str] = []
    for name in found:
        label, number = name, 1
        while label in given or (number > 1 and label in found):  # a folder may be called "a (2)"
            number += 1
            label = f"{name} ({number})"
        given.append(label)
    return given


def _sets(places: Mapping[str, str], reading: Reading, workers: int) -> dict[str, PieceSet]:
    """The sets by name: folders of MIDI files, or datasets that the workflow has converted."""
    folders, stored = {}, {}
    for name, place in places.items():
        notes = DATA / "notes" / place / "notes.npz"
        if not Path(place).is_dir() and notes.is_file():
            stored[name] = notes
        elif Path(place).exists():
            folders[name] = Path(place)
        else:
            raise InputError(
                f"{printable(place)} is neither a folder nor a dataset in {DATA / 'notes'}: name"
                " a folder of MIDI files, or run `snakemake --cores all data` for a dataset of"
                " params.yaml"
            )
    read = read_sets(folders, reading, workers)
    return read | {name: stored_set(name, notes, reading) for name, notes in stored.items()}


def length_of(seconds: float | None) -> float:
    """The length that pieces are cut to, without one that of the piece."""
    if seconds is not None and not seconds > 0:
        raise InputError(f"--seconds {seconds:g}: pieces are cut to more than 0 seconds")
    return np.inf if seconds is None else seconds
