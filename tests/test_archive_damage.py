"""Archives that are bombs, cut short or damaged: nothing half-unpacked is taken for whole."""

import gzip
import hashlib
import random
import shutil
import struct
import tarfile

import pytest

from neuralmusic.datasets import archive
from neuralmusic.datasets.archive import Limits, check_sha256, extract, is_archive
from neuralmusic.files import InputError
from tests.archives import (
    MUSIC,
    PACKERS,
    each_kind,
    each_tar,
    header,
    packed,
    refused,
    tar_of,
    unpacked,
    wanted,
)
from tests.tiny import contents

# Bombs.

BOMB = bytes(3_000_000)


def test_an_entry_of_a_zip_that_unpacks_to_far_more_is_refused(tmp_path):
    path = packed(tmp_path, "zip", [("a.mid", MUSIC), ("bomb.mid", BOMB)])
    found, rejected = unpacked(path)
    assert set(found) == {"a.mid"}
    assert rejected == {"bomb.mid": "unpacks to more than 200 times its size"}


def test_a_zip_of_many_entries_that_unpack_to_far_more_is_refused_whole(tmp_path):
    path = packed(tmp_path, "zip", [(f"{i}.mid", bytes(900_000)) for i in range(60)])
    assert path.stat().st_size * 200 < 60 * 900_000
    assert "unpacks to more than" in refused(path)


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
def test_too_many_folders_are_refused_whole_before_they_are_made(kind, tmp_path, monkeypatch):
    """Few bytes of deep names make millions of folders."""
    made = []
    monkeypatch.setattr(archive, "_write", lambda entry, target, *_: made.append(target) or 0)
    names = [f"{i}/" + "/".join("abcdefgh") + "/a.mid" for i in range(100)]
    path = packed(tmp_path, kind, [(name, b"") for name in names])
    assert "more than 400 folders" in refused(path, Limits(folders=400))
    assert len(made) == 44  # of nine folders each, and their own
    deep = packed(tmp_path, kind, [("a.mid", MUSIC), ("a/" * 460 + "a.mid", b"")])
    assert list(unpacked(deep)[1].values()) == ["it lies more than 32 folders deep"]


@each_kind
def test_folders_of_an_archive_count_among_its_entries(kind, tmp_path):
    path = packed(tmp_path, kind, [(f"{i}/", b"") for i in range(9)] + [("a.mid", MUSIC)])
    assert "more than 9 entries" in refused(path, Limits(entries=9))


def test_a_name_that_is_rejected_again_and_again_takes_no_time(tmp_path, monkeypatch):
    free = archive._free
    path = packed(tmp_path, "tar", [("../a.mid", b"")] * 5000 + [("b.mid", MUSIC)])
    tried = []
    monkeypatch.setattr(archive, "_free", lambda *given: tried.append(given[1]) or free(*given))
    assert len(unpacked(path)[1]) == 5000
    assert tried == list(range(1, 5001))  # the number to begin with, not one after the other


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


@each_kind
def test_any_damage_is_told_or_costs_the_entry(kind, tmp_path):
    """Bytes changed at random, as a seed has it: never another exception, nothing outside."""
    path = packed(tmp_path, kind, [(f"a/{i}.mid", MUSIC[i:]) for i in range(6)])
    whole, dice = path.read_bytes(), random.Random(5)
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(dice.choice([1, 1, 4])):
            content[dice.randrange(len(content))] = dice.randrange(256)
        path.write_bytes(content)
        try:
            unpacked(path)
        except InputError as error:
            assert str(path) in str(error)
        shutil.rmtree(tmp_path / "deep", ignore_errors=True)
