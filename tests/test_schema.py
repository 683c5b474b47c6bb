"""The schema and the lists of packages say what the code has."""

import ast
import dataclasses
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from neuralmusic import config, jobs
from neuralmusic.datasets import DATASETS
from neuralmusic.midi_folder import FOLDER
from neuralmusic.models import MODELS
from neuralmusic.prepare import SPLITS
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.train import Training
from tests.tiny import ROOT, SCHEMA

DESCRIBED = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
DEFINITIONS = DESCRIBED["$defs"]


# The schema, and the code that reads what it lets through.


def keys(definition: dict) -> set[str]:
    assert set(definition["required"]) == set(definition["properties"])
    assert definition["additionalProperties"] is False
    return set(definition["properties"])


def fields(settings: type) -> set[str]:
    return {field.name for field in dataclasses.fields(settings)}


@pytest.mark.parametrize("family", MODELS)
def test_the_schema_has_a_familys_settings(family):
    settings = MODELS[family].Settings
    assert keys(DEFINITIONS["families"][family]) == fields(settings)
    assert settings.__dataclass_params__.frozen


def test_a_folder_of_midi_files_has_a_path_and_nothing_else():
    assert keys(DEFINITIONS["families"][FOLDER]) == {"path"}


def test_the_schema_has_what_training_reads():
    assert keys(DEFINITIONS["training"]) == fields(Training)


def test_the_schema_knows_what_is_registered():
    experiment = DEFINITIONS["experiment"]["properties"]
    family = experiment["models"]["additionalProperties"]["properties"]["family"]
    families = [*MODELS, FOLDER]  # of which the last is not built
    assert sorted(family["enum"]) == sorted(families) == sorted(DEFINITIONS["families"])
    assert sorted(experiment["families"]["properties"]) == sorted(MODELS)
    source = DEFINITIONS["dataset"]["properties"]["source"]
    assert sorted(source["enum"]) == sorted(DATASETS) == sorted(DEFINITIONS["sources"])
    name = experiment["representation"]["properties"]["name"]
    assert sorted(name["enum"]) == sorted(REPRESENTATIONS)
    assert sorted(DESCRIBED["properties"]["split"]["properties"]) == sorted(SPLITS)
    assert set(config.DATASET_KEYS) == set(DEFINITIONS["dataset"]["properties"])


def test_every_experiment_has_its_tables_and_figures():
    of_tables = {name for experiments in jobs.TABLES.values() for name in experiments}
    of_figures = {experiment for _, experiment in jobs.FIGURES.values()}
    assert of_tables == of_figures
    assert {kind for kind, _ in jobs.FIGURES.values()} == set(jobs.FIGURE_INPUTS)


def test_the_schema_has_what_sampling_reads():
    """`sampling[...]`, wherever samples are drawn and decoded."""
    read = set()
    for file in ("sample.py", "sampled.py", "vocabulary.py"):
        text = (Path(config.__file__).parent / file).read_text(encoding="utf-8")
        read |= set(re.findall(r'sampling(?:"\])?\["(\w+)"\]', text))
    assert keys(DEFINITIONS["sampling"]) == read


def undescribed(schema: dict, path: str) -> list[str]:
    """The parameters below a part of the schema that no description explains."""
    missing = []
    for key, part in schema.get("properties", {}).items():
        at = f"{path}.{key}"
        if not str(part.get("description", "")).strip() and part != {"type": "object"}:
            missing.append(at)
        missing += undescribed(part, at)
        if isinstance(part.get("additionalProperties"), dict):
            missing += undescribed(part["additionalProperties"], at)
    return missing


def test_every_parameter_has_a_description():
    parts = {"": DESCRIBED} | {name: DEFINITIONS[name] for name in ("dataset", "experiment")}
    parts |= {name: DEFINITIONS[name] for name in ("training", "sampling")}
    for group in ("families", "sources"):
        parts |= {f"{group}.{name}": part for name, part in DEFINITIONS[group].items()}
    assert [key for name, part in parts.items() for key in undescribed(part, name)] == []


# The packages: pyproject.toml, requirements.lock and environment.yml say the same.

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Names alone, of the core and of all extras.
DECLARED = [
    re.split(r"[<>=!~ ;\[]", text)[0]
    for texts in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in texts
]


def locked() -> dict[str, str]:
    """Package -> version of requirements.lock, names as pip compares them."""
    found = {}
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "--")):
            pinned = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)( *;.*)?", line)
            assert pinned, f"requirements.lock: {line!r} is not pinned with =="
            found[plain(pinned[1])] = pinned[2]
    return found


def plain(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def test_the_lock_pins_every_package_that_is_needed():
    packages = locked()
    tools = ["pytest", "ruff", "snakefmt", "mypy"]
    assert [p for p in [*DECLARED, *tools] if plain(p) not in packages] == []
    assert packages["torch"] == "2.13.0"
    assert packages["music21"]  # the corpus comes with it


def test_conda_installs_the_same_packages():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    assert [p for p in conda if not p.startswith("python")] == ["pip"]
    assert f"python{PROJECT['requires-python']}" in conda
    assert [line for line in pip["pip"] if line not in ("-e .", "--no-deps -e .")] == [
        "-r requirements.lock"
    ]


def test_nothing_is_imported_that_is_not_declared():
    known = {plain(p) for p in DECLARED} | {"neuralmusic"}
    known |= {plain(name) for name in sys.stdlib_module_names}
    packages = {"yaml": "pyyaml", "sklearn": "scikit-learn"}  # where the module's name is another
    for file in Path(config.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            for name in (name.split(".")[0] for name in names):
                assert plain(packages.get(name, name)) in known, f"{file.name} imports {name}"
