"""Zips and tars from anywhere, unpacked as if every one of them were hostile.

Members are only ever read as streams; names are checked and the files written here, so that no
link, device or permission of an archive comes to be. What is wrong with one entry rejects that
entry; what makes the whole doubtful raises InputError, and nothing of the archive is left.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import re
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from neuralmusic.files import InputError
from neuralmusic.midi_bytes import MAX_FILE_BYTES
from neuralmusic.safe_names import LONGEST_NAME_BYTES, UnsafeName, printable, safe_name

CHUNK_BYTES = 1 << 20
MAX_HEADER_BYTES = 1_000_000  # of a tar's long names and attributes, which are read at once
MAX_DICTIONARY_BYTES = 256_000_000  # that an .xz may want in memory
# Below so many bytes nothing is a bomb: a tar of a few small files is mostly zeros.
FREE_BYTES = 1_000_000
ENCRYPTED = 0x1  # a zip entry's flag
# What the libraries answer damaged bytes with.
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,  # a zip's method of compression that Python has not
    RuntimeError,  # a zip entry that wants a password
)


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold; the largest collection of MIDI files is far below."""

    entries: int = 1_000_000  # folders too
    folders: int = 100_000  # that its files lie in
    file_bytes: int = MAX_FILE_BYTES
    total_bytes: int = 50_000_000_000  # unpacked, of a tar with what is skipped
    ratio: int = 200  # unpacked to packed; MIDI files come to about 10


class _Refused(Exception):
    """Why one entry is not unpacked."""


@dataclass(frozen=True)
class _Entry:
    name: str  # as the archive has it
    size: int  # bytes, as the archive says
    refused: str | None  # what its header alone rules out
    is_folder: bool
    open: Callable[[], IO[bytes]]
    is_alone: bool  # damage of its bytes leaves the others readable


def is_archive(path: Path) -> bool:
    """Whether a file looks like a zip or a tar, whatever its name is."""
    return zipfile.is_zipfile(path) or _compression(path) != "" or _is_plain_tar(path)


def check_sha256(path: Path, expected: str) -> None:
    """Raises InputError, naming both sums, where the bytes of a file are not the expected ones."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise InputError(
            f"{path} is not what it should be: its sha256 is {found}, expected {expected};"
            " delete it and fetch it again"
        )


def extract(
    path: Path, folder: Path, wanted: Callable[[str], bool], limits: Limits | None = None
) -> dict[str, str]:
    """Unpacks the wanted files of a zip or tar into `folder`; returns entry -> why it was not.

    `wanted` is asked with each entry's name; all others are skipped.
    Files are held under their `safe_name`. Folders count where a file lies in them, and are counted
    before they are made.
    Raises InputError, with nothing written, where the archive is damaged or cut short, is larger
    than the limits, or holds no wanted entry.
    """
    limits = limits or Limits()
    folder.mkdir(parents=True, exist_ok=True)
    rejected: dict[str, str] = {}
    most = _most_bytes(path, limits)
    found = total = 0
    folders: set[PurePosixPath] = set()
    repeats: Counter[str] = Counter()  # of names that are rejected
    # Beside what is there at first: half an archive must not be taken for a whole one.
    with tempfile.TemporaryDirectory(prefix=".unpacking.", dir=folder) as beside:
        with _entries(path, limits) as entries:
            for count, entry in enumerate(entries):
                if count == limits.entries:
                    raise InputError(f"{path} has more than {limits.entries} entries")
                if entry.is_folder or not wanted(entry.name):
                    continue
                found += 1
                try:
                    target = _target(entry, limits)
                    # Most files lie in a folder that is known.
                    if target.parent not in folders:
                        folders.update(target.parents)
                        if len(folders) > limits.folders:
                            raise InputError(
                                f"the files of {path} lie in more than {limits.folders} folders:"
                                " refused whole"
                            )
                    total += _write(entry, Path(beside) / target, limits, path)
                except (_Refused, UnsafeName) as refused:
                    name = printable(entry.name[:LONGEST_NAME_BYTES])
                    repeats[name] += 1
                    rejected[_free(name, repeats[name], rejected)] = str(refused)
                if total > most:
                    raise InputError(
                        f"{path} unpacks to more than {most} bytes"
                        f" (at {printable(entry.name)}): refused whole"
                    )
        if not found:
            raise InputError(f"{path} holds none of the files that are looked for in it")
        for child in list(Path(beside).iterdir()):
            child.rename(folder / child.name)
    return rejected


def _most_bytes(path: Path, limits: Limits) -> int:
    """How much an archive may unpack to: no more than music could be packed."""
    return min(limits.total_bytes, max(FREE_BYTES, limits.ratio * path.stat().st_size))


def _free(name: str, number: int, taken: dict[str, str]) -> str:
    """The name, with a number where it is not the first of that name to be rejected."""
    free = name if number == 1 else f"{name} ({number})"
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def _target(entry: _Entry, limits: Limits) -> PurePosixPath:
    """Where an entry goes, relative to the folder.

    Raises _Refused where it is not to be had, or its name could lead elsewhere, here or on another
    system, and UnsafeName where it is too long or too deep.
    """
    if entry.refused:
        raise _Refused(entry.refused)
    name = entry.name
    parts = re.split(r"[/\\]", name)
    if not parts[0] or re.match("[A-Za-z]:", name) or ".." in parts:
        raise _Refused("its name leads outside the folder")
    if any(unicodedata.category(c) == "Cc" for c in name):
        raise _Refused("its name has control characters")
    target = PurePosixPath(safe_name(name))
    if entry.size > limits.file_bytes:
        raise _Refused(f"{entry.size} bytes, over the limit of {limits.file_bytes}")
    return target


def _write(entry: _Entry, target: Path, limits: Limits, path: Path) -> int:
    """Writes one entry; returns its bytes. Raises _Refused where it is not to be had."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("xb")  # never through what is there, be it a file or a link
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _Refused("another entry has its name or its folder's") from error
    try:
        with file:
            return _copy(entry, file, limits, path)
    except _Refused:
        target.unlink()
        raise


def _copy(entry: _Entry, file: IO[bytes], limits: Limits, path: Path) -> int:
    written = 0
    try:
        source = entry.open()
    except DAMAGE as error:
        raise _damaged(entry, path, error) from error
    with source:
        while True:
            try:
                chunk = source.read(CHUNK_BYTES)
            except DAMAGE as error:
                raise _damaged(entry, path, error) from error
            written += len(chunk)
            if written > min(entry.size, limits.file_bytes):  # more than its header says
                raise _Refused(f"more than its {entry.size} bytes")
            if not chunk:
                return written
            file.write(chunk)


def _damaged(entry: _Entry, path: Path, error: Exception) -> Exception:
    if entry.is_alone:
        return _Refused(f"cannot be read: {error}")
    return InputError(f"{path} is damaged at {printable(entry.name)}: {error}")


# The entries of a zip and of a tar, one after the other.


@contextmanager
def _entries(path: Path, limits: Limits) -> Iterator[Iterator[_Entry]]:
    if zipfile.is_zipfile(path):
        try:
            archive = zipfile.ZipFile(path)
        except UnicodeDecodeError as error:
            name = error.object.decode("ascii", "backslashreplace")
            raise InputError(f"the zip {path} is damaged: {name} is no UTF-8 name") from error
        except DAMAGE as error:
            raise InputError(f"the zip {path} is damaged: {error}") from error
        with archive:
            yield _entries_of_zip(archive, limits)
    elif is_archive(path):
        with path.open("rb") as file:
            yield _entries_of_tar(file, path, limits)
    else:
        raise InputError(f"{path} is no whole zip or tar: another kind of file, or cut short")


def _entries_of_zip(archive: zipfile.ZipFile, limits: Limits) -> Iterator[_Entry]:
    for info in archive.infolist():
        # Python cuts the other name at a zero byte.
        yield _Entry(
            name=info.orig_filename,
            size=info.file_size,
            # `is_dir` fails on a name that begins with a zero byte.
            is_folder=info.orig_filename.endswith("/"),
            refused=_refused_in_zip(info, limits),
            open=partial(archive.open, info),
            is_alone=True,
        )


def _refused_in_zip(info: zipfile.ZipInfo, limits: Limits) -> str | None:
    kind = (info.external_attr >> 16) & 0o170000  # as Unix has it, 0 where the zip has none
    if kind not in (0, 0o100000):
        return "no file but a link or a device"
    if info.flag_bits & ENCRYPTED:
        return "encrypted"
    if info.file_size > max(FREE_BYTES, limits.ratio * info.compress_size):
        return f"unpacks to more than {limits.ratio} times its size"
    return None


class _Header(tarfile.TarInfo):
    """A tar's header that tells damage from the archive's true end, which tarfile does not."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        if len(buf) != tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it is cut short")
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if not any(buf):  # a block of zeros ends an archive
                raise
            raise tarfile.ReadError(f"no header where one should be: {error}") from error
        if not header.isfile() and header.size > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {header.size} bytes")
        return header


def _entries_of_tar(file: IO[bytes], path: Path, limits: Limits) -> Iterator[_Entry]:
    try:
        bounded: Any = _Bounded(file, path, limits)
        with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_Header) as stream:
            while (info := stream.next()) is not None:
                stream.members = []  # type: ignore[attr-defined]  # or every name stays in memory
                yield _Entry(
                    name=info.name,
                    size=info.size,
                    is_folder=info.isdir(),
                    refused=_refused_in_tar(info),
                    open=partial(_opened, stream, info),
                    is_alone=False,
                )
        while bounded.read(CHUNK_BYTES):  # to the end, where a compressed file has its checksum
            pass
    except DAMAGE as error:
        raise InputError(f"the tar {path} is damaged: {error}") from error


def _opened(stream: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    opened = stream.extractfile(info)
    assert opened  # of a regular file
    return opened


def _refused_in_tar(info: tarfile.TarInfo) -> str | None:
    if not info.isreg() or info.issparse():
        return "no file but a link or a device" if not info.issparse() else "a sparse file"
    return None


class _Bounded:
    """The bytes inside a tar's compression, refused when they are more than the limits let."""

    def __init__(self, file: IO[bytes], path: Path, limits: Limits) -> None:
        self.path, self.read_bytes = path, 0
        self.most = _most_bytes(path, limits)
        compression = _compression(path)
        if compression == "xz":
            # Raises where the dictionary would be larger.
            lzma.LZMADecompressor(memlimit=MAX_DICTIONARY_BYTES).decompress(file.read(4096), 1)
            file.seek(0)
        self.stream: IO[bytes] = OPENERS[compression](file) if compression else file

    def read(self, count: int) -> bytes:
        read = self.stream.read(count)
        self.read_bytes += len(read)
        if self.read_bytes > self.most:
            raise InputError(f"{self.path} unpacks to more than {self.most} bytes: refused whole")
        return read


OPENERS: dict[str, Callable[[Any], Any]] = {
    "gz": lambda file: gzip.GzipFile(fileobj=file),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}
MAGIC = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\0"}


def _compression(path: Path) -> str:
    """The compression that a file begins like, or ""."""
    with path.open("rb") as file:
        head = file.read(8)
    return next((name for name, magic in MAGIC.items() if head.startswith(magic)), "")


def _is_plain_tar(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(tarfile.BLOCKSIZE)
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
