"""The commands that the workflow runs, and what a user sees where one of them fails."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from neuralmusic.failures import print_failures
from neuralmusic.files import CONTENTS, InputError, to_json, write_text
from neuralmusic.jobs import write_snapshots
from neuralmusic.midi_writing import write_midi
from neuralmusic.primers import check_encoded, check_primers, longest_primers
from tests.checkout import fresh_checkout, run
from tests.constructed import drawn
from tests.edited import resolved_with, with_folder
from tests.tiny import PARAMS, RAW, ROOT

# What stands in a command as it is: quoted already, or a number.
PLAIN = {"RUN", "threads", "params.primer_steps"}


def test_every_path_and_name_in_a_command_is_quoted():
    placed = set()
    for rules in (ROOT / "workflow/rules").glob("*.smk"):
        text = rules.read_text(encoding="utf-8")
        commands = re.findall(r"shell:\n((?: +\".*\"\n)+)", text)
        assert len(commands) == text.count("shell:") > 0
        placed |= {name for command in commands for name in re.findall(r"\{([^}]*)\}", command)}
    assert {name for name in placed if not name.endswith(":q")} == PLAIN


def one_experiment(path: Path | str) -> dict:
    """The tests' parameters with one experiment, on a folder."""
    experiment = RAW["experiments"]["monophonic"] | {"dataset": "folder"}
    folder = RAW["datasets"]["folder"] | {"path": str(path)}
    changed = {"experiments": {"monophonic": experiment}, "scales": {"default": {}}}
    return RAW | changed | {"datasets": {"folder": folder}}


def test_paths_may_have_spaces_and_quotes(tmp_path):
    """Of the checkout, of Python and of the music; and a failure's reason comes last."""
    environment = tmp_path / "an environment"
    environment.symlink_to(sys.prefix, target_is_directory=True)
    python = environment / Path(sys.executable).relative_to(sys.prefix)
    checkout, music = tmp_path / "that's a checkout", tmp_path / "her music"
    for index, piece in enumerate(drawn(3, 4)):
        write_midi(music / f"{index}.mid", piece)
    fresh_checkout(checkout, one_experiment(music))
    make = [str(python), "-m", "snakemake", "--quiet", "rules", "--cores", "1"]
    run([*make, f"data/notes/folder/{CONTENTS}"], checkout)
    assert (checkout / "data/notes/folder/notes.npz").is_file()
    for file in music.iterdir():
        file.write_text("no music")
    lines = run([*make, f"data/notes/folder/{CONTENTS}"], checkout, check=False).splitlines()
    assert lines[-1].startswith("neuralmusic convert: no file of folder can be used: 0.mid: ")


# Why jobs failed.


def test_each_reason_is_printed_once_and_whole(tmp_path, capsys):
    reason = "neuralmusic sample: no such thing\n  as this\n"
    logs = {"sample/a.log": "a warning\n" + reason, "sample/b.log": reason}
    logs |= {"train/c.log": "Traceback\nZeroDivisionError\n", "fetch/d.log": "all is well\n"}
    logs |= {"fetch/old.log": "neuralmusic fetch: long ago\n", "fetch/empty.log": ""}
    for name, text in logs.items():
        write_text(tmp_path / name, text)
    os.utime(tmp_path / "fetch/old.log", (1e9, 1e9))
    print_failures(tmp_path, 1.5e9)
    assert capsys.readouterr().err == "\n" + reason


# Primers that no piece is long enough for.


def test_the_longest_primer_of_a_corpus_is_that_of_any_model_on_it(tmp_path):
    asked = longest_primers(resolved_with("experiments.attention.sampling.primer_steps", 500))
    assert asked == {
        "ryans_mammoth.melody": 128,
        "bach_chorales.events": 500,
        "bach_chorales.pianoroll": 128,
    }
    model = {"family": "markov", "smoothing": 1.0, "sampling": {"primer_steps": 700}}
    asked = longest_primers(resolved_with("experiments.polyphonic_events.models.long", model))
    assert asked["bach_chorales.events"] == 700
    assert longest_primers(with_folder(tmp_path)) == longest_primers(PARAMS)


PIECES = "piece,split,stretch,steps,start\na,train,1,900,0\nb,valid,1,300,900\nc,valid,1,200,1200\n"


def test_a_primer_longer_than_every_validation_piece_is_named(tmp_path):
    write_text(tmp_path / "pieces.csv", PIECES)
    check_primers(tmp_path, 300, "mine.melody")
    with pytest.raises(InputError, match=r"sampling\.primer_steps: 301 .* 300 .* of mine\.melody"):
        check_primers(tmp_path, 301, "mine.melody")


def test_a_primer_is_checked_before_any_job_where_the_corpus_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = "experiments.monophonic.sampling.primer_steps"
    possible, impossible = (resolved_with(path, steps) for steps in (300, 301))
    snapshots = write_snapshots(possible)
    assert snapshots == write_snapshots(impossible)
    check_encoded(impossible, snapshots)  # nothing is known yet
    encoded = Path("data/encoded/ryans_mammoth.melody")
    write_text(encoded / "pieces.csv", PIECES)
    made = {"fetch": "raw", "convert": "notes", "split": "splits"}
    copies = {
        f"data/{folder}/ryans_mammoth": (verb, "ryans_mammoth") for verb, folder in made.items()
    }
    copies[str(encoded)] = "encode", "ryans_mammoth.melody"
    for folder, job in copies.items():
        check_encoded(impossible, snapshots)
        write_text(Path(folder) / "params.json", Path(snapshots[job]).read_text())
    check_encoded(possible, snapshots)
    with pytest.raises(InputError, match="301 is more than the 300 steps"):
        check_encoded(impossible, snapshots)
    write_text(encoded / "params.json", to_json({"made": "otherwise"}))  # it will be made anew
    check_encoded(impossible, snapshots)
