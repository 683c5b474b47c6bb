"""The table of all measures, from what `rank` wrote."""

import numpy as np
import pytest

from neuralmusic.comparison_frames import DISTANCE, read_frames
from neuralmusic.files import InputError
from neuralmusic.measures.registry import MEASURES
from neuralmusic.measures_table import DIFFERS, OF_STANDING
from neuralmusic.piece_sets import COPIED
from neuralmusic.significance import LEVEL
from neuralmusic.tables import read_table, tabulate
from tests.constructed import drawn, melody, params
from tests.whole import SILENCE, write_ranking

MODELS = ["near", "far", "markov"]
SETS = {
    "real": [drawn(1000, 30)],
    "near": [drawn(1, 30), drawn(2, 30)],
    "far": [[melody([60, 61] * 90, 60.0), melody([60, 62, 61] * 50, 60.0)] * 15],
    "markov": [drawn(3, 30, tilt=2.0)],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    results = tmp_path_factory.mktemp("ranked") / "results"
    write_ranking(results, "monophonic", SETS)
    tabulate("measures", params(MODELS), results)
    return results


def rows(results):
    """The cells of each row of the page, by its first."""
    page = (results / "tables/measures.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    cells = [
        [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
        for line in lines
    ]
    return {first: others for first, *others in cells}


def test_every_set_has_every_measure(results):
    table = read_table(results, "measures")
    assert set(table["experiment"]) == {"monophonic"}
    for model in (*MODELS, "real"):
        of = table[table["model"] == model]["measure"].tolist()
        assert sorted(of) == sorted([*OF_STANDING, *MEASURES, *COPIED])


def test_the_same_twice_and_nothing_that_is_no_number(results):
    files = sorted((results / "tables").iterdir())
    before = [file.read_bytes() for file in files]
    tabulate("measures", params(MODELS), results)
    assert [file.read_bytes() for file in files] == before
    assert not any(b"nan" in written.lower() or b"inf]" in written for written in before)


def test_marks_are_what_the_frames_say(results):
    found = read_frames(results / "rankings/monophonic")
    shown = rows(results)
    assert shown["measure"] == [*MODELS, "real"]
    assert shown["Fréchet distance"][0].startswith("**")  # the model that draws as real does
    of_class = shown["pitch-class entropy, bits"]
    assert DIFFERS in of_class[1] and DIFFERS not in of_class[0]
    for name in MODELS:
        for measure, row in found.of(name).iterrows():
            heading = MEASURES[measure].heading if measure in MEASURES else None
            if heading in shown:
                cell = shown[heading][MODELS.index(name)]
                assert (DIFFERS in cell) == (row["p_corrected"] < LEVEL)
                scores = {n: found.of(n).loc[measure, DISTANCE] for n in MODELS}
                known = {n: score for n, score in scores.items() if np.isfinite(score)}
                is_told_apart = len(set(known.values())) > 1
                nearest = min(known.values(), default=None)
                assert cell.startswith("**") == (is_told_apart and known.get(name) == nearest)


def test_models_that_do_not_beat_the_floor_are_named(results, tmp_path):
    page = (results / "tables/measures.md").read_text(encoding="utf-8")
    assert "Fréchet distance: Worse than the floor `markov` or not told from it" in page
    assert page.partition("so not beating it: ")[2].splitlines()[0] == "far."
    write_ranking(tmp_path / "results", "monophonic", {n: SETS[n] for n in SETS if n != "far"})
    tabulate("measures", params(["near", "markov"]), tmp_path / "results")
    page = (tmp_path / "results/tables/measures.md").read_text(encoding="utf-8")
    assert "Fréchet distance: Every model beats the floor `markov`." in page
    write_ranking(tmp_path / "bare", "monophonic", {n: SETS[n] for n in SETS if n != "markov"})
    tabulate("measures", params(["near", "far"]), tmp_path / "bare")
    page = (tmp_path / "bare/tables/measures.md").read_text(encoding="utf-8")
    assert "The floor `markov` was not run" in page


def test_what_cannot_be_measured_is_told(results, tmp_path):
    shown = rows(results)
    assert "grooving similarity" not in shown  # these pieces have no bars
    page = (results / "tables/measures.md").read_text(encoding="utf-8")
    assert "grooving similarity" in page and "can be measured" in page
    silent = {"real": [drawn(1000, 4)], "near": [[SILENCE] * 4]}
    write_ranking(tmp_path, "monophonic", silent)
    tabulate("measures", params(["near"]), tmp_path)
    table = read_table(tmp_path, "measures").set_index(["model", "measure"])
    assert np.isnan(table.loc[("near", "mean_ioi_seconds"), "mean"])
    assert table.loc[("near", "notes"), "mean"] == 0


def test_without_a_ranking_it_is_said_what_to_run(tmp_path):
    with pytest.raises(InputError, match="run the step that writes it again"):
        tabulate("measures", params(MODELS), tmp_path)
