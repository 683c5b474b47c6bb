"""Every source, and what is fetched from it."""

import dataclasses
import os
import re
import zipfile
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

from neuralmusic.datasets import DATASETS, music21_corpus
from neuralmusic.datasets.source import BROUGHT, DOWNLOADED, IN_PACKAGE, Source
from neuralmusic.fetch import fetch as fetch_dataset
from neuralmusic.files import InputError
from neuralmusic.midi import read_midi
from neuralmusic.midi_writing import write_midi
from tests.constructed import drawn, melody
from tests.fetching import fetch, midi_bytes, rejected
from tests.tiny import contents

TUNES = drawn(1, 6)


@pytest.mark.parametrize("name", DATASETS)
def test_every_source_says_what_and_whose_it_is(name):
    about = DATASETS[name].ABOUT
    assert isinstance(about, Source)
    for field in dataclasses.fields(about):
        value = getattr(about, field.name)
        if value is None:  # no checksum is known, no split is official
            assert field.default is None, field.name
        else:
            assert value.strip(), field.name
    assert about.obtained in (IN_PACKAGE, DOWNLOADED, BROUGHT)
    assert about.sha256 is None or re.fullmatch("[0-9a-f]{64}", about.sha256)


# The user's own files.


def fetched(out) -> list[str]:
    table = pd.read_csv(out / "manifest.csv")
    assert [(out / file).stat().st_size for file in table["file"]] == table["bytes"].tolist()
    return table["file"].tolist()


def test_a_folder_is_searched_whole(tmp_path):
    home = tmp_path / "music"
    names = ["a.mid", "b/c/d.MIDI", "b/c/E.MiD", "b/f.midi"]
    for name, tune in zip(names, TUNES, strict=False):
        write_midi(home / name, tune)
    (home / "readme.txt").write_text("not music")
    (home / "folder.mid").mkdir()
    assert fetch(home, tmp_path / "raw") == {}
    assert sorted(fetched(tmp_path / "raw")) == sorted(names)
    for name in names:
        assert (tmp_path / "raw" / name).read_bytes() == (home / name).read_bytes()
    assert not (tmp_path / "raw/readme.txt").exists()


def test_a_zip_is_read_as_its_folder_would_be(tmp_path):
    content = midi_bytes(tmp_path, TUNES[0])
    with zipfile.ZipFile(tmp_path / "music.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("deep.mid")
        archive.writestr("deep.mid/a.MID", content)
        archive.writestr("notes.txt", "not music")
    assert fetch(tmp_path / "music.zip", tmp_path / "raw") == {}
    assert fetched(tmp_path / "raw") == ["deep.mid/a.MID"]
    assert (tmp_path / "raw/deep.mid/a.MID").read_bytes() == content


def test_hostile_names_in_a_zip_write_nothing_outside(tmp_path):
    outside = tmp_path / "absolute.mid"
    hostile = ["../up.mid", "a/../../../up.mid", str(outside)]
    with zipfile.ZipFile(tmp_path / "music.zip", "w") as archive:
        for name in [*hostile, "good.mid"]:
            archive.writestr(name, midi_bytes(tmp_path / "made", TUNES[0]))
    before = contents(tmp_path)
    reasons = fetch(tmp_path / "music.zip", tmp_path / "raw")
    assert sorted(reasons) == sorted(hostile)
    assert all("outside" in reason for reason in reasons.values())
    assert fetched(tmp_path / "raw") == ["good.mid"]
    new = set(contents(tmp_path)) - set(before)
    assert new == {"raw/good.mid", "raw/manifest.csv", "raw/rejected.csv"}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_entry_costs_that_entry_only(method, tmp_path):
    path = tmp_path / "music.zip"
    content = midi_bytes(tmp_path, TUNES[0])
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.mid", content)
        archive.writestr("bad.mid", content)
        archive.writestr("c.mid", content)
        header = archive.getinfo("bad.mid").header_offset
    damaged = bytearray(path.read_bytes())
    damaged[header + 40 : header + 90] = b"\xff" * 50
    path.write_bytes(damaged)
    assert list(fetch(path, tmp_path / "raw")) == ["bad.mid"]
    assert fetched(tmp_path / "raw") == ["a.mid", "c.mid"]


def test_a_file_too_large_is_rejected_unread(tmp_path, monkeypatch):
    write_midi(tmp_path / "music/a.mid", TUNES[0])
    write_midi(tmp_path / "music/b.mid", melody([60]))
    monkeypatch.setattr("neuralmusic.datasets.brought.MAX_FILE_BYTES", 100)
    assert list(fetch(tmp_path / "music", tmp_path / "raw")) == ["a.mid"]


def test_what_holds_no_music_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "plain.txt").write_text("not a zip")
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("readme.txt", "not music")
    whole = (tmp_path / "none.zip").read_bytes()
    central = whole.index(b"PK\x01\x02")
    (tmp_path / "broken.zip").write_bytes(whole[:central] + b"XXXX" + whole[central + 4 :])
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    for index, name in enumerate(
        ["missing", "empty", "plain.txt", "none.zip", "broken.zip", "cut.zip"]
    ):
        with pytest.raises(InputError, match=name):
            fetch(tmp_path / name, tmp_path / f"raw{index}")
    with pytest.raises(InputError, match=r"datasets\.\*\.path"):
        fetch("", tmp_path / "raw")


def test_names_that_are_not_utf8_are_escaped(tmp_path):
    home = tmp_path / "music"
    write_midi(home / "a.mid", TUNES[0])
    try:
        (home / "a.mid").rename(home / os.fsdecode(b"caf\xe9.mid"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    DATASETS["folder"].fingerprint({"path": str(home)})
    assert fetch(home, tmp_path / "raw") == {}
    assert fetched(tmp_path / "raw") == ["caf\\udce9.mid"]


def test_a_changed_folder_has_another_fingerprint(tmp_path):
    fingerprint = DATASETS["folder"].fingerprint
    settings = {"path": str(tmp_path)}
    write_midi(tmp_path / "b/a.mid", TUNES[0])
    found = [fingerprint(settings)]
    assert fingerprint(settings) == found[0]
    (tmp_path / "b").rename(tmp_path / "c")
    found.append(fingerprint(settings))
    write_midi(tmp_path / "d.mid", TUNES[1])
    found.append(fingerprint(settings))
    write_midi(tmp_path / "d.mid", TUNES[2])
    found.append(fingerprint(settings))
    assert len({str(f) for f in found}) == 4


# music21's corpus.

SCORES = {"source": "music21", "collection": "ryansMammoth", "max_pieces": 4}


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scores")
    fetch_dataset(SCORES, folder, 1)
    return folder


def test_scores_become_midi_files(scores):
    assert len(fetched(scores)) == 4
    assert rejected(scores) == {}
    for name in fetched(scores):
        assert len(read_midi(scores / name, time="beats")) > 30


def test_a_score_has_the_notes_that_music21_plays(scores, tmp_path):
    from music21 import converter, corpus

    name = fetched(scores)[0]
    (source,) = (p for p in corpus.getComposer("ryansMammoth") if p.stem == name[: -len(".mid")])
    converter.parse(source, forceSource=True).write("midi", tmp_path / "music21.mid")
    ours, theirs = read_midi(scores / name, "beats"), read_midi(tmp_path / "music21.mid", "beats")
    assert ours.pitch.tolist() == theirs.pitch.tolist()
    tick = 0.5 / music21_ticks(tmp_path / "music21.mid")
    assert np.abs(ours.onset_seconds - theirs.onset_seconds).max() <= tick
    assert np.abs(ours.offset_seconds - theirs.offset_seconds).max() <= tick


def music21_ticks(path) -> int:
    return int.from_bytes(path.read_bytes()[12:14], "big")


def test_a_score_gives_the_same_bytes_again(scores, tmp_path):
    fetch_dataset(SCORES | {"max_pieces": 1}, tmp_path, 1)
    (name,) = fetched(tmp_path)  # a smaller sample is a part of the larger
    assert (tmp_path / name).read_bytes() == (scores / name).read_bytes()


def test_repeats_are_played_and_ties_and_chords_are_notes():
    from music21 import converter

    # A repeated bar, notes tied over a bar line, a chord, a chord symbol and a rest.
    tune = 'X:1\nT:t\nM:4/4\nL:1/4\nQ:1/4=90\nK:C\n|:C D E F:|"Am"G4-|G4|[ce]2z2|\n'
    notes = music21_corpus._notes(converter.parse(tune, format="abc"))
    assert notes.pitch.tolist() == [60, 62, 64, 65] * 2 + [67, 72, 76]
    assert notes.onset_seconds.tolist() == [i * 0.5 for i in range(8)] + [4, 8, 8]
    assert notes.offset_seconds.tolist()[-3:] == [8, 9, 9]
    assert notes.length_seconds == 10


def test_a_score_in_two_formats_makes_one_file(tmp_path, monkeypatch):
    chorales = DATASETS["music21"]
    asked = []

    class Pool(nullcontext):
        def __enter__(self):
            return self

        def map(self, _, scores, targets, chunksize):
            asked.extend(targets)
            return [None] * len(targets)

    monkeypatch.setattr(chorales, "ProcessPoolExecutor", Pool)
    chorales.fetch({"collection": "bach", "max_pieces": None}, tmp_path, 1)
    assert len(asked) == len(set(asked)) > 400


def test_an_unknown_collection_is_named_and_the_known_ones_too(tmp_path):
    with pytest.raises(InputError, match=r"(?s)'offenbach'.*ryansMammoth"):
        fetch_dataset(SCORES | {"collection": "offenbach"}, tmp_path, 1)


def test_the_package_version_is_its_fingerprint():
    assert set(DATASETS["music21"].fingerprint(SCORES)) == {"music21"}
