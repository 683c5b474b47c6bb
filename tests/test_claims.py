"""Each claim on constructed results where its verdict is known, both ways, and on too little."""

import csv

import numpy as np
import pytest

from neuralmusic.claims import CLAIMS, COLUMNS, judge
from neuralmusic.claims_monophonic import spearman
from tests.constructed import (
    MODELS,
    RECURRENT,
    drawn,
    melody,
    params,
    write_all_metrics,
    write_metrics,
    write_validation,
)

ATTENTION, PLAIN = ["attn", "attn_res", "attn_res_emb"], ["basic", "emb"]
GOOD, BAD = 0.0, 2.5


def curves(start: float, pieces: int = 20, epochs: int = 8, seed: int = 0) -> np.ndarray:
    """Held-out losses falling from `start` to 1, with pieces of different difficulty."""
    generator = np.random.default_rng(seed)
    fall = 1 + (start - 1) * np.exp(-np.arange(epochs) / 2)
    return fall[:, None] * (1 + generator.normal(0, 0.02, (epochs, pieces)))


def write_results(results, tilts, faster="emb", slower="basic"):
    write_all_metrics(results, tilts)
    for index, model in enumerate(RECURRENT):
        start = 2.0 if "emb" in model else 3.0
        if faster == "basic":
            start = 5.0 - start
        write_validation(results, model, curves(start, seed=index))


def judged(results, **options):
    judge(params(**options), results)
    with (results / "claims.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS and len(rows) == len(CLAIMS)
    return dict(zip(CLAIMS, rows, strict=True))


def tilted(good, bad=BAD):
    return {model: GOOD if model in good else bad for model in MODELS}


def test_attention_beats_plain_both_ways(tmp_path):
    write_results(tmp_path, tilted(ATTENTION))
    held = judged(tmp_path)["attention_beats_plain"]
    assert held["verdict"] == "held"
    assert float(held["ci_low"]) <= float(held["estimate"]) <= float(held["ci_high"]) < 0
    assert "attn_res_emb 0." in held["numbers"]
    write_results(tmp_path, tilted(PLAIN))
    assert judged(tmp_path)["attention_beats_plain"]["verdict"] == "did not hold"
    write_results(tmp_path, tilted(MODELS))
    assert judged(tmp_path)["attention_beats_plain"]["verdict"] == "undecided"


def test_closest_transitions_both_ways(tmp_path):
    write_results(tmp_path, tilted(["attn_res_emb"]))
    assert judged(tmp_path)["closest_transitions"]["verdict"] == "held"
    write_results(tmp_path, tilted(["basic"]))
    row = judged(tmp_path)["closest_transitions"]
    assert row["verdict"] == "did not hold" and row["numbers"].startswith("Best other: basic")


def test_the_floor_is_no_rival_of_the_thesis(tmp_path):
    write_results(tmp_path, tilted(["attn_res_emb", "markov"]))
    assert judged(tmp_path)["closest_transitions"]["verdict"] == "held"


def test_closest_inter_set_both_ways(tmp_path):
    write_results(tmp_path, tilted(["emb"]))
    assert judged(tmp_path)["closest_inter_set"]["verdict"] == "held"
    write_results(tmp_path, tilted(["attn"]))
    assert judged(tmp_path)["closest_inter_set"]["verdict"] == "did not hold"


def test_convergence_both_ways(tmp_path):
    write_results(tmp_path, tilted(MODELS))
    found = judged(tmp_path)
    for name in ("embedding_converges_faster", "embedding_converges_faster_attention"):
        assert found[name]["verdict"] == "held"
        assert found[name]["section"] == "5.1.2"
    write_results(tmp_path, tilted(MODELS), faster="basic")
    found = judged(tmp_path)
    assert found["embedding_converges_faster"]["verdict"] == "did not hold"


def test_convergence_by_hand(tmp_path):
    write_results(tmp_path, tilted(MODELS))
    write_validation(tmp_path, "emb", np.array([[3.0] * 4, [1.5] * 4, [1.0] * 4, [1.2] * 4]))
    write_validation(tmp_path, "basic", np.array([[4.0] * 4, [3.0] * 4, [2.0] * 4, [1.5] * 4]))
    row = judged(tmp_path)["embedding_converges_faster"]
    assert float(row["estimate"]) == pytest.approx(-1.25)  # (3 - 4 + 1.5 - 3) / 2
    assert "Over epochs 1 to 2 of 4" in row["numbers"]
    assert "best loss of basic, 1.5000" in row["numbers"]
    assert "emb in epoch 2, basic in epoch 4" in row["numbers"]


def test_convergence_of_one_epoch_and_one_piece_is_undecided(tmp_path):
    write_results(tmp_path, tilted(MODELS))
    for model, loss in (("emb", 1.0), ("basic", 2.0)):
        write_validation(tmp_path, model, np.array([[loss]]))
    row = judged(tmp_path)["embedding_converges_faster"]
    assert row["verdict"] == "undecided" and float(row["estimate"]) == pytest.approx(-1)
    assert row["ci_low"] == "" and "no interval" in row["numbers"]


def write_spreads(results, order):
    """Models whose pieces vary more along `order`; the real pieces hardly vary."""
    write_results(results, tilted(MODELS))
    write_metrics(results, "real", drawn(500, 40, spread=300.0))
    for index, model in enumerate(RECURRENT):
        tilt, spread = order[index]
        write_metrics(results, model, drawn(index, 40, tilt, spread=spread))


def test_ranking_turns_round_both_ways(tmp_path):
    # The farther from the real pieces, the less variety, and then the more.
    write_spreads(tmp_path, [(0.3, 10.0), (1.2, 20.0), (2.5, 60.0), (4.0, 150.0), (8.0, 500.0)])
    row = judged(tmp_path)["ranking_turns_round"]
    assert row["verdict"] == "held" and float(row["estimate"]) < -0.8
    write_spreads(tmp_path, [(0.0, 500.0), (0.0, 60.0), (0.0, 20.0), (0.0, 6.0), (0.0, 2.0)])
    row = judged(tmp_path)["ranking_turns_round"]
    assert row["verdict"] == "did not hold" and float(row["estimate"]) > 0.8


def test_equal_models_decide_nothing(tmp_path):
    write_results(tmp_path, tilted(MODELS))
    found = judged(tmp_path)
    for name in ("closest_transitions", "closest_inter_set", "ranking_turns_round"):
        assert found[name]["verdict"] == "undecided", name
        low, value, high = (float(found[name][c]) for c in ("ci_low", "estimate", "ci_high"))
        assert low <= value <= high


def steady(counts: dict[int, int], pieces: int = 30) -> list:
    """Pieces that all but agree: each pitch as often as given, give or take one."""
    generator = np.random.default_rng(9)
    made = []
    for _ in range(pieces):
        drawn_counts = {p: max(0, n + int(generator.integers(-1, 2))) for p, n in counts.items()}
        made.append(melody([p for p, n in drawn_counts.items() for _ in range(n)]))
    return made


def write_occurrences(results, real, model):
    write_results(results, tilted(MODELS))
    write_metrics(results, "real", steady(real))
    for name in RECURRENT:
        write_metrics(results, name, steady(model))


def test_error_follows_occurrence_both_ways(tmp_path):
    real = {48 + i: 10 + 10 * i for i in range(6)}
    write_occurrences(tmp_path, real, {p: n // 2 for p, n in real.items()})
    row = judged(tmp_path)["error_follows_occurrence"]
    assert row["verdict"] == "held" and "where only chance differs" in row["numbers"]
    write_occurrences(tmp_path, real, {p: n + (70 - n) // 2 for p, n in real.items()})
    assert judged(tmp_path)["error_follows_occurrence"]["verdict"] == "did not hold"


def test_error_in_low_pitches_both_ways(tmp_path):
    real = {40: 20, 45: 20, 70: 20, 75: 20}
    write_occurrences(tmp_path, real, {40: 8, 45: 32, 70: 20, 75: 20})
    row = judged(tmp_path)["error_in_low_pitches"]
    assert row["verdict"] == "held" and "MIDI pitch 46 (50% of the real" in row["numbers"]
    assert float(row["estimate"]) == pytest.approx(0.6, abs=0.1)
    write_occurrences(tmp_path, real, {40: 20, 45: 20, 70: 8, 75: 32})
    assert judged(tmp_path)["error_in_low_pitches"]["verdict"] == "did not hold"


def test_claims_without_their_models_are_undecided(tmp_path):
    write_results(tmp_path, tilted(MODELS))
    found = judged(tmp_path, models=["basic", "attn", "attn_res", "attn_res_emb", "markov"])
    for name in ("attention_beats_plain", "closest_transitions", "closest_inter_set"):
        assert found[name]["verdict"] == "undecided"
        assert found[name]["numbers"] == "Cannot be decided: not run: emb."
        assert found[name]["estimate"] == found[name]["ci_low"] == ""
    assert found["embedding_converges_faster"]["verdict"] == "undecided"
    assert found["embedding_converges_faster_attention"]["verdict"] == "held"
    assert found["ranking_turns_round"]["estimate"] != ""
    assert {row["verdict"] for row in judged(tmp_path, models=["markov"]).values()} == {"undecided"}


def test_an_experiment_that_was_not_run_is_undecided(tmp_path):
    judge({"experiments": {}}, tmp_path)
    with (tmp_path / "claims.csv").open(newline="") as file:
        assert all("was not run" in row["numbers"] for row in csv.DictReader(file))


@pytest.mark.parametrize("real", [[], [melody([60])], [melody([60])] * 2, [melody([])] * 4])
def test_too_few_pieces_raise_nothing(tmp_path, real):
    write_results(tmp_path, tilted(MODELS))
    write_metrics(tmp_path, "real", [*real, melody([60, 62], 5.0)])
    write_metrics(tmp_path, "emb", [melody([])] * 3)
    found = judged(tmp_path)
    assert found["attention_beats_plain"]["verdict"] == "undecided"
    assert not any("nan" in value.lower() for row in found.values() for value in row.values())


def test_the_rows_are_the_same_twice(tmp_path):
    write_results(tmp_path, tilted(ATTENTION))
    judged(tmp_path)
    before = (tmp_path / "claims.csv").read_bytes()
    judged(tmp_path)
    assert (tmp_path / "claims.csv").read_bytes() == before


def test_spearman_by_hand():
    assert spearman(np.array([1.0, 2, 3]), np.array([10.0, 30, 20])) == pytest.approx(0.5)
    assert spearman(np.array([1.0, 2, 3]), np.array([9.0, 8, 1])) == pytest.approx(-1)
    assert np.isnan(spearman(np.array([1.0, 1, 1]), np.array([9.0, 8, 1])))
    assert np.isnan(spearman(np.array([1.0, np.nan, 1]), np.array([9.0, 8, 1])))
    tied = spearman(np.array([[1.0, 1, 2, 3]] * 2), np.array([[1.0, 1, 2, 3], [3.0, 3, 2, 1]]))
    assert tied == pytest.approx([1, -1])
