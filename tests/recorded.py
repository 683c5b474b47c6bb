"""A smoke run that the workflow's tests copy, and what they count in the copies."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from neuralmusic import jobs
from neuralmusic.midi_writing import write_midi
from tests.checkout import commit_all, fresh_checkout, run, snakemake
from tests.constructed import drawn
from tests.imported import with_imports_noted
from tests.tiny import RAW

# A model or two of an experiment are enough to see which jobs run.
MODELS = {
    "monophonic": ["emb", "markov"],
    "polyphonic_events": ["basic", "markov"],
    "polyphonic_pianoroll": ["basic"],
    "polyphonic_grammar": ["basic", "markov"],
    "attention": ["s2h2"],
}
EVENTS, GRAMMAR, ATTENTION = "polyphonic_events", "polyphonic_grammar", "attention"
# And one figure of each kind, of EVENTS where there is one. Each starts a process that loads
# Matplotlib; what is in all of them is for the tests of figures.
FIGURES = {
    kind: name
    for name, (kind, of) in sorted(jobs.FIGURES.items(), key=lambda item: item[1][1] == EVENTS)
}
# The folder of MIDI files that stands beside the models of EVENTS: its files, one of them bad.
THEIRS, THEIR_FILES, BAD_FILE = "theirs", 5, "sub/text.mid"
NOTHING = "Nothing to be done"
CHANGED = {"monophonic": "emb", EVENTS: "basic", ATTENTION: "s2h2"}  # a model to change in each


def make(checkout: Path, target: str, check: bool = True) -> str:
    """Runs a target of the Makefile with the tests' environment instead of one of its own."""
    return run(["make", "--old-file=.venv/.installed", target], checkout, check)


def tables_of(*experiments: str) -> set[str]:
    """The tables that these experiments are in."""
    found = {name for name, of in jobs.TABLES.items() if not of or set(of) & set(experiments)}
    return {f"tabulate/{name}" for name in found}


def shown(
    *experiments: str,
    inputs: tuple[str, ...] = ("samples", "metrics", "models", "probes", "rankings"),
) -> set[str]:
    """The figures of these experiments that are drawn from such folders, claims and report."""
    figures = {
        f"draw/{name}"
        for kind, name in FIGURES.items()
        if jobs.FIGURES[name][1] in experiments and set(jobs.FIGURE_INPUTS[kind]) & set(inputs)
    }
    return figures | {"judge/claims", "report/report"}


def runs_of(experiment: str, model: str) -> list[str]:
    """The trainings of a model: at the smoke scale two of the events' gradient-trained ones."""
    has_two = experiment in (EVENTS, GRAMMAR) and model != "markov"
    return [model, f"{model}.2"] if has_two else [model]


def of_runs(verbs: tuple[str, ...], experiment: str, runs: list[str]) -> set[str]:
    return {f"{verb}/{experiment}.{run}" for verb in verbs for run in runs}


def of_model(experiment: str, model: str) -> set[str]:
    """All jobs that a change of one model executes."""
    runs = runs_of(experiment, model)
    own = of_runs(("train", "score", "sample", "evaluate"), experiment, runs)
    own.add(f"rank/{experiment}")
    touched = [experiment]
    if experiment == ATTENTION and model != "markov":
        own.add(f"probe/{experiment}.{model}")
    if experiment == EVENTS:  # whose models the grammar experiment samples
        touched.append(GRAMMAR)
        own |= of_runs(("sample", "evaluate"), GRAMMAR, runs) | {f"rank/{GRAMMAR}"}
    return own | tables_of(*touched) | shown(*touched)


def dropout_of(experiment: str, model: str) -> dict:
    """A change of one model's hyperparameter."""
    return {"experiments": {experiment: {"models": {model: {"dropout": 0.1}}}}}


def of_scale(experiment: str, **changed: Any) -> dict:
    """A change of an experiment at the scale that the run is of."""
    return {"scales": {"smoke": {"experiments": {experiment: changed}}}}


def few_models() -> dict:
    """The tests' parameters at the smoke scale, with the models of MODELS and the folder."""
    params = copy.deepcopy(RAW) | {"scale": "smoke"}
    for name, kept in MODELS.items():
        own = params["experiments"][name]
        if "models" in own:
            own["models"] = {model: own["models"][model] for model in kept}
    models = params["experiments"][EVENTS]["models"]
    params["experiments"][EVENTS]["models"] = {
        THEIRS: {"family": "folder", "path": THEIRS},
        **models,
    }
    return params


def with_few_figures(checkout: Path) -> None:
    """Leaves one figure of each kind, in the code of the checkout that lists them."""
    with (checkout / "src/neuralmusic/jobs.py").open("a") as module:
        module.write(f"\n\nFIGURES = {{name: FIGURES[name] for name in {[*FIGURES.values()]}}}\n")


def with_a_folder(checkout: Path) -> None:
    """Another system's files, in the checkout so that its clones have them."""
    for index, piece in enumerate(drawn(5, THEIR_FILES)):
        write_midi(checkout / THEIRS / f"{index}.mid", piece)
    (checkout / THEIRS / BAD_FILE).parent.mkdir()
    (checkout / THEIRS / BAD_FILE).write_text("this is no music")


def record(checkout: Path) -> None:
    """Makes a checkout with a whole smoke run, recorded and committed."""
    fresh_checkout(checkout, few_models())
    with_few_figures(checkout)
    with_a_folder(checkout)
    with_imports_noted(checkout)
    snakemake(checkout)
    make(checkout, "record")
    commit_all(checkout)


def assert_all_is_done(checkout: Path) -> None:
    assert NOTHING in snakemake(checkout, "--dry-run")
    assert "up to date" in run(["dvc", "status"], checkout)
