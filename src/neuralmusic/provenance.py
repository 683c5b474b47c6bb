"""How a run came to be: its commit, its machine, and how long each step took."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from neuralmusic.compare import REAL, SOURCE

PACKAGES = ("torch", "numpy", "snakemake")
# Steps in the order of the line; others follow by name. The page's own step has not ended yet.
STEPS = ["fetch", "convert", "split", "describe", "encode", "train", "sample", "score", "evaluate"]
STEPS += ["tabulate", "judge", "draw"]
OWN_STEP = "report"


def read_benchmarks(
    logs: Path, params: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """How long each step took, by rule and by job, from Snakemake's benchmark files.

    Files of models that the experiments no longer have are left out.
    """
    found = []
    for path in sorted(logs.glob("*/*.tsv")):
        rule, job = path.parent.name, path.stem
        if rule == OWN_STEP or _is_stale(job, params):
            continue
        try:
            rows = pd.read_csv(path, sep="\t")[["s", "max_rss", "cpu_time"]]
        except (ValueError, KeyError):  # of a log that is damaged; pandas' own are the former
            continue
        # "-" stands for what a job was too short to be measured for.
        row = rows.apply(pd.to_numeric, errors="coerce").sum(min_count=1)
        found.append(
            {"rule": rule, "job": job, "seconds": row["s"], "memory": row["max_rss"]}
            | {"cpu_seconds": row["cpu_time"]}
        )
    order = {step: index for index, step in enumerate(STEPS)}
    found.sort(key=lambda job: (order.get(job["rule"], len(order)), job["rule"], job["job"]))
    rules = []
    for rule in dict.fromkeys(job["rule"] for job in found):
        of = pd.DataFrame([job for job in found if job["rule"] == rule])
        rules.append(
            {"rule": rule, "jobs": len(of), "seconds": of["seconds"].sum()}
            | {"longest": of["seconds"].max(), "memory": of["memory"].max()}
        )
    return rules, found


def _is_stale(job: str, params: Mapping[str, Any]) -> bool:
    experiment, dot, model = job.partition(".")
    own = params["experiments"].get(experiment)
    if not (dot and own):
        return False
    return model not in {REAL, SOURCE, *(run for runs in own["runs"].values() for run in runs)}


def commit(*outputs: Path) -> str:
    """The commit that the code of this run is at, and whether there is more than it says.

    What a run itself writes, the `outputs`, is no change of the code.
    """
    top = _git("rev-parse", "--show-toplevel")
    head = _git("rev-parse", "HEAD")
    if top is None or head is None:
        return "unknown"
    root = Path(top.strip()).resolve()
    inside = [p.resolve() for p in outputs if p.resolve().is_relative_to(root)]
    left_out = [f":(top,exclude){p.relative_to(root).as_posix()}" for p in inside if p != root]
    changed = _git("status", "--porcelain", "--", ":/", *left_out)
    return head.strip() + (" + uncommitted changes" if changed else "")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def versions() -> list[tuple[str, str]]:
    versions = [("Python", platform.python_version())]
    for package in PACKAGES:
        try:
            versions.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            versions.append((package, "not installed"))
    return versions


def machine() -> str:
    return f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} cores"
