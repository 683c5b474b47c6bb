"""Every verb on 0, 1, 2 and 3 pieces, on silence and on names of any kind: it works or says why."""

import copy
import json
import os

import pytest

from neuralmusic import describe, jobs, piece_sets, prepare, sample_folder
from neuralmusic.__main__ import main
from neuralmusic.files import InputError, to_json, write_text
from neuralmusic.isolated import Failure
from neuralmusic.midi_folder import FOLDER
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList
from tests.constructed import drawn
from tests.tiny import EXPERIMENTS, PARAMS, ROOT, shrunk

TUNES = [piece.cut(12.0) for piece in drawn(5, 3)]
SILENCE = NoteList.of([], 12.0)
NAMES = [b"\xff.mid", b'$a_{b$, "c".mid', b"nan\n.MID"]
SETS = {
    **{f"{size} pieces": {f"{at}.mid": TUNES[at] for at in range(size)} for size in range(4)},
    "silence": {f"{at}.mid": SILENCE for at in range(3)},
    "some silence": {"a.mid": TUNES[0], "b.mid": SILENCE, "c.mid": TUNES[1]},
    "odd names": {os.fsdecode(name): tune for name, tune in zip(NAMES, TUNES, strict=True)},
}
REPRESENTATIVES = {  # one experiment of every representation
    own["representation"]["name"]: name for name, own in reversed(EXPERIMENTS.items())
}


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Files are read where the test runs, which starts no process."""

    def plainly(function, items, *_, **__):
        for item in items:
            try:
                yield function(item)
            except InputError as error:
                yield Failure(str(error))

    for module in (describe, piece_sets, prepare, sample_folder):
        monkeypatch.setattr(module, "isolated_map", plainly)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a verb with parameters; returns True, or the one sentence in which it ends."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").symlink_to(ROOT / "src")  # a model says of which code it is
    capsys.readouterr()

    def run(verb, params, out=None, *name, **inputs):
        file = tmp_path / "params.json"
        write_text(file, to_json(params))
        arguments = [verb, *name, "--params", str(file)]
        for option, path in {**inputs, **({"out": out} if out else {})}.items():
            arguments += [f"--{option}", str(path)]
        code = main(arguments)
        said = capsys.readouterr()
        if code:
            assert code == 1
            assert said.err.startswith(f"neuralmusic {verb}: ")
            assert len(said.err.splitlines()) == 1, said.err
            assert out is None or not (tmp_path / out).exists()
        return said.err or True

    return run


def parameters(home, experiment):
    """The parameters of one experiment on a folder, with a model of each kind, all tiny."""
    params = copy.deepcopy(PARAMS)
    params["split"] = {"train": 0.4, "valid": 0.3, "test": 0.3}
    params["datasets"]["folder"] |= {"path": str(home), "time": "beats"}
    own = params["experiments"][experiment]
    small = {"window_steps": 8, "epochs": 1, "windows_per_epoch": 8, "batch_size": 4}
    small |= {"precision": "float32"}
    few = {"pieces": 2, "seconds": 4, "primer_steps": 4}
    for section in (own, *own["models"].values()):
        section["training"] |= small
        section["sampling"] |= few
    for model in own["models"].values():
        model["settings"] = shrunk(model["settings"])
    trained = next(name for name in own["models"] if name != "markov")
    own["models"] = {name: own["models"][name] for name in (trained, "markov")}
    theirs = {**own["models"]["markov"], "family": FOLDER, "settings": {"path": str(home)}}
    own["models"]["theirs"] = theirs
    own["evaluation"] = {"min_seconds": 1, "resamples": 20}
    own |= {"dataset": "folder", "seeds": 1}
    params["experiments"] = {experiment: own}
    return params


@pytest.mark.parametrize("experiment", REPRESENTATIVES.values(), ids=REPRESENTATIVES)
@pytest.mark.parametrize("pieces", SETS)
def test_every_verb_works_or_says_why(pieces, experiment, run, tmp_path):
    home = tmp_path / "music"
    home.mkdir()
    for name, piece in SETS[pieces].items():
        write_midi(home / name, piece)
    params = parameters(home, experiment)
    if not SETS[pieces]:
        for of in (
            lambda: jobs.dataset_parameters(params, "folder", "fetch"),
            lambda: jobs.model_parameters(params, experiment, "theirs", "sample"),
        ):
            with pytest.raises(InputError, match=r"folder|theirs"):
                of()
        return

    def of_data(verb):
        return jobs.dataset_parameters(params, "folder", verb)

    data = {"raw": "data/raw", "notes": "data/notes", "splits": "data/splits"}
    did = {"fetch": run("fetch", of_data("fetch"), "data/raw", workers=1)}
    did["convert"] = run("convert", of_data("convert"), "data/notes", raw="data/raw", workers=1)
    for seed in range(40 if len(SETS[pieces]) == 3 else 1):  # until a piece is in each part
        of_split = of_data("split") | {"seed": seed}
        did["split"] = run("split", of_split, "data/splits", notes="data/notes")
        if did["split"] is True:
            break
    did["describe"] = run("describe", of_data("describe"), "described", "folder", workers=1, **data)
    own = params["experiments"][experiment]
    encoding = {"representation": own["representation"]}
    del data["raw"]
    did["encode"] = run("encode", encoding, "encoded", **data)
    for model in ("real", "source", *own["models"]):

        def of(verb, model=model):
            return jobs.model_parameters(params, experiment, model, verb)

        samples, metrics = (
            f"results/{kind}/{experiment}/{model}" for kind in ("samples", "metrics")
        )
        inputs = {} if model == "theirs" else {"encoded": "encoded"}
        if model == "source":
            inputs["notes"] = "data/notes"
        elif model not in ("real", "theirs"):
            trained = f"results/models/{experiment}/{model}"
            did[f"train {model}"] = run(
                "train", of("train"), trained, encoded="encoded", checkpoint="checkpoint"
            )
            inputs["model"] = trained
            scores = f"results/scores/{experiment}/{model}"
            did[f"score {model}"] = run("score", of("score"), scores, **inputs)
        did[f"sample {model}"] = run("sample", of("sample"), samples, **inputs)
        is_real = model in ("real", "source")
        real = {} if is_real else {"real": f"results/samples/{experiment}/real"}
        did[f"evaluate {model}"] = run("evaluate", of("evaluate"), metrics, samples=samples, **real)
    compared = jobs.comparison_parameters(params, [experiment])
    ranked = f"results/rankings/{experiment}"
    ranking = compared | {"time": "beats"}
    did["rank"] = run("rank", ranking, ranked, results="results", encoded="encoded")
    for table in jobs.table_names(params):
        did[table] = run("tabulate", compared, None, table, results="results")
    did["judge"] = run("judge", compared, results="results")
    if pieces in ("3 pieces", "odd names"):
        assert [(verb, well) for verb, well in did.items() if well is not True][:1] == []
    if pieces == "silence":
        assert "no" in did["convert"] and did["sample theirs"] is True
    assert json.loads((tmp_path / "params.json").read_text())
