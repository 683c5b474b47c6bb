"""What an installation without the extra `lab` can do: compare, measures and reading."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from neuralmusic.midi_writing import write_midi
from tests.checkout import ROOT
from tests.constructed import drawn

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
READ = """
import sys
from pathlib import Path
from neuralmusic.midi import read_midi
from neuralmusic.notes import load_notes, save_notes
midi, stored = map(Path, sys.argv[1:])
save_notes(stored, {midi.name: read_midi(midi)})
print(len(load_notes(stored)[midi.name]))
"""
LOADED = "import sys; from neuralmusic.__main__ import _parser; _parser().format_help();"
LOADED += "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"


def with_all_they_need(requirements: list[str]) -> set[str]:
    """The distributions that pip brings for requirements, which are installed here."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
            found.add(name)
            waiting += map(Requirement, importlib.metadata.requires(name) or [])
    return found


@pytest.fixture(scope="module")
def core(tmp_path_factory) -> Path:
    """A folder of packages like that of an environment with the core's dependencies alone."""
    folder = tmp_path_factory.mktemp("core")
    for name in with_all_they_need(PROJECT["dependencies"]):
        distribution = importlib.metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}
        for top in tops:
            (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder


def python(core: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Python as in that environment; with -S, which its workers inherit, it has no other."""
    paths = os.pathsep.join([str(ROOT / "src"), str(core)])
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=core.parent,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )


def test_the_core_brings_nothing_of_the_laboratory():
    lab = {
        canonicalize_name(Requirement(of).name) for of in PROJECT["optional-dependencies"]["lab"]
    }
    assert not with_all_they_need(PROJECT["dependencies"]) & lab


def test_the_core_compares_measures_and_reads(core, tmp_path):
    for name, seed in (("real", 1), ("made", 2)):
        for number, piece in enumerate(drawn(seed, 3)):
            write_midi(tmp_path / name / f"{number}.mid", piece)
    verb = ("-m", "neuralmusic")
    folders = (str(tmp_path / "real"), str(tmp_path / "made"))
    out = ("--out", str(tmp_path / "out"), "--training", folders[1], "--resamples", "20")
    for arguments in (
        (*verb, "compare", *folders, *out, "--workers", "1"),
        (*verb, "measures"),
        ("-c", READ, str(tmp_path / "real/0.mid"), str(tmp_path / "notes.npz")),
    ):
        done = python(core, *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout
    assert (tmp_path / "out/ranking.png").is_file()


@pytest.mark.parametrize(
    "arguments", ["sweep", "train --params a --encoded b --checkpoint c --out d"]
)
def test_a_verb_of_the_laboratory_says_how_to_install_it(core, arguments):
    done = python(core, "-m", "neuralmusic", *arguments.split())
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"neuralmusic {arguments.split()[0]} needs the laboratory (")
    assert line.endswith("is not installed): pip install 'neuralmusic[lab]'")


def test_help_loads_no_library(core):
    assert set(python(core, "-c", LOADED).stdout.split()) <= {"neuralmusic", "__main__"}
