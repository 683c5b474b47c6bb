"""Any folder or zip of MIDI files that the user has, found recursively."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from neuralmusic.datasets.source import Source
from neuralmusic.files import InputError
from neuralmusic.midi import MAX_FILE_BYTES

ABOUT = Source(
    title="The user's own MIDI files",
    address="datasets.<name>.path in params.yaml",
    licence="that of the files",
    citation="that of the files",
)
ENDINGS = {".mid", ".midi"}
_Member = tuple[str, int, Callable[[], IO[bytes]]]  # name, bytes, how to open it


def fingerprint(settings: dict) -> dict:
    """A hash of names, sizes and times of the files, so that a changed folder is fetched again."""
    hasher = hashlib.sha256()
    path = _path(settings)
    for found in [path] if path.is_file() else _midi_files(path):
        status = found.stat()
        name = _text(found.relative_to(path).as_posix())
        hasher.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return {"files_sha256": hasher.hexdigest()}


def fetch(settings: dict, folder: Path, workers: int) -> dict[str, str]:
    """Copies the MIDI files of `settings["path"]`, a folder or a zip, with their relative names.

    Raises InputError where the path does not exist, cannot be read or holds no MIDI file.
    """
    path = _path(settings)
    rejected: dict[str, str] = {}
    found = 0
    for name, size, opened in _members_of_zip(path) if path.is_file() else _members_of(path):
        found += 1
        target = folder / name
        if not target.resolve().is_relative_to(folder.resolve()):
            rejected[name] = "its name leads outside the folder"
        elif size > MAX_FILE_BYTES:
            rejected[name] = f"{size} bytes, over the limit of {MAX_FILE_BYTES}"
        else:
            try:
                with opened() as source:
                    content = source.read(MAX_FILE_BYTES + 1)
            # A zip entry may be damaged in many ways, encrypted or of an unknown method.
            except Exception as error:
                rejected[name] = f"cannot be read: {error}"
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    if not found:
        raise InputError(
            f"{path} holds no .mid or .midi file; give another folder or zip as datasets.*.path"
        )
    return rejected


def _path(settings: dict) -> Path:
    path = Path(settings["path"]).expanduser()
    if not settings["path"] or not path.exists():
        raise InputError(
            f"the dataset's folder {settings['path']!r} does not exist; set datasets.*.path in"
            " params.yaml to a folder or zip of MIDI files"
        )
    if path.is_file() and not zipfile.is_zipfile(path):
        raise InputError(f"{path} is neither a folder nor a zip of MIDI files")
    if path.is_dir():
        try:
            next(path.iterdir(), None)
        except OSError as error:
            raise InputError(f"the folder {path} cannot be read: {error.strerror}") from error
    return path


def _midi_files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())


def _text(name: str) -> str:
    """A file's name as UTF-8 can hold it: names of old collections are in other encodings."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _members_of(path: Path) -> Iterator[_Member]:
    for found in _midi_files(path):
        name = _text(found.relative_to(path).as_posix())
        yield name, found.stat().st_size, partial(_open, found)


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _members_of_zip(path: Path) -> Iterator[_Member]:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise InputError(f"the zip {path} is damaged: {error}") from error
    with archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            if PurePosixPath(entry.filename).suffix.lower() in ENDINGS and not entry.is_dir():
                yield entry.filename, entry.file_size, partial(archive.open, entry)
