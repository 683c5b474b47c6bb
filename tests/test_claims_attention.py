"""The claims of the attention experiment where their verdict is known, and on too little."""

import numpy as np
import pytest

from neuralmusic.claims_attention import ATTENTION_CLAIMS, MEASURES
from neuralmusic.compare import load_comparison
from neuralmusic.files import InputError
from tests.constructed import (
    drawn,
    melody,
    params,
    write_heldout,
    write_metrics,
)
from tests.judging import Judged

ATTENTION = "attention"
FOUR = ["s1h1", "s1h3", "s3h1", "s2h2"]
MODELS = [*FOUR, "s1h3_wide", "markov"]
# Of each claim of two models the one that is said to be better, and the other.
PAIRS = {
    "heads_help": ("s1h3", "s1h1"),
    "heads_matter_most": ("s1h3", "s3h1"),
    "heads_beat_stacks": ("s1h3_wide", "s3h1"),
}
OF_FOUR = ["one_head_lacks_capacity", "three_heads_closest_transitions"]
PIECES = 40
HARD = 50 + np.random.default_rng(0).gamma(20, size=PIECES)  # nats of each test piece

each_pair = pytest.mark.parametrize(("claim", "models"), PAIRS.items())
each_measure = pytest.mark.parametrize("measure", MEASURES)


def judged(results, models=MODELS, **options):
    return Judged(results, params(models, experiment=ATTENTION, **options))


def write(results, run, pieces):
    write_metrics(results, run, pieces, experiment=ATTENTION)


def using(count, seed=0):
    """Pieces of about so many different pitches."""
    counts = count + np.random.default_rng(seed).integers(-1, 2, PIECES)
    return [melody(range(30, 30 + n)) for n in counts]


def write_far(results, measure, far):
    """Every run as far as it is said, 0 to 3, from what would be best by a measure.

    Runs of one model that are equally far are the same.
    """
    write(results, "real", using(20, seed=99) if measure == "pitches" else drawn(1000, PIECES))
    for run, by in far.items():
        index = MODELS.index(run.partition(".")[0])
        if measure == "loss":
            noise = np.random.default_rng(index).normal(0, 0.01, PIECES)
            write_heldout(results, run, HARD * (1 + 0.2 * by + noise), experiment=ATTENTION)
        elif measure == "pitches":  # too many here, too few there
            write(results, run, using(20 + int(4 * by) * (-1) ** index, seed=index))
        else:
            write(results, run, drawn(index, PIECES, tilt=by))


@pytest.fixture
def results(tmp_path):
    """All models equal to the last note, and none like the real pieces."""
    for model in MODELS:
        write(tmp_path, model, drawn(5, PIECES, tilt=1.5))
        write_heldout(tmp_path, model, HARD, experiment=ATTENTION)
    write(tmp_path, "real", drawn(1000, PIECES))
    return tmp_path


def test_there_is_a_claim_of_each_pair_by_each_measure_and_two_of_all_four():
    assert set(ATTENTION_CLAIMS) == {f"{of}_{m}" for of in PAIRS for m in MEASURES} | {*OF_FOUR}
    assert set(MEASURES) == {"inter", "kl", "pitches", "loss"}


def test_equals_decide_nothing(results):
    found = judged(results)
    for name in ATTENTION_CLAIMS:
        row = found[name]
        assert row["verdict"] == "undecided", name
        assert float(row["estimate"]) == 0 and float(row["ci_low"]) <= 0 <= float(row["ci_high"])
        assert (row["experiment"], row["section"]) == (ATTENTION, "5.5.3")


@each_measure
@each_pair
def test_a_pair_both_ways(results, claim, models, measure):
    better, worse = models
    name = f"{claim}_{measure}"
    write_far(results, measure, dict.fromkeys(MODELS, 2.5) | {better: 0})
    row = judged(results)[name]
    assert row["verdict"] == "held" and float(row["ci_high"]) < 0
    assert f"of {better} less that of {worse}" in row["statistic"]
    write_far(results, measure, dict.fromkeys(MODELS, 2.5) | {worse: 0})
    row = judged(results)[name]
    assert row["verdict"] == "did not hold" and float(row["ci_low"]) > 0


def test_one_head_farthest_of_the_four_both_ways(results):
    far = dict.fromkeys(FOUR, 0.0) | {"s1h1": 2.0, "s1h3_wide": 4.0, "markov": 4.0}
    write_far(results, "kl", far)
    row = judged(results)["one_head_lacks_capacity"]
    assert row["verdict"] == "held" and float(row["ci_low"]) > 0
    assert "s1h3_wide" not in row["numbers"] and "markov" not in row["numbers"]
    write_far(results, "kl", far | {"s3h1": 3.0})  # farther still
    row = judged(results)["one_head_lacks_capacity"]
    assert row["verdict"] == "did not hold" and "nearest other: s3h1." in row["numbers"]


def test_three_heads_nearest_of_the_four_both_ways(results):
    far = dict.fromkeys(FOUR, 2.0) | {"s1h3": 0.5, "s1h3_wide": 0.0, "markov": 0.0}
    write_far(results, "kl", far)
    row = judged(results)["three_heads_closest_transitions"]
    assert row["verdict"] == "held" and float(row["ci_high"]) < 0
    write_far(results, "kl", far | {"s2h2": 0.0, "s1h3": 2.0})
    row = judged(results)["three_heads_closest_transitions"]
    assert row["verdict"] == "did not hold" and "nearest other: s2h2." in row["numbers"]


@pytest.mark.parametrize(
    ("name", "model", "nearest"), [(OF_FOUR[0], "s1h1", "s3h1"), (OF_FOUR[1], "s1h3", "s1h1")]
)
def test_the_interval_of_one_of_four_allows_for_three_choices(results, name, model, nearest):
    write_far(results, "kl", {"s1h1": 1.0, "s1h3": 1.2, "s3h1": 2.0, "s2h2": 1.5})
    row = judged(results, FOUR, resamples=1000)[name]
    job = params(FOUR, experiment=ATTENTION, resamples=1000)
    comparison = load_comparison(ATTENTION, job, results)
    difference = comparison.kl(model) - comparison.kl(nearest)
    low, high = difference.whole_interval(choices=3)
    found = [float(row[column]) for column in ("estimate", "ci_low", "ci_high")]
    assert found == pytest.approx([difference.value, low, high])
    narrow_low, narrow_high = difference.interval()
    assert low < narrow_low and narrow_high < high
    assert (
        f"nearest other: {nearest}. The interval allows for the choice among 3." in (row["numbers"])
    )


# By hand.


def test_inter_set_distances_by_hand(results):
    counts = {"real": 10, "s1h1": 20, "s1h3": 14, "s3h1": 17, "s2h2": 11, "s1h3_wide": 15}
    for run, count in counts.items():
        write(results, run, [melody([60] * count)] * 4)
    found = judged(results)
    estimates = {claim: float(found[f"{claim}_inter"]["estimate"]) for claim in PAIRS}
    assert estimates == {"heads_help": -6, "heads_matter_most": -3, "heads_beat_stacks": -2}
    assert found["heads_help_inter"]["numbers"] == (
        "Mean inter-set distance: s2h2 1.000, s1h3 4.000, s1h3_wide 5.000, s3h1 7.000, s1h1 10.000."
        " The thesis's table 5.7: s1h3 1775.623, s2h2 1860.365, s3h1 1860.495, s1h1 2088.857."
        " One seed a model: how much another would change is not in the interval."
    )


def test_too_few_pitches_are_as_far_off_as_too_many(results):
    counts = {"real": 10, "s1h1": 4, "s1h3": 13, "s3h1": 16, "s1h3_wide": 5}
    for run, count in counts.items():
        write(results, run, [melody(range(40, 40 + count))] * 4)
    found = judged(results)
    estimates = {claim: float(found[f"{claim}_pitches"]["estimate"]) for claim in PAIRS}
    assert estimates == {"heads_help": -3, "heads_matter_most": -3, "heads_beat_stacks": -1}
    numbers = found["heads_help_pitches"]["numbers"]
    assert "s1h3 3.00, s1h3_wide 5.00, s1h1 6.00, s3h1 6.00." in numbers
    assert "The thesis's table 5.8: real 31.4, s1h3 35.505," in numbers


def test_heldout_loss_by_hand_and_of_scores_alone(tmp_path):
    """From a results folder in which there is nothing but scores."""
    losses = {"s1h1": [50, 60], "s1h3": [40, 50], "s3h1": [20, 30], "s2h2": [90, 90]}
    losses |= {"s1h3_wide": [10, 10], "markov": [99, 99]}
    for model, nats in losses.items():
        write_heldout(tmp_path, model, nats, experiment=ATTENTION)
    found = judged(tmp_path)
    estimates = [float(found[f"{claim}_loss"]["estimate"]) for claim in PAIRS]
    assert estimates == pytest.approx([-20 / 201, 40 / 201, -30 / 201])  # of 100 and 101 steps
    assert "Held-out nats per event: s1h3_wide 0.0995," in found["heads_help_loss"]["numbers"]
    with pytest.raises(InputError, match=r"pieces\.csv is missing"):
        found["heads_help_inter"]


def test_claims_by_samples_need_no_score(results):
    for model in MODELS:
        (results / "scores" / ATTENTION / model / "heldout.csv").unlink()
    found = judged(results)
    for claim in PAIRS:
        for measure in ("inter", "kl", "pitches"):
            assert found[f"{claim}_{measure}"]["estimate"] == "0.0"
        with pytest.raises(InputError, match=r"heldout\.csv is missing"):
            found[f"{claim}_loss"]


# What the numbers say.


def test_the_thesis_is_told_where_it_printed_the_measure(results):
    found = judged(results)
    told = {
        name: [n for n in (7, 8, 9) if f"The thesis's table 5.{n}: " in found[name]["numbers"]]
        for name in ATTENTION_CLAIMS
    }
    tables = {"inter": [7], "pitches": [8], "kl": [], "loss": []}
    assert told == {
        **{f"{claim}_{measure}": of for claim in PAIRS for measure, of in tables.items()},
        **{name: [] for name in OF_FOUR},
    }


@pytest.mark.parametrize("seeds", [1, 2])
def test_numbers_are_sentences_with_single_spaces(results, seeds):
    for model in MODELS:
        write(results, f"{model}.2", drawn(5, PIECES, tilt=1.5))
        write_heldout(results, f"{model}.2", HARD, experiment=ATTENTION)
    for name, row in judged(results, seeds=seeds).items():
        if name in ATTENTION_CLAIMS:
            numbers = row["numbers"]
            assert "  " not in numbers and numbers == numbers.strip(), name
            assert numbers[0].isupper() and numbers.endswith("."), name
            assert ("One seed a model" in numbers) == (seeds == 1), name
            assert ("Standard deviation between seeds: s" in numbers) == (seeds == 2), name


# Seeds.


@each_measure
def test_seeds_that_differ_wildly_make_a_pair_undecided(results, measure):
    claims = [f"{claim}_{measure}" for claim in PAIRS]
    far = dict.fromkeys(MODELS, 2.0) | {"s1h3": 0, "s1h3_wide": 0}
    far |= {f"{model}.2": by for model, by in far.items() if model != "markov"}
    write_far(results, measure, far)
    found = judged(results, seeds=2)
    assert {found[claim]["verdict"] for claim in claims} == {"held"}
    far |= {f"{model}.2": 1.0 for model in ("s1h3", "s1h3_wide")}  # better than others still
    write_far(results, measure, far)
    found = judged(results, seeds=2)
    for claim in claims:
        assert found[claim]["verdict"] == "undecided", claim
        assert float(found[claim]["estimate"]) < 0
        assert judged(results)[claim]["verdict"] == "held"  # of the first seeds alone


def test_seeds_that_differ_wildly_make_one_of_four_undecided(results):
    far = dict.fromkeys(FOUR, 1.5) | {"s1h1": 3.0, "s1h3": 0.0}
    far |= {f"{model}.2": by for model, by in far.items()}
    write_far(results, "kl", far)
    found = judged(results, FOUR, seeds=2)
    before = {name: found[name] for name in OF_FOUR}
    write_far(results, "kl", far | {"s1h1.2": 2.0, "s1h3.2": 1.0})
    found = judged(results, FOUR, seeds=2)
    for name in OF_FOUR:
        assert before[name]["verdict"] == "held", name
        assert found[name]["verdict"] == "undecided", name
        assert np.sign(float(found[name]["estimate"])) == ATTENTION_CLAIMS[name].holds_if
        assert judged(results, FOUR)[name]["verdict"] == "held"


def test_the_spread_between_seeds_by_hand(results):
    for run, count in {"real": 10, "s1h1": 14, "s1h1.2": 20, "s1h3": 11, "s1h3.2": 12}.items():
        write(results, run, [melody([60] * count)] * 4)
    row = judged(results, ["s1h1", "s1h3"], seeds=2)["heads_help_inter"]
    assert float(row["estimate"]) == 1.5 - 7
    assert "s1h3 1.500, s1h1 7.000." in row["numbers"]
    # 1 / sqrt(2) and 6 / sqrt(2)
    assert row["numbers"].endswith("Standard deviation between seeds: s1h1 4.2, s1h3 0.71.")


# Too little.


def test_a_model_that_was_not_run_is_named(results):
    others = [model for model in MODELS if model != "s3h1"]
    found = judged(results, others)
    for name in ATTENTION_CLAIMS:
        row = found[name]
        if name.startswith("heads_help"):
            assert row["estimate"] == "0.0" and "s3h1" not in row["numbers"].split("thesis")[0]
        else:
            assert row["verdict"] == "undecided" and row["estimate"] == ""
            assert row["numbers"] == "Cannot be decided: not run: s3h1."


def test_without_the_experiment_nothing_is_decided(results):
    found = Judged(results, params())
    for name in ATTENTION_CLAIMS:
        assert found[name]["verdict"] == "undecided"
        assert found[name]["numbers"] == (
            "Cannot be decided: the attention experiment was not run."
        )


@pytest.mark.parametrize("pieces", [0, 1])
def test_sets_of_too_few_pieces_decide_nothing(results, pieces):
    short = [melody([60, 62], 5.0)]
    for model in [*MODELS, "real"]:
        write(results, model, [melody([60, 62])] * pieces + short)
        write_heldout(results, model, HARD[:pieces], experiment=ATTENTION)
    why = "too few pieces to resample." if pieces else "a set has too few pieces or notes."
    for name, row in judged(results).items():
        if name in ATTENTION_CLAIMS:
            assert row["verdict"] == "undecided", name
            assert row["numbers"].endswith(why), name
            assert not any("nan" in value.lower() for value in row.values()), name


@pytest.mark.parametrize("measure", [measure for measure in MEASURES if measure != "loss"])
def test_another_model_without_a_number_is_told_and_no_hindrance(results, measure):
    """What is said of two models can be decided where a third one's samples are silent."""
    write_far(results, measure, dict.fromkeys(MODELS, 2.5) | {"s1h3": 0})
    write(results, "s2h2", [melody([60], 5.0)] * 3)
    found = judged(results)
    row = found[f"heads_help_{measure}"]
    assert row["verdict"] == "held"
    assert "nan" not in row["numbers"] and ", s2h2 undefined." in row["numbers"]
    for name in OF_FOUR:
        assert found[name]["numbers"] == "Cannot be decided: a set has too few pieces or notes."


def test_a_loss_that_is_not_finite_is_refused(results):
    """`score` writes none: such a table was damaged."""
    write_far(results, "loss", dict.fromkeys(MODELS, 2.5))
    write_heldout(results, "s2h2", [float("inf"), *HARD[1:]], experiment=ATTENTION)
    with pytest.raises(InputError, match="not finite"):
        assert judged(results)["heads_help_loss"]
