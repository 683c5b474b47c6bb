"""The walk through a folder that a user names: links are followed, and nothing ends it or loops."""

import os

import pytest

from neuralmusic import folders, midi_folder, piece_sets
from neuralmusic.datasets import folder as dataset
from neuralmusic.datasets.brought import is_midi
from neuralmusic.files import InputError
from neuralmusic.folders import files_below
from neuralmusic.midi_writing import write_midi
from tests.damaged import composed

PIECE = composed(0, 1)[0].cut(5.0)


@pytest.fixture
def music(tmp_path):
    """A folder with links of every kind, and what they lead to."""
    home = tmp_path / "home/music"
    for place in ("home/music/own/deep", "elsewhere/album", "home/beside"):
        (tmp_path / place).mkdir(parents=True)
    for place in ("home/music/a.mid", "home/music/own/deep/b.MID", "home/beside/c.mid"):
        write_midi(tmp_path / place, PIECE)
    for place in ("elsewhere/d.mid", "elsewhere/album/e.midi"):
        write_midi(tmp_path / place, PIECE)
    links = {
        "aaa": home / "own",  # which has a place of its own in here
        "here": home,
        "own/up": home,
        "above": tmp_path / "home",
        "other": tmp_path / "elsewhere",
        "second": tmp_path / "elsewhere",
        "within": tmp_path / "elsewhere/album",
        "gone": tmp_path / "nowhere",
        "gone.mid": tmp_path / "nowhere.mid",
        "itself": home / "itself",
        "file.mid": tmp_path / "home/beside/c.mid",
    }
    for name, to in links.items():
        (home / name).symlink_to(to)
    (tmp_path / "elsewhere/back").symlink_to(home / "own")
    return home


EVERY = ["a.mid", "file.mid", "other/album/e.midi", "other/d.mid", "own/deep/b.MID"]


def test_what_links_lead_to_counts_once(music):
    found = files_below(music, is_midi)
    assert [file.relative_to(music).as_posix() for file in found.files] == EVERY
    assert not found.unreadable
    through = music.parent / "link"
    through.symlink_to(music)
    assert [f.relative_to(through).as_posix() for f in files_below(through, is_midi).files] == EVERY


def test_datasets_models_and_comparisons_see_the_same_files(music, tmp_path):
    out = tmp_path / "raw"
    out.mkdir()
    assert dataset.fetch({"path": str(music)}, out, 1) == {}
    written = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    assert written == EVERY
    assert [p.relative_to(music).as_posix() for p in midi_folder.files_of(str(music), 99, 1)] == (
        EVERY
    )
    (found,) = piece_sets.read_sets({"music": music}, piece_sets.Reading()).values()
    assert sorted(found.files) == EVERY


def test_more_than_can_be_music_is_said(music, monkeypatch):
    monkeypatch.setattr(folders, "MOST_FILES", 4)
    with pytest.raises(InputError, match=r"more than .* 4 files.*symbolic link"):
        files_below(music, is_midi)
    monkeypatch.setattr(folders, "MOST_FILES", 5)
    monkeypatch.setattr(folders, "MOST_FOLDERS", 2)
    with pytest.raises(InputError, match="more than 2 folders"):
        files_below(music, is_midi)


def test_a_folder_that_cannot_be_read_is_listed(music, monkeypatch):
    def scandir(place):
        if place == music / "own/deep":
            raise PermissionError(13, "Permission denied")
        return list_of(place)

    list_of = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    found = files_below(music, is_midi)
    assert found.unreadable == {music / "own/deep": "the folder cannot be read: Permission denied"}
    assert len(found.files) == len(EVERY) - 1
