"""A corpus and job parameters so small that tests train and sample within a second."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from neuralmusic import config, jobs
from neuralmusic.checkpoint import build_model, save_weights
from neuralmusic.files import write_csv
from neuralmusic.notes import NoteList, save_notes
from neuralmusic.prepare import encode
from neuralmusic.representations import REPRESENTATIONS, melody
from neuralmusic.vocabulary import vocabulary_of
from tests.registered import with_registered

torch.set_num_threads(1)  # the tests run beside others

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / config.SCHEMA
PARAMS_FILE = ROOT / "tests" / config.PARAMS
# Without what its anchors share, so that a test can change one of them.
RAW = json.loads(json.dumps(yaml.safe_load(PARAMS_FILE.read_text(encoding="utf-8"))))
RAW = with_registered(RAW, SCHEMA, ROOT / config.PARAMS)
PARAMS = config.resolve(copy.deepcopy(RAW), SCHEMA)
EXPERIMENTS = PARAMS["experiments"]
# Those that train their models, and those that sample another's.
TRAINED = [name for name, own in EXPERIMENTS.items() if not own["weights_of"]]
SAMPLED_ANEW = [name for name in EXPERIMENTS if name not in TRAINED]
# Every trained model of the parameters: ("monophonic", "basic"), ...
ENTRIES = [(e, model) for e in TRAINED for model in EXPERIMENTS[e]["models"]]
GRID = 8  # steps a second of the tunes below


def shrunk(settings: Mapping[str, Any], width: int = 8, dropout: float = 0.0) -> dict:
    """A model's settings with every size made small, whatever the family."""
    small = {key: min(v, width) if type(v) is int else v for key, v in settings.items()}
    return small | ({"dropout": dropout} if "dropout" in small else {})


def representation_of(experiment: str) -> Any:
    """The module of an experiment's representation."""
    return REPRESENTATIONS[EXPERIMENTS[experiment]["representation"]["name"]]


def kind_of(experiment: str, model: str) -> tuple:
    """What a model's network is, whatever music it reads: alike in experiments, tested once."""
    entry = EXPERIMENTS[experiment]["models"][model]
    vocabulary = vocabulary_of(EXPERIMENTS[experiment]["representation"]["name"])
    settings = json.dumps(shrunk(entry["settings"]), sort_keys=True)
    return entry["family"], settings, type(vocabulary)


# The first entry of every kind: each model of one experiment for classes, and of one for bits.
KINDS = list({kind_of(*entry): entry for entry in reversed(ENTRIES)}.values())[::-1]


def job(
    model: str,
    experiment: str = "monophonic",
    training: Mapping[str, Any] | None = None,
    sampling: Mapping[str, Any] | None = None,
    **changed: Any,
) -> dict:
    """The parameters of a job of a model, or of `real`, shrunk."""
    own = jobs.model_parameters(PARAMS, experiment, model, "sample")
    few = {"pieces": 3, "seconds": 4, "primer_steps": 6}
    few = {key: value for key, value in few.items() if key in own["sampling"]}
    own = own | {"sampling": {**own["sampling"], **few, **(sampling or {})}}
    if "family" in own:
        small: dict[str, Any] = {"window_steps": 8, "epochs": 3, "windows_per_epoch": 24}
        small |= {"batch_size": 8, "precision": "float32", **(training or {})}
        own |= {"seed": 2021, "device": "cpu", "threads": 1, "settings": shrunk(own["settings"])}
        own |= {"training": own["training"] | small}
    return copy.deepcopy(own | changed)


def periodic(pattern: Sequence[int], steps: int) -> np.ndarray:
    """A tune (steps,) that says one thing again and again: pitches, or 128 for silence."""
    return np.resize(np.array(pattern, dtype=np.int16), steps)


def played(tune: np.ndarray) -> NoteList:
    """The notes of a tune of classes of the melody, an eighth of a second each."""
    return melody.decode(tune, GRID).notes


def corpus(
    folder: Path,
    parts: Mapping[str, Sequence[np.ndarray | NoteList]] | None = None,
    experiment: str = "monophonic",
    **representation: Any,
) -> Path:
    """An encoded corpus as `encode` writes it: pieces, or tunes (see `periodic`), by part.

    In an experiment's representation, with what is given of it changed.
    """
    parts = parts or {
        "train": [periodic([60, 62, 64, 128], 40), periodic([67, 65], 30), periodic([60], 5)],
        "valid": [periodic([60, 62, 64, 128], 20), periodic([67, 65, 64], 12)],
        "test": [periodic([60, 62, 64, 128], 50), periodic([65, 67], 24)],
    }
    named = {
        f"{part}{index}.mid": (part, piece if isinstance(piece, NoteList) else played(piece))
        for part, pieces in parts.items()
        for index, piece in enumerate(pieces)
    }
    notes, splits, out = folder / "notes", folder / "splits", folder / "encoded"
    save_notes(notes / "notes.npz", {name: piece for name, (_, piece) in named.items()})
    rows = [(name, part) for name, (part, _) in named.items()]
    write_csv(splits / "split.csv", pd.DataFrame(rows, columns=["piece", "split"]))
    settings = EXPERIMENTS[experiment]["representation"] | representation
    encode({"representation": settings}, notes, splits, out)
    return out


def untrained(params: dict, folder: Path) -> Path:
    """A model folder with first weights, as if training had ended at once."""
    torch.manual_seed(7)
    save_weights(folder / "weights.safetensors", build_model(params).state_dict())
    return folder


def write_project(folder: Path, raw: Mapping[str, Any] = RAW) -> Path:
    """What the commands read in a project's folder: the parameters and their schema."""
    for path in (config.PARAMS, config.SCHEMA):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SCHEMA, folder / config.SCHEMA)
    text = yaml.safe_dump(dict(raw), sort_keys=False)
    (folder / config.PARAMS).write_text(text, encoding="utf-8")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its name in it."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }
