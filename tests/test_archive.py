"""Archives as an attacker makes them: each is refused by name, and nothing is written outside."""

import bz2
import gzip
import hashlib
import io
import lzma
import struct
import tarfile
import zipfile

import pytest

from neuralmusic.datasets import archive
from neuralmusic.datasets.archive import Limits, check_sha256, extract, is_archive
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


@each_kind
def test_wanted_files_come_out_and_others_do_not(kind, tmp_path):
    members = [("a.mid", MUSIC), ("b/c/d.MID", b""), ("./e.mid", b"e"), ("readme.txt", b"no")]
    path = packed(tmp_path, kind, members)
    assert is_archive(path)
    found, rejected = unpacked(path)
    assert found == {"a.mid": MUSIC, "b/c/d.MID": b"", "e.mid": b"e"}
    assert rejected == {}


@each_kind
def test_what_the_archive_is_called_does_not_matter(kind, tmp_path):
    path = packed(tmp_path, kind, [("a.mid", MUSIC)])
    renamed = path.rename(tmp_path / "download")
    assert unpacked(renamed)[0] == {"a.mid": MUSIC}


OUTSIDE = [
    "../up.mid",
    "a/../../../up.mid",
    "a/../b.mid",
    "/absolute.mid",
    "//host/share.mid",
    "C:/windows.mid",
    "c:windows.mid",
    "..\\up.mid",
    "a\\..\\..\\up.mid",
    "\\absolute.mid",
]


@each_kind
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_outside_is_refused_and_the_others_are_not(name, kind, tmp_path):
    path = packed(tmp_path, kind, [("a.mid", MUSIC), (name, b"evil"), ("z.mid", MUSIC)])
    found, rejected = unpacked(path)
    assert set(found) == {"a.mid", "z.mid"}
    assert rejected == {name: "its name leads outside the folder"}


@each_kind
def test_the_path_of_this_very_folder_is_refused_too(kind, tmp_path):
    name = str(tmp_path / "deep/out/here.mid")
    found, rejected = unpacked(packed(tmp_path, kind, [(name, b"evil"), ("a.mid", MUSIC)]))
    assert set(found) == {"a.mid"}
    assert len(rejected) == 1


@each_kind
@pytest.mark.parametrize("name", ["a\nb.mid", "\x1b[2Jb.mid", "a\x7f.mid", "a\x85.mid"])
def test_control_characters_are_refused_and_shown_escaped(name, kind, tmp_path):
    found, rejected = unpacked(packed(tmp_path, kind, [("a.mid", MUSIC), (name, b"evil")]))
    assert set(found) == {"a.mid"}
    ((shown, reason),) = rejected.items()
    assert "control" in reason
    assert shown.isprintable()


def test_a_zero_byte_hides_no_name_in_a_zip(tmp_path):
    path = packed(tmp_path, "zip", [("a.mid", MUSIC), ("b_.txt.mid", b"evil")])
    path.write_bytes(path.read_bytes().replace(b"b_.txt.mid", b"b.mid\0.mid"))
    found, rejected = unpacked(path)
    assert set(found) == {"a.mid"}
    assert list(rejected) == ["b.mid\\x00.mid"]


@each_kind
def test_names_too_long_are_refused(kind, tmp_path):
    long = ["x" * 300 + ".mid", "/".join(["y" * 200] * 6) + ".mid"]
    path = packed(tmp_path, kind, [("a.mid", MUSIC), *((name, b"") for name in long)])
    found, rejected = unpacked(path)
    assert set(found) == {"a.mid"}
    assert rejected == dict.fromkeys(long, "its name is too long")


def test_odd_bytes_in_a_tars_name_are_escaped(tmp_path):
    info = header("caf\udce9.mid", len(MUSIC))
    path = tmp_path / "odd.tar"
    path.write_bytes(tar_of([(info, MUSIC)], format=tarfile.GNU_FORMAT))
    assert b"caf\xe9.mid" in path.read_bytes()
    assert unpacked(path) == ({"caf\\udce9.mid": MUSIC}, {})


def test_odd_bytes_in_a_zips_name_are_read_as_old_programs_wrote_them(tmp_path):
    path = packed(tmp_path, "zip", [("caf_.mid", MUSIC)])
    path.write_bytes(path.read_bytes().replace(b"caf_", b"caf\x82"))
    assert unpacked(path) == ({"café.mid": MUSIC}, {})


def test_a_zips_name_that_is_not_the_utf8_it_says_is_named(tmp_path):
    path = packed(tmp_path, "zip", [("caf\xe9.mid", MUSIC)])
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xfe"))
    assert "caf\\xff\\xfe.mid" in refused(path)


@each_kind
def test_of_two_entries_with_one_name_the_first_is_kept(kind, tmp_path):
    twice = [("a.mid", MUSIC), ("a.mid", b"second"), ("./a.mid", b"third"), ("a.mid", b"4th")]
    with pytest.warns() if kind == "zip" else io.StringIO():
        path = packed(tmp_path, kind, twice)
    found, rejected = unpacked(path)
    assert found == {"a.mid": MUSIC}
    assert set(rejected) == {"a.mid", "./a.mid", "a.mid (2)"}
    assert all("another entry" in reason for reason in rejected.values())


@each_kind
def test_a_file_where_another_entrys_folder_would_be(kind, tmp_path):
    path = packed(tmp_path, kind, [("a.mid", MUSIC), ("a.mid/b.mid", b"b"), ("c.mid", b"c")])
    found, rejected = unpacked(path)
    assert set(found) == {"a.mid", "c.mid"}
    assert list(rejected) == ["a.mid/b.mid"]


# What is no file.

NO_FILES = {
    "symlink": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    "hardlink": {"type": tarfile.LNKTYPE, "linkname": "../../secret.txt"},
    "hardlink inside": {"type": tarfile.LNKTYPE, "linkname": "a.mid"},
    "device": {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5},
    "block device": {"type": tarfile.BLKTYPE},
    "fifo": {"type": tarfile.FIFOTYPE},
}


@pytest.mark.parametrize("what", NO_FILES)
def test_links_and_devices_of_a_tar_are_refused(what, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    members = [(header("a.mid", len(MUSIC)), MUSIC), (header("link.mid", **NO_FILES[what]), b"")]
    path = tmp_path / "links.tar"
    path.write_bytes(tar_of([*members, (header("z.mid", 1), b"z")]))
    found, rejected = unpacked(path)
    assert found == {"a.mid": MUSIC, "z.mid": b"z"}
    assert rejected == {"link.mid": "no file but a link or a device"}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_folder_that_is_a_link_leads_nowhere(kind, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    path = tmp_path / f"links.{kind}"
    if kind == "tar":
        link = header("sub", type=tarfile.SYMTYPE, linkname=str(outside))
        path.write_bytes(tar_of([(link, b""), (header("sub/evil.mid", 4), b"evil")]))
    else:
        with zipfile.ZipFile(path, "w") as made:
            made.writestr(zip_link("sub"), str(outside))
            made.writestr("sub/evil.mid", b"evil")
    found, _ = unpacked(path)
    assert found == {"sub/evil.mid": b"evil"}
    assert list(outside.iterdir()) == []


def zip_link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = 0o120777 << 16
    return info


def test_a_link_in_a_zip_is_refused(tmp_path):
    path = tmp_path / "links.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(zip_link("link.mid"), "/etc/passwd")
        made.writestr("a.mid", MUSIC)
    assert unpacked(path) == ({"a.mid": MUSIC}, {"link.mid": "no file but a link or a device"})


def test_a_sparse_file_is_refused(tmp_path):
    path = tmp_path / "sparse.tar"
    content = bytearray(tar_of([(header("a.mid", 512), bytes(512))], format=tarfile.GNU_FORMAT))
    content[156:157] = tarfile.GNUTYPE_SPARSE
    content[483:495] = b"%011o\0" % 10**9  # the size that it has with its holes
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    path.write_bytes(content)
    assert unpacked(path) == ({}, {"a.mid": "a sparse file"})


def test_an_encrypted_entry_is_refused(tmp_path):
    path = packed(tmp_path, "zip", [("a.mid", MUSIC), ("b.mid", MUSIC)])
    content = bytearray(path.read_bytes())
    central = content.rindex(b"PK\x01\x02")
    content[central + 8] |= archive.ENCRYPTED
    path.write_bytes(content)
    assert unpacked(path) == ({"a.mid": MUSIC}, {"b.mid": "encrypted"})


def test_an_unknown_method_of_compression_is_refused(tmp_path):
    path = packed(tmp_path, "zip", [("a.mid", MUSIC), ("b.mid", MUSIC)])
    content = bytearray(path.read_bytes())
    for mark, field in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        at = content.rindex(mark) + field
        content[at : at + 2] = struct.pack("<H", 99)
    path.write_bytes(content)
    found, rejected = unpacked(path)
    assert set(found) == {"a.mid"}
    assert rejected["b.mid"].startswith("cannot be read")


# Bombs.

BOMB = bytes(3_000_000)


def test_an_entry_of_a_zip_that_unpacks_to_far_more_is_refused(tmp_path):
    path = packed(tmp_path, "zip", [("a.mid", MUSIC), ("bomb.mid", BOMB)])
    found, rejected = unpacked(path)
    assert set(found) == {"a.mid"}
    assert rejected == {"bomb.mid": "unpacks to more than 200 times its size"}


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("name", ["bomb.mid", "skipped.txt"])
def test_a_tar_that_unpacks_to_far_more_is_refused_whole(name, kind, tmp_path):
    path = packed(tmp_path, kind, [("a.mid", MUSIC), (name, BOMB * 5)])
    assert "unpacks to more than" in refused(path)


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2"])
def test_a_bomb_behind_the_end_of_a_tar_is_refused(kind, tmp_path):
    path = tmp_path / f"tail.{kind}"
    path.write_bytes(PACKERS[kind[4:]](tar_of([(header("a.mid", 1), b"a")]) + BOMB * 5))
    assert "unpacks to more than" in refused(path)


@each_kind
def test_more_than_the_limit_of_all_is_refused_whole(kind, tmp_path):
    path = packed(tmp_path, kind, [(f"{i}.mid", MUSIC) for i in range(10)])
    assert "more than 5000 bytes" in refused(path, Limits(total_bytes=5000))


@each_kind
def test_too_many_entries_are_refused_whole(kind, tmp_path):
    path = packed(tmp_path, kind, [(f"{i}.txt", b"") for i in range(9)] + [("a.mid", MUSIC)])
    assert "more than 9 entries" in refused(path, Limits(entries=9))
    assert set(unpacked(path, Limits(entries=10))[0]) == {"a.mid"}


@each_kind
def test_a_file_too_large_is_rejected_alone(kind, tmp_path):
    path = packed(tmp_path, kind, [("a.mid", b"a"), ("b.mid", MUSIC), ("c.mid", b"c")])
    found, rejected = unpacked(path, Limits(file_bytes=100))
    assert set(found) == {"a.mid", "c.mid"}
    assert rejected == {"b.mid": f"{len(MUSIC)} bytes, over the limit of 100"}


def test_a_zips_entry_that_is_longer_than_it_says_is_rejected(tmp_path):
    path = packed(tmp_path, "zip", [("a.mid", MUSIC), ("b.mid", MUSIC)])
    content = bytearray(path.read_bytes())
    central = content.rindex(b"PK\x01\x02")
    content[central + 24 : central + 28] = struct.pack("<I", 10)
    path.write_bytes(content)
    found, rejected = unpacked(path)
    assert set(found) == {"a.mid"}
    assert list(rejected) == ["b.mid"]


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_huge_header_of_a_tar_is_not_read(kind, tmp_path):
    path = tmp_path / "header.tar"
    huge = header("long", 50_000_000, type=kind).tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(tar_of([(header("a.mid", 1), b"a")])[:1024] + huge + bytes(1024))
    assert "a header of 50000000 bytes" in refused(path)


def test_an_xz_that_wants_much_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_DICTIONARY_BYTES", 1_000_000)
    path = packed(tmp_path, "tar.xz", [("a.mid", MUSIC)])
    assert "emory" in refused(path)


# Damage.


@each_kind
def test_an_archive_cut_short_anywhere_is_refused_whole(kind, tmp_path):
    path = packed(tmp_path, kind, [(f"{i}.mid", MUSIC) for i in range(4)])
    whole = path.read_bytes()
    # The last bytes of a plain tar are zeros that fill a record: a block of them is an end.
    last = 1536 * 4 + 511 if kind == "tar" else len(whole) - 1
    for length in sorted({last * share // 37 for share in range(38)}):
        path.write_bytes(whole[:length])
        refused(path)
    path.write_bytes(whole)
    assert len(unpacked(path)[0]) == 4


@each_tar
def test_a_tar_damaged_in_the_middle_is_refused_whole(kind, tmp_path):
    content = bytearray(tar_of([(header(f"{i}.mid", len(MUSIC)), MUSIC) for i in range(4)]))
    content[2 * 2048 + 10] ^= 0xFF  # in the header of the third
    path = tmp_path / f"damaged.{kind}"
    path.write_bytes(PACKERS[kind[4:]](bytes(content)))
    assert "damaged" in refused(path)


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_a_compressed_tar_with_a_wrong_byte_is_refused_whole(kind, tmp_path):
    path = packed(tmp_path, kind, [(f"{i}.mid", MUSIC) for i in range(4)])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    refused(path)


def test_a_zips_entry_with_a_wrong_byte_is_rejected_alone(tmp_path):
    path = packed(tmp_path, "zip", [("a.mid", MUSIC), ("b.mid", MUSIC), ("c.mid", MUSIC)])
    content = bytearray(path.read_bytes())
    content[content.index(b"b.mid") + 100] ^= 0xFF
    path.write_bytes(content)
    found, rejected = unpacked(path)
    assert set(found) == {"a.mid", "c.mid"}
    assert list(rejected) == ["b.mid"]


def test_what_is_no_archive_is_named(tmp_path):
    for name, content in {"text": b"dear diary", "empty": b"", "gz": gzip.compress(b"x")}.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name)
    assert not is_archive(tmp_path / "text")
    assert not is_archive(tmp_path / "empty")


@each_kind
def test_an_archive_with_nothing_wanted_is_named(kind, tmp_path):
    assert "none of the files" in refused(packed(tmp_path, kind, [("readme.txt", b"")]))


def test_a_tars_names_are_not_kept(tmp_path, monkeypatch):
    """A hundred thousand of them would be."""
    kept = []
    following = tarfile.TarFile.next

    def spied(self):
        kept.append(len(self.members))
        return following(self)

    monkeypatch.setattr(tarfile.TarFile, "next", spied)
    unpacked(packed(tmp_path, "tar.gz", [(f"{i}.mid", b"") for i in range(100)]))
    assert max(kept) <= 1


def test_what_was_in_the_folder_stays(tmp_path):
    path = packed(tmp_path, "zip", [("a.mid", MUSIC)])
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old.txt").write_text("old")
    extract(path, tmp_path / "out", wanted)
    assert contents(tmp_path / "out") == {"a.mid": MUSIC, "old.txt": b"old"}


def test_a_wrong_checksum_names_both(tmp_path):
    (tmp_path / "file").write_bytes(MUSIC)
    right, wrong = hashlib.sha256(MUSIC).hexdigest(), "0" * 64
    check_sha256(tmp_path / "file", right)
    with pytest.raises(InputError, match=rf"file .*{right}.*{wrong}"):
        check_sha256(tmp_path / "file", wrong)
