"""A checkout with one more of each kind that the README says how to add."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from neuralmusic.config import PARAMS, SCHEMA, merge
from tests.checkout import read_params, write_params

FAMILY, MEASURE, SOURCE = "lstm_again", "mean_pitch", "shoebox"
TRAINED, SAMPLED = "waltzes", "waltzes_cooler"
NAMES = (FAMILY, MEASURE, SOURCE, TRAINED, SAMPLED)

NEW_FAMILY = f"""
from neuralmusic.models import {FAMILY}

MODELS["{FAMILY}"] = {FAMILY}
"""
NEW_FUNCTION = f'''

def {MEASURE}(notes: NoteList) -> float | None:
    """How high the notes lie on average.

    Formula: the mean of their pitches
    Unit: MIDI pitch
    Range: 0 to 127
    Direction: near that of real pieces
    Source: none
    """
    return float(notes.pitch.mean()) if len(notes) else None
'''
NEW_MEASURE = f"""
MEASURES["{MEASURE}"] = Measure(pitch.{MEASURE}, (0, 127), "mean pitch", 1)
"""
NEW_SOURCE = f"""
from neuralmusic.datasets import {SOURCE}

DATASETS["{SOURCE}"] = {SOURCE}
"""
README_ROW = f"| `{SOURCE}` | scans | none | any | you bring it: a folder | seconds |\n"


def extend(checkout: Path) -> None:
    """Adds a family, a measure, a source with its dataset, and two experiments."""
    package = checkout / "src/neuralmusic"
    _append(package / "models/__init__.py", NEW_FAMILY)
    _append(package / "measures/pitch.py", NEW_FUNCTION)
    _append(package / "measures/registry.py", NEW_MEASURE)
    _append(package / "datasets/__init__.py", NEW_SOURCE)
    shutil.copyfile(package / "models/rnn.py", package / f"models/{FAMILY}.py")
    shutil.copyfile(package / "datasets/folder.py", package / f"datasets/{SOURCE}.py")
    _append(checkout / "README.md", README_ROW)
    _extend_schema(checkout / SCHEMA)
    dataset = {"source": SOURCE, "path": "", "time": "seconds", "sustain_pedal": False}
    write_params(checkout, merge(read_params(checkout), {"datasets": {SOURCE: dataset}}))
    params = checkout / "tests" / PARAMS  # which have the experiments that tests loop over
    raw = yaml.safe_load(params.read_text(encoding="utf-8"))
    raw["experiments"][TRAINED] = raw["experiments"]["monophonic"]
    raw["experiments"][SAMPLED] = {"weights_of": TRAINED, "sampling": {"temperature": 0.9}}
    params.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def _extend_schema(path: Path) -> None:
    schema = yaml.safe_load(path.read_text(encoding="utf-8"))
    definitions = schema["$defs"]
    definitions["families"][FAMILY] = definitions["families"]["rnn"]
    definitions["sources"][SOURCE] = definitions["sources"]["folder"]
    definitions["dataset"]["properties"]["source"]["enum"].append(SOURCE)
    experiment = definitions["experiment"]["properties"]
    experiment["families"]["properties"][FAMILY] = {"type": "object"}
    model = experiment["models"]["additionalProperties"]["properties"]
    model["family"]["enum"].append(FAMILY)
    path.write_text(yaml.safe_dump(schema, sort_keys=False), encoding="utf-8")
