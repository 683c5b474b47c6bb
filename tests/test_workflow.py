"""What each change executes, in Snakemake and in DVC."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from neuralmusic import code
from tests.checkout import Jobs, change_params, planned, remove_model, run, snakemake
from tests.imported import jobs_of, without_effect
from tests.recorded import (
    ATTENTION,
    CHANGED,
    EVENTS,
    GRAMMAR,
    MODELS,
    NOTHING,
    assert_all_is_done,
    dropout_of,
    make,
    of_model,
    of_runs,
    of_scale,
    runs_of,
    shown,
    tables_of,
)


def test_second_run_and_a_comment_execute_nothing(checkout):
    assert_all_is_done(checkout)
    params = checkout / "params.yaml"
    params.write_text("# a comment\n" + params.read_text())
    counted = Jobs(checkout)
    snakemake(checkout)
    run(["dvc", "repro"], checkout)
    assert counted.ran() == set()
    assert_all_is_done(checkout)


def test_changed_hyperparameter_executes_that_model(checkout):
    model = CHANGED["monophonic"]
    change_params(checkout, dropout_of("monophonic", model))
    expected = of_model("monophonic", model)
    # What Snakemake plans is what DVC executes: the tests of other changes run nothing.
    assert planned(checkout) == expected
    counted = Jobs(checkout)
    run(["dvc", "repro"], checkout)
    assert counted.ran() == expected
    assert_all_is_done(checkout)


@pytest.mark.parametrize("experiment", [EVENTS, ATTENTION])
def test_changed_hyperparameter_plans_that_model(checkout, experiment):
    change_params(checkout, dropout_of(experiment, CHANGED[experiment]))
    assert planned(checkout) == of_model(experiment, CHANGED[experiment])


def test_changed_sampling_trains_nothing(checkout):
    change_params(checkout, {"experiments": {GRAMMAR: {"sampling": {"temperature": 0.9}}}})
    runs = [own for model in MODELS[GRAMMAR] for own in runs_of(GRAMMAR, model)]
    own = of_runs(("sample", "evaluate"), GRAMMAR, runs) | {f"rank/{GRAMMAR}"}
    tables = tables_of(GRAMMAR) - {"tabulate/heldout_nll", "tabulate/training"}
    assert planned(checkout) == own | tables | shown(GRAMMAR)


def test_another_seed_executes_its_own_jobs_only(checkout):
    compared = tables_of(EVENTS, GRAMMAR)
    compared |= {f"rank/{EVENTS}", f"rank/{GRAMMAR}"}
    inputs = ("samples", "metrics", "models", "probes", "rankings", "notes")
    compared |= shown(EVENTS, GRAMMAR, inputs=inputs)
    change_params(checkout, of_scale(EVENTS, seeds=3))
    new = of_runs(("train", "score", "sample", "evaluate"), EVENTS, ["basic.3"])
    new |= of_runs(("sample", "evaluate"), GRAMMAR, ["basic.3"])
    assert planned(checkout) == new | compared
    # With one the less, nothing is made but what compares them, and the other is swept away.
    change_params(checkout, of_scale(EVENTS, seeds=1))
    assert planned(checkout) == compared
    assert len(list((checkout / "results").glob("*/*/basic.2"))) == 6
    make(checkout, "sweep")
    assert not list((checkout / "results").glob("*/*/basic.2"))


def trainings(checkout: Path) -> set[str]:
    return {job for job in planned(checkout) if job.startswith("train/")}


def test_edited_code_trains_what_it_makes_only(checkout):
    family = checkout / "src/neuralmusic/models/rnn.py"
    untouched = family.read_text()
    family.write_text(untouched + "\n# an edit\n")
    of_family = {
        f"train/{experiment}.{run}"
        for experiment, models in MODELS.items()
        if experiment not in (GRAMMAR, ATTENTION)
        for model in models
        if model != "markov"
        for run in runs_of(experiment, model)
    }
    assert trainings(checkout) == of_family
    family.write_text(untouched)
    # The representation is code of its own experiments: its transposition is in their training.
    representation = checkout / "src/neuralmusic/representations/pianoroll.py"
    representation.write_text(representation.read_text() + "\n# an edit\n")
    models = MODELS["polyphonic_pianoroll"]
    assert trainings(checkout) == {f"train/polyphonic_pianoroll.{model}" for model in models}


def test_removed_model_leaves_every_table(checkout):
    remove_model(checkout, "monophonic", "emb")
    counted = Jobs(checkout)
    snakemake(checkout)
    assert counted.ran() == tables_of("monophonic") | shown("monophonic") | {"rank/monophonic"}
    for table in (checkout / "results/tables").glob("*.csv"):
        assert "emb" not in pd.read_csv(table)["model"].tolist()
    for table in tables_of("monophonic"):
        rows = pd.read_csv(checkout / f"results/tables/{Path(table).name}.csv")
        assert "markov" in rows[rows["experiment"] == "monophonic"]["model"].tolist()
    assert (checkout / "results/models/monophonic/emb").exists()
    make(checkout, "sweep")
    assert not list((checkout / "results").glob("*/monophonic/emb"))
    assert len(list((checkout / "results").glob("models/monophonic/*"))) == 1
    assert NOTHING in snakemake(checkout, "--dry-run")


def test_jobs_depend_on_all_that_they_import(recorded):
    """What each job's processes really imported, and which templates they opened."""
    found = jobs_of(recorded)
    rules = {job.rule if job.rule in code.MODULES else "sample_folder" for job in found}
    assert rules == set(code.MODULES)
    for job in found:
        assert len(job.imported) > 3, job
        assert job.imported - job.code <= without_effect(job.rule), job.rule
