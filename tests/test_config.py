"""params.yaml, its schema, and the lists of packages: nothing drifts, and errors name the key."""

import ast
import copy
import dataclasses
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from neuralmusic import config, jobs
from neuralmusic.datasets import DATASETS
from neuralmusic.files import InputError
from neuralmusic.models import MODELS
from neuralmusic.prepare import SPLITS
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.train import Training
from tests.tiny import RAW, ROOT, SCHEMA

DESCRIBED = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
DEFINITIONS = DESCRIBED["$defs"]


def raw_with(path: str, value) -> dict:
    """params.yaml with the parameter at a path set."""
    raw = copy.deepcopy(RAW)
    *parents, last = path.split(".")
    section = raw
    for key in parents:
        section = section[key]
    section[last] = value
    return raw


def complaint(path: str, value) -> str:
    with pytest.raises(InputError) as raised:
        config.resolve(raw_with(path, value), SCHEMA)
    return str(raised.value)


@pytest.mark.parametrize("scale", RAW["scales"])
def test_every_scale_resolves(scale):
    resolved = config.resolve(raw_with("scale", scale), SCHEMA)
    assert resolved["scale"] == scale
    assert "scales" not in resolved
    for name, experiment in resolved["experiments"].items():
        assert list(experiment["models"]) == list(RAW["experiments"][name]["models"])
        for entry in experiment["models"].values():
            MODELS[entry["family"]].Settings(**entry["settings"])
            Training(**entry["training"])


def test_the_scale_replaces_what_it_names_and_nothing_else():
    default, smoke = (
        config.resolve(raw_with("scale", scale), SCHEMA)["experiments"]["monophonic"]
        for scale in ("default", "smoke")
    )
    named = RAW["scales"]["smoke"]["experiments"]["monophonic"]
    changed = default["training"] | named["training"]
    assert smoke["training"] == changed != default["training"]
    for model, entry in smoke["models"].items():
        assert entry["training"] == changed
        expected = dict(default["models"][model]["settings"])
        expected.update(named["families"].get(entry["family"], {}))
        assert entry["settings"] == expected


def test_a_model_replaces_what_it_names():
    raw = copy.deepcopy(RAW)
    experiment = raw["experiments"]["monophonic"]
    model, other = list(experiment["models"])[:2]
    experiment["models"][model] |= {"hidden_size": 3, "training": {"epochs": 1}}
    experiment["models"][model]["sampling"] = {"temperature": 0.5}
    models = config.resolve(raw, SCHEMA)["experiments"]["monophonic"]["models"]
    assert models[model]["settings"]["hidden_size"] == 3
    assert models[model]["training"] == experiment["training"] | {"epochs": 1}
    assert models[model]["sampling"] == experiment["sampling"] | {"temperature": 0.5}
    assert models[other]["training"] == experiment["training"]


def test_what_is_given_is_not_changed():
    raw = copy.deepcopy(RAW)
    config.resolve(raw, SCHEMA)
    assert raw == RAW


MISSPELT = {
    "sead": "seed",
    "split.trian": "train",
    "datasets.ryans_mammoth.colection": "collection",
    "experiments.monophonic.trainings": "training",
    "experiments.monophonic.training.epoch": "epochs",
    "experiments.monophonic.sampling.temprature": "temperature",
    "experiments.monophonic.representation.steps_per_secnd": "steps_per_second",
    "experiments.monophonic.families.rnn.hiden_size": "hidden_size",
    "experiments.monophonic.models.basic.atention": "attention",
    "scales.smoke.sead": "seed",
    "scales.smoke.experiments.monophonic.training.epoch": "epochs",
}


@pytest.mark.parametrize("path", MISSPELT)
def test_a_misspelt_key_is_named_with_what_was_meant(path):
    lines = complaint(path, 1).splitlines()[1:]
    assert f"  {path}: unknown parameter; did you mean {MISSPELT[path]!r}?" in lines
    assert len([line for line in lines if path.split(".")[-1] in line]) == 1


WRONG = {  # path: a value, and a word of the complaint
    "seed": ("many", "integer"),
    "threads": (0, "minimum"),
    "device": ("abacus", "match"),
    "scale": ("huge", "huge"),
    "split.train": (0.8, "sum to 1"),
    "datasets.ryans_mammoth.source": ("napster", "napster"),
    "datasets.ryans_mammoth.time": ("bars", "beats"),
    "datasets.ryans_mammoth.max_pieces": (-1, "minimum"),
    "experiments.monophonic.dataset": ("vinyl", "vinyl"),
    "experiments.monophonic.representation.name": ("score", "melody"),
    "experiments.monophonic.training.learning_rate": ("1e-3", "number"),
    "experiments.monophonic.training.objective": ("both", "causal"),
    "experiments.monophonic.sampling.top_p": (1.5, "maximum"),
    "experiments.monophonic.evaluation.resamples": (1.5, "integer"),
    "experiments.monophonic.models.basic.family": ("gan", "gan"),
    "experiments.monophonic.models.basic.embedding": ("yes", "boolean"),
    "experiments.monophonic.models.real": ({"family": "markov"}, "real"),
    "experiments.monophonic.models": ({}, "non-empty"),
    "experiments.monophonic.models.basic": ({"family": "rnn"}, "required"),
    "scales.smoke.experiments.monophonic.training.epochs": (0, "minimum"),
}


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_value_is_named_by_its_path(path):
    value, word = WRONG[path]
    wrong = complaint(path, value)
    parents = path.rsplit(".", 1)[0]
    assert path in wrong or f"  {parents}: " in wrong
    assert word in wrong


def test_several_faults_are_told_at_once():
    raw = raw_with("seed", "many")
    raw["sead"] = 1
    with pytest.raises(InputError, match=r"(?s)sead.*'many'|'many'.*sead"):
        config.resolve(raw, SCHEMA)


def test_files_that_hold_no_parameters(tmp_path):
    path = tmp_path / "params.yaml"
    with pytest.raises(InputError, match=r"params\.yaml: No such file"):
        config.load(path, SCHEMA)
    for text in ("", "- a\n- b\n", "a: [\n"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"params\.yaml"):
            config.load(path, SCHEMA)


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


def test_the_schema_has_what_training_reads():
    assert keys(DEFINITIONS["training"]) == fields(Training)


def test_the_schema_knows_what_is_registered():
    experiment = DEFINITIONS["experiment"]["properties"]
    family = experiment["models"]["additionalProperties"]["properties"]["family"]
    assert sorted(family["enum"]) == sorted(MODELS) == sorted(DEFINITIONS["families"])
    assert sorted(experiment["families"]["properties"]) == sorted(MODELS)
    source = DEFINITIONS["dataset"]["properties"]["source"]
    assert sorted(source["enum"]) == sorted(DATASETS) == sorted(DEFINITIONS["sources"])
    name = experiment["representation"]["properties"]["name"]
    assert sorted(name["enum"]) == sorted(REPRESENTATIONS)
    assert sorted(DESCRIBED["properties"]["split"]["properties"]) == sorted(SPLITS)
    assert set(config.DATASET_KEYS) == set(DEFINITIONS["dataset"]["properties"])


def test_every_experiment_has_its_tables_and_figures():
    for registry in (jobs.TABLES, jobs.FIGURES):
        assert set(registry) <= set(RAW["experiments"])


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
    assert [p for p in [*PROJECT["dependencies"], *tools] if plain(p) not in packages] == []
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
    known = {plain(p) for p in PROJECT["dependencies"]} | {"neuralmusic"}
    known |= {plain(name) for name in sys.stdlib_module_names}
    packages = {"yaml": "pyyaml"}  # where the module's name is another
    for file in Path(config.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            for name in (name.split(".")[0] for name in names):
                assert plain(packages.get(name, name)) in known, f"{file.name} imports {name}"
