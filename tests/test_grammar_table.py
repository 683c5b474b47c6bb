"""What the grammar mask changes: held against the plain samples, by hand and on too little."""

import numpy as np
import pytest

from neuralmusic.files import InputError
from neuralmusic.grammar_table import HEADINGS
from neuralmusic.table_text import CHARACTER_HEADINGS
from neuralmusic.tables import read_table, tabulate
from tests.constructed import (
    MODELS,
    drawn,
    melody,
    params,
    table_params,
    together,
    write_all_metrics,
    write_metrics,
)

EVENTS, PIANOROLL, GRAMMAR = "polyphonic_events", "polyphonic_pianoroll", "polyphonic_grammar"
TILTS = {model: 0.3 * index for index, model in enumerate(MODELS)}


@pytest.fixture
def results(tmp_path):
    for experiment in ("monophonic", EVENTS, PIANOROLL, GRAMMAR, "attention"):
        write_all_metrics(tmp_path, TILTS, experiment=experiment)
    return tmp_path


def text(results):
    return (results / "tables" / "grammar.md").read_text(encoding="utf-8")


def grammar_row(results, model, measure):
    table = read_table(results, "grammar").set_index(["model", "measure"])
    return table.loc[(model, measure)]


def test_the_columns_of_the_grammar_table(results):
    tabulate("grammar", table_params("grammar"), results)
    header = (results / "tables" / "grammar.csv").read_text().splitlines()[0]
    assert header == (
        "experiment,base,model,measure,plain,masked,difference,ci_low,ci_high,seeds,seeds_sd,real"
    )
    table = read_table(results, "grammar")
    assert set(table["experiment"]) == {GRAMMAR} and set(table["base"]) == {EVENTS}
    assert list(table["model"]) == MODELS * len(HEADINGS)
    assert list(dict.fromkeys(table["measure"])) == list(HEADINGS)
    # The same pieces with the same resamples: no difference, and nothing but it in the interval.
    assert (table[["difference", "ci_low", "ci_high"]] == 0).all(axis=None)
    written = text(results)
    assert "**" not in written and f"{GRAMMAR} experiment against {EVENTS}" in written
    assert "| --- | --- | ---: |" in written
    assert "Of 66 differences about 3 would be bold by chance" in written


def test_the_mask_is_held_against_the_plain_samples(results):
    pieces = drawn(5, 30)  # of 60 notes each
    write_metrics(results, "emb", pieces, experiment=EVENTS, stuck=[6, 12] * 15)
    write_metrics(results, "emb", drawn(6, 30, notes=90), experiment=GRAMMAR, stuck=[9, 0] * 15)
    write_metrics(results, "real", drawn(7, 30), experiment=EVENTS, stuck=[6, 0] * 15)
    tabulate("grammar", table_params("grammar"), results)
    row = grammar_row(results, "emb", "stuck_note_rate")
    values = row[["plain", "masked", "difference", "real"]].tolist()
    assert values == pytest.approx([0.15, 0.05, -0.1, 0.05])
    assert row["ci_low"] <= -0.1 <= row["ci_high"] < 0
    assert grammar_row(results, "emb", "notes_per_minute")["difference"] == 30
    shown = [x for x in text(results).splitlines() if "| emb |" in x]
    assert shown[0].startswith("| stuck notes, share | emb | 0.1500 | 0.0500 | **-0.1000 [-0.1")
    assert shown[0].endswith("| 0.0500 |")


def test_other_tables_agree_with_the_grammar_table(results):
    for name in ("grammar", "table_5_4", "table_5_5", "sample_character"):
        tabulate(name, table_params(name), results)
    for name, measure in (
        ("table_5_4", "inter_set_distance"),
        ("table_5_5", "intra_set_distance"),
    ):
        table = read_table(results, name).set_index(["experiment", "model"])["mean"]
        row = grammar_row(results, "attn", measure)
        assert row["plain"] == pytest.approx(table[EVENTS, "attn"], rel=1e-4)
        assert row["real"] == pytest.approx(table[EVENTS, "real"], rel=1e-4)
    character = read_table(results, "sample_character").set_index(["experiment", "model"])
    for measure in CHARACTER_HEADINGS:
        expected = character.loc[(GRAMMAR, "attn"), measure]
        assert grammar_row(results, "attn", measure)["masked"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("pieces", [[melody([60, 62], 5.0)], [melody([60, 62])], [melody([])] * 3])
def test_too_little_leaves_cells_of_the_grammar_table_empty(results, pieces):
    write_metrics(results, "emb", pieces, experiment=GRAMMAR)
    tabulate("grammar", table_params("grammar"), results)
    assert np.isnan(grammar_row(results, "emb", "transition_kl")["ci_low"])
    assert np.isnan(grammar_row(results, "emb", "stuck_note_rate")["ci_low"])
    written = text(results)
    assert "nan" not in written and f"{GRAMMAR}: Empty cells: emb: no " in written
    assert f"{EVENTS}: Empty" not in written


def test_a_grammar_table_needs_two_experiments_with_the_same_resamples(results):
    alone = params(experiment=GRAMMAR)
    with pytest.raises(InputError, match="no experiment samples the models of another"):
        tabulate("grammar", alone, results)
    both = together(params(experiment=EVENTS), params(experiment=GRAMMAR, resamples=100))
    with pytest.raises(InputError, match=r"polyphonic_grammar\.evaluation\.resamples"):
        tabulate("grammar", both, results)
