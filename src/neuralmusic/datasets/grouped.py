"""What `fetch` may say about the split of its files: an official one, and which belong together.

Two tables beside the MIDI files, which `convert` hands on and `split` reads. A source without
them is split by the names of its files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from neuralmusic.files import InputError, write_csv
from neuralmusic.stored import read_exact_csv

# pandas is imported where it is used: the workflow reads the registry at every start.
OFFICIAL = "official_split.csv"  # file, split
GROUPS = "groups.csv"  # file, group
COLUMNS = {OFFICIAL: "split", GROUPS: "group"}


def write_official(folder: Path, parts: Mapping[str, str]) -> None:
    """Says which part each file is in, by the source's own split: train, valid or test."""
    _write(folder / OFFICIAL, parts)


def write_groups(folder: Path, groups: Mapping[str, str]) -> None:
    """Says which composition each file is of: files of one go to one part."""
    _write(folder / GROUPS, groups)


def read(folder: Path, name: str) -> dict[str, str]:
    """One of the two tables, by file; empty where there is none."""
    if not (folder / name).exists():
        return {}
    table = read_exact_csv(folder / name, {"file": str, COLUMNS[name]: str})
    return dict(zip(table["file"], table[COLUMNS[name]], strict=True))


def rows_of(path: Path, columns: set[str]) -> list[dict[str, str]]:
    """The rows of a source's own table.

    Raises InputError where it is no CSV or lacks one of the columns.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, keep_default_na=False, dtype=str)
    except (ValueError, OSError) as error:  # pandas' own errors and a wrong encoding are the former
        raise InputError(f"{path.name} cannot be read: {error}") from error
    if missing := columns - set(table.columns):
        raise InputError(f"{path.name} has no column {', '.join(sorted(missing))}")
    return table.to_dict("records")


def _write(path: Path, values: Mapping[str, str]) -> None:
    import pandas as pd

    write_csv(path, pd.DataFrame(sorted(values.items()), columns=["file", COLUMNS[path.name]]))
