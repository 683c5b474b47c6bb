"""The row `source`: the real pieces before encoding, beside what encoding and decoding leave."""

import numpy as np
import pandas as pd
import pytest

from neuralmusic import jobs
from neuralmusic.compare import REAL, SOURCE, load_comparison
from neuralmusic.evaluate import evaluate
from neuralmusic.measures.distances import pairwise_distances
from neuralmusic.midi import read_midi
from neuralmusic.notes import NoteList
from neuralmusic.sample_real import sample_real
from neuralmusic.sample_source import sample_source
from neuralmusic.tables import read_table, tabulate
from tests.constructed import drawn, params, write_metrics
from tests.tiny import EXPERIMENTS, PARAMS, corpus, job

# A repeated note, a chord, one note between two steps, and an end that no grid has.
ROWS = [(0, 0.5, 60, 70), (0.5, 1, 60, 90), (1, 2, 64, 80), (1, 2, 67, 80), (2.03, 2.3, 62, 80)]
LONG = NoteList.of([(at, at + 1, 60 + at, 80) for at in range(9)], 9.0)
PIECES = [NoteList.of(ROWS, 3.07), LONG, NoteList.of(ROWS[:1], 1.0)]


@pytest.fixture(params=EXPERIMENTS)
def sampled(request, tmp_path):
    """The folders of `real` and `source`, four seconds of each piece."""
    parts = {"train": [LONG], "valid": [LONG], "test": PIECES}
    encoded = corpus(tmp_path, parts, request.param)
    for name in (REAL, SOURCE):
        own = job(name, request.param, sampling={"seconds": 4, "max_note_seconds": 10})
        if name == REAL:
            sample_real(own, encoded, tmp_path / name)
        else:
            sample_source(own, encoded, tmp_path / "notes", tmp_path / name)
    return tmp_path


def test_source_has_the_notes_as_they_were_read_as_long_as_real(sampled):
    files = sorted(path.name for path in (sampled / SOURCE).glob("*.mid"))
    assert files == sorted(path.name for path in (sampled / REAL).glob("*.mid"))
    assert len(files) == len(PIECES)
    for file, piece in zip(files, PIECES, strict=True):
        source, real = (read_midi(sampled / of / file) for of in (SOURCE, REAL))
        assert source.length_seconds == real.length_seconds
        expected = piece.cut(4.0)
        assert source.pitch.tolist() == expected.pitch.tolist()
        assert source.velocity.tolist() == expected.velocity.tolist()
        assert np.abs(source.onset_seconds - expected.onset_seconds).max() < 1 / 960
        assert np.abs(source.offset_seconds - expected.offset_seconds).max() < 1 / 960


def test_what_a_melody_loses_is_the_difference_of_source_and_real(sampled, request):
    if request.node.callspec.params["sampled"] != "monophonic":
        pytest.skip("of other representations repeated notes are kept")
    counts = {}
    for name in (REAL, SOURCE):
        evaluate(sampled / name, sampled / "metrics" / name)
        counts[name] = pd.read_csv(sampled / "metrics" / name / "pieces.csv")["notes"].tolist()
    assert counts[SOURCE] == [5, 4, 1]
    assert counts[REAL] == [3, 4, 1]  # two strikes of one key are one note, of a chord the top


def test_nothing_of_source_is_decoded_so_that_nobody_counts_stuck_notes(sampled):
    evaluate(sampled / SOURCE, sampled / "metrics")
    assert pd.read_csv(sampled / "metrics" / "pieces.csv")["stuck_notes"].isna().all()
    told = pd.read_csv(sampled / SOURCE / "pieces.csv")
    assert told["primer_piece"].tolist() == ["test0.mid", "test1.mid", "test2.mid"]


def test_every_experiment_samples_and_evaluates_its_source():
    found = jobs.all_jobs(PARAMS)
    for experiment in PARAMS["experiments"]:
        assert {("sample", f"{experiment}/{SOURCE}"), ("evaluate", f"{experiment}/{SOURCE}")} <= (
            found.keys()
        )
        assert found["rank", experiment][0]["experiments"][experiment]["beside"] == [SOURCE]


def beside(results, experiment="monophonic"):
    """`source` a little off `real`, both models far from both."""
    real = drawn(1, 8)
    moved = [NoteList.of([(0, 0.2, 60, 80)], 60.0), *real[1:]]
    write_metrics(results, REAL, real, experiment=experiment)
    write_metrics(results, SOURCE, moved, experiment=experiment, stuck=[None] * len(real))
    write_metrics(results, "basic", drawn(2, 8, tilt=2.0), experiment=experiment)
    write_metrics(results, "markov", drawn(3, 8, tilt=3.0), experiment=experiment)
    return params(["basic", "markov"], experiment=experiment, beside=[SOURCE])


TABLES = ["table_5_1", "table_5_2", "table_5_3", "sample_character"]


@pytest.mark.parametrize("name", [*TABLES, "table_5_8", "table_5_9"])
def test_source_is_a_row_beside_real_and_in_no_ranking(name, tmp_path):
    experiment = "monophonic" if name in TABLES else jobs.ATTENTION
    tabulate(name, beside(tmp_path, experiment), tmp_path)
    assert read_table(tmp_path, name)["model"].tolist() == ["basic", "markov", SOURCE, REAL]
    page = (tmp_path / "tables" / f"{name}.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith("| source |")]
    assert "**" not in line and "†" not in line
    assert "`source`: the pieces of `real` before encoding" in page
    assert "**" in page  # of the models one is the best
    for note in [line for line in page.splitlines() if "floor `markov`" in line]:
        assert SOURCE not in note


def test_why_source_has_no_stuck_notes_is_told(tmp_path):
    tabulate("sample_character", beside(tmp_path), tmp_path)
    page = (tmp_path / "tables" / "sample_character.md").read_text(encoding="utf-8")
    assert "source: no value, nothing of it is decoded" in page


def test_no_piece_of_source_is_held_against_itself(tmp_path):
    """By hand: of 8 x 8 distances the 8 of a piece to itself are left out, in resamples too."""
    found = load_comparison("monophonic", beside(tmp_path), tmp_path)
    source, real = found.sets[SOURCE], found.real
    assert (source.weights == real.weights).all()
    distances = pairwise_distances(source.metrics.pitch_per_minute, real.metrics.pitch_per_minute)
    others = distances[~np.eye(8, dtype=bool)]
    estimate = found.inter(SOURCE)
    assert estimate.value == pytest.approx(others.mean())
    counts = source.weights[0]
    pairs = np.outer(counts, counts) * ~np.eye(8, dtype=bool)
    assert estimate.resamples[0] == pytest.approx((pairs * distances).sum() / pairs.sum())
