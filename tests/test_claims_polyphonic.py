"""The claims of the polyphonic experiment where their verdict is known, and on too little."""

import csv

import numpy as np
import pytest

from neuralmusic.claims import CLAIMS, COLUMNS, judge
from neuralmusic.claims_polyphonic import POLYPHONIC_CLAIMS, share_turned_off
from neuralmusic.files import InputError
from neuralmusic.notes import NoteList
from tests.constructed import (
    MODELS,
    RECURRENT,
    drawn,
    melody,
    params,
    together,
    write_all_metrics,
    write_metrics,
    write_note_ends,
    write_validation,
)
from tests.judging import Judged

EVENTS, PIANOROLL, MONOPHONIC = "polyphonic_events", "polyphonic_pianoroll", "monophonic"
PIECES = 30


def ends(old_on, old_off, young_on=0, young_off=20, pieces=PIECES):
    """Notes of so many pieces that all have as many of each kind, older than 128 steps or not."""
    kinds = [((500, 1, 0), old_on), ((300, 0, 1), old_off), ((9, 1, 0), young_on)]
    kinds.append(((128, 0, 1), young_off))  # as old as the window is not older
    return [
        (f"{piece:04d}.mid", *note)
        for piece in range(pieces)
        for note, count in kinds
        for _ in range(count)
    ]


@pytest.fixture
def results(tmp_path):
    """Three experiments in which all models are like the real pieces, with no stuck note."""
    for experiment in (MONOPHONIC, EVENTS, PIANOROLL):
        write_all_metrics(tmp_path, dict.fromkeys(MODELS, 0.0), experiment=experiment)
    for model in RECURRENT:
        write_validation(tmp_path, model, np.ones((2, 3)))
        write_note_ends(tmp_path, EVENTS, model, ends(2, 2))
    return tmp_path


def job(models=MODELS, experiments=(MONOPHONIC, EVENTS, PIANOROLL), **changed):
    return together(*(params(models, experiment=e, **changed) for e in experiments))


def judged(results, parameters=None):
    return Judged(results, parameters or job())


def test_the_file_has_a_row_for_each_claim(results):
    judge(job(), results)
    with (results / "claims.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    assert [row["claim"] for row in rows] == [claim.sentence for claim in CLAIMS.values()]
    found = judged(results)["stuck_notes_spoil"]
    assert float(rows[list(CLAIMS).index("stuck_notes_spoil")]["estimate"]) == pytest.approx(
        float(found["estimate"])
    )


def write_tilted(results, experiment, tilts):
    write_all_metrics(results, {**dict.fromkeys(MODELS, 2.5), **tilts}, experiment=experiment)


def test_every_claim_says_whose_it_is(results):
    for name, row in judged(results).items():
        if name in POLYPHONIC_CLAIMS:
            assert row["section"] == "5.4.3"
            assert row["experiment"] == (PIANOROLL if name.endswith("pianoroll") else EVENTS)
        assert not any("nan" in value.lower() for value in row.values()), name


@pytest.mark.parametrize(("experiment", "short"), [(EVENTS, "events"), (PIANOROLL, "pianoroll")])
def test_residual_and_embedding_both_ways(results, experiment, short):
    basic, attention = (f"residual_embedding_inter_{of}{short}" for of in ("", "attention_"))
    write_tilted(results, experiment, {"attn_res_emb": 0.0})
    found = judged(results)
    assert found[basic]["verdict"] == found[attention]["verdict"] == "held"
    # Pieces that are near to the real ones are as different from each other as these.
    assert "Mean distances: attn_res_emb " in found[basic]["numbers"]
    assert ("The thesis's table 5.4: attn_res_emb 1781.84" in found[basic]["numbers"]) == (
        experiment == EVENTS
    )
    write_tilted(results, experiment, {"basic": 0.0, "attn": 2.5, "attn_res": 2.5})
    found = judged(results)
    assert found[basic]["verdict"] == "did not hold"
    assert found[attention]["verdict"] == "undecided"
    write_tilted(results, experiment, {"attn": 0.0, "attn_res": 0.0})
    assert judged(results)[attention]["verdict"] == "did not hold"


def test_residual_and_embedding_against_the_mean_of_the_others_by_hand(results):
    for model, count in (("attn", 10), ("attn_res", 30), ("attn_res_emb", 14)):
        write_metrics(results, model, [melody([60] * count)] * 4, experiment=EVENTS)
    write_metrics(results, "real", [melody([60] * 10)] * 4, experiment=EVENTS)
    row = judged(results)["residual_embedding_inter_attention_events"]
    assert float(row["estimate"]) == pytest.approx(4 - (0 + 20) / 2)


def test_residual_and_embedding_in_intra_set_distance_both_ways(results):
    write_metrics(results, "attn_res_emb", drawn(1, 40, spread=500.0), experiment=EVENTS)
    write_metrics(results, "basic", drawn(2, 40, spread=3.0), experiment=EVENTS)
    row = judged(results)["residual_embedding_intra_events"]
    assert row["verdict"] == "held" and "The thesis's table 5.5" in row["numbers"]
    write_metrics(results, "attn_res_emb", drawn(2, 40, spread=3.0), experiment=EVENTS)
    write_metrics(results, "basic", drawn(1, 40, spread=500.0), experiment=EVENTS)
    assert judged(results)["residual_embedding_intra_events"]["verdict"] == "did not hold"


def paced(seconds, pieces=PIECES, seed=0):
    """Pieces whose notes follow each other at about this interval."""
    generator = np.random.default_rng(seed)
    return [
        NoteList.of([(i * s, i * s + 0.01, 60, 80) for i in range(20)], 60.0)
        for s in seconds * generator.uniform(0.98, 1.02, pieces)
    ]


def write_paces(results, factors, experiment=EVENTS):
    write_metrics(results, "real", paced(0.5, seed=9), experiment=experiment)
    for index, (model, factor) in enumerate(zip(RECURRENT, factors, strict=True)):
        write_metrics(results, model, paced(0.5 * factor, seed=index), experiment=experiment)


def test_inter_onset_intervals_both_ways(results):
    # Too slow and too fast do not cancel out: the mean interval of these is the real one.
    write_paces(results, [0.5, 1.5, 0.5, 1.5, 1.0])
    row = judged(results)["matches_inter_onset_events"]
    assert row["verdict"] == "did not hold"
    assert float(row["estimate"]) == pytest.approx(0.4 - 0.2, abs=0.02)
    assert "on average and at most 5" in row["numbers"]
    assert "The thesis's table 5.6" in row["numbers"]
    write_paces(results, [0.9, 1.1, 1.0, 1.0, 0.8])
    row = judged(results)["matches_inter_onset_events"]
    assert row["verdict"] == "held"
    assert float(row["estimate"]) == pytest.approx(0.08 - 0.2, abs=0.02)
    assert float(row["ci_low"]) >= -0.2  # a deviation is not negative


def test_inter_onset_intervals_that_nobody_has_are_undecided(results):
    write_metrics(results, "real", [melody([60])] * 4, experiment=PIANOROLL)
    row = judged(results)["matches_inter_onset_pianoroll"]
    assert row["verdict"] == "undecided" and "too few pieces or notes" in row["numbers"]


def test_error_in_low_pitches_of_the_polyphonic_experiments(results):
    for model in [*RECURRENT, "real"]:
        low = 20 if model == "real" else 8
        pieces = [melody([40] * (low + i % 2) + [70] * (20 + i % 2)) for i in range(PIECES)]
        write_metrics(results, model, pieces, experiment=PIANOROLL)
    found = judged(results)
    assert found["error_in_low_pitches_pianoroll"]["verdict"] == "held"
    assert found["error_in_low_pitches_events"]["verdict"] == "undecided"


def test_transitions_against_the_monophonic_experiment_both_ways(results):
    write_tilted(results, MONOPHONIC, {})
    row = judged(results)["closer_transitions_than_monophonic"]
    assert row["verdict"] == "held"
    assert "nats in monophonic, to which the number of pieces contributes" in row["numbers"]
    write_tilted(results, EVENTS, dict.fromkeys(MODELS, 5.0))
    assert judged(results)["closer_transitions_than_monophonic"]["verdict"] == "did not hold"


def test_transitions_need_both_experiments_with_equally_many_resamples(results):
    row = judged(results, job(experiments=[EVENTS]))["closer_transitions_than_monophonic"]
    assert row["numbers"] == "Cannot be decided: the monophonic experiment was not run."
    both = together(params(), params(experiment=EVENTS, resamples=100))
    row = judged(results, both)["closer_transitions_than_monophonic"]
    assert row["verdict"] == "undecided" and "different numbers of resamples" in row["numbers"]


def write_stuck(results, shares):
    """Pieces of 60 notes; so many of each are stuck, give or take one."""
    for model, stuck in shares.items():
        counts = [max(0, stuck + (i % 3) - 1) for i in range(PIECES)]
        write_metrics(results, model, drawn(0, PIECES), experiment=EVENTS, stuck=counts)


def test_stuck_notes_spoil_both_ways(results):
    write_stuck(results, {**dict.fromkeys(RECURRENT, 6), "real": 3})
    row = judged(results)["stuck_notes_spoil"]
    assert row["verdict"] == "held"
    assert float(row["estimate"]) == pytest.approx(0.05)
    assert "0.1000 are stuck on average" in row["numbers"] and "alike, 0.0500" in row["numbers"]
    write_stuck(results, {**dict.fromkeys(RECURRENT, 3), "real": 6})
    assert judged(results)["stuck_notes_spoil"]["verdict"] == "did not hold"


def test_stuck_notes_that_nobody_counted_are_undecided(results):
    pieces = drawn(0, 4)
    write_metrics(results, "real", pieces, experiment=EVENTS, stuck=[None] * 4)
    row = judged(results)["stuck_notes_spoil"]
    assert row["verdict"] == "undecided" and "nobody counted the stuck ones: real" in row["numbers"]


def test_most_stuck_both_ways_and_among_equals(results):
    write_stuck(results, {**dict.fromkeys(RECURRENT, 3), "attn_res_emb": 6, "markov": 30})
    row = judged(results)["most_stuck"]
    assert row["verdict"] == "held" and "the choice among 4" in row["numbers"]
    write_stuck(results, {"attn": 9})
    row = judged(results)["most_stuck"]
    assert row["verdict"] == "did not hold" and row["numbers"].startswith("Greatest other: attn;")
    write_stuck(results, dict.fromkeys(RECURRENT, 6))
    assert judged(results)["most_stuck"]["verdict"] == "undecided"


def write_ends(results, **of):
    for model in RECURRENT:
        write_note_ends(results, EVENTS, model, ends(**of))


def test_old_notes_both_ways_by_hand(results):
    write_ends(results, old_on=2, old_off=2, young_on=5)
    row = judged(results)["old_notes_stay_on"]
    assert row["verdict"] == "did not hold"
    assert float(row["estimate"]) == pytest.approx(0.5 - 0.05)
    assert (
        "attn 120 of 870 notes in 30 pieces, 60 turned off, stuck 50.0% of these and 20.0% of the"
        " younger;"
    ) in row["numbers"]
    assert "older than the window of 128 steps" in row["numbers"]
    assert "soon after it got old is stuck too" in row["numbers"]
    write_ends(results, old_on=3, old_off=0)
    row = judged(results)["old_notes_stay_on"]
    assert row["verdict"] == "held" and float(row["estimate"]) == -0.05
    assert float(row["ci_low"]) == -0.05 and -0.04 < float(row["ci_high"]) < 0


def test_a_note_turned_off_late_is_turned_off(results):
    for model in RECURRENT:
        rows = [(f"{piece}.mid", 900, 1, 1) for piece in range(PIECES)]
        write_note_ends(results, EVENTS, model, rows)
    row = judged(results)["old_notes_stay_on"]
    assert row["verdict"] == "did not hold" and float(row["estimate"]) == pytest.approx(0.95)
    assert "stuck 100.0% of these and none of the younger" in row["numbers"]


def test_few_old_notes_of_which_none_is_turned_off_decide_nothing(results):
    write_ends(results, old_on=1, old_off=0, pieces=3)
    row = judged(results)["old_notes_stay_on"]
    assert row["verdict"] == "undecided" and float(row["estimate"]) == -0.05


def test_models_without_old_notes_are_told_and_in_no_mean(results):
    write_ends(results, old_on=0, old_off=0)
    write_note_ends(results, EVENTS, "attn_res", ends(1, 1, pieces=1))
    row = judged(results)["old_notes_stay_on"]
    assert row["verdict"] == "undecided" and row["estimate"] == ""
    assert "no model has such notes in two pieces" in row["numbers"]
    write_note_ends(results, EVENTS, "attn", ends(3, 1))
    row = judged(results)["old_notes_stay_on"]
    assert float(row["estimate"]) == pytest.approx(0.2)
    assert row["numbers"].startswith("Turned off: 25.0% on average over attn. Notes older")
    assert "attn_res 2 of 22 notes in 1 piece," in row["numbers"]
    write_note_ends(results, EVENTS, "attn", [])
    assert judged(results)["old_notes_stay_on"]["verdict"] == "undecided"


def test_missing_or_old_note_ends_are_named(results):
    path = results / "samples" / EVENTS / "emb" / "note_ends.csv"
    path.write_text("file,onset_seconds,pitch,age_steps,stuck\n")
    with pytest.raises(InputError, match=r"note_ends\.csv lacks columns \['turned_off'\]"):
        judged(results)["old_notes_stay_on"]
    path.unlink()
    with pytest.raises(InputError, match=r"note_ends\.csv is missing"):
        judged(results)["old_notes_stay_on"]


@pytest.mark.parametrize("turned_off", [0.0, 0.01, 0.05])
def test_the_interval_of_a_rare_share_holds_it(turned_off):
    """Also where few or none are seen, of which a resample of the pieces says nothing."""
    generator = np.random.default_rng(1)
    hits = 0
    for seed in range(200):
        old = generator.poisson(2, 40).astype(float)
        off = generator.binomial(old.astype(int), turned_off).astype(float)
        low, high = share_turned_off(off, old, seed, "a", 200).percentile_interval()
        hits += low <= turned_off <= high
    assert hits / 200 > 0.9, hits


def test_an_experiment_without_its_models_or_pieces_decides_nothing(results):
    found = judged(results, job(models=["markov"]))
    assert {row["verdict"] for row in found.values()} == {"undecided"}
    found = judged(results, job(experiments=[MONOPHONIC]))
    for name in POLYPHONIC_CLAIMS:
        assert "experiment was not run" in found[name]["numbers"]
    for model in [*MODELS, "real"]:
        for experiment in (EVENTS, PIANOROLL):
            write_metrics(results, model, [melody([60, 62], 5.0)], experiment=experiment)
    found = judged(results)
    for name in POLYPHONIC_CLAIMS:
        if name != "old_notes_stay_on":
            assert found[name]["verdict"] == "undecided", name
            assert "Cannot be decided" in found[name]["numbers"]
