"""`neuralmusic compare` on folders of MIDI files: what it prints, writes, and refuses."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from neuralmusic.__main__ import main
from neuralmusic.compare_folders import labels
from neuralmusic.measures.registry import MEASURES
from neuralmusic.midi import read_midi
from neuralmusic.midi_writing import write_midi
from neuralmusic.plots.comparison import FIGURES as FIGURES_DRAWN
from tests.damaged import composed, shuffled, transposed
from tests.tiny import contents

MUSIC = [piece.cut(20.0) for piece in composed(3, 40)]
FIGURES = {"ranking.png", "differences.png", "densities.png"}
TABLES = {"measures.csv", "ranking.csv", "pairs.csv", "rejected.csv"}


def write(folder, pieces, name="{}.mid"):
    for number, piece in enumerate(pieces):
        write_midi(folder / name.format(number), piece)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Real music, some as it is, and some shuffled and far too high; a file that is none."""
    home = tmp_path_factory.mktemp("home")
    write(home / "real", MUSIC[:20], "of a composer/{}.mid")
    write(home / "good", MUSIC[20:], "{}.MID")
    write(home / "bad", transposed(shuffled(MUSIC[20:]), 24))
    (home / "bad/junk.mid").write_bytes(b"no music at all")
    (home / "bad/readme.txt").write_text("no MIDI file either")
    return home


def compare(home, *sets, workers=1, **options) -> int:
    arguments = ["compare", *(str(home / name) for name in sets), "--workers", str(workers)]
    for option, value in {"resamples": 50, **options}.items():
        arguments += [f"--{option}", str(value)]
    return main(arguments)


@pytest.fixture(scope="module")
def run(home):
    """One run with everything, from which all tests read."""
    out = home.parent / f"{home.name} out"
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", printed)
        code = compare(
            home,
            *("real", "bad", "good"),
            training=home / "good",
            out=out / "tables",
            json=out / "all.json",
        )
    assert code == 0
    return out, printed.getvalue()


def test_it_says_what_was_compared(run):
    _, printed = run
    lines = [line.split() for line in printed.splitlines()]
    assert ["reference", "real", "20", "pieces"] in lines
    assert ["compared", "good", "20", "pieces"] in lines
    assert ["compared", "bad", "20", "pieces"] in lines
    for name, measure in MEASURES.items():
        assert (measure.heading in printed) or measure.needs_bars, name
    assert "real, half against half" in printed
    # By the notes that were copied, the training set being the good one; and the pitches
    assert "bad is significantly nearer to real than good by 2 measures, farther by 3" in printed
    assert "50 resamples" in printed
    assert "nan" not in printed.lower()


def test_sets_are_ranked(run):
    out, printed = run
    ranking = pd.read_csv(out / "tables/ranking.csv")
    assert ranking["set"].tolist() == ["good", "bad", "real"]
    assert ranking["place"].tolist()[:2] == [1, 2]
    assert np.isnan(ranking["place"].iloc[2])
    assert ranking["frechet_distance"].iloc[0] < ranking["frechet_distance"].iloc[1]
    assert printed.index("\ngood ") < printed.index("\nbad ")


def test_a_file_that_is_none_is_told_and_stops_nothing(run):
    out, printed = run
    rejected = pd.read_csv(out / "tables/rejected.csv")
    assert rejected[["set", "file"]].to_numpy().tolist() == [["bad", "junk.mid"]]
    assert len(rejected["reason"].iloc[0]) > 5
    assert "1 file could not be read:" in printed
    assert "such as junk.mid" in printed
    assert "readme" not in printed


def test_tables_figures_and_json_are_written_and_agree(run):
    out, _ = run
    written = contents(out / "tables")
    assert set(written) >= TABLES | FIGURES
    for name in FIGURES:
        assert written[name].startswith(b"\x89PNG") and len(written[name]) > 10_000
    told = json.loads((out / "all.json").read_text())
    assert told["reference"] == "real" and told["sets"] == ["bad", "good"]
    assert told["resamples"] == 50
    assert {"highest_pitch", "notes_per_minute"} <= set(told["in_frechet"])
    for table in TABLES:
        frame = pd.read_csv(out / "tables" / table)
        records = pd.DataFrame(told[table.removesuffix(".csv")])
        assert sorted(frame) == sorted(records) and len(frame) == len(records) > 0
        for column in frame:
            if frame[column].dtype.kind in "fi" and column != "remark":  # which may be empty
                expected = records[column].astype(float).to_numpy()
                assert frame[column].to_numpy() == pytest.approx(
                    expected, rel=1e-5, abs=1e-9, nan_ok=True
                )
            else:
                assert frame[column].fillna("").tolist() == records[column].tolist()


def test_numbers_are_those_of_the_files(run, home):
    out, _ = run
    measures = pd.read_csv(out / "tables/measures.csv").set_index(["set", "measure"])
    for name in ("real", "good", "bad"):
        files = [path for path in (home / name).rglob("*") if path.suffix in (".mid", ".MID")]
        pieces = [read_midi(path, "seconds", False) for path in files if path.stem != "junk"]
        highest = np.mean([piece.pitch.max() for piece in pieces])
        assert measures.loc[(name, "highest_pitch"), "mean"] == pytest.approx(highest)
    assert measures.loc[("bad", "highest_pitch"), "p_corrected"] < 0.05
    assert measures.loc[("good", "highest_pitch"), "p_corrected"] > 0.05
    assert np.isnan(measures.loc[("good", "notes_per_bar"), "mean"])


def test_what_is_in_the_training_set_shows(run):
    out, printed = run
    measures = pd.read_csv(out / "tables/measures.csv").set_index(["set", "measure"])
    copied = measures["mean"].xs("longest_copied_notes", level="measure")
    assert copied["good"] == pytest.approx(np.mean([len(piece) for piece in MUSIC[20:]]), rel=0.05)
    assert copied["real"] < copied["good"] / 2
    assert "copied, notes" in printed


def test_a_second_run_writes_the_same_bytes(run, home, tmp_path, monkeypatch):
    out, _ = run
    for name in ("differences", "densities"):  # which take long, and are drawn in the same way
        monkeypatch.delitem(FIGURES_DRAWN, name)
    again = {"out": tmp_path / "tables", "json": tmp_path / "all.json"}
    assert compare(home, "real", "bad", "good", training=home / "good", **again) == 0
    found, expected = contents(tmp_path), contents(out)
    assert {f"tables/{name}" for name in (*TABLES, "ranking.png")} | {"all.json"} <= set(found)
    assert found == {name: expected[name] for name in found}


def test_beats_have_bars_and_pieces_can_be_cut(home, tmp_path):
    path = tmp_path / "all.json"
    assert compare(home, "real", "good", time="beats", seconds=7, json=path) == 0
    rows = {(of["set"], of["measure"]): of for of in json.loads(path.read_text())["measures"]}
    for name in ("real", "good"):
        files = [p for p in (home / name).rglob("*") if p.suffix in (".mid", ".MID")]
        pieces = [read_midi(file, "beats", False).cut(7) for file in files]
        notes = np.mean([len(piece) for piece in pieces])
        assert rows[name, "notes"]["mean"] == pytest.approx(notes)
        # Without a metre bars are four quarters, 2 s: 7 s have four of them.
        assert rows[name, "notes_per_bar"]["mean"] == pytest.approx(notes / 4, rel=0.15)
        assert rows[name, "notes_per_bar"]["pieces"] == 20
        assert rows[name, "middle_self_similarity"]["mean"] is None  # which needs 30 s


@pytest.mark.parametrize("which", ["missing", "empty", "a file", "junk"])
def test_a_folder_without_music_is_named(which, home, tmp_path, capsys):
    folder = tmp_path / "made"
    if which != "missing":
        folder.mkdir()
    if which == "a file":
        folder.rmdir()
        folder.write_text("")
    if which == "junk":
        (folder / "0.mid").write_bytes(b"junk")
    arguments = ["compare", str(folder), str(home / "real"), "--workers", "1"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("neuralmusic compare: ")
    assert str(folder) in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_pieces_are_not_cut_to_nothing(seconds, home, capsys):
    assert compare(home, "real", "good", seconds=seconds) == 1
    assert "--seconds" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["real"], ["real", "made", "--time", "bars"]])
def test_what_is_missing_is_told(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["compare", *arguments])
    assert exit_.value.code == 2
    assert "usage: neuralmusic compare" in capsys.readouterr().err


def test_sets_are_called_as_briefly_as_tells_them_apart(tmp_path, monkeypatch):
    for name in ("a/real", "b/made", "c/made", "c/d/made", "made (2)"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert labels(["a/real", "b/made"]) == ["real", "made"]
    assert labels(["a/real/", "./b/made", "b/../b/made"]) == ["real", "made", "made (2)"]
    assert labels(["b/made", "c/made"]) == ["b/made", "c/made"]
    assert labels(["b/made", "c/made", "c/d/made"]) == ["b/made", "c/made", "d/made"]
    assert labels(["bach_chorales", "a/real"]) == ["bach_chorales", "real"]
    assert labels(["nowhere", "nowhere"]) == ["nowhere", "nowhere (2)"]
    assert labels(["b/made", "b/made", "made (2)"]) == ["made", "made (3)", "made (2)"]


def test_longer_pieces_are_warned_of_and_even_ones_are_not(home, capsys):
    write(home / "short", [piece.cut(10.0) for piece in MUSIC[20:]])
    assert compare(home, "real", "good", "short") == 0
    warning = "short: pieces 0.5 times as long as those of real"
    printed = capsys.readouterr().out
    assert printed.count("times as long") == 1 and warning in printed
    assert compare(home, "real", "short", seconds=10) == 0
    assert "times as long" not in capsys.readouterr().out
