"""params.yaml with one parameter changed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from neuralmusic import config
from tests.tiny import PARAMS, RAW, SCHEMA


def edited(*path: str, value) -> dict:
    """The resolved parameters with one of them changed."""
    params = copy.deepcopy(PARAMS)
    section = params
    for key in path[:-1]:
        section = section[key]
    assert section[path[-1]] != value
    section[path[-1]] = value
    return params


def with_folder(
    path: Path | str, experiment: str = "monophonic", name: str = "theirs", **entry: Any
) -> dict:
    """What params.yaml resolves to with a folder of MIDI files as one more model."""
    raw = copy.deepcopy(RAW)
    models = raw["experiments"][experiment]["models"]
    models[name] = {"family": "folder", "path": str(path), **entry}
    return config.resolve(raw, SCHEMA)


def resolved_with(path: str, value) -> dict:
    """What params.yaml resolves to with one parameter changed there."""
    raw = copy.deepcopy(RAW)
    *parents, last = path.split(".")
    section = raw
    for key in parents:
        section = section[key]
    section[last] = value
    return config.resolve(raw, SCHEMA)
