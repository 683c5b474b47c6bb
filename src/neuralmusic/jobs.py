"""The jobs of the workflow: what each needs to know, written as a file that it depends on.

Snakemake reruns a job when a file it reads is newer than what it made. So the parameters of every
job are such a file, `.params/{verb}.{job}.json`, and every output carries a copy of it. The copy
is what decides: where it says the same as the parameters in force, the file is given an old time,
and where it does not, a new one. That holds in a fresh clone too, where Snakemake has no records.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from neuralmusic.datasets import DATASETS
from neuralmusic.files import CONTENTS, InputError, to_json, write_text
from neuralmusic.midi_folder import FOLDER, fingerprint

SNAPSHOTS = Path(".params")
LONG_AGO = 946_684_800  # 2000-01-01: before any output
A_SECOND_NS = 10**9
# What every experiment has beside its models: its test pieces, decoded, and before encoding.
REAL, SOURCE = "real", "source"
MODEL_FOLDERS = {"train": "models", "score": "scores", "sample": "samples", "evaluate": "metrics"}
DESCRIPTIONS = "datasets"  # the folder of `describe`, one entry a dataset
RANKINGS = "rankings"  # the folder of `rank`, one entry an experiment
PROBES = "probes"  # the folder of `probe`, which has no output of most models
PROBED_FAMILIES = ("decoder",)  # whose attention is shown
# Families that count instead of descending a gradient: all trainings of such a model are the same,
# so that it has one. By name, because reading the parameters must not import PyTorch.
COUNTED_FAMILIES = ("markov",)
EVENTS, PIANOROLL, GRAMMAR = "polyphonic_events", "polyphonic_pianoroll", "polyphonic_grammar"
ATTENTION = "attention"
# The experiments that each table is of, those of them that params.yaml has; none named: all.
TABLES: dict[str, tuple[str, ...]] = {
    "table_5_1": ("monophonic",),
    "table_5_2": ("monophonic",),
    "table_5_3": ("monophonic",),
    "table_5_4": (EVENTS, PIANOROLL),
    "table_5_5": (EVENTS, PIANOROLL),
    "table_5_6": (EVENTS, PIANOROLL),
    "table_5_7": (ATTENTION,),
    "table_5_8": (ATTENTION,),
    "table_5_9": (ATTENTION,),
    "grammar": (GRAMMAR,),
    "measures": (),
    "heldout_nll": (),
    "sample_character": (),
    "training": (),
}
# The kind of each figure (see `figures.KINDS`), and the experiment that it is of.
FIGURES: dict[str, tuple[str, str]] = {
    "figure_5_2": ("training_loss", "monophonic"),
    "figure_5_3": ("pianorolls", "monophonic"),
    "figure_5_5": ("transition_matrices", "monophonic"),
    "figure_5_6": ("distance_densities", "monophonic"),
    "figure_5_1": ("pianoroll_of_library", PIANOROLL),
    "figure_5_7": ("events_and_pianoroll", EVENTS),
    "figure_5_8_events": ("deteriorating_sample", EVENTS),
    "figure_5_8_pianoroll": ("deteriorating_sample", PIANOROLL),
    "figure_5_9_events": ("distance_densities", EVENTS),
    "figure_5_9_pianoroll": ("distance_densities", PIANOROLL),
    "figure_5_10_events": ("transition_matrices", EVENTS),
    "figure_5_10_pianoroll": ("transition_matrices", PIANOROLL),
    "loss_events": ("training_loss", EVENTS),
    "loss_pianoroll": ("training_loss", PIANOROLL),
    "samples_events": ("pianorolls", EVENTS),
    "samples_pianoroll": ("pianorolls", PIANOROLL),
    "stuck_notes_events": ("stuck_by_age", EVENTS),
    "stuck_notes_grammar": ("stuck_by_age", GRAMMAR),
    "figure_5_12": ("attention_network", ATTENTION),
    "figure_5_13": ("transition_matrices", ATTENTION),
    "figure_5_14": ("distance_densities", ATTENTION),
    "figure_5_15": ("scores_of_one_event", ATTENTION),
    "figure_5_16": ("scores_of_two_events", ATTENTION),
    "figure_5_17": ("scores_of_early_layer", ATTENTION),
    "figure_5_18": ("scores_of_late_layer", ATTENTION),
    "loss_attention": ("training_loss", ATTENTION),
    "samples_attention": ("pianorolls", ATTENTION),
    "stuck_notes_attention": ("stuck_by_age", ATTENTION),
}
# Of every experiment, by the last part of its name.
for _experiment, _short in {
    "monophonic": "monophonic",
    EVENTS: "events",
    PIANOROLL: "pianoroll",
    GRAMMAR: "grammar",
    ATTENTION: "attention",
}.items():
    FIGURES[f"ranking_{_short}"] = "model_ranking", _experiment
    FIGURES[f"differences_{_short}"] = "model_differences", _experiment
    FIGURES[f"measures_agree_{_short}"] = "measures_agree", _experiment
FIGURE_INPUTS = {  # what a kind of figure is drawn from: folders of results/ and data/
    "training_loss": ["models"],
    "pianorolls": ["samples"],
    "transition_matrices": ["metrics"],
    "distance_densities": ["metrics"],
    "pianoroll_of_library": ["raw"],
    "events_and_pianoroll": ["notes", "splits"],
    "deteriorating_sample": ["samples"],
    "stuck_by_age": ["samples"],
    "model_ranking": [RANKINGS],
    "model_differences": [RANKINGS],
    "measures_agree": [RANKINGS],
    "attention_network": [PROBES],
    "scores_of_one_event": [PROBES],
    "scores_of_two_events": [PROBES],
    "scores_of_early_layer": [PROBES],
    "scores_of_late_layer": [PROBES],
}


def write_snapshots(params: dict) -> dict[tuple[str, str], str]:
    """Writes the parameters of every job of the workflow; returns the file by (verb, job)."""
    return {
        (verb, job): snapshot(verb, job, parameters, Path(copy))
        for (verb, job), (parameters, copy) in all_jobs(params).items()
    }


def make_folders() -> None:
    """Makes the folders of results/ that stay empty where no model has an entry in them.

    DVC fails without an output that it knows of.
    """
    for folder in (*MODEL_FOLDERS.values(), PROBES):
        Path("results", folder).mkdir(parents=True, exist_ok=True)


def stale_outputs(params: dict, results: Path = Path("results")) -> list[Path]:
    """What lies in the results folder and belongs to no job: of what params.yaml no longer has."""
    copies = {copy for _, copy in all_jobs(params).values()}
    wanted_names = {*table_names(params), *figure_names(params)}
    names = [*MODEL_FOLDERS.values(), PROBES]
    folders = [p for name in names for p in results.glob(f"{name}/*/*")]
    for name in (DESCRIPTIONS, RANKINGS):
        folders += [p for p in results.glob(f"{name}/*") if p.is_dir()]
    files = [p for name in ("tables", "figures") for p in results.glob(f"{name}/*")]
    return sorted(
        [p for p in folders if f"{p.as_posix()}/params.json" not in copies]
        + [p for p in files if p.name.split(".")[0] not in wanted_names]
    )


def all_jobs(params: dict) -> dict[tuple[str, str], tuple[dict, str]]:
    """Every job, by (verb, job): its parameters, and where its output carries a copy of them."""
    experiments = params["experiments"]
    found: dict[tuple[str, str], tuple[dict, str]] = {}
    for dataset in dataset_names(params):
        for verb, folder in (("fetch", "raw"), ("convert", "notes"), ("split", "splits")):
            parameters = dataset_parameters(params, dataset, verb)
            found[verb, dataset] = parameters, f"data/{folder}/{dataset}/params.json"
        parameters = dataset_parameters(params, dataset, "describe")
        found["describe", dataset] = parameters, f"results/{DESCRIPTIONS}/{dataset}/params.json"
    for name, experiment in experiments.items():
        corpus = corpus_of(experiment)
        parameters = {"representation": experiment["representation"]}
        found["encode", corpus] = parameters, f"data/encoded/{corpus}/params.json"
        trained = [] if experiment["weights_of"] else trained_runs(experiment)
        for run in [*all_runs(experiment), REAL, SOURCE]:
            job = f"{name}/{run}"
            for verb, folder in MODEL_FOLDERS.items():
                if verb in ("sample", "evaluate") or run in trained:
                    parameters = model_parameters(params, name, run, verb)
                    found[verb, job] = parameters, f"results/{folder}/{job}/params.json"
        for model in probed_models(experiment):
            parameters = model_parameters(params, name, model, "probe")
            found["probe", f"{name}/{model}"] = (
                parameters,
                f"results/{PROBES}/{name}/{model}/params.json",
            )
    for name, experiment in experiments.items():
        parameters = comparison_parameters(params, [name])
        parameters["time"] = params["datasets"][experiment["dataset"]]["time"]
        found["rank", name] = parameters, f"results/{RANKINGS}/{name}/params.json"
    for name in table_names(params):
        parameters = comparison_parameters(params, experiments_of(name, params))
        found["tabulate", name] = parameters, f"results/tables/{name}.params.json"
    for name in figure_names(params):
        parameters = comparison_parameters(params, [FIGURES[name][1]])
        found["draw", name] = parameters, f"results/figures/{name}.params.json"
    all_experiments = comparison_parameters(params, list(experiments))
    found["judge", "claims"] = all_experiments, "results/claims.params.json"
    everything = all_experiments | {"resolved": params}
    found["report", "report"] = everything, "results/report/params.json"
    return found


def dataset_names(params: dict) -> list[str]:
    """The datasets that experiments use, each once, in the order of params.yaml's experiments."""
    return list(dict.fromkeys(own["dataset"] for own in params["experiments"].values()))


def corpus_of(experiment: dict) -> str:
    """The encoded corpus of an experiment, by its folder in data/encoded."""
    return f"{experiment['dataset']}.{experiment['representation']['name']}"


def probed_models(experiment: dict) -> list[str]:
    """The models of an experiment whose attention is shown."""
    if experiment["weights_of"] or experiment["representation"]["name"] != "events":
        return []
    models = experiment["models"].items()
    return [name for name, entry in models if entry["family"] in PROBED_FAMILIES]


def runs_of(experiment: dict, model: str) -> list[str]:
    """The runs of a model, which are its trainings, each with a seed of its own, by name.

    The first has the model's own name, the others a number after a dot, which no model's name has:
    basic, basic.2, basic.3.
    """
    has_one = experiment["models"][model]["family"] in (*COUNTED_FAMILIES, FOLDER)
    seeds = 1 if has_one else experiment["seeds"]
    return [model, *(f"{model}.{number}" for number in range(2, seeds + 1))]


def all_runs(experiment: dict) -> list[str]:
    """The runs of all models of an experiment."""
    return [run for model in experiment["models"] for run in runs_of(experiment, model)]


def trained_runs(experiment: dict) -> list[str]:
    """The runs of the models that are trained: of all but folders of MIDI files."""
    folders = folders_of(experiment)
    return [run for run in all_runs(experiment) if model_of(run) not in folders]


def folders_of(experiment: dict) -> list[str]:
    """The models of an experiment that are folders of MIDI files."""
    models = experiment["models"].items()
    return [name for name, entry in models if entry["family"] == FOLDER]


def folder_models(params: dict) -> list[tuple[str, str]]:
    """The same of all experiments, each with its experiment."""
    return [(name, m) for name, own in params["experiments"].items() for m in folders_of(own)]


def model_of(run: str) -> str:
    """The model that a run is a training of."""
    return run.partition(".")[0]


def trained_in(experiment: str, params: dict) -> str:
    """The experiment whose trained models an experiment samples, mostly itself."""
    return params["experiments"][experiment]["weights_of"] or experiment


def experiments_of(table: str, params: dict) -> list[str]:
    """The experiments that a table is made from, those of them that there are.

    An experiment that samples another's models is held against that other one.
    """
    if table not in TABLES:
        raise InputError(f"there is no table {table!r}")
    there = [name for name in params["experiments"] if name in TABLES[table] or not TABLES[table]]
    bases = [trained_in(name, params) for name in there]
    return [name for name in params["experiments"] if name in (*there, *bases)]


def table_names(params: dict) -> list[str]:
    """The tables of the experiments that there are."""
    return [name for name in TABLES if experiments_of(name, params)]


def figure_names(params: dict) -> list[str]:
    """The figures of the experiments that there are."""
    return [name for name, (_, of) in FIGURES.items() if of in params["experiments"]]


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
        # Newer than the output, whatever the clock says: it may have been set back.
        made = (copy, copy.with_name(CONTENTS), copy.with_name(".snakemake_timestamp"))
        newest = max(file.stat().st_mtime_ns for file in made if file.exists())
        os.utime(path, ns=(max(time.time_ns(), newest + A_SECOND_NS),) * 2)
    return str(path)


def dataset_parameters(params: dict, dataset: str, verb: str) -> dict:
    """What `fetch`, `convert`, `split` or `describe` of a dataset depend on."""
    settings = params["datasets"][dataset]
    if verb == "describe":
        used = [own for own in params["experiments"].values() if own["dataset"] == dataset]
        keys = ("name", "steps_per_second")
        read = [{key: own["representation"][key] for key in keys} for own in used]
        distinct = [one for at, one in enumerate(read) if one not in read[:at]]
        return {"dataset": dataset, "time": settings["time"], "representations": distinct}
    if verb == "fetch":
        source = DATASETS[settings["source"]]
        try:
            found = source.fingerprint(settings)
        except InputError as error:
            raise InputError(f"datasets.{dataset}: {error}") from error
        others = ("time", "sustain_pedal", "split", "group_by")
        own = {key: value for key, value in settings.items() if key not in others}
        return {"dataset": dataset, **own, **found}
    if verb == "convert":
        return {"dataset": dataset} | {key: settings[key] for key in ("time", "sustain_pedal")}
    own = {"dataset": dataset, "seed": params["seed"], "split": params["split"]}
    own |= {"official": True} if settings.get("split") == "official" else {}
    return own | {key: settings[key] for key in ("group_by",) if key in settings}


def model_parameters(params: dict, experiment: str, run: str, verb: str) -> dict:
    """What `train`, `sample`, `score` or `evaluate` of a run of a model depend on.

    Their "model" is the run: seeds derive from it, so that each run has its own.
    """
    settings = params["experiments"][experiment]
    common: dict[str, Any] = {
        "experiment": experiment,
        "model": run,
        "representation": settings["representation"],
    }
    model = model_of(run)
    if model not in settings["models"]:  # REAL or SOURCE
        own = {key: settings["sampling"][key] for key in ("seconds", "max_note_seconds")}
        return common | {"sampling": own}
    if verb == "evaluate":  # up to the lengths of the real pieces that are long enough
        common |= {"min_seconds": settings["evaluation"]["min_seconds"]}
    entry = settings["models"][model]
    if entry["family"] == FOLDER:
        return common | _folder_parameters(params, experiment, model)
    common |= {"trained_in": trained_in(experiment, params)}
    common |= {key: params[key] for key in ("seed", "device", "threads")}
    common |= {key: entry[key] for key in ("family", "settings", "training")}
    return common | ({"sampling": entry["sampling"]} if verb == "sample" else {})


def _folder_parameters(params: dict, experiment: str, model: str) -> dict:
    """What the samples of a folder of MIDI files depend on, its files among it."""
    settings = params["experiments"][experiment]
    path, sampling = settings["models"][model]["settings"]["path"], settings["sampling"]
    try:
        found = fingerprint(path, sampling["pieces"], params["seed"])
    except InputError as error:
        raise InputError(f"experiments.{experiment}.models.{model}.path: {error}") from error
    dataset = params["datasets"][settings["dataset"]]  # files are read as the real pieces are
    own = {"family": FOLDER, "path": path, "seed": params["seed"], **found}
    own |= {key: dataset[key] for key in ("time", "sustain_pedal")}
    keys = ("pieces", "seconds", "max_note_seconds")
    return own | {"sampling": {key: sampling[key] for key in keys}}


def comparison_parameters(params: dict, experiments: list[str]) -> dict:
    """What the tables, claims and figures of some experiments depend on.

    `order` is that of params.yaml, in which they are shown: a snapshot has its keys sorted.
    """
    compared = {name: _comparison(params, name) for name in experiments}
    return {"experiments": compared, "order": experiments}


def _comparison(params: dict, experiment: str) -> dict:
    settings = params["experiments"][experiment]
    folders = folders_of(settings)
    return {
        "dataset": settings["dataset"],
        "models": list(settings["models"]),
        "runs": {model: runs_of(settings, model) for model in settings["models"]},
        "probed": probed_models(settings),
        "pieces": settings["sampling"]["pieces"],
        "sample_seconds": settings["sampling"]["seconds"],
        "representation": settings["representation"],
        "window_steps": settings["training"]["window_steps"],
        "max_note_seconds": settings["sampling"]["max_note_seconds"],
        "weights_of": settings["weights_of"],
        "seed": params["seed"],
        "beside": [SOURCE],  # of the real pieces
        **settings["evaluation"],
        # Only where there are any, so that without them no table is due.
        **({"folders": folders} if folders else {}),
    }


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
