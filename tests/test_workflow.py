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

from neuralmusic import jobs
from tests.check_reproducible import digests
from tests.checkout import Jobs, commit_all, edit, environment, fresh_checkout, run, snakemake

# Of the five recurrent models one is enough to see which jobs run, in one experiment two.
MODELS = {
    "monophonic": ["basic", "emb", "markov"],
    "polyphonic_events": ["basic", "markov"],
    "polyphonic_pianoroll": ["basic", "markov"],
    "polyphonic_grammar": ["basic", "markov"],
    "attention": ["s1h1", "s2h2", "markov"],
}
EVENTS, GRAMMAR, ATTENTION = "polyphonic_events", "polyphonic_grammar", "attention"
NOTHING = "Nothing to be done"
DROPOUT = ("basic: {family: rnn,", "basic: {family: rnn, dropout: 0.1,")
# A change of one model, by experiment.
CHANGES = {
    "monophonic": ("basic", DROPOUT),
    EVENTS: ("basic", DROPOUT),
    ATTENTION: ("s2h2", ("s2h2: {family: decoder,", "s2h2: {family: decoder, dropout: 0.1,")),
}


def make(checkout: Path, target: str, check: bool = True) -> str:
    """Runs a target of the Makefile with the tests' environment instead of one of its own."""
    return run(["make", "--old-file=.venv/.installed", target], checkout, check)


def tables_of(*experiments: str) -> set[str]:
    """The tables that these experiments are in."""
    found = {name for name, of in jobs.TABLES.items() if not of or set(of) & set(experiments)}
    return {f"tabulate/{name}" for name in found}


def shown(
    *experiments: str, inputs: tuple[str, ...] = ("samples", "metrics", "models", "probes")
) -> set[str]:
    """The figures of these experiments that are drawn from such folders, claims and report."""
    figures = {
        f"draw/{name}"
        for name, (kind, of) in jobs.FIGURES.items()
        if of in experiments and set(jobs.FIGURE_INPUTS[kind]) & set(inputs)
    }
    return figures | {"judge/claims", "report/report"}


def runs_of(experiment: str, model: str) -> list[str]:
    """The trainings of a model: at the smoke scale two of the events' gradient-trained ones."""
    has_two = experiment in (EVENTS, GRAMMAR) and model != "markov"
    return [model, f"{model}.2"] if has_two else [model]


def of_runs(verbs: tuple[str, ...], experiment: str, runs: list[str]) -> set[str]:
    return {f"{verb}/{experiment}.{run}" for verb in verbs for run in runs}


def of_model(experiment: str, model: str) -> set[str]:
    """All jobs that a change of one model executes."""
    runs = runs_of(experiment, model)
    own = of_runs(("train", "score", "sample", "evaluate"), experiment, runs)
    touched = [experiment]
    if experiment == ATTENTION and model != "markov":
        own.add(f"probe/{experiment}.{model}")
    if experiment == EVENTS:  # whose models the grammar experiment samples
        touched.append(GRAMMAR)
        own |= of_runs(("sample", "evaluate"), GRAMMAR, runs)
    return own | tables_of(*touched) | shown(*touched)


def with_few_models(params: Path) -> None:
    """Leaves the models of MODELS in each experiment."""
    experiment, kept = "", []
    for line in params.read_text().splitlines():
        if line.startswith("  ") and line.strip(" :") in MODELS:
            experiment = line.strip(" :")
        name = line.strip().split(":")[0]
        if "{family: " not in line or name in MODELS[experiment]:
            kept.append(line)
    params.write_text("\n".join(kept) + "\n")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """A checkout with a whole smoke run, recorded and committed. Not to be changed: copy it."""
    checkout = fresh_checkout(tmp_path_factory.mktemp("recorded"))
    edit(checkout / "params.yaml", "scale: default", "scale: smoke")
    with_few_models(checkout / "params.yaml")
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
    counted = Jobs(checkout)
    with_snakemake(checkout)
    with_dvc(checkout)
    assert counted.ran() == set()
    assert_all_is_done(checkout)


@pytest.mark.parametrize(
    ("experiment", "reproduce"),
    [("monophonic", with_dvc), (EVENTS, with_snakemake), (ATTENTION, with_snakemake)],
)
def test_changed_hyperparameter_executes_that_model(checkout, experiment, reproduce):
    model, change = CHANGES[experiment]
    edit(checkout / "params.yaml", *change, after=f"  {experiment}:")
    counted = Jobs(checkout)
    reproduce(checkout)
    assert counted.ran() == of_model(experiment, model)
    assert NOTHING in snakemake(checkout, "--dry-run")
    make(checkout, "record")
    assert_all_is_done(checkout)


def test_record_refuses_while_jobs_are_due(checkout):
    edit(checkout / "params.yaml", *DROPOUT)
    lock = (checkout / "dvc.lock").read_bytes()
    said = make(checkout, "record", check=False)
    assert "jobs are due" in said
    assert (checkout / "dvc.lock").read_bytes() == lock


def test_changed_sampling_trains_nothing(checkout):
    edit(checkout / "params.yaml", "grammar: true", "grammar: true\n      temperature: 0.9")
    counted = Jobs(checkout)
    with_dvc(checkout)
    runs = [run for model in MODELS[GRAMMAR] for run in runs_of(GRAMMAR, model)]
    own = of_runs(("sample", "evaluate"), GRAMMAR, runs)
    tables = tables_of(GRAMMAR) - {"tabulate/heldout_nll", "tabulate/training"}
    assert counted.ran() == own | tables | shown(GRAMMAR)


def test_edited_family_executes_its_models_only(checkout):
    family = checkout / "src/neuralmusic/models/rnn.py"
    untouched = family.read_text()
    family.write_text(untouched + "\n# an edit\n")
    planned = snakemake(checkout, "--dry-run")
    for experiment, models in MODELS.items():
        for model in models if experiment != GRAMMAR else []:
            due = [
                f"output: results/models/{experiment}/{name}\n" in planned
                for name in runs_of(experiment, model)
            ]
            of_family = model != "markov" and experiment != ATTENTION
            assert all(due) if of_family else not any(due)
    family.write_text(untouched)
    # The representation is code of its own experiments: its transposition is in their training.
    pianoroll = checkout / "src/neuralmusic/representations/pianoroll.py"
    pianoroll.write_text(pianoroll.read_text() + "\n# an edit\n")
    planned = snakemake(checkout, "--dry-run")
    assert "output: results/models/polyphonic_pianoroll/basic\n" in planned
    assert "output: results/models/polyphonic_events/basic\n" not in planned
    assert "output: results/models/monophonic/basic\n" not in planned


def test_another_seed_executes_its_own_jobs_only(checkout):
    edit(checkout / "params.yaml", "seeds: 2", "seeds: 3", after="scales:")
    counted = Jobs(checkout)
    with_snakemake(checkout)
    compared = tables_of(EVENTS, GRAMMAR)
    compared |= shown(EVENTS, GRAMMAR, inputs=("samples", "metrics", "models", "probes", "notes"))
    new = of_runs(("train", "score", "sample", "evaluate"), EVENTS, ["basic.3"])
    new |= of_runs(("sample", "evaluate"), GRAMMAR, ["basic.3"])
    assert counted.ran() == new | compared
    # Back to what was: nothing is made but what compares the runs, and the third is swept away.
    edit(checkout / "params.yaml", "seeds: 3", "seeds: 2", after="scales:")
    counted = Jobs(checkout)
    with_snakemake(checkout)
    assert counted.ran() == compared
    make(checkout, "sweep")
    assert not list((checkout / "results").glob("*/*/basic.3"))
    assert len(list((checkout / "results").glob("*/*/basic.2"))) == 6


def test_removed_model_leaves_every_table(checkout):
    edit(checkout / "params.yaml", "      emb: ", "      # emb: ")
    counted = Jobs(checkout)
    with_dvc(checkout)
    assert counted.ran() == tables_of("monophonic") | shown("monophonic")
    for table in (checkout / "results/tables").glob("*.csv"):
        rows = pd.read_csv(table)
        assert "emb" not in rows["model"].tolist()
        assert "markov" in rows["model"].tolist()
    assert (checkout / "results/models/monophonic/emb").exists()
    make(checkout, "sweep")
    assert not list((checkout / "results").glob("*/monophonic/emb"))
    assert len(list((checkout / "results").glob("models/monophonic/*"))) == 2
    assert NOTHING in snakemake(checkout, "--dry-run")


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
    edit(clone / "params.yaml", "markov, smoothing: 1.0", "markov, smoothing: 2.0")
    counted = Jobs(clone)
    with_snakemake(clone)
    assert counted.ran() == of_model("monophonic", "markov")


@both_tools
def test_killed_run_goes_on_to_the_same_bytes(checkout, recorded, reproduce):
    for folder in ("models", "scores", "samples", "metrics"):
        shutil.rmtree(checkout / "results" / folder / EVENTS)
    command = ["dvc", "repro"] if reproduce is with_dvc else ["snakemake", "--cores", "all"]
    counted = Jobs(checkout)
    process = subprocess.Popen(
        command,
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
    reproduce(checkout)
    # What was complete is not made again, except a job whose end Snakemake did not live to note.
    assert len(counted.ran() & survived) <= 2
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
        edit(params, 'path: ""', f"path: {path}", after="source: folder")
        said = snakemake(checkout, "data", check=False)
        assert named in said
        assert not (checkout / "data/notes/folder").exists()
        params.write_text(text)
    edit(params, 'path: ""', f"path: {music}", after="source: folder")
    snakemake(checkout, "data")
    rejected = pd.read_csv(checkout / "data/notes/folder/rejected.csv")
    assert rejected["file"].tolist() == ["text.mid"]
    assert len(pd.read_csv(checkout / "data/splits/folder/split.csv")) == 12
    # A changed folder is fetched again.
    (music / "text.mid").unlink()
    counted = Jobs(checkout)
    snakemake(checkout, "data")
    assert {"fetch/folder", "convert/folder"} <= counted.ran()
