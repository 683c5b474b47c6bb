"""What a user brings: a folder, zip or tar of files, found recursively."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from neuralmusic.datasets.archive import extract, is_archive
from neuralmusic.files import InputError
from neuralmusic.folders import Found, files_below
from neuralmusic.midi_bytes import MAX_FILE_BYTES
from neuralmusic.safe_names import UnsafeName, printable, safe_name

Wanted = Callable[[str], bool]  # whether a file of this name is to be had


def is_midi(name: str) -> bool:
    """Whether a file is called like a MIDI file, in any case of letters."""
    return PurePosixPath(name).suffix.lower() in (".mid", ".midi")


def place(settings: dict, instructions: str) -> Path:
    """The folder or archive of `settings["path"]`.

    Raises InputError, with the instructions, where it is not there or cannot be read.
    """
    path = Path(settings["path"]).expanduser()
    if not settings["path"]:
        raise InputError(f"`path` says nothing yet. {instructions}")
    try:
        if not path.exists():
            raise InputError(f"{settings['path']!r} does not exist. {instructions}")
        if path.is_dir():
            next(path.iterdir(), None)
        elif not is_archive(path):
            raise InputError(f"{path} is neither a folder nor a whole zip or tar. {instructions}")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return path


def fingerprint(path: Path, wanted: Wanted) -> dict:
    """A hash of names, sizes and times of the files, so that changed ones are fetched again.

    Raises InputError where a folder has none.
    """
    hasher = hashlib.sha256()
    for found in [path] if path.is_file() else _files(path, wanted).files:
        status = found.stat()
        name = printable(found.relative_to(path).as_posix())
        hasher.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return {"files_sha256": hasher.hexdigest()}


def bring(path: Path, folder: Path, wanted: Wanted) -> dict[str, str]:
    """Copies the wanted files of a folder or archive, with their relative names.

    Symbolic links in a folder are followed, see `files_below`; those in an archive never are.
    Returns what could not be had, and why.
    Raises InputError where there is no such file, or where the archive is not whole.
    """
    if path.is_file():
        return extract(path, folder, wanted)
    below = _files(path, wanted)
    rejected = {
        printable(of.relative_to(path).as_posix()): why for of, why in below.unreadable.items()
    }
    for found in below.files:
        relative = found.relative_to(path).as_posix()
        if reason := _copy(found, folder, relative):
            rejected[printable(relative)] = reason
    return rejected


def _copy(found: Path, folder: Path, relative: str) -> str | None:
    """Copies a file into a folder under its safe name; returns why it is not to be had, if so."""
    try:
        target = folder / safe_name(relative)
        size = found.stat().st_size
        if size > MAX_FILE_BYTES:
            return f"{size} bytes, over the limit of {MAX_FILE_BYTES}"
        content = found.read_bytes()
    except UnsafeName as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(content)
    except (FileExistsError, NotADirectoryError):
        return "another file has its name or its folder's"
    return None


def _files(path: Path, wanted: Wanted) -> Found:
    """The wanted files of a folder; raises InputError where there is none."""
    found = files_below(path, wanted)
    if not found.files:
        raise InputError(
            f"{path} holds none of the files that are looked for in it; set `path` in params.yaml"
            " to where they are"
        )
    return found
