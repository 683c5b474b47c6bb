"""Files whose time says whether their job is due, and what no job makes any more."""

import copy
import os
import time
from pathlib import Path

import pytest

from neuralmusic import config, jobs
from neuralmusic.__main__ import VERBS, main
from neuralmusic.files import CONTENTS, to_json
from tests.edited import resolved_with
from tests.tiny import PARAMS, RAW, SCHEMA, corpus


@pytest.fixture
def workflow(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snapshot(parameters: dict, copied: Path) -> Path:
    return Path(jobs.snapshot("train", "monophonic/basic", parameters, copied))


def output(copied: Path, parameters: dict) -> None:
    copied.parent.mkdir(parents=True, exist_ok=True)
    copied.write_text(to_json(parameters))


def is_newer(path: Path, than: Path) -> bool:
    return path.stat().st_mtime_ns > than.stat().st_mtime_ns


COPY = Path("results/models/monophonic/basic/params.json")


def test_a_snapshot_is_written_where_the_text_differs(workflow):
    path = snapshot({"a": 1}, COPY)
    assert path == Path(".params/train.monophonic.basic.json")
    assert path.read_text() == to_json({"a": 1})
    os.utime(path, (1e9, 1e9))
    assert snapshot({"a": 1}, COPY).stat().st_mtime == 1e9  # no output yet: as it was
    snapshot({"a": 2}, COPY)
    assert path.read_text() == to_json({"a": 2})
    assert path.stat().st_mtime > 1e9


def test_an_output_made_with_the_same_parameters_is_not_due(workflow):
    output(COPY, {"a": 1})
    os.utime(COPY, (1e9, 1e9))
    assert is_newer(COPY, than=snapshot({"a": 1}, COPY))  # written afresh, as in a fresh clone
    snapshot({"a": 2}, COPY)
    assert is_newer(COPY, than=snapshot({"a": 1}, COPY))  # changed, and changed back


def test_an_output_made_with_other_parameters_is_due(workflow):
    snapshot({"a": 1}, COPY)
    output(COPY, {"a": 1})
    time.sleep(0.01)
    assert is_newer(snapshot({"a": 2}, COPY), than=COPY)
    assert is_newer(snapshot({"a": 2}, COPY), than=COPY)


def test_an_output_from_a_time_to_come_is_due_where_its_parameters_changed(workflow):
    """As where the clock was set back since; the job gives the file a time that has passed."""
    output(COPY, {"a": 1})
    made = [COPY, COPY.with_name(CONTENTS), COPY.with_name(".snakemake_timestamp")]
    now = time.time()
    for hours, last in enumerate(made, start=1):
        last.touch()
        os.utime(last, (now + 3600 * hours, now + 3600 * hours))
        path = snapshot({"a": 2}, COPY)
        assert is_newer(path, than=last)
        assert is_newer(COPY, than=snapshot({"a": 1}, COPY))
    corpus(workflow)
    wanted = {"representation": PARAMS["experiments"]["monophonic"]["representation"]}
    path = snapshot(wanted, COPY)
    arguments = ["encode", "--params", str(path), "--out", str(COPY.parent)]
    assert main([*arguments, "--notes", "notes", "--splits", "splits"]) == 0
    assert is_newer(COPY.with_name(CONTENTS), than=path)
    assert is_newer(COPY, than=snapshot(wanted, COPY))


def test_an_output_replaced_by_an_older_one_is_due(workflow):
    """As after `dvc checkout` of another commit: the parameters did not change, the output did."""
    snapshot({"a": 1}, COPY)
    output(COPY, {"a": 1})
    assert is_newer(COPY, than=snapshot({"a": 1}, COPY))
    output(COPY, {"a": 0})
    time.sleep(0.01)
    assert is_newer(snapshot({"a": 1}, COPY), than=COPY)


def test_every_job_has_a_snapshot_and_a_copy_of_its_own(workflow):
    found = jobs.all_jobs(PARAMS)
    paths = jobs.write_snapshots(PARAMS)
    assert set(paths) == set(found)
    assert len(set(paths.values())) == len({copied for _, copied in found.values()}) == len(paths)
    for job, path in paths.items():
        assert Path(path).read_text() == to_json(found[job][0])
    assert {verb for verb, _ in paths} == set(VERBS) - {"compare", "sweep", "datasets", "measures"}


def test_what_no_model_made_is_stale(workflow):
    wanted = [copied for _, copied in jobs.all_jobs(PARAMS).values()]
    wanted += ["results/tables/table_5_1.csv", "results/figures/figure_5_2.png"]
    stale = [f"results/{folder}/monophonic/removed" for folder in jobs.MODEL_FOLDERS.values()]
    stale += ["results/samples/gone/real", "results/datasets/gone", "results/tables/table_9_9.md"]
    for name in [*wanted, *(f"{folder}/params.json" for folder in stale[:-1]), stale[-1]]:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("{}")
    assert [p.as_posix() for p in jobs.stale_outputs(PARAMS)] == sorted(stale)
    fewer = copy.deepcopy(PARAMS)
    del fewer["experiments"]["monophonic"]["models"]["markov"]
    found = {p.as_posix() for p in jobs.stale_outputs(fewer)}
    markov = {f"results/{folder}/monophonic/markov" for folder in jobs.MODEL_FOLDERS.values()}
    assert found == set(stale) | markov


def test_a_dataset_that_no_experiment_uses_is_not_described():
    found = jobs.all_jobs(PARAMS)
    described = [job for verb, job in found if verb == "describe"]
    used = {own["dataset"] for own in PARAMS["experiments"].values()}
    assert described == jobs.dataset_names(PARAMS) and set(described) == used
    given, copied = found["describe", "bach_chorales"]
    read = [("events", 100), ("pianoroll", 8)]
    keys = ("name", "steps_per_second")
    representations = [dict(zip(keys, of, strict=True)) for of in read]
    assert given == {
        **{"dataset": "bach_chorales", "time": "beats"},
        "representations": representations,
    }
    assert copied == "results/datasets/bach_chorales/params.json"
    other = config.resolve(RAW | {"dataset": "bach_chorales"}, SCHEMA)
    assert [job for verb, job in jobs.all_jobs(other) if verb == "describe"] == ["bach_chorales"]


def test_runs_of_fewer_seeds_are_stale(workflow):
    two = resolved_with("experiments.monophonic.seeds", 2)
    for _, copied in jobs.all_jobs(two).values():
        Path(copied).parent.mkdir(parents=True, exist_ok=True)
        Path(copied).write_text("{}")
    assert jobs.stale_outputs(two) == []
    found = {p.as_posix() for p in jobs.stale_outputs(PARAMS)}
    assert "results/models/monophonic/basic.2" in found
    assert all(name.endswith(".2") and "/monophonic/" in name for name in found)
