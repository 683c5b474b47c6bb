"""Archives as an attacker makes them: each is refused by name, and nothing is written outside."""

import io
import struct
import tarfile
import zipfile

import pytest

from neuralmusic.datasets import archive
from neuralmusic.datasets.archive import is_archive
from neuralmusic.safe_names import LONGEST_NAME_BYTES, printable, safe_name
from tests.archives import MUSIC, each_kind, header, packed, refused, tar_of, unpacked


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
    assert rejected == {printable(name): "its name leads outside the folder"}


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


@pytest.mark.parametrize("name", [b"b\0_.txt.mid", b"\0__.txt.mid"])
def test_a_zero_byte_hides_no_name_in_a_zip(name, tmp_path):
    path = packed(tmp_path, "zip", [("a.mid", MUSIC), ("b__.t__.mid", b"evil")])
    path.write_bytes(path.read_bytes().replace(b"b__.t__.mid", name))
    found, rejected = unpacked(path)
    assert set(found) == {"a.mid"}
    assert [shown.count("\\x00") > 0 for shown in rejected] == [True]


@each_kind
def test_names_too_long_are_cut_or_refused(kind, tmp_path):
    long, longer = "x" * 300 + ".mid", "/".join(["y" * 200] * 6) + ".mid"
    members = [("a.mid", MUSIC), (long, b"1"), (f"x{long}", b"2"), (longer, b""), ("d/" * 33, b"")]
    found, rejected = unpacked(packed(tmp_path, kind, [*members, ("d/" * 33 + "a.mid", b"")]))
    assert found == {"a.mid": MUSIC, safe_name(long): b"1", safe_name(f"x{long}"): b"2"}
    assert rejected == {
        longer[:LONGEST_NAME_BYTES]: "its name is too long",
        "d/" * 33 + "a.mid": "it lies more than 32 folders deep",
    }


@each_kind
def test_entries_in_the_place_of_our_own_tables_are_held_beside_them(kind, tmp_path):
    names = ["manifest.csv/a.mid", "groups.csv/b.mid", "Rejected.CSV/c.mid"]
    found, rejected = unpacked(packed(tmp_path, kind, [(name, MUSIC) for name in names]))
    assert sorted(found) == sorted(map(safe_name, names))
    assert not {name.partition("/")[0] for name in found} & {"manifest.csv", "groups.csv"}
    assert rejected == {}


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
