"""Fresh checkouts of the working tree, and what Snakemake and DVC do in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from neuralmusic.config import PARAMS, merge

ROOT = Path(__file__).parent.parent


def fresh_checkout(target: Path, params: dict | None = None) -> Path:
    """A git repository at `target` with the files of the working tree, committed.

    With other parameters than those of the working tree, where they are given.
    """
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    if params is not None:
        write_params(target, params)
    run(["git", "init", "-q"], target)
    commit_all(target)
    return target


def write_params(project: Path, params: dict) -> None:
    """Writes the params.yaml of a project."""
    text = yaml.safe_dump(params, sort_keys=False)
    (project / PARAMS).write_text(text, encoding="utf-8")


def read_params(project: Path) -> dict:
    return yaml.safe_load((project / PARAMS).read_text(encoding="utf-8"))


def change_params(project: Path, changes: Any) -> None:
    """Replaces what is named in the params.yaml of a project, nested dicts key by key."""
    write_params(project, merge(read_params(project), changes))


def remove_model(project: Path, experiment: str, model: str) -> None:
    params = read_params(project)
    del params["experiments"][experiment]["models"][model]
    write_params(project, params)


def commit_all(checkout: Path) -> None:
    run(["git", "add", "-A"], checkout)
    run(["git", "commit", "-q", "--allow-empty", "-m", "state"], checkout)


def environment() -> dict[str, str]:
    """This interpreter's tools on the path, and a git author, whatever the machine has.

    Python writes its bytecode there, as on most machines, whatever these tests run under.
    """
    tools = Path(sys.executable).parent
    names = {
        f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **names, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}


def run(command: list[str], folder: Path, check: bool = True) -> str:
    """What a command prints, both streams; fails with it where the command fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)} in {folder} failed:\n{done.stdout[-6000:]}")
    return done.stdout


def snakemake(checkout: Path, *arguments: str, cores: str = "all", check: bool = True) -> str:
    return run(["snakemake", "--cores", cores, *arguments], checkout, check)


def planned(checkout: Path) -> set[str]:
    """The jobs that a run would execute, named as those of `Jobs.ran`."""
    said = snakemake(checkout, "--dry-run")
    return set(re.findall(r"^ +benchmark: logs/(\S+)\.tsv$", said, re.MULTILINE))


class Jobs:
    """Counts the jobs that really ran since it was made: each leaves a new benchmark file."""

    def __init__(self, checkout: Path) -> None:
        self.logs = checkout / "logs"
        self.before = self._times()

    def _times(self) -> dict[str, int]:
        return {
            p.relative_to(self.logs).with_suffix("").as_posix(): p.stat().st_mtime_ns
            for p in self.logs.rglob("*.tsv")
        }

    def ran(self) -> set[str]:
        """Such as {"train/monophonic.basic"}."""
        return {job for job, time in self._times().items() if self.before.get(job) != time}
