"""Files that are whole or not there: written beside, then renamed, with errors that name them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:  # the workflow reads this file at every start, and pandas is slow to load
    import pandas as pd


class InputError(Exception):
    """Something the user gave cannot be used; the message names it and says what to do."""


@contextmanager
def writing(path: Path, binary: bool = False) -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path` and renames it to `path` when all is written.

    Raises InputError, naming `path`, where the disk is full or the place cannot be written.
    """
    with _beside(Path(path)) as beside:
        mode, text = ("wb", None) if binary else ("w", "utf-8")
        newline = None if binary else "\n"  # the same bytes on every system
        with beside.open(mode, encoding=text, newline=newline) as file:
            yield file
        beside.replace(path)


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path` that takes its place when all in it is written.

    Raises InputError, naming `path`, where the disk is full or the place cannot be written.
    """
    with _beside(Path(path)) as beside:
        beside.mkdir()
        yield beside
        if Path(path).exists():
            shutil.rmtree(path)
        beside.replace(path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A free name beside `path`, of which nothing is left at the end."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{path.name}.*.part"):
            process = left.name.split(".")[-2]
            if process.isdecimal() and not _is_another_alive(int(process)):
                _remove(left)
        yield beside
    except OSError as error:
        raise _told(error, path, beside) from error
    finally:
        _remove(beside)


def _remove(left: Path) -> None:
    if left.is_dir():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink(missing_ok=True)


def _is_another_alive(process: int) -> bool:
    if process == os.getpid():  # a killed one's number can come round again, as in containers
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True


def write_text(path: Path, text: str) -> None:
    """Writes a whole text file or leaves what was there."""
    with writing(path) as file:
        file.write(text)


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Writes a table as the project does: no index, six digits, the same bytes everywhere."""
    with writing(path) as file:
        table.to_csv(file, index=False, float_format="%.6g", lineterminator="\n")


def to_json(value: Any) -> str:
    """JSON as the project writes it: sorted, indented, one text for one value."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _told(error: OSError, path: Path, beside: Path) -> Exception:
    """The error of writing `path` in words; one of reading something else stays what it is."""
    if error.filename and not Path(os.fsdecode(error.filename)).is_relative_to(beside):
        return error
    return InputError(
        f"cannot write {path}: {error.strerror or error}; free space or give rights, then run again"
    )
