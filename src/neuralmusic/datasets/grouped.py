"""What is said about the split of files: an official one, and which belong together.

A source may say it, in two tables that `fetch` writes beside the MIDI files, `convert` hands on and
`split` reads; a dataset's `group_by` may, by the names of the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from neuralmusic.files import InputError, write_csv
from neuralmusic.stored import read_exact_csv

# pandas is imported where it is used: the workflow reads the registry at every start.
OFFICIAL = "official_split.csv"  # file, split
GROUPS = "groups.csv"  # file, group
COLUMNS = {OFFICIAL: "split", GROUPS: "group"}
FOLDER = "folder"  # the `group_by` that is no pattern


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


def rule_problem(rule: str) -> str | None:
    """What is wrong with a dataset's `group_by`, if anything."""
    if rule == FOLDER:
        return None
    try:
        has_group = bool(re.compile(rule).groups)
    except re.error as error:
        return f"{rule!r} is neither `{FOLDER}` nor a regular expression: {error}"
    if has_group:
        return None
    return (
        f"{rule!r} is neither `{FOLDER}` nor a regular expression that has what names the group in"
        " parentheses, such as '^([^_]+)_'"
    )


def by_rule(files: Iterable[str], rule: str | None) -> dict[str, str]:
    """The group of each file by a dataset's `group_by`: its folder, or a part of its name.

    A file in no folder, or whose name does not match, is in none.
    Raises InputError where a pattern matches no file.
    """
    if rule is None:
        return {}
    if rule == FOLDER:
        return {file: file.rpartition("/")[0] for file in files if "/" in file}
    groups = {}
    for file in files:
        if match := re.search(rule, file):
            groups[file] = "/".join(part for part in match.groups() if part is not None)
    if not groups:
        raise InputError(f"group_by: {rule!r} matches the name of no piece, such as {file}")
    return groups


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
