"""ASAP: piano performances, several of most compositions, from a checkout of its repository."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from neuralmusic.datasets import grouped
from neuralmusic.datasets.brought import bring, is_midi, place
from neuralmusic.datasets.brought import fingerprint as fingerprint_of
from neuralmusic.datasets.source import BROUGHT, Source

TABLE = "metadata.csv"
# Folders of one composition, played with and without its repeats: 24-1, 24-1_no_2_repeat.
REPEATS = re.compile(r"_(no_.*)?repeat$")
ABOUT = Source(
    title="ASAP: piano performances, most of the International Piano-e-Competition",
    address="https://github.com/fosfrancesco/asap-dataset",
    licence="CC BY-NC-SA 4.0",
    citation=(
        "Foscarin, McLeod, Rigaux, Jacquemard and Sakai, ASAP: a dataset of aligned scores and"
        " performances for piano transcription, ISMIR 2020"
    ),
    size="1,067 performances of 236 scores",
    obtained=BROUGHT,
    instructions=(
        "Run `git clone --depth 1 https://github.com/fosfrancesco/asap-dataset`, or download the"
        " repository's zip. Then set datasets.asap.path in params.yaml to the folder or the zip."
    ),
)


def fingerprint(settings: dict) -> dict:
    """A hash of the names, sizes and times of what is brought."""
    return fingerprint_of(place(settings, ABOUT.instructions), _is_wanted)


def fetch(settings: dict, folder: Path, workers: int) -> dict[str, str]:
    """Takes the performances, no scores, and says which composition each is of.

    Raises InputError, with what to do, where the folder or zip is not there.
    """
    rejected = bring(place(settings, ABOUT.instructions), folder, _is_wanted)
    titles = _titles(folder)
    files = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if is_midi(p.name)]
    grouped.write_groups(folder, {file: titles.get(file) or _composition(file) for file in files})
    return rejected


def _is_wanted(name: str) -> bool:
    """A performance, or the table of them; the scores are called midi_score.mid and such."""
    file = PurePosixPath(name).name
    return file == TABLE or (is_midi(file) and not file.startswith("midi_score"))


def _titles(folder: Path) -> dict[str, str]:
    """file -> composition, as far as the repository's table knows."""
    tables = sorted(folder.rglob(TABLE), key=lambda p: len(p.parts))
    if not tables:
        return {}
    home = tables[0].parent.relative_to(folder)
    columns = {"composer", "title", "midi_performance"}
    return {
        (home / row["midi_performance"]).as_posix(): f"{row['composer']}/{row['title']}"
        for row in grouped.rows_of(tables[0], columns)
    }


def _composition(file: str) -> str:
    """The composition of a file that the table does not have: its folder's."""
    return REPEATS.sub("", str(PurePosixPath(file).parent))
