"""The jobs of the workflow: what each needs to know, written as a file that it depends on.

Snakemake reruns a job when a file it reads is newer than what it made. So the parameters of every
job are such a file, `.params/{verb}.{job}.json`, and every output carries a copy of it. The copy
is what decides: where it says the same as the parameters in force, the file is given an old time,
and where it does not, a new one. That holds in a fresh clone too, where Snakemake has no records.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from neuralmusic.datasets import DATASETS
from neuralmusic.files import InputError, to_json, write_text

SNAPSHOTS = Path(".params")
LONG_AGO = 946_684_800  # 2000-01-01: before any output
MODEL_FOLDERS = {"train": "models", "score": "scores", "sample": "samples", "evaluate": "metrics"}
# Which tables and figures an experiment has; each is one job.
TABLES = {
    "monophonic": ["table_5_1", "table_5_2", "table_5_3"],
}
TABLES_OF_ALL = [  # span all experiments
    "heldout_nll",
    "sample_character",
]
FIGURES = {
    "monophonic": ["figure_5_2", "figure_5_3", "figure_5_5", "figure_5_6"],
}
FIGURE_INPUTS = {  # folders of results/ that a figure is drawn from
    "figure_5_2": ["models"],
    "figure_5_3": ["samples"],
    "figure_5_5": ["metrics"],
    "figure_5_6": ["metrics"],
}


def write_snapshots(params: dict) -> dict[tuple[str, str], str]:
    """Writes the parameters of every job of the workflow; returns the file by (verb, job)."""
    return {
        (verb, job): snapshot(verb, job, parameters, Path(copy))
        for (verb, job), (parameters, copy) in all_jobs(params).items()
    }


def stale_outputs(params: dict, results: Path = Path("results")) -> list[Path]:
    """What lies in the results folder and belongs to no job: of models or experiments removed."""
    copies = {copy for _, copy in all_jobs(params).values()}
    wanted_names = {*table_names(params), *figure_names(params)}
    folders = [p for name in MODEL_FOLDERS.values() for p in results.glob(f"{name}/*/*")]
    files = [p for name in ("tables", "figures") for p in results.glob(f"{name}/*")]
    return sorted(
        [p for p in folders if f"{p.as_posix()}/params.json" not in copies]
        + [p for p in files if p.name.split(".")[0] not in wanted_names]
    )


def all_jobs(params: dict) -> dict[tuple[str, str], tuple[dict, str]]:
    """Every job, by (verb, job): its parameters, and where its output carries a copy of them."""
    experiments = params["experiments"]
    found: dict[tuple[str, str], tuple[dict, str]] = {}
    for dataset in {experiment["dataset"] for experiment in experiments.values()}:
        for verb, folder in (("fetch", "raw"), ("convert", "notes"), ("split", "splits")):
            parameters = dataset_parameters(params, dataset, verb)
            found[verb, dataset] = parameters, f"data/{folder}/{dataset}/params.json"
    for name, experiment in experiments.items():
        corpus = f"{experiment['dataset']}.{experiment['representation']['name']}"
        parameters = {"representation": experiment["representation"]}
        found["encode", corpus] = parameters, f"data/encoded/{corpus}/params.json"
        for model in [*experiment["models"], "real"]:
            job = f"{name}/{model}"
            for verb, folder in MODEL_FOLDERS.items():
                if model != "real" or verb in ("sample", "evaluate"):
                    parameters = model_parameters(params, name, model, verb)
                    found[verb, job] = parameters, f"results/{folder}/{job}/params.json"
    for verb, folder, names in (
        ("tabulate", "tables", table_names(params)),
        ("draw", "figures", figure_names(params)),
    ):
        for name in names:
            of = [experiment_of(name)] if name not in TABLES_OF_ALL else list(experiments)
            copy = f"results/{folder}/{name}.params.json"
            found[verb, name] = comparison_parameters(params, of), copy
    all_experiments = comparison_parameters(params, list(experiments))
    found["judge", "claims"] = all_experiments, "results/claims.params.json"
    everything = all_experiments | {"resolved": params}
    found["report", "report"] = everything, "results/report/params.json"
    return found


def experiment_of(name: str) -> str:
    """The experiment that a table or figure belongs to."""
    for registry in (TABLES, FIGURES):
        for experiment, names in registry.items():
            if name in names:
                return experiment
    raise InputError(f"there is no table or figure {name!r}")


def table_names(params: dict) -> list[str]:
    """The tables of the experiments that there are."""
    return [*_of_experiments(TABLES, params), *TABLES_OF_ALL]


def figure_names(params: dict) -> list[str]:
    """The figures of the experiments that there are."""
    return _of_experiments(FIGURES, params)


def _of_experiments(registry: dict[str, list[str]], params: dict) -> list[str]:
    return [name for experiment in params["experiments"] for name in registry.get(experiment, [])]


def snapshot(verb: str, job: str, parameters: dict, copy: Path) -> str:
    """Writes the parameters of a job, if they changed; returns the path of that file.

    `copy` is the copy that the job's output carries.
    """
    path = SNAPSHOTS / f"{verb}.{job.replace('/', '.')}.json"
    text = to_json(parameters)
    if _read(path) != text:
        write_text(path, text)
    if _read(copy) == text:
        os.utime(path, (LONG_AGO, LONG_AGO))
    elif copy.exists():
        os.utime(path)
    return str(path)


def dataset_parameters(params: dict, dataset: str, verb: str) -> dict:
    """What `fetch`, `convert` or `split` of a dataset depend on."""
    settings = params["datasets"][dataset]
    if verb == "fetch":
        source = DATASETS[settings["source"]]
        try:
            found = source.fingerprint(settings)
        except InputError as error:
            raise InputError(f"datasets.{dataset}: {error}") from error
        own = {
            key: value for key, value in settings.items() if key not in ("time", "sustain_pedal")
        }
        return {"dataset": dataset, **own, **found}
    if verb == "convert":
        return {"dataset": dataset} | {key: settings[key] for key in ("time", "sustain_pedal")}
    return {"dataset": dataset, "seed": params["seed"], "split": params["split"]}


def model_parameters(params: dict, experiment: str, model: str, verb: str) -> dict:
    """What `train`, `sample`, `score` or `evaluate` of a model depend on."""
    settings = params["experiments"][experiment]
    common: dict[str, Any] = {
        "experiment": experiment,
        "model": model,
        "representation": settings["representation"],
    }
    if model not in settings["models"]:  # the pseudo-model `real`
        return common | {"sampling": {"seconds": settings["sampling"]["seconds"]}}
    entry = settings["models"][model]
    common |= {key: params[key] for key in ("seed", "device", "threads")}
    common |= {key: entry[key] for key in ("family", "settings", "training")}
    return common | ({"sampling": entry["sampling"]} if verb == "sample" else {})


def comparison_parameters(params: dict, experiments: list[str]) -> dict:
    """What the tables, claims and figures of some experiments depend on."""
    return {"experiments": {name: _comparison(params, name) for name in experiments}}


def _comparison(params: dict, experiment: str) -> dict:
    settings = params["experiments"][experiment]
    return {
        "dataset": settings["dataset"],
        "models": list(settings["models"]),
        "pieces": settings["sampling"]["pieces"],
        "sample_seconds": settings["sampling"]["seconds"],
        "steps_per_second": settings["representation"]["steps_per_second"],
        "seed": params["seed"],
        **settings["evaluation"],
    }


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
