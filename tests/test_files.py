"""Outputs are whole or as they were, and what stops a job is said in words."""

import errno
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from neuralmusic import files
from neuralmusic.files import InputError, to_json, write_csv, write_text, writing, writing_folder
from tests.tiny import contents


@contextmanager
def folder_with_a_file(path):
    with writing_folder(path) as folder, (folder / "inside.txt").open("w") as file:
        yield file


def text_of(path: Path) -> str:
    return (path / "inside.txt" if path.is_dir() else path).read_text()


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


both = pytest.mark.parametrize("write", [writing, folder_with_a_file])


@both
def test_an_output_is_replaced_when_all_is_written(write, tmp_path):
    path = tmp_path / "new" / "output"
    for text in ("first", "second"):
        with write(path) as file:
            file.write(text)
            file.flush()
            assert not path.exists() or text_of(path) == "first"
        assert text_of(path) == text
    assert names(path.parent) == ["output"]


@both
@pytest.mark.parametrize("failure", [ValueError("bug"), KeyboardInterrupt(), InputError("yours")])
def test_a_failure_leaves_the_old_output_and_nothing_half_written(write, failure, tmp_path):
    path = tmp_path / "output"
    with write(path) as file:
        file.write("old")
    with pytest.raises(type(failure)), write(path) as file:
        file.write("half")
        raise failure
    assert text_of(path) == "old"
    assert names(tmp_path) == ["output"]


@both
def test_a_full_disk_is_an_error_that_names_the_output(write, tmp_path):
    path = tmp_path / "output"
    with pytest.raises(InputError, match=r"cannot write .*/output.*No space left"), write(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_that_is_really_full(tmp_path):
    path = tmp_path / "output"
    path.write_text("old")
    with (
        pytest.raises(InputError, match=r"/folder: No space left"),
        writing_folder(tmp_path / "folder") as folder,
    ):
        (folder / "full").symlink_to("/dev/full")
        (folder / "full").write_text("new")
    assert names(tmp_path) == ["output"]


@both
def test_a_place_that_cannot_be_written_is_named(write, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises((InputError, OSError), match="/file"),
        write(tmp_path / "file" / "output"),
    ):
        pass


@both
def test_a_missing_input_is_named_and_not_the_output(write, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.csv"), write(tmp_path / "output"):
        (tmp_path / "missing.csv").read_text()
    assert names(tmp_path) == []


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def leftover(folder: Path, pid: int | str) -> Path:
    left = folder / f".output.{pid}.part"
    left.mkdir(parents=True)
    (left / "half.txt").write_text("half")
    return left


def test_leftovers_of_dead_processes_are_swept_and_of_living_ones_not(tmp_path):
    dead = leftover(tmp_path, dead_process())
    own = leftover(tmp_path, os.getpid())  # process numbers recur in containers
    kept = [leftover(tmp_path, os.getppid()), leftover(tmp_path, "note")]
    other = tmp_path / f".other.{dead.name.split('.')[-2]}.part"
    other.mkdir()
    with writing_folder(tmp_path / "output") as folder:
        assert not dead.exists()
        assert names(folder) == []
    assert not own.exists()
    assert all(left.exists() for left in [*kept, other])


def test_another_users_process_stops_nothing(tmp_path, monkeypatch):
    left = leftover(tmp_path, dead_process())

    def forbidden(pid, signal):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(files.os, "kill", forbidden)
    with writing_folder(tmp_path / "output"):
        pass
    assert left.exists()


def test_tables_and_json_have_one_text(tmp_path):
    write_csv(
        tmp_path / "a.csv", pd.DataFrame({"a": [1, 2], "b": [1 / 3, None], "c": ["é", "x,y"]})
    )
    written = (tmp_path / "a.csv").read_bytes()
    assert written == 'a,b,c\n1,0.333333,é\n2,,"x,y"\n'.encode()
    assert to_json({"b": 1, "a": {"d": None, "c": [1.5]}}) == to_json(
        {"a": {"c": [1.5], "d": None}, "b": 1}
    )
    write_text(tmp_path / "a.txt", "line\nüber\n")
    assert contents(tmp_path)["a.txt"] == "line\nüber\n".encode()
