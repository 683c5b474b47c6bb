"""params.yaml: read, checked against its schema, and with the chosen scale in force."""

from __future__ import annotations

import copy
import difflib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from neuralmusic.datasets.grouped import FOLDER as FOLDERS
from neuralmusic.datasets.grouped import rule_problem
from neuralmusic.files import InputError
from neuralmusic.midi_folder import FOLDER

PARAMS = Path("params.yaml")
SCHEMA = Path("workflow/schemas/params.yaml")
NAME = (
    "one has letters from a to z, digits and _, of which _ is not the first; `real` and `source`"
    " are taken"
)
DATASET_KEYS = ("source", "time", "sustain_pedal", "group_by")
MODEL_KEYS = ("family", "training", "sampling")
FLOOR = "markov"  # what tables hold every model against, known by its name


class _Loader(yaml.SafeLoader):
    """YAML 1.1, but for numbers with an exponent, which it takes for words: 1e-3, 1.5e3."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def load(
    path: Path = PARAMS, schema: Path = SCHEMA, changes: Mapping[str, Any] | None = None
) -> dict:
    """The parameters of a file, with `changes` in place of what they name, resolved: see `resolve`.

    Raises InputError as `read` and `resolve` do.
    """
    raw = read(path)
    return resolve(merge(raw, dict(changes)) if changes else raw, schema)


def read(path: Path = PARAMS) -> Any:
    """What a file of parameters says; raises InputError where it cannot be read or is no YAML."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no valid YAML: {error}") from error


def resolve(raw: dict, schema_path: Path = SCHEMA) -> dict:
    """Checks the parameters and returns them as they are in force, without `scales`.

    In the result every model's entry is whole: {"family", "settings", "training", "sampling"},
    without training and sampling for a folder of MIDI files, and so is an experiment that samples
    another's models: `weights_of` names that other, and is None elsewhere.
    Every scale is checked, not only the chosen one.
    Raises InputError, naming each wrong parameter by its path.
    """
    schema = yaml.safe_load(schema_path.read_text(encoding="utf-8"))
    if not isinstance(raw, dict):
        raise InputError("params.yaml holds no parameters")
    _raise(_problems(raw, schema, ""))
    scales = raw["scales"]
    if raw["scale"] not in scales:
        raise InputError(
            f"scale: there is no {raw['scale']!r} under scales; there are {', '.join(scales)}"
        )
    _whole(raw, schema, "")  # so that what is wrong without any scale is named without one
    resolved = {}
    for name, replaced in scales.items():
        prefix = f"scales.{name}."
        merged = merge(raw, replaced)
        _raise(_problems(merged, schema, prefix))
        resolved[name] = _whole(merged, schema, prefix)
    return resolved[raw["scale"]]


def merge(base: Any, over: Any) -> Any:
    """`base` with what `over` names replaced, nested dicts key by key."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return copy.deepcopy(over)
    merged = {key: merge(value, over[key]) if key in over else value for key, value in base.items()}
    merged.update({key: value for key, value in over.items() if key not in base})
    return merged


def _whole(params: dict, schema: dict, prefix: str) -> dict:
    """Fills every model's entry from its experiment and checks what depends on a family."""
    definitions = schema["$defs"]
    problems = []
    params = {key: value for key, value in params.items() if key != "scales"}
    if abs(sum(params["split"].values()) - 1) > 1e-9:
        problems.append(f"{prefix}split: the three shares must sum to 1")
    for name, dataset in params["datasets"].items():
        own = {key: value for key, value in dataset.items() if key not in DATASET_KEYS}
        path = f"{prefix}datasets.{name}"
        problems += _problems(own, _part(schema, definitions["sources"][dataset["source"]]), path)
        if problem := rule_problem(dataset.get("group_by", FOLDERS)):
            problems.append(f"{path}.group_by: {problem}")
    if (everywhere := params.get("dataset")) and everywhere not in params["datasets"]:
        problems.append(
            f"{prefix}dataset: there is no dataset {everywhere!r};"
            f" there are {', '.join(params['datasets'])}"
        )
        everywhere = None
    experiments = {}
    corpora: dict[tuple[str, str], tuple[str, dict]] = {}
    for name, own in params["experiments"].items():
        path = f"{prefix}experiments.{name}"
        experiment = {**own, "weights_of": None}
        if base := own.get("weights_of"):
            if "dataset" not in params["experiments"].get(base, {}):
                problems.append(f"{path}.weights_of: there is no experiment {base!r} with models")
                continue
            experiment = merge(params["experiments"][base], own)
        if everywhere:
            experiment["dataset"] = everywhere
        if experiment["dataset"] not in params["datasets"]:
            problems.append(
                f"{path}.dataset: there is no dataset {experiment['dataset']!r};"
                f" there are {', '.join(params['datasets'])}"
            )
        representation = experiment["representation"]
        corpus = (experiment["dataset"], representation["name"])
        first, settings_there = corpora.setdefault(corpus, (name, representation))
        if settings_there != representation:
            problems.append(
                f"{path}.representation: {first} has another one of the same dataset and name;"
                " both share one encoded corpus"
            )
        wrong = set()
        for family, common in experiment["families"].items():
            part = _part(schema, {**definitions["families"][family], "required": []})
            if found := _problems(common, part, f"{path}.families.{family}"):
                problems += found
                wrong.add(family)  # named once, and not for each model of the family
        usable = {}  # sections, whether as they are models could have them
        for section in ("training", "sampling"):
            named = params["experiments"][name].get(section, {})
            found = _wrong_section(section, experiment, experiment[section], named, schema, path)
            problems += found
            usable[section] = not found
        models = {}
        for model, entry in experiment["models"].items():
            own = {key: value for key, value in entry.items() if key not in MODEL_KEYS}
            family = definitions["families"][entry["family"]]
            settings = {**experiment["families"].get(entry["family"], {}), **own}
            if entry["family"] not in wrong:
                problems += _problems(settings, _part(schema, family), f"{path}.models.{model}")
            whole = {"family": entry["family"], "settings": settings}
            if entry["family"] == FOLDER:
                # Another way of sampling changes no file: the base has what there is to show.
                if not experiment["weights_of"]:
                    models[model] = whole
                    problems += _unfit_for_folder(model, entry, f"{path}.models.{model}")
                continue
            for section in ("training", "sampling"):
                named = entry.get(section, {})
                whole[section] = merge(experiment[section], named)
                if usable[section] and section in entry:
                    where = f"{path}.models.{model}"
                    problems += _wrong_section(
                        section, experiment, whole[section], named, schema, where
                    )
            models[model] = whole
        if experiment["weights_of"] and not models:
            problems.append(f"{path}.weights_of: {base} has no model that can be sampled")
        experiments[name] = {**experiment, "models": models}
    _raise(problems)
    return {**params, "experiments": experiments}


def _wrong_section(
    section: str, experiment: dict, in_force: Any, named: Any, schema: dict, path: str
) -> list[str]:
    """What is wrong with a training or sampling in force, because of what is `named` there."""
    where = f"{path}.{section}"
    if found := _problems(in_force, _part(schema, schema["$defs"][section]), where):
        return found
    if section == "training":
        return _no_range(in_force["transpose_semitones"], where)
    unfit = _unfit(in_force, experiment["representation"])
    return [f"{where}.{key}: {why}" for key, why in unfit.items() if key in named]


def _no_range(semitones: list[int], path: str) -> list[str]:
    low, high = semitones
    if low <= high:
        return []
    return [
        f"{path}.transpose_semitones: from {low} to {high} is no range; "
        "the lower number comes first"
    ]


def _unfit(sampling: dict, representation: dict) -> dict[str, str]:
    """What is set of the sampling that does not go with the representation, and why."""
    # Written out and not asked of the registry: reading parameters must not import PyTorch.
    name, rate = representation["name"], representation["steps_per_second"]
    unfit = {
        "top_k": name == "pianoroll" and sampling["top_k"] is not None,
        "top_p": name == "pianoroll" and sampling["top_p"] is not None,
        "threshold": name != "pianoroll" and sampling["threshold"] is not None,
        "grammar": name != "events" and sampling["grammar"],
    }
    problems = {
        key: f"means nothing for the representation {name}"
        for key, is_set in unfit.items()
        if is_set
    }
    most = sampling["max_steps_per_second"]
    if name != "events" and most < rate:
        problems["max_steps_per_second"] = (
            f"{most} would cut every piece short, since the representation has {rate} steps per"
            " second"
        )
    return problems


def _unfit_for_folder(model: str, entry: dict, path: str) -> list[str]:
    """What is set of a folder of MIDI files that does not go with it."""
    problems = [
        f"{path}.{section}: means nothing for a folder of MIDI files"
        for section in ("training", "sampling")
        if section in entry
    ]
    if model == FLOOR:
        problems.append(f"{path}: {FLOOR} is the floor's name; give the folder another one")
    return problems


def _is_number(_: Any, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_integer(_: Any, value: Any) -> bool:
    """Not 7.0, with which nothing can be counted."""
    return isinstance(value, int) and not isinstance(value, bool)


_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def _part(schema: dict, part: dict) -> dict:
    return {**part, "$defs": schema["$defs"]}


def _problems(value: Any, schema: dict, prefix: str) -> list[str]:
    """What a schema finds wrong with a value, each with the path of the parameter."""
    found = []
    for error in _Validator(schema).iter_errors(value):
        path = ".".join([prefix.rstrip("."), *map(str, error.absolute_path)]).strip(".")
        if error.validator == "additionalProperties":
            known = list(error.schema.get("properties", {}))
            for key in sorted(set(error.instance) - set(known)):
                found.append(f"{path}.{key}: unknown parameter".lstrip(".") + _guess(key, known))
        elif "propertyNames" in error.absolute_schema_path:
            found.append(f"{path}: {error.instance!r} can be no name; {NAME}")
        else:
            found.append(f"{path or 'params.yaml'}: {error.message}")
    return list(dict.fromkeys(found))


def _guess(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _raise(problems: list[str]) -> None:
    if problems:
        raise InputError("params.yaml is wrong:\n  " + "\n  ".join(problems))
