"""The verb `describe`: what it writes, what it prints, and what it says where it cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from neuralmusic import config, jobs
from neuralmusic.__main__ import main
from neuralmusic.describe import describe, description, parameters_of, read_tempos
from neuralmusic.files import CONTENTS, InputError
from tests.described import PARAMETERS, PIECES, midi, write_corpus
from tests.tiny import PARAMS, contents, write_project


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


FILES = {
    *("description.md", "description.png", "description.svg"),
    *("groups.csv", "losses.csv", "pieces.csv", "rejected.csv", "summary.csv"),
}


def test_what_is_written_is_the_same_each_time(tmp_path):
    folders = write_corpus(tmp_path / "data", "made")
    one, two = (tmp_path / name for name in ("one", "two"))
    told = describe(PARAMETERS, *folders, one, workers=1)
    assert describe(PARAMETERS, *folders, two, workers=1) == told
    assert set(contents(one)) == FILES
    assert contents(one) == contents(two)
    pieces = pd.read_csv(one / "pieces.csv")
    assert pieces["piece"].tolist() == list(PIECES)
    assert pieces["tempo"].tolist() == [120, 120, 120]


def test_a_raw_file_that_is_gone_costs_its_tempo_alone(tmp_path):
    folders = write_corpus(tmp_path / "data", "made")
    (folders[0] / "one.mid").unlink()
    found = description(PARAMETERS, *folders, workers=1)
    assert found.pieces["tempo"].isna().tolist() == [False, True, False]
    assert found.pieces["notes"].tolist() == [4, 1, 0]


@pytest.fixture
def project(here) -> Path:
    """A folder with the project's parameters, and a small corpus as one of its datasets."""
    write_project(here)
    write_corpus(Path("data"), "bach_chorales")
    return here


def test_the_command_prints_the_numbers_and_where_the_figure_is(project, capsys):
    assert main(["describe", "bach_chorales", "--workers", "1"]) == 0
    told = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in told.splitlines()]
    for line in (
        "bach_chorales",
        "train valid test all",
        "pieces 2 (66.7 %) 0 (0 %) 1 (33.3 %) 3 (100 %)",
        "lowest pitch C4 (60) – – C4 (60)",
        "notes at once 1.43 – – 1.43",
        "quarters a minute, median (range) 120 – 120 120",
        "5 of 8 files were rejected (62.5 %):",
        "2 the same notes as another piece",
        "such as a.mid: the same notes as one.mid",
        "chords.mid, one.mid 2 75.0 % train",
        "pianoroll, 8 steps a second 5 0 (0 %) 0 (0 %) 0 (0 %) 0",
        "The figure is results/datasets/bach_chorales/description.png.",
    ):
        assert line in lines, told
    assert "the tempo that a file states is not used" in " ".join(lines)  # it is in beats
    assert max(map(len, told.splitlines())) <= 110
    folder = Path("results/datasets/bach_chorales")
    assert set(contents(folder)) == {*FILES, "params.json", CONTENTS}
    given, copied = jobs.all_jobs(PARAMS)["describe", "bach_chorales"]
    assert copied == (folder / "params.json").as_posix()
    assert json.loads((folder / "params.json").read_text()) == given


def test_the_command_of_the_workflow_writes_the_same(project, capsys):
    assert main(["describe", "bach_chorales", "--out", "one"]) == 0
    given, _ = jobs.all_jobs(PARAMS)["describe", "bach_chorales"]
    Path("job.json").write_text(json.dumps(given))
    shutil.move("data", "elsewhere")
    Path(config.PARAMS).unlink()
    arguments = ["describe", "bach_chorales", "--params", "job.json", "--out", "two"]
    for kind in ("raw", "notes", "splits"):
        arguments += [f"--{kind}", f"elsewhere/{kind}/bach_chorales"]
    assert main(arguments) == 0
    assert contents(Path("one")) == contents(Path("two"))
    capsys.readouterr()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bach", ["'bach'", ", ".join(PARAMS["datasets"])]),
        ("ryans_mammoth", ["data/notes/ryans_mammoth", "run `snakemake --cores all data`"]),
        ("folder", ["choose it as the `dataset` of an experiment", "snakemake --cores all data"]),
    ],
)
def test_what_cannot_be_described_is_told_with_what_to_do(project, capsys, name, words):
    assert main(["describe", name]) == 1
    told = capsys.readouterr().err
    assert all(word in told for word in words), told
    assert not Path("results").exists()


def test_a_missing_split_is_named(project):
    notes, splits = Path("data/notes/bach_chorales"), Path("nowhere")
    with pytest.raises(InputError, match=r"nowhere/split\.csv is not there"):
        parameters_of("bach_chorales", notes, splits)


def test_tempos_are_read_in_their_order_in_several_processes(here):
    for tempo in (60, 90, 120):
        Path(f"{tempo}.mid").write_bytes(midi([(0, tempo), (480, None)]))
    paths = [Path(f"{tempo}.mid") for tempo in (90, 60, 7, 120)]
    found = read_tempos(paths, workers=2)
    assert found == read_tempos(paths, workers=1)
    assert [t and round(t.quarters_per_minute) for t in found] == [90, 60, None, 120]
