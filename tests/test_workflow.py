"""What each change executes, in Snakemake and in DVC: the jobs that really ran are counted."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.checkout import Jobs, edit, snakemake
from tests.recorded import (
    ATTENTION,
    CHANGES,
    EVENTS,
    GRAMMAR,
    MODELS,
    NOTHING,
    assert_all_is_done,
    make,
    of_model,
    of_runs,
    runs_of,
    shown,
    tables_of,
    with_dvc,
    with_snakemake,
)


def test_second_run_and_a_comment_execute_nothing(checkout):
    assert_all_is_done(checkout)
    params = checkout / "params.yaml"
    params.write_text("# a comment\n" + params.read_text())
    counted = Jobs(checkout)
    with_snakemake(checkout)
    with_dvc(checkout)
    assert counted.ran() == set()
    assert_all_is_done(checkout)


@pytest.mark.parametrize(
    ("experiment", "reproduce"),
    [("monophonic", with_dvc), (EVENTS, with_snakemake), (ATTENTION, with_snakemake)],
)
def test_changed_hyperparameter_executes_that_model(checkout, experiment, reproduce):
    model, change = CHANGES[experiment]
    edit(checkout / "params.yaml", *change, after=f"  {experiment}:")
    counted = Jobs(checkout)
    reproduce(checkout)
    assert counted.ran() == of_model(experiment, model)
    assert NOTHING in snakemake(checkout, "--dry-run")
    make(checkout, "record")
    assert_all_is_done(checkout)


def test_changed_sampling_trains_nothing(checkout):
    edit(checkout / "params.yaml", "grammar: true", "grammar: true\n      temperature: 0.9")
    counted = Jobs(checkout)
    with_dvc(checkout)
    runs = [run for model in MODELS[GRAMMAR] for run in runs_of(GRAMMAR, model)]
    own = of_runs(("sample", "evaluate"), GRAMMAR, runs)
    tables = tables_of(GRAMMAR) - {"tabulate/heldout_nll", "tabulate/training"}
    assert counted.ran() == own | tables | shown(GRAMMAR)


def test_edited_family_executes_its_models_only(checkout):
    family = checkout / "src/neuralmusic/models/rnn.py"
    untouched = family.read_text()
    family.write_text(untouched + "\n# an edit\n")
    planned = snakemake(checkout, "--dry-run")
    for experiment, models in MODELS.items():
        for model in models if experiment != GRAMMAR else []:
            due = [
                f"output: results/models/{experiment}/{name}\n" in planned
                for name in runs_of(experiment, model)
            ]
            of_family = model != "markov" and experiment != ATTENTION
            assert all(due) if of_family else not any(due)
    family.write_text(untouched)
    # The representation is code of its own experiments: its transposition is in their training.
    pianoroll = checkout / "src/neuralmusic/representations/pianoroll.py"
    pianoroll.write_text(pianoroll.read_text() + "\n# an edit\n")
    planned = snakemake(checkout, "--dry-run")
    assert "output: results/models/polyphonic_pianoroll/basic\n" in planned
    assert "output: results/models/polyphonic_events/basic\n" not in planned
    assert "output: results/models/monophonic/basic\n" not in planned


def test_removed_model_leaves_every_table(checkout):
    edit(checkout / "params.yaml", "      emb: ", "      # emb: ")
    counted = Jobs(checkout)
    with_dvc(checkout)
    assert counted.ran() == tables_of("monophonic") | shown("monophonic")
    for table in (checkout / "results/tables").glob("*.csv"):
        rows = pd.read_csv(table)
        assert "emb" not in rows["model"].tolist()
        assert "markov" in rows["model"].tolist()
    assert (checkout / "results/models/monophonic/emb").exists()
    make(checkout, "sweep")
    assert not list((checkout / "results").glob("*/monophonic/emb"))
    assert len(list((checkout / "results").glob("models/monophonic/*"))) == 2
    assert NOTHING in snakemake(checkout, "--dry-run")
