"""Archives made by hand, honest and hostile, and what unpacking them leaves."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from neuralmusic.datasets.archive import Limits, extract
from neuralmusic.files import InputError
from tests.tiny import contents

MUSIC = b"MThd" + bytes(range(256)) * 4
PACKERS = {"": lambda b: b, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
KINDS = ["zip", *(f"tar.{name}".rstrip(".") for name in PACKERS)]
each_kind = pytest.mark.parametrize("kind", KINDS)
each_tar = pytest.mark.parametrize("kind", KINDS[1:])


def wanted(name: str) -> bool:
    return name.lower().endswith(".mid")


def header(name: str, size: int = 0, **fields) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tar_of(members: list[tuple[tarfile.TarInfo, bytes]], **options) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def packed(tmp_path, kind: str, members: list[tuple[str, bytes]]):
    """An archive of plain files, in a folder of its own."""
    path = tmp_path / f"archive.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            for name, content in members:
                made.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    else:
        content = tar_of([(header(name, len(content)), content) for name, content in members])
        path.write_bytes(PACKERS[kind[4:]](content))
    return path


def unpacked(path, limits: Limits | None = None):
    """What an archive leaves in its folder, and what is rejected; nothing may be beside it."""
    home = path.parent
    before = set(contents(home))
    out = home / "deep" / "out"
    try:
        rejected = extract(path, out, wanted, limits)
    finally:
        new = set(contents(home)) - before
        assert all(name.startswith("deep/out/") and wanted(name) for name in new), new
        assert not [p for p in home.rglob("*") if p.is_symlink()]
        assert not list(out.glob(".unpacking*"))
    return contents(out), rejected


def refused(path, limits: Limits | None = None) -> str:
    """What is said of an archive that is refused whole, of which nothing is left."""
    with pytest.raises(InputError) as raised:
        unpacked(path, limits)
    assert str(path) in str(raised.value)
    assert contents(path.parent / "deep/out") == {}
    return str(raised.value)
