"""Files that are whole or not there: written beside, then renamed, with errors that name them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:  # the workflow reads this file at every start, and pandas is slow to load
    import pandas as pd

# In every folder that a job makes: what the workflow knows it by. Whoever has the same files has
# the same text, whatever the times that a checkout gave them.
CONTENTS = "contents.sha256"
LONGEST_NAME = 255  # bytes that a file system allows
# What the name of something half written ends in, after a process's number: `.before` is what
# it is about to replace.
LEFT = re.compile(r"(\d+)(\.before)?\.part")
HOSTS_PROCESSES = "pid:[4026531836]"  # Linux's name for the numbers outside of all containers


def _host() -> str:
    """A name for what numbers the processes: this machine, or this container on it.

    Hosts that share a folder know each other's files by it, even where they have one name.
    """
    parts = [platform.node()]
    try:
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
        is_container = parts[-1] != HOSTS_PROCESSES
        # Containers of two machines may share name and number; a boot's identity nothing shares.
        name = "/proc/sys/kernel/random/boot_id" if is_container else "/etc/machine-id"
        parts.append(Path(name).read_text(encoding="ascii").strip())
    except OSError:  # a system without them
        pass
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9]', '-', parts[0])[:20]}-{digest}"


HOST = _host()
# The folders that are being written here, and the files that were put into each.
_being_written: dict[Path, set[Path]] = {}


class InputError(Exception):
    """Something the user gave cannot be used; the message names it and says what to do."""


@contextmanager
def writing(path: Path, binary: bool = False) -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path` and renames it to `path` when all is written.

    Raises InputError, naming `path`, where the disk is full, the place cannot be written, or the
    temporary file was deleted meanwhile.
    """
    path = Path(path)
    with _beside(path) as beside:
        mode, text = ("wb", None) if binary else ("w", "utf-8")
        newline = None if binary else "\n"  # the same bytes on every system
        with beside.open(mode, encoding=text, newline=newline) as file:
            opened = os.fstat(file.fileno())
            yield file
            _check_there(beside, path, opened)
        beside.replace(path)
        for folder, files in _being_written.items():
            if path.is_relative_to(folder):
                files.add(path)


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path` that takes its place when all in it is written.

    What was there is moved aside first, so that no kill leaves a part of it under its name.
    Raises InputError, naming `path`, where the disk is full, the place cannot be written, or a
    file was deleted from the temporary folder meanwhile.
    """
    path = Path(path)
    with _beside(path) as beside:
        beside.mkdir()
        files = _being_written[beside] = set()
        descriptor = os.open(beside, os.O_RDONLY)  # while it is open, nothing gets its inode
        try:
            yield beside
            _check_there(beside, path, os.fstat(descriptor))
            for file in sorted(files):
                _check_there(file, path)
        finally:
            os.close(descriptor)
            del _being_written[beside]
        before = _name_beside(path, ".before")
        if path.is_dir():
            path.rename(before)
        try:
            beside.replace(path)
        except OSError:
            if before.exists():
                before.rename(path)
            raise
        _remove(before)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A free name beside `path`, of which nothing is left at the end."""
    beside = _name_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A folder that is being written is new: it is not searched again for each of its files.
        if not any(re.fullmatch(r"\..*\.part", part) for part in path.parent.parts):
            _sweep(path)
        yield beside
    except OSError as error:
        raise _told(error, path, beside) from error
    finally:
        _remove(beside)


def _name_beside(path: Path, kind: str = "") -> Path:
    return path.with_name(f"{_start_beside(path)}{os.getpid()}{kind}.part")


def _start_beside(path: Path) -> str:
    """How the names of all begin that processes of this host write beside `path`."""
    name = path.name
    if len(os.fsencode(name)) + len(HOST) + len("..1234567890.before.part.") > LONGEST_NAME:
        name = f"{name[:20]}~{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}"
    return f".{name}.{HOST}."


def _sweep(path: Path) -> None:
    """Removes what processes of this host that are no more left beside `path`.

    An output that one had moved aside is put back, if nothing took its place.
    """
    start = _start_beside(path)
    for left in path.parent.iterdir():
        if not left.name.startswith(start):
            continue
        found = LEFT.fullmatch(left.name.removeprefix(start))
        if found and not _is_another_alive(int(found[1])):
            if found[2] and not path.exists():
                with suppress(FileNotFoundError):  # another process did
                    left.rename(path)
            else:
                _remove(left)


def _check_there(written: Path, path: Path, opened: os.stat_result | None = None) -> None:
    """Raises InputError where a temporary file is gone, or is no longer the one that was `opened`.

    A program that tidies up, or a process on another machine, may have deleted it.
    """
    with suppress(FileNotFoundError):
        found = written.lstat()
        if opened is None or os.path.samestat(found, opened):
            return
    raise InputError(
        f"cannot write {path}: {written.name} was deleted while it was written; run again"
    )


def _remove(left: Path) -> None:
    if left.is_dir() and not left.is_symlink():
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


def write_contents(folder: Path) -> None:
    """Writes the SHA-256 of the names and the contents of all files of a folder into it.

    The last thing that is written there; hidden files are not counted.
    """
    hasher = hashlib.sha256()
    files = {p.relative_to(folder).as_posix(): p for p in Path(folder).rglob("*") if p.is_file()}
    for name in sorted(files):
        if name != CONTENTS and not name.rpartition("/")[2].startswith("."):
            with files[name].open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
            hasher.update(hashlib.sha256(os.fsencode(name)).digest() + digest)
    write_text(Path(folder) / CONTENTS, hasher.hexdigest() + "\n")


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
