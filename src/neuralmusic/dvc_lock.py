"""`python -m neuralmusic.dvc_lock`: deletes a dvc.lock that was cut off as DVC wrote it.

DVC truncates the file and writes it again, so that a kill may leave any part of it. Some parts are
YAML of another meaning, such as a hash of digits alone, which is read as a number: DVC then fails
with errors of many kinds. So the file is checked and not what DVC says of it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

LOCK = Path("dvc.lock")
HASH = re.compile(r"[0-9a-f]{32}(\.dir)?")


def is_whole(text: str) -> bool:
    """Whether a lock file is one that DVC can read; it may lack stages, which are then due."""
    try:
        lock = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    return (
        text.endswith("\n")
        and isinstance(lock, dict)
        and lock.get("schema") == "2.0"
        and isinstance(lock.get("stages"), dict)
        and all(_is_whole_stage(stage) for stage in lock["stages"].values())
    )


def _is_whole_stage(stage: Any) -> bool:
    if not isinstance(stage, dict) or not isinstance(stage.get("cmd"), str | list):
        return False
    lists = [stage.get("deps", []), stage.get("outs")]  # outs come last
    return all(isinstance(of, list) and all(map(_is_whole_entry, of)) for of in lists)


def _is_whole_entry(entry: Any) -> bool:
    """Whether a dependency or an output has its path, its hash and its size."""
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        return False
    found = entry.get("md5")
    if entry.get("hash") != "md5" or not isinstance(found, str) or not HASH.fullmatch(found):
        return False
    numbers = ["size", *(["nfiles"] if found.endswith(".dir") else [])]
    return all(type(entry.get(name)) is int for name in numbers)


def mend(path: Path = LOCK) -> bool:
    """Deletes a lock file that was cut off; returns whether it did."""
    try:
        is_cut = not is_whole(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except UnicodeDecodeError:
        is_cut = True
    if is_cut:
        path.unlink()
    return is_cut


if __name__ == "__main__":
    if mend():
        print(f"{LOCK} was cut off as DVC wrote it, and is deleted: dvc repro writes it anew")
