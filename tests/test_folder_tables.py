"""Tables, figures, claims and the report of an experiment that has a folder of MIDI files."""

import re

import numpy as np
import pandas as pd
import pytest

from neuralmusic.compare import load_comparison
from neuralmusic.files import write_csv
from neuralmusic.jobs import ATTENTION, EVENTS, FIGURES, GRAMMAR
from neuralmusic.report import report
from neuralmusic.tables import TABLES, read_table, tabulate
from tests.constructed import EXPERIMENTS, params, together
from tests.drawing import drawing, render, run_of, said
from tests.judging import Judged
from tests.whole import write_data, write_whole

FEW = ["basic", "emb", "attn", "theirs", "markov"]
LOSSES = ["heldout_nll", "training"]


def given(models=FEW, folders=("theirs",), **changed) -> dict:
    """All experiments; the one that samples another's models has no folder."""
    found = []
    for experiment in EXPERIMENTS:
        is_anew = experiment == GRAMMAR
        own = [m for m in models if not (is_anew and m in folders)]
        more = {} if is_anew else {"folders": list(folders)}
        found.append(params(own, experiment=experiment, **more, **changed))
    return together(*found)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Every experiment with a folder, which has no training, no loss and no probe."""
    home = tmp_path_factory.mktemp("home")
    for experiment in EXPERIMENTS:
        models = [m for m in FEW if not (experiment == GRAMMAR and m == "theirs")]
        write_whole(
            home / "results",
            models,
            experiment=experiment,
            folders=["theirs"],
            seeds=2,
            ranked=True,
        )
    for dataset in ("tunes", "chorales"):
        write_data(home / "data", dataset)
    assert not list((home / "results").glob("*/*/theirs/log.csv"))
    return home / "results"


def text(results, name: str) -> str:
    return (results / "tables" / f"{name}.md").read_text(encoding="utf-8")


def page_of(results, name: str, experiment: str) -> str:
    pages = re.split(r"^# ", text(results, name), flags=re.MULTILINE)[1:]
    return next(page for page in pages if f"{experiment} exp" in page.splitlines()[0])


@pytest.mark.parametrize("table", [t for t in TABLES if t not in (*LOSSES, "grammar", "measures")])
def test_a_folder_is_in_a_table_of_samples_as_another_model_is(table, results):
    every = given(seeds=2)
    of = {"experiments": {"monophonic": every["experiments"]["monophonic"]}}
    tabulate(table, of, results)
    frame = read_table(results, table).set_index("model")
    assert list(frame.index) == [*FEW, "real"]
    seeds = {"theirs": 1, "markov": 1, "real": 1, "basic": 2, "emb": 2, "attn": 2}
    assert frame["seeds"].to_dict() == seeds
    numbers = frame.select_dtypes("number").drop(columns=["seeds"])
    alike = numbers.loc["theirs"].notna() | numbers.loc["markov"].isna()
    assert alike.all()
    page = text(results, table)
    assert "MIDI files that another system made, measured as all others: theirs." in page
    assert "one of markov, the same each time" in page
    assert re.search(r"^\| theirs \| .*\d", page, re.MULTILINE)


def test_a_folder_may_be_the_best_and_may_lose_to_the_floor(results):
    every = given(["theirs", "markov"])
    comparison = load_comparison("monophonic", every, results)
    assert comparison.folders == ("theirs",)
    assert list(comparison.trainings) == ["markov"]
    assert comparison.without_folders().names == ("markov", "real")
    of = {"experiments": {"monophonic": every["experiments"]["monophonic"]}}
    tabulate("table_5_1", of, results)
    assert re.search(
        r"not beating it: theirs|Every model beats the floor", text(results, "table_5_1")
    )
    assert "**" in text(results, "table_5_1")


def test_a_folder_has_a_row_without_a_loss_and_a_footnote_that_says_why(results):
    tabulate("heldout_nll", given(seeds=2), results)
    frame = read_table(results, "heldout_nll").set_index(["experiment", "model"])
    for experiment in ("monophonic", EVENTS, ATTENTION):
        row = frame.loc[experiment, "theirs"]
        assert row.drop("beats_floor").isna().all() and row["beats_floor"] == ""
        page = page_of(results, "heldout_nll", experiment)
        assert "| theirs |  |  |  |  |" in page
        assert "theirs: no likelihood: a folder of MIDI files" in page
        assert "no finite loss" not in page
        assert np.isfinite(frame.loc[(experiment, "basic"), "value"])
    assert GRAMMAR not in frame.index.get_level_values(0)


def test_the_losses_of_the_others_are_what_they_are_without_it(results):
    tabulate("heldout_nll", given(), results)
    beside = read_table(results, "heldout_nll")
    without = [model for model in FEW if model != "theirs"]
    tabulate("heldout_nll", given(without, folders=()), results)
    alone = read_table(results, "heldout_nll")
    rest = beside[beside["model"] != "theirs"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, alone, check_dtype=False)
    assert "no likelihood" not in text(results, "heldout_nll")


def test_a_folder_is_in_no_row_of_trainings_and_in_the_footnote(results):
    tabulate("training", given(seeds=2), results)
    assert "theirs" not in set(read_table(results, "training")["model"])
    page = page_of(results, "training", "monophonic")
    assert "Not trained: theirs, a folder of MIDI files." in page
    assert "| basic.2 |" in page and "| theirs |" not in page


def test_another_way_of_sampling_is_held_against_the_trained_models_alone(results):
    every = given(seeds=2)
    own = {name: every["experiments"][name] for name in (EVENTS, GRAMMAR)}
    tabulate("grammar", {"experiments": own}, results)
    assert set(read_table(results, "grammar")["model"]) == set(FEW) - {"theirs"}
    assert "theirs" not in text(results, "grammar")


def test_an_experiment_of_folders_alone_is_measured(results):
    every = given(["theirs"])
    of = {"experiments": {"monophonic": every["experiments"]["monophonic"]}}
    for table in ("table_5_1", "table_5_2", "sample_character", *LOSSES):
        tabulate(table, of, results)
    assert "Test pieces" not in text(results, "heldout_nll")
    assert read_table(results, "training").empty
    figure = drawing("figure_5_2", results, ["theirs"], folders=["theirs"])
    render(figure)
    assert "no model was trained" in said(figure)
    render(drawing("figure_5_3", results, ["theirs"], folders=["theirs"]))


@pytest.mark.parametrize("name", FIGURES)
def test_a_folder_is_drawn_where_samples_are(name, results):
    kind, experiment = FIGURES[name]
    if experiment == GRAMMAR:
        return
    figure = drawing(name, results, FEW, folders=["theirs"], seeds=2, probed=["basic", "attn"])
    render(figure)
    of_samples = ("pianorolls", "transition_matrices", "distance_densities", "stuck_by_age")
    if kind in of_samples:
        assert "theirs" in said(figure)
    elif kind == "training_loss" or kind.startswith("scores_of"):
        assert "theirs" not in said(figure)


def test_a_pianoroll_says_which_file_it_is(results):
    shown = said(drawing("figure_5_3", results, FEW, folders=["theirs"]))
    assert "theirs: file tune 0.mid" in shown
    assert "basic: sampled, primed with tune 0.mid" in shown
    assert run_of("figure_5_3", results, FEW, folders=["theirs"]).trained == [
        model for model in FEW if model != "theirs"
    ]


def test_claims_are_what_they_are_without_it(results):
    without = [model for model in FEW if model != "theirs"]
    beside, alone = (
        Judged(results, given(models, folders))
        for models, folders in ((FEW, ("theirs",)), (without, ()))
    )
    assert {name: beside[name] for name in beside} == {name: alone[name] for name in alone}


def test_a_folder_of_the_name_of_a_model_is_not_that_model(results):
    """A claim of `attn` is of what the thesis calls so."""
    judged = Judged(results, given(["basic", "emb", "attn"], folders=["attn"]))
    assert "not run: attn" in judged["attention_beats_plain"]["numbers"]
    assert "attn" not in judged["error_in_low_pitches"]["numbers"].replace("not run: attn", "")


def test_the_report_tells_of_it(results, tmp_path):
    write_csv(
        results / "samples/monophonic/theirs/rejected.csv",
        pd.DataFrame([("a.mid", "no notes")], columns=["file", "reason"]),
    )
    every = given(seeds=2)
    for table in TABLES:
        names = ["monophonic"] if table.startswith("table_5_1") else every["experiments"]
        tabulate(table, {"experiments": {n: every["experiments"][n] for n in names}}, results)
    report(every, results, results.parent / "data", tmp_path / "logs", tmp_path / "report")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert "MIDI files that another system made stand beside them: theirs." in page
    assert 'title="is tune 0.mid"' in page and 'title="primed with tune 0.mid"' in page
    assert "2; 1 rejected" in page
    assert f"Of the {len(FEW) - 1} models of the monophonic experiment" in page
