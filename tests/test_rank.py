"""The samples of an experiment held against its real pieces, from the files that sampling wrote."""

import itertools
import shutil

import numpy as np
import pandas as pd
import pytest

from neuralmusic import jobs
from neuralmusic.comparison_frames import read_frames
from neuralmusic.files import InputError
from neuralmusic.measures.registry import MEASURES, measure_piece
from neuralmusic.midi import read_midi
from neuralmusic.midi_writing import write_midi
from neuralmusic.rank import rank
from tests.damaged import composed
from tests.tiny import PARAMS, corpus

EXPERIMENT = "polyphonic_events"
MUSIC = composed(0, 30)
TRAINED, HELD_OUT = MUSIC[:4], MUSIC[4:6]
# Two runs of one model, of which a piece each is too short to count, and one that copies.
RUNS = {
    "real": [piece.cut(22.0 + 7 * at) for at, piece in enumerate(MUSIC[6:12])],
    "source": [piece.cut(22.0 + 7 * at) for at, piece in enumerate(MUSIC[23:28] + MUSIC[6:7])],
    "basic": [*MUSIC[12:18], MUSIC[28].cut(15.0)],
    "basic.2": [*MUSIC[18:22], MUSIC[29].cut(5.0)],
    "markov": [*TRAINED, MUSIC[22]],
}


@pytest.fixture(scope="module")
def params():
    found = jobs.comparison_parameters(PARAMS, [EXPERIMENT])
    own = found["experiments"][EXPERIMENT]
    own |= {"models": ["basic", "markov"], "resamples": 40}
    own["runs"] = {"basic": ["basic", "basic.2"], "markov": ["markov"]}
    return found | {"time": "seconds"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rank")
    for run, pieces in RUNS.items():
        for number, piece in enumerate(pieces):
            write_midi(folder / f"results/samples/{EXPERIMENT}/{run}/{number:04d}.mid", piece)
    parts = {"train": TRAINED, "valid": HELD_OUT[:1], "test": HELD_OUT[1:]}
    corpus(folder, parts, EXPERIMENT)
    return folder


@pytest.fixture(scope="module")
def found(folders, params):
    rank(params, folders / "results", folders / "encoded", folders / "ranking")
    return read_frames(folders / "ranking")


def played(folders, run):
    """The pieces of a run, as their files have them."""
    files = sorted((folders / f"results/samples/{EXPERIMENT}/{run}").glob("*.mid"))
    return [read_midi(file) for file in files]


def counted(folders, run):
    """The pieces of a run that are long enough; samples as long as the real ones, in turn."""
    real = sorted(played(folders, "real"), key=lambda piece: piece.digest())
    if run == "real":
        return real
    lengths = itertools.cycle([piece.length_seconds for piece in real])
    cut = [p.cut(length) for p, length in zip(played(folders, run), lengths, strict=False)]
    return [piece for piece in cut if piece.length_seconds >= 20]


def test_samples_are_as_long_as_real_pieces(found, folders):
    lengths = [piece.length_seconds for piece in counted(folders, "real")]
    assert lengths != sorted(lengths) and min(lengths) < 23 < 56 < max(lengths)
    cut = [piece.length_seconds for piece in counted(folders, "basic")]
    assert sorted(cut) == pytest.approx(sorted(lengths))
    assert found.of("basic").loc["notes", "mean"] < 0.8 * np.mean(
        [len(piece) for piece in played(folders, "basic")]
    )


def test_every_run_counts_with_its_pieces_that_are_long_enough(found):
    sizes = {"real": [6], "basic": [6, 4], "markov": [5], "source": [6]}
    assert dict(found.sizes) == sizes
    assert found.names == ["basic", "markov"]


@pytest.mark.parametrize("measure", [name for name, of in MEASURES.items() if not of.shape])
def test_means_are_those_of_the_pieces(found, folders, measure):
    for name, runs in {"real": ["real"], "basic": ["basic", "basic.2"]}.items():
        means = []
        for run in runs:
            values = np.array([measure_piece(p, None)[measure] for p in counted(folders, run)])
            means.append(np.nanmean(values) if np.isfinite(values).any() else np.nan)
        told = found.of(name).loc[measure, "mean"]
        assert told == pytest.approx(np.mean(means), rel=1e-5, nan_ok=True)  # files have six digits


def test_copies_of_training_pieces_stand_out_from_real_ones(found, folders):
    copied = {
        name: found.of(name).loc["longest_copied_notes", "mean"]
        for name in RUNS
        if name in ("real", "basic", "markov")
    }
    notes = np.mean([len(piece) for piece in counted(folders, "markov")])
    assert copied["markov"] > notes / 2 > 4 * copied["real"]
    assert copied["basic"] < notes / 8


def test_what_differs_is_ranked_and_no_set_is_certain(found):
    assert found.standing("basic")["frechet_distance"] > 0
    spread = found.of("basic")["difference_sd_ci_high"] - found.of("basic")["difference_sd_ci_low"]
    assert (spread.dropna() > 0).all() and spread.notna().sum() > 10


def test_what_is_beside_the_real_pieces_has_no_place_and_changes_no_model(
    found, folders, params, tmp_path
):
    assert found.beside == ["source"] and np.isfinite(found.standing("source")["diversity_sd"])
    assert found.ranking["set"].tolist()[-2:] == ["source", "real"]
    assert np.isnan(found.standing("source")["place"].astype(float))
    assert "source" not in {*found.pairs["first"], *found.pairs["second"]}
    assert np.isfinite(
        found.of("source").loc["used_pitches", ["mean", "p_corrected"]].astype(float)
    ).all()
    without = {EXPERIMENT: {**params["experiments"][EXPERIMENT], "beside": []}}
    rank(params | {"experiments": without}, folders / "results", folders / "encoded", tmp_path)
    alone = read_frames(tmp_path)
    for frame in ("measures", "ranking"):
        ours = getattr(found, frame)
        ours = ours[ours["set"] != "source"].reset_index(drop=True)
        pd.testing.assert_frame_equal(ours, getattr(alone, frame), check_dtype=False)
    assert alone.pairs.equals(found.pairs)


def test_a_stretched_training_piece_is_no_training_piece_more(folders, params, found, tmp_path):
    parts = {"train": TRAINED, "valid": HELD_OUT[:1], "test": HELD_OUT[1:]}
    encoded = corpus(tmp_path, parts, EXPERIMENT, stretches=[1.0, 1.05])
    rank(params, folders / "results", encoded, tmp_path / "ranking")
    assert read_frames(tmp_path / "ranking").measures.equals(found.measures)


def test_a_sample_that_cannot_be_read_is_named(folders, params, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(folders / "results", results)
    broken = results / f"samples/{EXPERIMENT}/basic.2/0001.mid"
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.raises(InputError, match=r"basic\.2.0001\.mid.*delete"):
        rank(params, results, folders / "encoded", tmp_path / "ranking")
