"""Outputs are whole or as they were, and what stops a job is said in words."""

import errno
import os
import shutil
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


def leftover(folder: Path, pid: int | str, name: str = "output", host: str = files.HOST) -> Path:
    left = folder / f".{name}.{host}.{pid}.part"
    left.mkdir(parents=True)
    (left / "half.txt").write_text("half")
    return left


def test_leftovers_of_dead_processes_are_swept_and_of_living_ones_not(tmp_path):
    dead = leftover(tmp_path, dead_process())
    own = leftover(tmp_path, os.getpid())  # process numbers recur in containers
    kept = [leftover(tmp_path, os.getppid()), leftover(tmp_path, "note")]
    with writing_folder(tmp_path / "output") as folder:
        assert not dead.exists()
        assert names(folder) == []
    assert not own.exists()
    assert all(left.exists() for left in kept)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("other", files.HOST),
        ("output.2", files.HOST),  # another run of the same model
        (f"output.{files.HOST}", files.HOST),
        ("output", "elsewhere-01234567"),  # whose process of that number may be alive
        ("output", f"2.{files.HOST}"),
    ],
)
def test_what_another_output_or_another_host_has_is_left_alone(name, host, tmp_path):
    left = leftover(tmp_path, dead_process(), name, host)
    with writing_folder(tmp_path / "output"):
        assert len(names(tmp_path)) == 2
    assert contents(left) == {"half.txt": b"half"}


@pytest.mark.parametrize("name", ["basic", "a*[b]", "é" * 127, "long" * 60 + "name.mid.xz"])
def test_any_name_that_a_file_can_have_is_written_and_swept(name, tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from neuralmusic.files import writing_folder\n"
        "with writing_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], check=False)
    (left,) = names(tmp_path)
    assert left.startswith(".") and left.endswith(".part") and files.HOST in left
    with writing(tmp_path / name) as file:
        file.write("whole")
    assert names(tmp_path) == [name]


def test_a_host_is_this_machine_and_its_container(monkeypatch):
    assert files._host() == files.HOST
    places = {
        "of the host": {"ns": files.HOSTS_PROCESSES, "machine-id": "m"},
        "of another": {"ns": files.HOSTS_PROCESSES, "machine-id": "n"},
        "of a container": {"ns": "pid:[1]", "boot_id": "b"},
        "of another container": {"ns": "pid:[2]", "boot_id": "b"},
        "of the same on another host": {"ns": "pid:[1]", "boot_id": "c"},
        "of a system without": {},
    }
    found = set()
    for place in places.values():

        def read(path, place=place, **given):
            at = "ns" if "ns" in path.parts else path.name
            if at not in place:
                raise FileNotFoundError
            return place[at]

        monkeypatch.setattr(files.Path, "readlink", read)
        monkeypatch.setattr(files.Path, "read_text", read)
        found.add(files._host())
    assert len(found) == len(places)
    assert all("." not in host and "/" not in host for host in found)


@both
def test_what_was_deleted_while_it_was_written_is_an_error(write, tmp_path):
    path = tmp_path / "output"
    with write(path) as file:
        file.write("old")
    with pytest.raises(InputError, match=r"cannot write .*/output: .* deleted"), write(path) as _:
        (beside,) = tmp_path.glob(".output.*.part")
        if beside.is_dir():
            shutil.rmtree(beside)
            write_text(beside / "written/later.txt", "which makes the folder again")
        else:
            beside.unlink()
    assert text_of(path) == "old"
    assert names(tmp_path) == ["output"]


def test_a_file_that_is_gone_from_a_folder_before_its_end_is_an_error(tmp_path):
    with (
        pytest.raises(InputError, match=r"cannot write .*/output: 1\.txt was deleted"),
        writing_folder(tmp_path / "output") as folder,
    ):
        for index in range(3):
            write_text(folder / f"{index}.txt", "text")
        (folder / "1.txt").unlink()
    assert names(tmp_path) == []


def test_a_kill_at_any_call_leaves_no_part_of_a_folder_under_its_name(tmp_path):
    """Every call that changes a folder is the last one in turn; then the next writing is whole."""
    script = """
import os, sys
from pathlib import Path
from neuralmusic.files import writing_folder
left, path = int(sys.argv[1]), Path(sys.argv[2])
def counted(event, arguments):
    global left
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"):
        left -= 1
        if left < 0:
            os._exit(9)
with writing_folder(path) as folder:
    sys.addaudithook(counted)
    for name in "abc":
        (folder / name).write_text("new")
"""
    old, new = (dict.fromkeys("abc", text) for text in (b"old", b"new"))
    seen = set()
    for calls in range(20):
        home = tmp_path / str(calls)
        with writing_folder(home / "output") as folder:
            for name, text in old.items():
                (folder / name).write_bytes(text)
        code = subprocess.run(
            [sys.executable, "-c", script, str(calls), str(home / "output")], check=False
        ).returncode
        found = contents(home / "output")
        assert found in (old, new, {})
        seen.add((code, *found.values()))
        with writing_folder(home / "output") as folder:
            assert contents(home / "output") == (found or old)  # what was moved aside is back
        assert names(home) == ["output"]
        if not code:
            break
    assert seen == {(9, *old.values()), (9,), (9, *new.values()), (0, *new.values())}


def test_contents_are_known_by_names_and_bytes_alone(tmp_path):
    made = {"a.txt": "1", "b/a.txt": "2", "b/c.txt": ""}

    def hash_of(wanted: dict[str, str], name: str = "folder") -> str:
        with writing_folder(tmp_path / name) as folder:
            for file, text in wanted.items():
                write_text(folder / file, text)
            files.write_contents(folder)
        files.write_contents(tmp_path / name)  # once more, with the hash in it
        return (tmp_path / name / files.CONTENTS).read_text()

    first = hash_of(made)
    (tmp_path / "folder/.snakemake_timestamp").touch()
    files.write_contents(tmp_path / "folder")
    assert (tmp_path / "folder" / files.CONTENTS).read_text() == first
    assert first == hash_of(dict(reversed(made.items())), "another")
    assert len(first) == 65
    others = [made | {"a.txt": "2"}, made | {"d.txt": ""}, {"a.txt": "1", "b/a.txt": "2"}, {}]
    others += [{"b.txt": "1", "b/a.txt": "2", "b/c.txt": ""}, {"a.txt": "12", "b/c.txt": ""}]
    assert len({first, *map(hash_of, others)}) == len(others) + 1


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
