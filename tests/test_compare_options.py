"""Every option of `compare` on sets of every small size, on silence, and on names of any kind."""

import io
import json
import os
from pathlib import Path

import pandas as pd
import pytest
import yaml

from neuralmusic import piece_sets
from neuralmusic.__main__ import main
from neuralmusic.comparison_frames import FRAMES
from neuralmusic.files import InputError
from neuralmusic.isolated import Failure
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList
from neuralmusic.piece_sets import piece_set
from neuralmusic.plots import comparison
from neuralmusic.set_comparison import LEAST_RESAMPLES, compare_sets
from neuralmusic.set_comparison_text import as_terminal, verdict
from tests.damaged import composed, shuffled, transposed

MUSIC = [piece.cut(8.0) for piece in composed(3, 20)]
SILENCE = NoteList.of([], 8.0)
DRUMS = b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\x0c\0\x99\x26\x40\x40\x99\x26\0\0\xff\x2f\0"
# What a name in a figure, a table or a terminal could be taken for.
ODD = ["$x$", "_made", 'a, "b"\n{c}', "<b>&amp;", "nan", "%s {} \\", "é音", b"\xff\xfe raw"]
OPTIONS = [
    {},
    {"training": "music"},
    {"time": "beats"},
    {"pedal": True},
    {"seconds": 2},
    {"seed": -7},
    {"resamples": LEAST_RESAMPLES},
    {"resamples": LEAST_RESAMPLES, "time": "beats", "training": "made", "out": True, "json": True},
]


@pytest.fixture
def home(tmp_path):
    """Sets of 0 to 3 pieces, of silence, of drums, of one note, and of more."""
    sets = {str(size): MUSIC[:size] for size in (1, 2, 3)}
    sets |= {"music": MUSIC[4:8], "silence": [SILENCE] * 3}
    sets["one note"] = [NoteList.of([(1.0, 1.5, 60, 80)], 8.0)] * 3
    for name, pieces in sets.items():
        for number, piece in enumerate(pieces):
            write_midi(tmp_path / name / f"{number}.mid", piece)
    for number in range(3):
        (tmp_path / "drums").mkdir(exist_ok=True)
        (tmp_path / f"drums/{number}.mid").write_bytes(DRUMS)
    (tmp_path / "0").mkdir()
    return tmp_path


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """Files are read in this process, and figures are drawn and not written twice as large."""

    def plainly(function, items, workers, seconds):
        for item in items:
            try:
                yield function(item)
            except InputError as error:
                yield Failure(str(error))

    monkeypatch.setattr(piece_sets, "isolated_map", plainly)
    monkeypatch.setattr(comparison, "save", lambda draw, folder, name: draw())


def compare(home, *sets, **options) -> int:
    arguments = ["compare", *(os.fsdecode(home / name) for name in sets), "--workers", "1"]
    options = {"resamples": LEAST_RESAMPLES, **options}
    for option, value in options.items():
        if option == "training":
            value = home / value
        if value is True and option in ("out", "json"):
            value = home / f"written {option}"
        arguments += [f"--{option}"] if value is True else [f"--{option}", str(value)]
    return main(arguments)


@pytest.mark.parametrize("made", ["0", "1", "2", "3", "silence", "drums", "one note"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda of: " ".join(of) or "none")
def test_every_option_does_with_every_size(made, options, home, capsys):
    """It ends well, or in a sentence that names the folder; every number printed is one."""
    own = {**options, **({"training": "music"} if options.get("training") == "made" else {})}
    for sets in ((made, "music"), ("music", made), ("music", made, "2")):
        code = compare(home, *sets, **own)
        said = capsys.readouterr()
        if made == "0":
            assert code == 1
            assert said.err.startswith("neuralmusic compare: ") and "0 holds no" in said.err
            continue
        assert (code, said.err) == (0, "")
        assert "nan" not in said.out.lower() and "None" not in said.out
        if "json" in options:
            tables = json.loads((home / "written json").read_text(encoding="utf-8"))
            for name in FRAMES:
                frame = pd.read_csv(home / f"written out/{name}.csv")
                assert len(frame) == len(tables[name])


def test_names_of_any_kind_are_shown(home, capsys):
    sets = []
    for number, name in enumerate(ODD):
        place = Path(os.fsdecode(home)) / os.fsdecode(name)
        for at in range(3):
            write_midi(place / os.fsdecode(b"\xff%d.mid" % at), MUSIC[3 * (number % 3) + at])
        (place / os.fsdecode(b"\xe9junk.mid")).write_bytes(b"none")
        sets.append(os.fsdecode(name))
    assert compare(home, *sets, out=True, json=True) == 0
    printed = capsys.readouterr().out
    assert "\\udce9junk.mid" in printed and "\\udcff\\udcfe raw" in printed
    told = json.loads((home / "written json").read_text(encoding="utf-8"))
    assert {row["file"] for row in told["rejected"]} == {"\\udce9junk.mid"}
    assert len(told["rejected"]) == len(ODD)
    assert 'a, "b"\\n{c}' in told["sets"]


def test_a_terminal_without_these_letters_is_no_error(home, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    assert compare(home, "music", "3") == 0
    stream.flush()
    assert b"Fr\\xe9chet distance" in stream.buffer.getvalue()


def test_the_least_resamples_are_those_of_the_schema(home, capsys):
    schema = yaml.safe_load(Path("workflow/schemas/params.yaml").read_text(encoding="utf-8"))

    def minima(node):
        for key, value in node.items() if isinstance(node, dict) else ():
            if key == "resamples" and isinstance(value, dict) and "minimum" in value:
                yield value["minimum"]
            yield from minima(value)

    assert set(minima(schema)) == {LEAST_RESAMPLES}
    for resamples in (0, LEAST_RESAMPLES - 1, -1):
        assert compare(home, "music", "3", resamples=resamples) == 1
        assert f"--resamples is {LEAST_RESAMPLES} or more" in capsys.readouterr().err


def test_places_that_cannot_be_written_are_said_before_anything_is_read(home, capsys, monkeypatch):
    monkeypatch.delattr(piece_sets, "isolated_map")
    (home / "file").write_text("")
    assert compare(home, "music", "3", out=home / "file") == 1
    assert "is a file: name a folder" in capsys.readouterr().err
    assert compare(home, "music", "3", json=home / "music") == 1
    assert "is a folder: name a file" in capsys.readouterr().err


def test_silence_is_said_aloud_and_takes_no_measure_from_others(home, capsys):
    for number, piece in enumerate(MUSIC[12:16]):
        write_midi(home / f"real/{number}.mid", piece)
    alone = json_of(home, "real", "music")
    capsys.readouterr()
    found = json_of(home, "real", "music", "drums", "silence")
    printed = capsys.readouterr().out
    assert "drums: 3 of 3 pieces are silent (3 only drums), such as 0.mid." in printed
    assert "silence: 3 of 3 pieces are silent (3 no notes), such as 0.mid." in printed
    assert found["in_frechet"] == alone["in_frechet"] and len(alone["in_frechet"]) > 10
    rankings = [{row["set"]: row for row in of["ranking"]} for of in (alone, found)]
    assert rankings[0]["music"]["frechet_distance"] == rankings[1]["music"]["frechet_distance"]
    for name in ("drums", "silence"):
        assert rankings[1][name]["frechet_distance"] is None
        assert "are undefined in every piece" in rankings[1][name]["remark"]
    assert "Without a Fréchet distance, and no part of that of others: drums and silence" in printed
    silent = [(row["set"], row["reason"]) for row in found["silent"]]
    assert silent == [("drums", "only drums")] * 3 + [("silence", "no notes")] * 3
    late = NoteList.of([(3.0, 3.5, 60, 80)], 8.0)
    write_midi(home / "late/0.mid", late)
    assert compare(home, "music", "late", seconds=2) == 0
    assert "(1 no notes in the first 2 seconds)" in capsys.readouterr().out


def json_of(home, *sets):
    assert compare(home, *sets, json=True) == 0
    return json.loads((home / "written json").read_text(encoding="utf-8"))


def test_remarks_say_what_to_do(home, capsys):
    assert compare(home, "music", "3") == 0
    printed = capsys.readouterr().out
    assert "it needs bars, which scores read with --time beats have: notes a bar" in printed
    assert "`neuralmusic measures NAME`" in printed
    assert compare(home, "music", "3", time="beats") == 0
    assert "--time beats" not in capsys.readouterr().out
    assert compare(home, "music", "3", training="music") == 0
    assert "The training set is music itself, the reference" in capsys.readouterr().out
    assert compare(home, "3", "music", training="2") == 0
    assert "2 of 3 pieces of 3 are in the training set" in capsys.readouterr().out
    assert compare(home, "music", "3", training="2") == 0
    assert "training set" not in capsys.readouterr().out.partition("Fréchet")[0]
    assert compare(home, "music", "3", training="silence") == 0
    assert "The training set has no notes" in capsys.readouterr().out


def test_one_rule_says_who_is_nearest():
    music = composed(0, 36)
    real, near = piece_set("real", music[:12]), piece_set("near", music[12:24])
    sets = {
        "near": [near],
        "far": [piece_set("far", transposed(shuffled(music[24:]), 24))],
        "other": [piece_set("other", music[24:])],
    }
    for names in (["near", "far"], ["near", "other"], ["far", "near", "other"]):
        found = compare_sets(real, {name: sets[name] for name in names}, resamples=60)
        first = found.standings[0].name
        near = [
            name
            for name in names
            if name != first and not found.test("frechet_distance", first, name).is_significant
        ]
        said = verdict(found)
        assert said.startswith(f"{first} is nearest to real by the Fréchet distance")
        assert ("that is certain" in said) == (not near) == (found.standings[0].places == (1, 1))
        for name in near:
            assert name in said.partition("not certain: ")[2]
        assert as_terminal(found).startswith(said)
        for of in (*found.pairs, *found.rows):
            low, high = of.test.interval
            assert (low > 0 or high < 0) == of.test.is_significant
        ranking = found.table()
        for standing in found.standings[: len(names)]:
            better = sum(
                of.test.is_significant
                and standing.name in (of.first, of.second)
                and (of.difference.value > 0) == (of.first == standing.name)
                for of in found.pairs
                if of.measure == "frechet_distance"
            )
            row = ranking[ranking["set"] == standing.name].iloc[0]
            assert row["best_place"] == standing.places[0] == 1 + better
    assert "far" not in verdict(found)


def test_a_comparison_shows_itself_briefly():
    real, made = piece_set("real", MUSIC[:6]), piece_set("made", MUSIC[6:12])
    found = compare_sets(real, {"<made>": [made]}, resamples=20)
    assert len(repr(found)) < 2000 and verdict(found) in repr(found)
    shown = found._repr_html_()
    assert len(shown) < 3000 and "<table>" in shown and "&lt;made&gt;" in shown
    assert "<made>" not in shown
    assert len(repr(made)) < 100 and "6 pieces" in repr(made)
    for name, frame in FRAMES.items():
        assert found.table(name).equals(frame(found))
    assert found.table().equals(found.table("ranking"))
