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

from tests.checkout import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
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
