"""The tables of the attention experiment, and the table of what was trained, by hand."""

import numpy as np
import pandas as pd
import pytest

from neuralmusic.files import InputError
from neuralmusic.tables import read_table, tabulate
from tests.constructed import melody, params, together, write_metrics
from tests.tiny import job, untrained
from tests.whole import write_log

ATTENTION, EVENTS, GRAMMAR = "attention", "polyphonic_events", "polyphonic_grammar"
DECODERS = ["s1h1", "s1h3", "s3h1", "s2h2", "s1h3_wide"]
MODELS = [*DECODERS, "markov"]
PIECES = 200  # that the thesis's sums are of


def write(results, run, pieces):
    write_metrics(results, run, pieces, experiment=ATTENTION)


def alike(pitch, count, pieces=4):
    """Pieces that are all the same note, so often a minute."""
    return [melody([pitch] * count)] * pieces


@pytest.fixture
def results(tmp_path):
    """Sets of constant pieces: their distances from the real ones, ten of pitch 60, are known."""
    write(tmp_path, "real", alike(60, 10))
    write(tmp_path, "s1h1", alike(60, 14))  # 4 more of the same
    write(tmp_path, "s1h3", alike(72, 10))  # an octave off
    write(tmp_path, "s3h1", alike(64, 10))  # another pitch, and another class
    write(tmp_path, "s2h2", alike(60, 13))
    write(tmp_path, "s1h3_wide", [*alike(60, 12, 2), *alike(60, 18, 2)])  # 2 and 8 more
    write(tmp_path, "markov", alike(60, 30))
    for model in MODELS:
        write_log(tmp_path, model, [1.0, 0.5, 0.75], experiment=ATTENTION)
    return tmp_path


def made(results, name, models=MODELS, **options):
    """The CSV of a table, by model."""
    tabulate(name, params(models, experiment=ATTENTION, **options), results)
    return read_table(results, name).set_index("model")


def text(results, name):
    return (results / "tables" / f"{name}.md").read_text(encoding="utf-8")


def cells(results, name, model):
    line = next(x for x in text(results, name).splitlines() if x.startswith(f"| {model} |"))
    return line[2:-2].split(" | ")


RAW = {"s1h1": 4, "s1h3": np.sqrt(200), "s3h1": np.sqrt(200), "s2h2": 3, "s1h3_wide": 5}
RAW |= {"markov": 20, "real": 0}
TRANSPOSED = {**RAW, "s1h3": 0}


def test_inter_set_distances_by_hand(results):
    table = made(results, "table_5_7")
    assert table["mean"].to_dict() == pytest.approx(RAW, rel=1e-5)
    assert table["value"].to_dict() == pytest.approx(
        {model: PIECES * mean for model, mean in RAW.items()}, rel=1e-5
    )
    # Pieces that are all the same vary in no resample.
    constant = table.drop("s1h3_wide")
    assert (constant["ci_low"] == constant["value"]).all()
    assert (constant["ci_high"] == constant["value"]).all()
    assert table.loc["s1h3_wide", "ci_low"] < 1000 < table.loc["s1h3_wide", "ci_high"]
    assert "**600.0 [600.0, 600.0]**" in text(results, "table_5_7")
    assert text(results, "table_5_7").startswith("# Table 5.7: Sum of inter-set distances")


def test_raw_and_transposed_distances_by_hand(results):
    table = made(results, "table_5_9")
    for name, means in (("raw", RAW), ("transposed", TRANSPOSED)):
        assert table[f"{name}_mean"].to_dict() == pytest.approx(means, rel=1e-5)
        sums = {model: PIECES * mean for model, mean in means.items()}
        assert table[name].to_dict() == pytest.approx(sums, rel=1e-5)
        # One of 16 resamples of the four pieces holds only the two of distance 2, one only the
        # two of 8; recentred on the value.
        interval = table.loc["s1h3_wide", [f"{name}_ci_low", f"{name}_ci_high"]].tolist()
        assert interval == pytest.approx([PIECES * 2, PIECES * 8], abs=PIECES / 5)


def test_each_histogram_has_its_own_best(results):
    made(results, "table_5_9")
    raw = {model: cells(results, "table_5_9", model)[1] for model in MODELS}
    transposed = {model: cells(results, "table_5_9", model)[4] for model in MODELS}
    assert [model for model in MODELS if "**" in raw[model]] == ["s2h2"]
    assert [model for model in MODELS if "**" in transposed[model]] == ["s1h3"]
    assert raw["s2h2"] == "**600.0 [600.0, 600.0]**"
    assert transposed["s1h3"] == "**0.0 [0.0, 0.0]**"
    assert cells(results, "table_5_9", "s1h3")[2] == "14.142"


def test_the_raw_distances_are_those_of_table_5_7(results):
    inter, both = made(results, "table_5_7"), made(results, "table_5_9")
    for ours, theirs in (("value", "raw"), ("ci_low", "raw_ci_low"), ("mean", "raw_mean")):
        assert inter[ours].tolist() == both[theirs].tolist()


def test_the_thesis_has_its_numbers_in_their_cells(results):
    nothing = dict.fromkeys(["s1h3_wide", "markov", "real"])
    printed = {
        ("table_5_7", "thesis"): (2088.857, 1775.623, 1860.495, 1860.365),
        ("table_5_8", "thesis"): (48.98, 35.505, 37.285, 37.325),
        ("table_5_9", "thesis_raw"): (None, 1775.623, 1860.495, 1860.365),
        ("table_5_9", "thesis_transposed"): (54.622, 56.807, 58.191, 57.307),
    }
    for (name, column), numbers in printed.items():
        wanted = dict(zip(DECODERS, numbers, strict=False)) | nothing
        if name == "table_5_8":
            wanted["real"] = 31.4
        found = made(results, name)[column]
        assert found.astype(object).where(found.notna(), None).to_dict() == wanted, column
        assert "§5.5.3, other data." in text(results, name)
    parts = ("sum", "mean", "thesis")
    header = ["model", *(f"{name}, {of}" for name in ("raw", "transposed") for of in parts)]
    assert cells(results, "table_5_9", "model") == header
    assert cells(results, "table_5_9", "s1h1")[3::3] == ["", "54.622"]
    assert cells(results, "table_5_9", "s1h3")[3::3] == ["1775.623", "56.807"]
    assert "raw: Thesis: §5.5.3" in text(results, "table_5_9")
    assert "leaves the raw distance of s1h1 out" in text(results, "table_5_9")


def test_the_thesis_is_not_beside_another_experiment(results):
    for run in ("s1h1", "real"):
        write_metrics(results, run, alike(60, 10), experiment=EVENTS)
    tabulate("table_5_9", params(["s1h1"], experiment=EVENTS), results)
    table = read_table(results, "table_5_9")
    assert table[["thesis_raw", "thesis_transposed"]].isna().all(axis=None)
    assert "Thesis:" not in text(results, "table_5_9")


def using(*counts):
    """Pieces of so many different pitches, each of them struck twice."""
    return [melody([*range(40, 40 + count)] * 2) for count in counts]


def test_used_pitches_nearest_to_real_are_best(results):
    """Not the fewest, which the thesis reads as better."""
    of = {"real": (9, 11), "s1h1": (3, 5), "s1h3": (11, 13), "s3h1": (14, 14), "s2h2": (6, 8)}
    for model, counts in of.items():
        write(results, model, using(*counts * 4))
    table = made(results, "table_5_8", ["s1h1", "s1h3", "s3h1", "s2h2"])
    assert table["value"].to_dict() == {"s1h1": 4, "s1h3": 12, "s3h1": 14, "s2h2": 7, "real": 10}
    assert table["mean"].tolist() == table["value"].tolist()  # no sum
    assert table.loc["s3h1", ["ci_low", "ci_high"]].tolist() == [14, 14]
    assert 9 < table.loc["real", "ci_low"] < 10 < table.loc["real", "ci_high"] < 11
    best = [m for m in of if "**" in cells(results, "table_5_8", m)[1]]
    assert best == ["s1h3"]
    assert "†" not in cells(results, "table_5_8", "s1h1")[1]


def test_two_seeds_by_hand(results):
    runs = {"s1h1": 14, "s1h1.2": 20, "s1h3": 11, "s1h3.2": 12}  # 4 and 10, 1 and 2 too many
    for run, count in runs.items():
        write(results, run, alike(60, count))
    few = ["s1h1", "s1h3", "markov"]
    inter, both = (made(results, name, few, seeds=2) for name in ("table_5_7", "table_5_9"))
    assert inter["seeds"].to_dict() == {"s1h1": 2, "s1h3": 2, "markov": 1, "real": 1}
    assert inter.loc[["s1h1", "s1h3"], "mean"].tolist() == [7, 1.5]
    # Of 4 and 10 the deviation (of one degree of freedom) is 6 / sqrt(2), of 1 and 2 1 / sqrt(2).
    expected = [PIECES * 6 / np.sqrt(2), PIECES / np.sqrt(2)]
    assert inter.loc[["s1h1", "s1h3"], "seeds_sd"].tolist() == pytest.approx(expected, rel=1e-5)
    assert inter.loc[["markov", "real"], "seeds_sd"].isna().all()
    assert both["seeds"].tolist() == inter["seeds"].tolist()
    for name in ("raw", "transposed"):
        sds = both[f"{name}_seeds_sd"]
        assert sds[["s1h1", "s1h3"]].tolist() == pytest.approx(expected, rel=1e-5)
        assert sds[["markov", "real"]].isna().all()
    assert cells(results, "table_5_9", "s1h1")[1] == "1400.0 [1400.0, 1400.0] ± 848.5 †"
    assert "mean over 2 trainings" in text(results, "table_5_9")
    for run, count in (("s1h1", 5), ("s1h1.2", 8), ("s1h3", 1), ("s1h3.2", 1)):
        write(results, run, using(*[count] * 4))
    used = made(results, "table_5_8", few, seeds=2)
    assert used.loc["s1h1", ["value", "seeds_sd"]].tolist() == pytest.approx(
        [6.5, 3 / np.sqrt(2)], rel=1e-5
    )
    assert used.loc["s1h3", ["value", "seeds_sd"]].tolist() == [1, 0]


def test_a_model_without_pieces_has_empty_cells_and_a_reason(results):
    write(results, "s3h1", [melody([60], 5.0)])
    table = made(results, "table_5_9")
    numbers = [f"{name}{of}" for name in ("raw", "transposed") for of in ("", "_mean", "_ci_low")]
    assert table.loc["s3h1", numbers].isna().all()
    assert cells(results, "table_5_9", "s3h1") == ["s3h1", "", "", "1860.495", "", "", "58.191"]
    assert "nan" not in text(results, "table_5_9")
    reason = "Empty cells: s3h1: no value, no piece of s3h1 is long enough."
    assert text(results, "table_5_9").count(reason) == 1


# What was trained.

TRAINED = ["parameters", "tokens", "epochs", "kept_epoch", "valid_loss"]


def trained(results, *several):
    tabulate("training", together(*several), results)
    return read_table(results, "training").set_index(["experiment", "run"])


def test_trainings_by_hand(results):
    write_log(results, "s1h1.2", [0.75, 0.5, 0.25, 0.3], experiment=ATTENTION)
    table = trained(results, params(["s1h1", "markov"], experiment=ATTENTION, seeds=2))
    assert list(table.index) == [(ATTENTION, run) for run in ("s1h1", "s1h1.2", "markov")]
    assert table["model"].tolist() == ["s1h1", "s1h1", "markov"]
    # The weights hold a matrix of 7 by 11 and 3 numbers; every epoch has 9,000 tokens more.
    assert table.loc[(ATTENTION, "s1h1"), TRAINED].tolist() == [80, 27_000, 3, 2, 0.5]
    assert table.loc[(ATTENTION, "s1h1.2"), TRAINED].tolist() == [80, 36_000, 4, 3, 0.25]
    assert cells(results, "training", "s1h1.2") == ["s1h1.2", "80", "36,000", "4", "3", "0.2500"]


def test_a_log_in_another_order_and_with_equals_is_read_the_same(results):
    """The first of two equally good epochs is kept, as in training."""
    write_log(results, "s1h1", [1.0, 0.5, 0.5, 0.75], experiment=ATTENTION)
    path = results / "models" / ATTENTION / "s1h1" / "log.csv"
    pd.read_csv(path).iloc[::-1].to_csv(path, index=False)
    table = trained(results, params(["s1h1"], experiment=ATTENTION))
    assert table.loc[(ATTENTION, "s1h1"), TRAINED].tolist() == [80, 36_000, 4, 2, 0.5]


def test_parameters_are_counted_from_the_weights(results):
    untrained(job("s1h1", "attention"), results / "models" / ATTENTION / "s1h1")
    table = trained(results, params(["s1h1", "s1h3"], experiment=ATTENTION))
    embedding, norm, linear = 389 * 8, 2 * 8, 8 * 8 + 8
    block = 2 * norm + 6 * linear  # queries, keys, values, out, widen, narrow
    dense = 8 * 388 + 388
    expected = embedding + block + norm + linear + dense
    assert table["parameters"].tolist() == [expected, 80]
    assert cells(results, "training", "s1h1")[1] == f"{expected:,}"


def test_models_trained_elsewhere_are_left_out(results):
    write_log(results, "basic", [1.0], experiment=EVENTS)
    several = [params(["basic"], experiment=e) for e in (EVENTS, GRAMMAR)]
    table = trained(results, *several, params(["s2h2"], experiment=ATTENTION))
    assert list(table.index) == [(EVENTS, "basic"), (ATTENTION, "s2h2")]
    assert GRAMMAR not in text(results, "training")
    assert text(results, "training").count("# What was trained, ") == 2


@pytest.mark.parametrize("rows", ["step,epoch,train_loss,valid_loss,seconds\n1,1,2,3,4\n", None])
def test_a_log_without_tokens_is_named(results, rows):
    path = results / "models" / ATTENTION / "s1h3" / "log.csv"
    path.write_text(rows or path.read_text().splitlines()[0] + "\n")  # or with no epoch
    with pytest.raises(InputError, match=r"lacks columns \['tokens'\]|has no epoch") as error:
        made(results, "training")
    assert str(path) in str(error.value)


@pytest.mark.parametrize("damage", ["missing", "no weights", "cut", "a folder"])
def test_damaged_weights_are_named(results, damage):
    path = results / "models" / ATTENTION / "s3h1" / "weights.safetensors"
    whole = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes(whole[:-5] if damage == "cut" else b"these are no weights at all")
    with pytest.raises(InputError, match="no weights that can be read") as error:
        made(results, "training")
    assert str(path) in str(error.value)
