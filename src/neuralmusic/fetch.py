"""From a source to MIDI files: the first step of the line, which `prepare` goes on from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from neuralmusic.datasets import DATASETS
from neuralmusic.files import write_csv


def fetch(params: dict, out: Path, workers: int) -> None:
    """Fills `out` with the dataset's MIDI files, manifest.csv and rejected.csv."""
    rejected = DATASETS[params["source"]].fetch(params, out, workers)
    files = sorted(
        p for p in out.rglob("*") if p.suffix.lower() in (".mid", ".midi") and p.is_file()
    )
    manifest = [(p.relative_to(out).as_posix(), p.stat().st_size, _sha256(p)) for p in files]
    write_csv(out / "manifest.csv", pd.DataFrame(manifest, columns=["file", "bytes", "sha256"]))
    rows = sorted(rejected.items())
    write_csv(out / "rejected.csv", pd.DataFrame(rows, columns=["file", "reason"]))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
