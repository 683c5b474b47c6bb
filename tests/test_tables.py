"""The tables on constructed results: columns, rows, marks, footnotes and empty cells."""

import time

import numpy as np
import pytest

from neuralmusic import jobs
from neuralmusic.compare import load_comparison
from neuralmusic.files import InputError
from neuralmusic.measures.distances import mean_intra_distance
from neuralmusic.notes import NoteList
from neuralmusic.table_text import CHARACTER_HEADINGS
from neuralmusic.tables import TABLES, read_table, tabulate
from neuralmusic.thesis import THESIS
from tests.constructed import (
    EXPERIMENTS,
    MODELS,
    RECURRENT,
    drawn,
    melody,
    params,
    table_params,
    write_all_metrics,
    write_heldout,
    write_metrics,
)
from tests.whole import write_log

EVENTS, PIANOROLL, GRAMMAR = "polyphonic_events", "polyphonic_pianoroll", "polyphonic_grammar"
ATTENTION = "attention"
OF_METRICS = [name for name in TABLES if name != "measures"]  # that one is of rankings
SET_TABLES = ["table_5_1", "table_5_2", "table_5_3"]
POLYPHONIC = ["table_5_4", "table_5_5", "table_5_6"]
# emb is like the real pieces, attn_res_emb hardly less, markov far and basic farther.
TILTS = {"basic": 3.0, "emb": 0.0, "attn": 1.0, "attn_res": 0.8, "attn_res_emb": 0.05}
TILTS |= {"markov": 2.0}


@pytest.fixture
def results(tmp_path):
    write_all_metrics(tmp_path, TILTS)
    generator = np.random.default_rng(0)
    hard = generator.gamma(20, size=30) * 4
    for index, model in enumerate(MODELS):
        # Each model better than the one before it in the list; basic is markov's equal.
        factor = 1.2 if model in ("markov", "basic") else 1.0 - 0.05 * index
        write_heldout(tmp_path, model, hard * (factor + generator.normal(0, 0.01, 30)))
    for experiment in (EVENTS, PIANOROLL, GRAMMAR, ATTENTION):
        write_all_metrics(tmp_path, TILTS, experiment=experiment)
    for experiment in (EVENTS, PIANOROLL, ATTENTION):
        for model in MODELS:
            write_heldout(tmp_path, model, hard, experiment=experiment)
    for experiment in ("monophonic", EVENTS, PIANOROLL, ATTENTION):
        for model in MODELS:
            write_log(tmp_path, model, [1.0, 0.5, 0.75], experiment=experiment)
    return tmp_path


def text(results, name):
    return (results / "tables" / f"{name}.md").read_text(encoding="utf-8")


def line(results, name, model):
    return next(x for x in text(results, name).splitlines() if x.startswith(f"| {model} |"))


def test_every_table_of_the_jobs_can_be_made():
    assert set(TABLES) == set(jobs.TABLES)


@pytest.mark.parametrize("name", OF_METRICS)
def test_every_table_is_written_the_same_twice_and_without_nan(results, name):
    tabulate(name, table_params(name), results)
    files = [results / "tables" / f"{name}{ending}" for ending in (".csv", ".md")]
    assert sorted((results / "tables").iterdir()) == sorted(files)
    before = [file.read_bytes() for file in files]
    tabulate(name, table_params(name), results)
    assert [file.read_bytes() for file in files] == before
    for written in before:
        assert b"nan" not in written.lower() and b"inf]" not in written and b"\r" not in written


@pytest.mark.parametrize("name", [*SET_TABLES, *POLYPHONIC])
def test_the_columns_and_rows_are_the_agreed_ones(results, name):
    tabulate(name, table_params(name), results)
    header = (results / "tables" / f"{name}.csv").read_text().splitlines()[0]
    assert header == "experiment,model,value,ci_low,ci_high,seeds,seeds_sd,mean,thesis"
    table = read_table(results, name)
    experiments = ["monophonic"] if name in SET_TABLES else [EVENTS, PIANOROLL]
    assert list(table["experiment"]) == [e for e in experiments for _ in range(len(MODELS) + 1)]
    assert list(table["model"]) == [*MODELS, "real"] * len(experiments)
    assert (table["ci_low"] <= table["value"]).all() and (table["value"] <= table["ci_high"]).all()
    assert (table["ci_low"] >= 0).all()
    factor = 1 if name in ("table_5_1", "table_5_6") else 500 if name in SET_TABLES else 200
    assert table["value"].to_numpy() == pytest.approx(table["mean"].to_numpy() * factor, rel=1e-4)
    shown = table[table["thesis"].notna()]
    assert set(shown["experiment"]) == {experiments[0]}
    assert shown.set_index("model")["thesis"].to_dict() == pytest.approx(THESIS[name].numbers)


def test_the_thesis_numbers_are_the_printed_ones():
    assert THESIS["table_5_1"].numbers["attn_res_emb"] == 0.0431
    assert THESIS["table_5_2"].numbers["emb"] == 1583.879
    assert THESIS["table_5_3"].numbers["basic"] == 2981.271
    assert THESIS["table_5_4"].numbers["attn"] == 1834.427
    assert THESIS["table_5_5"].numbers["attn_res"] == 454.79
    assert THESIS["table_5_6"].numbers["real"] == 0.114
    for name in (*SET_TABLES, *POLYPHONIC):
        assert set(THESIS[name].numbers) - {"real"} == set(RECURRENT)


def test_intra_set_distances_are_those_of_the_pieces(results):
    tabulate("table_5_2", params(), results)
    table = read_table(results, "table_5_2").set_index("model")
    comparison = load_comparison("monophonic", params(), results)
    for name in ("attn", "real"):
        expected = mean_intra_distance(comparison.sets[name].metrics.pitch_per_minute)
        assert table.loc[name, "mean"] == pytest.approx(expected, rel=1e-5)


def test_the_order_of_the_models_orders_the_rows(results):
    tabulate("table_5_1", params(["markov", "attn", "basic"]), results)
    assert list(read_table(results, "table_5_1")["model"]) == ["markov", "attn", "basic", "real"]


@pytest.mark.parametrize("name", OF_METRICS)
def test_a_model_removed_leaves_and_changes_no_other_row(results, name):
    tabulate(name, table_params(name), results)
    before = (results / "tables" / f"{name}.csv").read_text().splitlines()
    tabulate(name, table_params(name, [m for m in MODELS if m != "attn"]), results)
    after = (results / "tables" / f"{name}.csv").read_text().splitlines()
    removed = [row for row in before if row not in after]
    assert len(removed) == len(before) - len(after) == sum(",attn," in row for row in before) > 0
    assert all(",attn," in row for row in removed)
    assert "| attn |" not in text(results, name)


def test_a_model_that_the_thesis_does_not_have(results):
    write_metrics(results, "mine", drawn(77, 40))
    tabulate("table_5_1", params([*MODELS, "mine"]), results)
    table = read_table(results, "table_5_1").set_index("model")
    assert np.isnan(table.loc["mine", "thesis"]) and table.loc["mine", "value"] > 0
    assert line(results, "table_5_1", "mine").endswith(" |  |")


@pytest.mark.parametrize("name", ["table_5_1", "table_5_3"])
def test_marks_and_floor(results, name):
    tabulate(name, params(), results)
    written = text(results, name)
    assert written.count("**") == 2
    best = [m for m in MODELS if "**" in line(results, name, m)]
    assert best in (["emb"], ["attn_res_emb"])
    (other,) = {"emb", "attn_res_emb"} - set(best)
    assert "†" in line(results, name, other)
    assert "†" not in line(results, name, "basic") and "†" not in line(results, name, "real")
    floor = next(x for x in written.splitlines() if "not beating it" in x)
    assert "basic" in floor and "emb" not in floor


def test_intra_set_distance_nearest_to_real_is_best(results):
    write_metrics(results, "basic", [melody([60] * 60)] * 40)  # no variety: least, and worst
    tabulate("table_5_2", params(), results)
    assert "**" not in line(results, "table_5_2", "basic")
    assert read_table(results, "table_5_2").set_index("model").loc["basic", "value"] == 0.0


def test_where_every_model_beats_the_floor_it_is_said(results):
    tabulate("table_5_1", params(["emb", "attn_res_emb", "markov"]), results)
    assert "Every model beats the floor" in text(results, "table_5_1")
    tabulate("table_5_1", params(["emb"]), results)
    assert "was not run" in text(results, "table_5_1")


def test_a_model_without_notes_has_empty_cells_and_a_reason(results):
    write_metrics(results, "attn", [melody([])] * 5)
    for name in (*SET_TABLES, "sample_character"):
        tabulate(name, params(), results)
    table = read_table(results, "table_5_1").set_index("model")
    assert np.isnan(table.loc["attn", ["value", "ci_low", "ci_high", "mean"]].astype(float)).all()
    assert "Empty cells: attn: no value, there is no note in the pieces of attn." in text(
        results, "table_5_1"
    )
    row = read_table(results, "sample_character").set_index("model").loc["attn"]
    assert np.isnan(row["mean_ioi_seconds"]) and np.isnan(row["lowest_pitch"])
    assert row["notes_per_minute"] == 0 and row["under_two_notes"] == 5
    assert "no note in the pieces of attn" in text(results, "sample_character")


@pytest.mark.parametrize("pieces", [0, 1, 2])
@pytest.mark.parametrize("name", [*SET_TABLES, "sample_character"])
def test_few_real_pieces_leave_cells_empty_and_say_why(results, name, pieces):
    short = [melody([60, 62], 10.0)]
    write_metrics(results, "real", [melody([60, 62, 64])] * pieces + short)
    tabulate(name, params(), results)
    written = text(results, name)
    assert "nan" not in written and f"real {pieces} (1 left out)" in written
    if name != "sample_character" or pieces < 2:  # a mean of two pieces has an interval
        assert "Empty cells: " in written
        assert "real has" in written or "no piece of real is long enough" in written
    table = read_table(results, name).set_index("model")
    if name in ("table_5_1", "table_5_3") and pieces < 2:
        assert np.isnan(table.loc["real", "value"])


def test_left_out_pieces_are_counted(results):
    write_metrics(results, "emb", [*drawn(0, 9), melody([60], 5.0), melody([60], 6.0)])
    tabulate("table_5_3", params(), results)
    assert "emb 9 (2 left out)" in text(results, "table_5_3")
    tabulate("sample_character", params(), results)
    row = read_table(results, "sample_character").set_index("model").loc["emb"]
    assert (row["pieces"], row["left_out"]) == (9, 2)


def test_heldout_loss_by_hand(results):
    write_heldout(results, "emb", [10.0, 30.0])
    write_heldout(results, "markov", [20.0, 40.0])
    tabulate("heldout_nll", params(["emb", "markov"]), results)
    header = (results / "tables" / "heldout_nll.csv").read_text().splitlines()[0]
    assert header == (
        "experiment,model,value,ci_low,ci_high,seeds,seeds_sd,nats_per_second,pieces,"
        "floor_difference,floor_ci_low,floor_ci_high,beats_floor"
    )
    emb, markov = (read_table(results, "heldout_nll").iloc[i] for i in (0, 1))
    assert emb["value"] == pytest.approx(40 / 201, rel=1e-5)
    assert emb["nats_per_second"] == pytest.approx(40 / 201 * 8, rel=1e-5)
    assert emb["floor_difference"] == pytest.approx(-20 / 201, rel=1e-4)
    assert emb["pieces"] == 2 and emb["beats_floor"] == "yes"
    assert markov["beats_floor"] == "" and np.isnan(markov["floor_difference"])


def test_who_beats_the_floor(results):
    tabulate("heldout_nll", params(), results)
    table = read_table(results, "heldout_nll").set_index("model")
    assert table["beats_floor"].to_dict() == dict.fromkeys(MODELS, "yes") | {
        "basic": "no",
        "markov": "",
    }
    assert "**" in line(results, "heldout_nll", "attn_res_emb")
    assert "not beating it: basic" in text(results, "heldout_nll")
    assert "real" not in table.index


def test_scores_of_other_pieces_are_refused(results):
    write_heldout(results, "emb", [10.0] * 3)
    with pytest.raises(InputError, match="scores other pieces"):
        tabulate("heldout_nll", params(), results)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_heldout_loss_that_is_not_finite_is_refused(results, wrong):
    for model in ("emb", "markov"):
        write_heldout(results, model, [5.0, wrong])
    with pytest.raises(InputError, match=r"heldout\.csv is damaged"):
        tabulate("heldout_nll", params(["emb", "markov"]), results)


@pytest.mark.parametrize("losses", [[], [5.0]])
def test_heldout_loss_of_too_little_is_empty_and_raises_nothing(results, losses):
    for model in ("emb", "markov"):
        write_heldout(results, model, losses)
    tabulate("heldout_nll", params(["emb", "markov"]), results)
    table = read_table(results, "heldout_nll")
    assert table["ci_low"].isna().all() and (table["beats_floor"] != "yes").all()
    assert "nan" not in text(results, "heldout_nll")


def test_sample_character_by_hand(results):
    pieces = [melody([60, 60, 64], 60.0), melody([62], 30.0), melody([], 60.0)]
    write_metrics(results, "emb", pieces)
    tabulate("sample_character", params(), results)
    row = read_table(results, "sample_character").set_index("model").loc["emb"]
    assert row["notes_per_minute"] == pytest.approx((3 + 2 + 0) / 3, rel=1e-5)
    assert row["used_pitches"] == 1.0
    assert row["lowest_pitch"] == 61.0 and row["highest_pitch"] == 63.0
    assert row["repeated_notes"] == 0.5 and np.isnan(row["repeated_notes_ci_low"])
    assert row["mean_ioi_seconds"] == 0.25 and row["mean_note_seconds"] == 0.25
    assert row["under_two_notes"] == 2
    assert row["stuck_note_rate"] == 0.0
    columns = list(read_table(results, "sample_character").columns)
    assert columns[:6] == [
        *("experiment", "model", "seeds", "pieces", "left_out"),
        "notes_per_minute",
    ]
    of_measure = [f"notes_per_minute_{part}" for part in ("ci_low", "ci_high", "seeds_sd")]
    assert columns[6:9] == of_measure
    assert columns[5:-1:4] == list(CHARACTER_HEADINGS) and columns[-1] == "under_two_notes"


def test_stuck_notes_by_hand(results):
    pieces = [melody([60] * 30), melody([60] * 10)] * 2
    write_metrics(results, "emb", pieces, stuck=[3, 0, None, None])
    write_metrics(results, "attn", pieces, stuck=[None] * 4)
    tabulate("sample_character", params(), results)
    table = read_table(results, "sample_character").set_index("model")
    assert table.loc["emb", "stuck_note_rate"] == pytest.approx(3 / 40)  # not (3/30 + 0/10) / 2
    assert table.loc["emb", "stuck_note_rate_ci_high"] == pytest.approx(0.1, abs=0.03)
    assert np.isnan(table.loc["attn", "stuck_note_rate"])
    assert "| 0.0750 [" in line(results, "sample_character", "emb")
    written = text(results, "sample_character")
    assert "longer than 10 seconds or, of events" in written
    assert "Empty cells: attn: no value, too few pieces in which it is defined." in written
    # Nearest to the real pieces, which have none, is best.
    row = line(results, "sample_character", "emb").split(" | ")
    assert "**" not in row[8] and "†" not in row[8]


def test_every_experiment_has_its_page(results):
    tabulate("sample_character", table_params("sample_character"), results)
    written = text(results, "sample_character")
    for experiment in EXPERIMENTS:
        assert f"# Character of the samples, {experiment} experiment" in written
    assert set(read_table(results, "sample_character")["experiment"]) == set(EXPERIMENTS)


def test_heldout_loss_says_what_a_step_is_and_skips_models_trained_elsewhere(results):
    tabulate("heldout_nll", table_params("heldout_nll"), results)
    assert list(dict.fromkeys(read_table(results, "heldout_nll")["experiment"])) == [
        "monophonic",
        EVENTS,
        PIANOROLL,
        ATTENTION,
    ]
    mono, events, pianoroll, _ = text(results, "heldout_nll").split("# Held-out loss, ")[1:]
    assert "in nats per step, every" in mono and "| nats per step |" in mono
    assert "in nats per event, every" in events and "| nats per event |" in events
    assert "in nats per frame (summed over 88 keys), every" in pianoroll
    assert "| nats per frame |" in pianoroll


@pytest.mark.parametrize("name", POLYPHONIC)
def test_polyphonic_tables_show_the_thesis_beside_events_alone(results, name):
    tabulate(name, table_params(name), results)
    events, pianoroll = text(results, name).split(f"# Table 5.{name[-1]}: ")[1:]
    assert "polyphonic_events experiment" in events and "§5.4.3, other data." in events
    assert "does not say whether its polyphonic numbers are of events" in events
    assert "polyphonic_pianoroll experiment" in pianoroll and "Thesis:" not in pianoroll
    only = {"experiments": {PIANOROLL: table_params(name)["experiments"][PIANOROLL]}}
    tabulate(name, only, results)
    assert text(results, name) == f"# Table 5.{name[-1]}: {pianoroll}"


def slower(seconds, count=3):
    """A piece whose onsets lie so far apart."""
    return NoteList.of([(i * seconds, i * seconds + 0.1, 60 + i, 80) for i in range(count)], 60.0)


def test_inter_onset_intervals_by_hand(results):
    write_metrics(results, "real", [slower(0.5)] * 4, experiment=EVENTS)
    # A piece of one onset is in no mean; mean of 0.4 and 0.5, although the first has more notes.
    sampled = [slower(0.4, 9), slower(0.5), melody([60])]
    write_metrics(results, "emb", sampled, experiment=EVENTS)
    write_metrics(results, "attn", [slower(0.52)] * 4, experiment=EVENTS)
    tabulate("table_5_6", table_params("table_5_6"), results)
    table = read_table(results, "table_5_6").set_index(["experiment", "model"])
    assert table.loc[(EVENTS, "emb"), "value"] == pytest.approx(0.45)
    assert table.loc[(EVENTS, "real"), ["value", "thesis"]].tolist() == pytest.approx([0.5, 0.114])
    assert "**0.5200 [0.5200, 0.5200]**" in line(results, "table_5_6", "attn")
    assert line(results, "table_5_6", "real") == "| real | 0.5000 [0.5000, 0.5000] | 0.114 |"


def test_what_cannot_be_tabulated_is_named(results):
    with pytest.raises(InputError, match="no table 'table_9'"):
        tabulate("table_9", params(), results)
    with pytest.raises(InputError, match="no experiment that table_5_1 is of"):
        tabulate("table_5_1", {"experiments": {}}, results)
    with pytest.raises(InputError, match=r"mine.pieces\.csv is missing"):
        tabulate("table_5_1", params(["mine"]), results)


def test_tables_are_fast_enough(results):
    for model in [*MODELS, "real"]:
        write_metrics(results, model, drawn(0, 10, notes=20) * 30)
    before = time.process_time()
    tabulate("table_5_3", params(resamples=1000), results)
    assert time.process_time() - before < 10
