"""The command line: every verb on a tiny line from files to measures, and what failures say."""

import copy
import json

import pandas as pd
import pytest

from neuralmusic import config, jobs
from neuralmusic.__main__ import VERBS, main
from neuralmusic.code import code_of
from neuralmusic.files import CONTENTS, to_json
from neuralmusic.midi_writing import write_midi
from tests.constructed import drawn, together, write_all_metrics
from tests.constructed import params as constructed
from tests.tiny import (
    EXPERIMENTS,
    PARAMS,
    RAW,
    SAMPLED_ANEW,
    TRAINED,
    contents,
    corpus,
    job,
    untrained,
    write_project,
)

NO_JOBS = ("compare", "sweep", "datasets", "measures")  # which have no parameters of a job


def call(verb: str, params: dict | None, folder, *names: str, **paths) -> int:
    """Runs a verb with its parameters written as the workflow does."""
    arguments = [verb, *names]
    if params is not None:
        (folder / "params.json").write_text(json.dumps(params))
        arguments += ["--params", str(folder / "params.json")]
    for option, value in paths.items():
        arguments += [f"--{option}", str(value)]
    return main(arguments)


@pytest.mark.parametrize("experiment", TRAINED)
def test_the_line_from_files_to_measures(experiment, tmp_path, capsys):
    """Each verb reads what the one before wrote, and leaves a copy of its parameters."""
    home, line = tmp_path / "music", tmp_path / "line"
    for index, tune in enumerate(drawn(1, 40, notes=20)):
        write_midi(home / f"{index}.mid", tune.cut(6.0))
    settings = {"source": "folder", "path": str(home), "time": "seconds", "sustain_pedal": True}
    resolved = copy.deepcopy(PARAMS) | {"datasets": {"mine": settings}}
    resolved["experiments"][experiment]["dataset"] = "mine"
    raw, notes, splits, encoded = (line / name for name in ("raw", "notes", "splits", "encoded"))
    model, samples, real = line / "model", line / "samples", line / "real"

    def run(verb: str, params: dict, out, **paths) -> None:
        assert call(verb, params, tmp_path, out=out, **paths) == 0, capsys.readouterr().err
        assert json.loads((out / "params.json").read_text()) == params

    of_dataset = {
        verb: jobs.dataset_parameters(resolved, "mine", verb)
        for verb in ("fetch", "convert", "split")
    }
    run("fetch", of_dataset["fetch"], raw, workers=1)
    run("convert", of_dataset["convert"], notes, raw=raw, workers=1)
    run("split", of_dataset["split"], splits, notes=notes)
    representation = {"representation": resolved["experiments"][experiment]["representation"]}
    run("encode", representation, encoded, notes=notes, splits=splits)
    model_name = next(iter(EXPERIMENTS[experiment]["models"]))
    params = job(model_name, experiment)
    run("train", params, model, encoded=encoded, checkpoint=line / "checkpoint.pt")
    assert not (line / "checkpoint.pt").exists()  # the training is over
    run("sample", params, samples, model=model, encoded=encoded)
    real_params = jobs.model_parameters(resolved, experiment, "real", "sample")
    run("sample", real_params, real, encoded=encoded)
    folders = [samples, real]
    for other in SAMPLED_ANEW:  # the same weights, sampled in another way
        if EXPERIMENTS[other]["weights_of"] == experiment:
            run("sample", job(model_name, other), line / other, model=model, encoded=encoded)
            folders.insert(0, line / other)
    run("score", params, line / "scores", model=model, encoded=encoded)
    if model_name in jobs.probed_models(EXPERIMENTS[experiment]):
        run("probe", params, line / "probe", model=model, encoded=encoded)
        wanted = {"scores.npz", "probe.json", "modules.json", "params.json", CONTENTS}
        assert set(contents(line / "probe")) == wanted
    for folder in folders:
        run("evaluate", params, line / "metrics", samples=folder)
        measured = pd.read_csv(line / "metrics/pieces.csv")
        told = pd.read_csv(folder / "pieces.csv")
        assert measured["file"].tolist() == told["file"].tolist()
        assert measured["stuck_notes"].tolist() == told["stuck_notes"].tolist()
    test_pieces = (pd.read_csv(splits / "split.csv")["split"] == "test").sum()
    assert len(measured) == test_pieces == len(pd.read_csv(line / "scores/heldout.csv"))
    assert (measured["length_seconds"] == 6).all()
    assert not [path for path in line.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([verb, "--help"])
    assert exit_.value.code == 0
    assert f"neuralmusic {verb}" in capsys.readouterr().out
    if verb not in NO_JOBS:
        with pytest.raises(SystemExit) as exit_:
            main([verb])
        assert exit_.value.code == 2
        assert "--params" in capsys.readouterr().err
        assert code_of(verb)


@pytest.mark.parametrize("arguments", [[], ["sing"], ["train", "--loud"]])
def test_an_unknown_verb_or_option_exits_non_zero(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: neuralmusic" in capsys.readouterr().err


def failing(verb: str, tmp_path) -> int:
    """A call of a verb with an input that cannot do; its output is `out`."""
    out = tmp_path / "out"
    if verb == "fetch":
        params = {"source": "folder", "path": str(tmp_path / "nowhere")}
        return call(verb, params, tmp_path, out=out)
    if verb in ("sample", "probe"):  # a recurrent model has no attention to probe
        params = job("basic", sampling={"primer_steps": 1000})
        encoded = corpus(tmp_path / "corpus")
        model = untrained(params, tmp_path / "model")
        return call(verb, params, tmp_path, model=model, encoded=encoded, out=out)
    return call(
        verb,
        job("basic"),
        tmp_path,
        encoded=tmp_path / "nowhere",
        checkpoint=tmp_path / "c",
        out=out,
    )


@pytest.mark.parametrize(
    ("verb", "word"),
    [
        ("fetch", "nowhere"),
        ("sample", "1000 steps"),
        ("train", "nowhere"),
        ("probe", "basic has no attention"),
    ],
)
def test_a_verb_that_fails_says_why_and_leaves_the_output_before(verb, word, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old.txt").write_text("old")
    assert failing(verb, tmp_path) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(f"neuralmusic {verb}: ")
    assert word in said
    assert contents(tmp_path / "out") == {"old.txt": b"old"}
    assert not list(tmp_path.glob(".*.part"))


def test_experiments_are_shown_in_the_order_of_params_yaml(tmp_path):
    """Which a snapshot, whose keys are sorted, has to tell beside them."""
    names = ["monophonic", "attention"]
    for experiment in names:
        write_all_metrics(tmp_path, {"basic": 0.0}, pieces=4, experiment=experiment)
    params = together(*(constructed(["basic"], experiment=name) for name in names))
    given = json.loads(to_json(params | {"order": names}))
    assert list(given["experiments"]) == sorted(names)
    call("tabulate", given, tmp_path, "sample_character", results=tmp_path)
    written = (tmp_path / "tables/sample_character.md").read_text(encoding="utf-8")
    assert written.index("monophonic experiment") < written.index("attention experiment")
    given, _ = jobs.all_jobs(PARAMS)["tabulate", "sample_character"]
    assert given["order"] == list(PARAMS["experiments"])


def test_a_bug_is_not_dressed_up_as_the_users_fault(tmp_path, monkeypatch):
    def broken(options):
        raise ZeroDivisionError

    monkeypatch.setitem(VERBS, "fetch", broken)
    with pytest.raises(ZeroDivisionError):
        call("fetch", {}, tmp_path, out=tmp_path / "out")


def test_sweep_deletes_what_params_no_longer_has(tmp_path, monkeypatch, capsys):
    raw = copy.deepcopy(RAW)
    gone = list(raw["experiments"]["monophonic"]["models"])[-1]
    del raw["experiments"]["monophonic"]["models"][gone]
    write_project(tmp_path, raw)
    kept = [copied for _, copied in jobs.all_jobs(PARAMS).values() if f"/{gone}/" not in copied]
    swept = [f"results/{folder}/monophonic/{gone}/a" for folder in jobs.MODEL_FOLDERS.values()]
    for name in [*kept, *swept]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert main(["sweep"]) == 0
    assert f"{len(swept)} deleted" in capsys.readouterr().out
    left = set(contents(tmp_path)) - {config.PARAMS.as_posix(), config.SCHEMA.as_posix()}
    assert left == set(kept)
    assert main(["sweep"]) == 0
    assert "0 deleted" in capsys.readouterr().out
    (tmp_path / config.PARAMS).write_text("sead: 1")
    assert main(["sweep"]) == 1
    assert "did you mean 'seed'" in capsys.readouterr().err
