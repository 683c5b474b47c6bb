"""A corpus and job parameters so small that tests train and sample within a second."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from neuralmusic import config
from neuralmusic.checkpoint import build_model, save_weights
from neuralmusic.files import write_csv
from neuralmusic.notes import save_notes
from neuralmusic.prepare import encode
from neuralmusic.representations import REPRESENTATIONS

torch.set_num_threads(1)  # the tests run beside others

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / config.SCHEMA
RAW = yaml.safe_load((ROOT / config.PARAMS).read_text(encoding="utf-8"))
PARAMS = config.resolve(copy.deepcopy(RAW), SCHEMA)
# Every model of params.yaml, whichever there are: ("monophonic", "basic"), ...
ENTRIES = [(e, model) for e, own in PARAMS["experiments"].items() for model in own["models"]]


def shrunk(settings: Mapping[str, Any], width: int = 8, dropout: float = 0.0) -> dict:
    """A model's settings with every size made small, whatever the family."""
    small = {key: min(v, width) if type(v) is int else v for key, v in settings.items()}
    return small | ({"dropout": dropout} if "dropout" in small else {})


def job(
    model: str,
    experiment: str = "monophonic",
    training: Mapping[str, Any] | None = None,
    sampling: Mapping[str, Any] | None = None,
    **changed: Any,
) -> dict:
    """The parameters of a job of a model of params.yaml, shrunk."""
    own = PARAMS["experiments"][experiment]
    entry = own["models"][model]
    small: dict[str, Any] = {"window_steps": 8, "epochs": 3, "windows_per_epoch": 24}
    small |= {"batch_size": 8, "precision": "float32"}
    few = {"pieces": 3, "seconds": 4, "primer_steps": 6}
    return {
        "experiment": experiment,
        "model": model,
        "seed": 2021,
        "device": "cpu",
        "threads": 1,
        "representation": own["representation"],
        "family": entry["family"],
        "settings": shrunk(entry["settings"]),
        "training": {**entry["training"], **small, **(training or {})},
        "sampling": {**entry["sampling"], **few, **(sampling or {})},
        **changed,
    }


def periodic(pattern: Sequence[int], steps: int) -> np.ndarray:
    """A piece (steps,) that says one thing again and again."""
    return np.resize(np.array(pattern, dtype=np.int16), steps)


def corpus(folder: Path, parts: Mapping[str, Sequence[np.ndarray]] | None = None) -> Path:
    """An encoded corpus of pieces of classes (steps,), by part, as `encode` writes it."""
    parts = parts or {
        "train": [periodic([60, 62, 64, 128], 40), periodic([67, 65], 30), periodic([60], 5)],
        "valid": [periodic([60, 62, 64, 128], 20), periodic([67, 65, 64], 12)],
        "test": [periodic([60, 62, 64, 128], 50), periodic([65, 67], 24)],
    }
    own = next(iter(PARAMS["experiments"].values()))
    melody = REPRESENTATIONS["melody"]
    rate = own["representation"]["steps_per_second"]
    named = {
        f"{part}{index}.mid": (part, classes)
        for part, pieces in parts.items()
        for index, classes in enumerate(pieces)
    }
    notes, splits, out = folder / "notes", folder / "splits", folder / "encoded"
    save_notes(
        notes / "notes.npz",
        {name: melody.decode(classes, rate).notes for name, (_, classes) in named.items()},
    )
    rows = [(name, part) for name, (part, _) in named.items()]
    write_csv(splits / "split.csv", pd.DataFrame(rows, columns=["piece", "split"]))
    encode({"representation": own["representation"]}, notes, splits, out)
    return out


def untrained(params: dict, folder: Path) -> Path:
    """A model folder with first weights, as if training had ended at once."""
    torch.manual_seed(7)
    save_weights(folder / "weights.safetensors", build_model(params).state_dict())
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its name in it."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }
