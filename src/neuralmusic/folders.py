"""The files below a folder, symbolic links followed: one walk for everything a user names."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from neuralmusic.files import InputError

# A link may lead to a whole disk: that is an error rather than an hour of reading.
MOST_FOLDERS = 200_000
MOST_FILES = 2_000_000


@dataclass
class Found:
    """The wanted files, sorted by path, and the folders that could not be read, with the reason."""

    files: list[Path] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)


def files_below(folder: Path, wanted: Callable[[str], bool]) -> Found:
    """The files below `folder` whose names are `wanted`, those behind symbolic links included.

    What a link leads to counts as if it lay where the link is. A folder counts once, however many
    links lead to it: under its own place where that is below `folder`, else under the first link
    to it by path. A link to `folder`, or to one that contains it, leads back and is not followed.
    A damaged link is no file. Raises InputError beyond MOST_FOLDERS folders or MOST_FILES files.
    """
    found = Found()
    seen = {_identity(above) for above in folder.resolve().parents}
    due, linked = [folder], list[Path]()
    while due or linked:
        place = due.pop() if due else heapq.heappop(linked)
        try:
            if (identity := _identity(place)) in seen:
                continue
            seen.add(identity)
            with os.scandir(place) as entries:
                for entry in entries:
                    path = place / entry.name
                    if _is_folder(entry):
                        heapq.heappush(linked, path) if entry.is_symlink() else due.append(path)
                    elif wanted(entry.name) and path.is_file():
                        found.files.append(path)
        except OSError as error:
            found.unreadable[place] = f"the folder cannot be read: {error.strerror}"
        if len(seen) > MOST_FOLDERS or len(found.files) > MOST_FILES:
            raise InputError(
                f"{folder} holds more than {MOST_FOLDERS:,} folders or {MOST_FILES:,} files, such"
                f" as those in {place}: name one with less in it, or remove the symbolic link that"
                " leads elsewhere"
            )
    found.files.sort()
    return found


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
