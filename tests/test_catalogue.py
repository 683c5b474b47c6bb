"""The datasets of params.yaml: their list, and every experiment on any of them."""

import pytest
import yaml

from neuralmusic import config, jobs
from neuralmusic.__main__ import main
from neuralmusic.config import merge
from neuralmusic.datasets import DATASETS
from neuralmusic.files import InputError
from tests.tiny import PARAMS, RAW, ROOT, SCHEMA, write_project

# The list.


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_project(tmp_path)


def test_the_list_has_every_dataset_and_whether_it_is_here(project, capsys):
    (project / "data/raw/maestro").mkdir(parents=True)
    (project / "data/raw/maestro/params.json").write_text("{}")
    (project / "data/raw/asap").mkdir()  # not whole
    (project / ".downloads").mkdir()
    (project / ".downloads/jsb-chorales-quarter.json").write_text("")
    write_project(project, merge(RAW, {"datasets": {"giantmidi": {"path": str(project)}}}))
    assert main(["datasets"]) == 0
    said = capsys.readouterr().out
    rows = {line.split()[0]: line for line in said.splitlines() if line and line[0] != " "}
    here = {"maestro": "fetched", "jsb_chorales": "downloaded", "giantmidi": "brought"}
    here |= {"ryans_mammoth": "installed", "bach_chorales": "installed"}
    for name, entry in PARAMS["datasets"].items():
        assert rows[name].endswith(f"  {here.get(name, 'no')}")
        assert DATASETS[entry["source"]].ABOUT.obtained in rows[name]
    assert all(len(line) <= 145 for line in said.splitlines())


@pytest.mark.parametrize("name", PARAMS["datasets"])
def test_the_details_of_a_dataset_are_whole(name, project, capsys):
    assert main(["datasets", name]) == 0
    said = " ".join(capsys.readouterr().out.split())
    about = DATASETS[PARAMS["datasets"][name]["source"]].ABOUT
    for text in (about.title, about.address, about.licence, about.citation, about.instructions):
        assert text in said
    assert about.sha256 is None or about.sha256 in said
    assert f"DATASET={name}" in said


def test_details_of_what_there_is_not_name_what_there_is(project, capsys):
    assert main(["datasets", "vinyl"]) == 1
    assert "'vinyl'; there are ryans_mammoth, " in capsys.readouterr().err


# Any experiment on any dataset.


@pytest.mark.parametrize("dataset", RAW["datasets"])
def test_one_parameter_runs_every_experiment_on_a_dataset(dataset):
    resolved = config.resolve(RAW | {"dataset": dataset}, SCHEMA)
    for name, experiment in resolved["experiments"].items():
        assert experiment == PARAMS["experiments"][name] | {"dataset": dataset}
    assert resolved["datasets"] == PARAMS["datasets"]


def test_no_such_parameter_is_each_experiment_its_own():
    absent = {key: value for key, value in RAW.items() if key != "dataset"}
    assert RAW["dataset"] is None
    found = config.resolve(absent, SCHEMA)
    assert found == {key: value for key, value in PARAMS.items() if key != "dataset"}


def test_a_dataset_that_there_is_not_is_named_once():
    with pytest.raises(InputError) as raised:
        config.resolve(RAW | {"dataset": "vinyl"}, SCHEMA)
    (said,) = str(raised.value).splitlines()[1:]
    assert said.startswith("  dataset: there is no dataset 'vinyl'; there are ryans_mammoth, ")


def test_every_stage_of_the_record_knows_the_parameter():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert all("dataset" in stage["params"] for stage in stages.values())


def test_jobs_of_datasets_without_an_official_split_have_the_parameters_they_had():
    """Results recorded before depend on them, byte by byte."""
    wanted = {"dataset": "bach_chorales", "seed": PARAMS["seed"], "split": PARAMS["split"]}
    assert jobs.dataset_parameters(PARAMS, "bach_chorales", "split") == wanted
    fetch = jobs.dataset_parameters(PARAMS, "bach_chorales", "fetch")
    assert set(fetch) == {"dataset", "source", "collection", "max_pieces", "music21"}
