"""Runs that were killed, cloned, recorded, or given what they cannot use."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time

import pandas as pd
import pytest

from neuralmusic.midi_writing import write_midi
from tests.check_reproducible import digests
from tests.checkout import (
    Jobs,
    change_params,
    commit_all,
    environment,
    planned,
    run,
    snakemake,
)
from tests.constructed import drawn
from tests.recorded import (
    EVENTS,
    GRAMMAR,
    MODELS,
    NOTHING,
    assert_all_is_done,
    dropout_of,
    make,
    of_model,
    runs_of,
)

PIANOROLL = "polyphonic_pianoroll"


def of_monophonic(**changed) -> dict:
    return {"experiments": {"monophonic": changed}}


def test_record_refuses_while_jobs_are_due(checkout):
    change_params(checkout, dropout_of(EVENTS, "basic"))
    lock = (checkout / "dvc.lock").read_bytes()
    said = make(checkout, "record", check=False)
    assert "jobs are due" in said
    assert (checkout / "dvc.lock").read_bytes() == lock


def test_clone_pulls_and_goes_on(checkout, tmp_path):
    remote = tmp_path / "remote"
    run(["dvc", "remote", "add", "--default", "local", str(remote)], checkout)
    run(["dvc", "remote", "modify", "local", "verify", "true"], checkout)
    run(["dvc", "push"], checkout)
    commit_all(checkout)
    clone = tmp_path / "clone"
    run(["git", "clone", "-q", str(checkout), str(clone)], tmp_path)
    trained = sum(
        len(runs_of(name, model))
        for name, models in MODELS.items()
        for model in (models if name != GRAMMAR else [])
    )
    # The tables come with the code; all that they are made from is due all the same.
    assert snakemake(clone, "--dry-run").count("rule train:") == trained
    make(clone, "pull")
    assert_all_is_done(clone)
    assert digests(clone) == digests(checkout)
    change_params(clone, of_monophonic(models={"markov": {"smoothing": 2.0}}))
    assert planned(clone) == of_model("monophonic", "markov")


def test_killed_run_goes_on_to_the_same_bytes(checkout, recorded):
    """DVC is killed, and Snakemake with it, which DVC runs."""
    for folder in ("models", "scores", "samples", "metrics"):
        shutil.rmtree(checkout / "results" / folder / PIANOROLL)
    counted = Jobs(checkout)
    process = subprocess.Popen(
        ["dvc", "repro"],
        cwd=checkout,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not counted.ran() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)  # into the middle of what comes next
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    survived = counted.ran()
    assert survived
    make(checkout, "unlock")
    counted = Jobs(checkout)
    run(["dvc", "repro"], checkout)
    # What was complete is not made again, except a job whose end Snakemake did not live to note.
    assert len(counted.ran() & survived) <= 2
    assert digests(checkout) == digests(recorded)
    assert NOTHING in snakemake(checkout, "--dry-run")


@pytest.mark.parametrize(
    ("folder", "made"),
    [
        ("data/notes", {"convert", "split", "encode"}),
        ("results/metrics", {"evaluate", "tabulate", "draw", "judge", "report"}),
    ],
)
def test_a_deleted_folder_is_made_again_and_then_nothing_is_due(checkout, recorded, folder, made):
    """What is the same as before makes nothing due that was made from it, in either tool."""
    shutil.rmtree(checkout / folder)
    counted = Jobs(checkout)
    run(["dvc", "repro"], checkout)
    assert {job.partition("/")[0] for job in counted.ran()} == made
    assert digests(checkout) == digests(recorded)
    assert NOTHING in snakemake(checkout, "--dry-run")


def test_each_deleted_folder_is_due_and_one_that_dvc_restores_is_not(checkout, tmp_path):
    targets = {"data": "data", "results/models": "models", "results/samples": "samples"}
    folders = [path for top in ("data", "results") for path in (checkout / top).iterdir()]
    folders = [path for path in folders if path.is_dir() and any(path.iterdir())]
    assert len(folders) >= 13
    for folder in folders:
        folder.rename(tmp_path / "aside")
        name = folder.relative_to(checkout).as_posix()
        target = targets.get(name, targets.get(folder.parent.name, "all"))
        said = snakemake(checkout, "--dry-run", target)
        assert NOTHING not in said and f"output: {name}" in said
        shutil.rmtree(folder, ignore_errors=True)  # Snakemake makes some, and leaves them empty
        (tmp_path / "aside").rename(folder)
    assert NOTHING in snakemake(checkout, "--dry-run")
    for folder in folders:
        if folder.name not in ("tables", "figures"):  # which Git has
            shutil.rmtree(folder)
    run(["dvc", "checkout"], checkout)
    assert_all_is_done(checkout)


def test_a_record_cut_off_in_its_writing_is_written_anew(checkout):
    """As by a kill of DVC, which truncates the file that it writes."""
    lock = checkout / "dvc.lock"
    recorded = lock.read_bytes()
    for length in (0, 200):
        lock.write_bytes(recorded[:length])
        assert "dvc repro writes it anew" in make(checkout, "unlock")
        assert not lock.exists()
    counted = Jobs(checkout)
    run(["dvc", "repro"], checkout)
    assert counted.ran() == set()
    assert lock.read_bytes() == recorded


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (of_monophonic(training={"epoch": 30}), "experiments.monophonic.training.epoch"),
        (of_monophonic(models={"emb": {"family": "rnnn"}}), "rnnn"),
        (of_monophonic(dataset="ryans"), "'ryans'"),
        ({"datasets": {"ryans_mammoth": {"collection": "ryansMamoth"}}}, "ryansMamoth"),
    ],
    ids=["key", "family", "dataset", "collection"],
)
def test_wrong_parameter_is_named(checkout, changed, named):
    change_params(checkout, changed)
    said = snakemake(checkout, check=False)
    assert named in said
    assert NOTHING not in said


def test_folder_with_bad_files(checkout, tmp_path):
    music = tmp_path / "my music"
    for number, piece in enumerate(drawn(9, 12)):
        write_midi(music / f"tune {number}.MID", piece)
    (music / "text.mid").write_text("this is no music")
    empty = tmp_path / "empty"
    empty.mkdir()
    change_params(checkout, of_monophonic(dataset="folder"))
    for path, named in ((empty, str(empty)), (tmp_path / "none", "none")):
        change_params(checkout, {"datasets": {"folder": {"path": str(path)}}})
        said = snakemake(checkout, "data", check=False)
        assert named in said
        assert not (checkout / "data/notes/folder").exists()
    change_params(checkout, {"datasets": {"folder": {"path": str(music)}}})
    snakemake(checkout, "data")
    rejected = pd.read_csv(checkout / "data/notes/folder/rejected.csv")
    assert rejected["file"].tolist() == ["text.mid"]
    assert len(pd.read_csv(checkout / "data/splits/folder/split.csv")) == 12
    # A changed folder is fetched again.
    (music / "text.mid").unlink()
    counted = Jobs(checkout)
    snakemake(checkout, "data")
    assert {"fetch/folder", "convert/folder"} <= counted.ran()
