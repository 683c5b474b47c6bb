"""A folder of MIDI files as a model, by really running the workflow."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from neuralmusic.files import CONTENTS
from neuralmusic.midi_writing import write_midi
from tests.checkout import Jobs, change_params, planned, remove_model, run, snakemake
from tests.constructed import melody
from tests.recorded import (
    BAD_FILE,
    EVENTS,
    GRAMMAR,
    MODELS,
    NOTHING,
    THEIR_FILES,
    THEIRS,
    of_runs,
    shown,
    tables_of,
)

# What is made of a folder's files, and nothing else.
MADE = (
    of_runs(("sample", "evaluate"), EVENTS, [THEIRS])
    | {f"rank/{EVENTS}"}
    | (tables_of(EVENTS, GRAMMAR) - {"tabulate/heldout_nll", "tabulate/training"})
    | shown(EVENTS, inputs=("samples", "metrics", "rankings"))
)


def test_a_folder_is_in_the_tables_beside_the_trained_models(recorded):
    results = recorded / "results"
    made = sorted(path.relative_to(results).as_posix() for path in results.glob(f"*/*/{THEIRS}*"))
    assert made == [f"{folder}/{EVENTS}/{THEIRS}" for folder in ("metrics", "samples")]
    samples = results / "samples" / EVENTS / THEIRS
    assert len(list(samples.glob("*.mid"))) == THEIR_FILES
    assert pd.read_csv(samples / "rejected.csv")["file"].tolist() == [BAD_FILE]
    found = {}
    for path in (results / "tables").glob("*.csv"):
        frame = pd.read_csv(path)
        found[path.stem] = set(frame[frame["model"] == THEIRS]["experiment"])
    assert {name for name, of in found.items() if of == {EVENTS}} == {
        *("table_5_4", "table_5_5", "table_5_6", "heldout_nll", "sample_character", "measures")
    }
    assert all(of <= {EVENTS} for of in found.values())
    page = (results / "tables/heldout_nll.md").read_text(encoding="utf-8")
    assert f"{THEIRS}: no likelihood: a folder of MIDI files" in page
    assert "cut to that length; <code>rejected.csv</code>" in (
        results / "report/index.html"
    ).read_text(encoding="utf-8")


def test_changed_files_are_sampled_again_and_nothing_is_trained(checkout):
    (checkout / THEIRS / "0.mid").touch()
    assert planned(checkout) == set()
    write_midi(checkout / THEIRS / "sub/new.mid", melody([60, 64, 67] * 40))
    assert planned(checkout) == MADE
    assert "Exception" not in snakemake(checkout, "--dry-run")
    samples = f"results/samples/{EVENTS}/{THEIRS}"
    counted = Jobs(checkout)
    snakemake(checkout, f"{samples}/{CONTENTS}")
    assert counted.ran() == of_runs(("sample",), EVENTS, [THEIRS])
    files = pd.read_csv(checkout / samples / "pieces.csv")
    assert files["primer_piece"].tolist()[-1] == "sub/new.mid"
    assert planned(checkout) == MADE - counted.ran()


def test_dvc_knows_what_another_folder_makes_due(checkout):
    shutil.copytree(checkout / THEIRS, checkout / "others")
    others = {"models": {THEIRS: {"path": "others"}}}
    change_params(checkout, {"experiments": {EVENTS: others}})
    assert planned(checkout) == MADE
    said = run(["dvc", "status", "--json"], checkout)
    changed = json.loads(said)["samples"]
    assert changed == [{"changed deps": {"params.yaml": {"experiments": "modified"}}}]


def test_edited_code_of_folders_samples_no_model(checkout):
    module = checkout / "src/neuralmusic/sample_folder.py"
    module.write_text(module.read_text() + "\n# an edit\n")
    assert planned(checkout) == MADE


@pytest.mark.parametrize("left", [True, False])
def test_a_folder_without_files_is_named_before_anything_runs(checkout, left):
    shutil.rmtree(checkout / THEIRS)
    if left:
        (checkout / THEIRS).mkdir()
    said = snakemake(checkout, "--dry-run", check=False)
    why = "holds no MIDI file" if left else "does not exist"
    assert f"experiments.{EVENTS}.models.{THEIRS}.path: '{THEIRS}' {why}" in said
    assert "Set it to a folder" in said and NOTHING not in said


def test_a_removed_folder_leaves_every_table(checkout):
    remove_model(checkout, EVENTS, THEIRS)
    due = tables_of(EVENTS, GRAMMAR) | {f"rank/{EVENTS}"}
    due |= shown(EVENTS, inputs=("samples", "metrics", "models", "rankings", "notes"))
    assert planned(checkout) == due
    assert {"basic", "markov"} == set(MODELS[EVENTS])
