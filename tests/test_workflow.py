"""The workflow, by running it: what each change executes, in Snakemake and in DVC.

One smoke run is made; every test works in a copy of it, and counts the jobs that really ran.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import mido
import pandas as pd
import pytest

from tests.check_reproducible import digests
from tests.checkout import Jobs, commit_all, edit, environment, fresh_checkout, run, snakemake

MODELS = ["basic", "emb", "attn", "attn_res", "attn_res_emb", "markov"]
TABLES = {
    f"tabulate/{name}"
    for name in ("table_5_1", "table_5_2", "table_5_3", "heldout_nll", "sample_character")
}
OF_SAMPLES = {f"draw/figure_5_{number}" for number in (3, 5, 6)} | {"judge/claims", "report/report"}
NOTHING = "Nothing to be done"


def make(checkout: Path, target: str, check: bool = True) -> str:
    """Runs a target of the Makefile with the tests' environment instead of one of its own."""
    return run(["make", "--old-file=.venv/.installed", target], checkout, check)


def of_model(model: str) -> set[str]:
    """All jobs that a change of one model executes."""
    own = {f"{verb}/monophonic.{model}" for verb in ("train", "score", "sample", "evaluate")}
    return own | TABLES | OF_SAMPLES | {"draw/figure_5_2"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """A checkout with a whole smoke run, recorded and committed. Not to be changed: copy it."""
    checkout = fresh_checkout(tmp_path_factory.mktemp("recorded"))
    edit(checkout / "params.yaml", "scale: default", "scale: smoke")
    snakemake(checkout)
    make(checkout, "record")
    commit_all(checkout)
    return checkout


@pytest.fixture
def checkout(recorded, tmp_path) -> Path:
    copied = tmp_path / "checkout"
    shutil.copytree(recorded, copied, symlinks=True)
    return copied


def with_snakemake(checkout: Path) -> None:
    snakemake(checkout)


def with_dvc(checkout: Path) -> None:
    run(["dvc", "repro"], checkout)


both_tools = pytest.mark.parametrize("reproduce", [with_snakemake, with_dvc])


def assert_all_is_done(checkout: Path) -> None:
    assert NOTHING in snakemake(checkout, "--dry-run")
    assert "up to date" in run(["dvc", "status"], checkout)


def test_second_run_and_a_comment_execute_nothing(checkout):
    assert_all_is_done(checkout)
    params = checkout / "params.yaml"
    params.write_text("# a comment\n" + params.read_text())
    jobs = Jobs(checkout)
    with_snakemake(checkout)
    with_dvc(checkout)
    assert jobs.ran() == set()
    assert_all_is_done(checkout)


@both_tools
def test_changed_hyperparameter_executes_that_model(checkout, reproduce):
    edit(checkout / "params.yaml", "basic: {family: rnn,", "basic: {family: rnn, dropout: 0.1,")
    jobs = Jobs(checkout)
    reproduce(checkout)
    assert jobs.ran() == of_model("basic")
    assert NOTHING in snakemake(checkout, "--dry-run")
    make(checkout, "record")
    assert_all_is_done(checkout)


def test_record_refuses_while_jobs_are_due(checkout):
    edit(checkout / "params.yaml", "basic: {family: rnn,", "basic: {family: rnn, dropout: 0.1,")
    lock = (checkout / "dvc.lock").read_bytes()
    said = make(checkout, "record", check=False)
    assert "jobs are due" in said
    assert (checkout / "dvc.lock").read_bytes() == lock


def test_changed_sampling_trains_nothing(checkout):
    edit(checkout / "params.yaml", "temperature: 1.0", "temperature: 0.9")
    jobs = Jobs(checkout)
    with_dvc(checkout)
    own = {f"{verb}/monophonic.{model}" for verb in ("sample", "evaluate") for model in MODELS}
    assert jobs.ran() == own | (TABLES - {"tabulate/heldout_nll"}) | OF_SAMPLES


def test_edited_family_executes_its_models_only(checkout):
    family = checkout / "src/neuralmusic/models/rnn.py"
    untouched = family.read_text()
    family.write_text(untouched + "\n# an edit\n")
    planned = snakemake(checkout, "--dry-run")
    for model in MODELS:
        due = f"output: results/models/monophonic/{model}\n" in planned
        assert due == (model != "markov")
    family.write_text(untouched)
    family = checkout / "src/neuralmusic/models/markov.py"
    family.write_text(family.read_text() + "\n# an edit\n")
    jobs = Jobs(checkout)
    with_snakemake(checkout)
    assert jobs.ran() == of_model("markov")


def test_removed_model_leaves_every_table(checkout):
    params = checkout / "params.yaml"
    kept = [line for line in params.read_text().splitlines() if not line.startswith("      emb:")]
    params.write_text("\n".join(kept) + "\n")
    jobs = Jobs(checkout)
    with_dvc(checkout)
    assert jobs.ran() == TABLES | OF_SAMPLES | {"draw/figure_5_2"}
    for table in (checkout / "results/tables").glob("*.csv"):
        models = pd.read_csv(table)["model"].tolist()
        assert "emb" not in models
        assert "basic" in models
    assert (checkout / "results/models/monophonic/emb").exists()
    make(checkout, "sweep")
    assert not list((checkout / "results").glob("*/monophonic/emb"))
    assert len(list((checkout / "results").glob("models/monophonic/*"))) == len(MODELS) - 1
    assert NOTHING in snakemake(checkout, "--dry-run")


def test_clone_pulls_and_goes_on(checkout, tmp_path):
    remote = tmp_path / "remote"
    run(["dvc", "remote", "add", "--default", "local", str(remote)], checkout)
    run(["dvc", "remote", "modify", "local", "verify", "true"], checkout)
    run(["dvc", "push"], checkout)
    commit_all(checkout)
    clone = tmp_path / "clone"
    run(["git", "clone", "-q", str(checkout), str(clone)], tmp_path)
    # The tables come with the code; all that they are made from is due all the same.
    assert snakemake(clone, "--dry-run").count("rule train:") == len(MODELS)
    make(clone, "pull")
    assert_all_is_done(clone)
    assert digests(clone) == digests(checkout)
    edit(clone / "params.yaml", "markov, smoothing: 1.0", "markov, smoothing: 2.0")
    jobs = Jobs(clone)
    with_snakemake(clone)
    assert jobs.ran() == of_model("markov")


@both_tools
def test_killed_run_goes_on_to_the_same_bytes(checkout, recorded, reproduce):
    for folder in ("models", "scores", "samples", "metrics", "report"):
        shutil.rmtree(checkout / "results" / folder)
    command = ["dvc", "repro"] if reproduce is with_dvc else ["snakemake", "--cores", "all"]
    jobs = Jobs(checkout)
    process = subprocess.Popen(
        command,
        cwd=checkout,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not jobs.ran() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)  # into the middle of what comes next
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    survived = jobs.ran()
    assert survived
    make(checkout, "unlock")
    jobs = Jobs(checkout)
    reproduce(checkout)
    # What was complete is not made again, except a job whose end Snakemake did not live to note.
    assert len(jobs.ran() & survived) <= 2
    assert digests(checkout) == digests(recorded)
    assert NOTHING in snakemake(checkout, "--dry-run")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("      epochs: 40", "      epoch: 30", "experiments.monophonic.training.epoch"),
        ("basic: {family: rnn", "basic: {family: rnnn", "rnnn"),
        ("dataset: ryans_mammoth", "dataset: ryans", "'ryans'"),
        ("collection: ryansMammoth", "collection: ryansMamoth", "ryansMamoth"),
    ],
)
def test_wrong_parameter_is_named(checkout, old, new, named):
    edit(checkout / "params.yaml", old, new)
    said = snakemake(checkout, check=False)
    assert named in said
    assert NOTHING not in said


def test_folder_with_bad_files(checkout, tmp_path):
    music = tmp_path / "my music"
    music.mkdir()
    for number in range(12):
        track = mido.MidiTrack()
        for note in range(24):
            pitch = 48 + (number * 7 + note * 5) % 36
            track.append(mido.Message("note_on", note=pitch, velocity=90, time=0))
            track.append(mido.Message("note_off", note=pitch, velocity=0, time=240))
        mido.MidiFile(tracks=[track]).save(music / f"tune {number}.MID")
    (music / "text.mid").write_text("this is no music")
    empty = tmp_path / "empty"
    empty.mkdir()
    params = checkout / "params.yaml"
    edit(params, "dataset: ryans_mammoth", "dataset: folder")
    for path, named in ((empty, str(empty)), (tmp_path / "none", "none")):
        text = params.read_text()
        edit(params, 'path: ""', f"path: {path}")
        said = snakemake(checkout, "data", check=False)
        assert named in said
        assert not (checkout / "data/notes/folder").exists()
        params.write_text(text)
    edit(params, 'path: ""', f"path: {music}")
    snakemake(checkout, "data")
    rejected = pd.read_csv(checkout / "data/notes/folder/rejected.csv")
    assert rejected["file"].tolist() == ["text.mid"]
    assert len(pd.read_csv(checkout / "data/splits/folder/split.csv")) == 12
    # A changed folder is fetched again.
    (music / "text.mid").unlink()
    jobs = Jobs(checkout)
    snakemake(checkout, "data")
    assert {"fetch/folder", "convert/folder"} <= jobs.ran()
