"""Which parameters and which code each job depends on, and when a job is due."""

import copy
import os
import time
from pathlib import Path

import pytest

from neuralmusic import jobs
from neuralmusic.__main__ import VERBS
from neuralmusic.code import PACKAGE, code_of
from neuralmusic.datasets import DATASETS
from neuralmusic.files import InputError, to_json
from neuralmusic.models import MODELS
from neuralmusic.representations import REPRESENTATIONS
from tests.tiny import ENTRIES, PARAMS

REPORT = ("report", "report")
# What of a change of one model's own numbers is its jobs': training, and all that follows.
TRAINED = set(jobs.MODEL_FOLDERS)


def changed_jobs(after: dict, before: dict = PARAMS) -> set[tuple[str, str]]:
    """The jobs, of those before and after, whose parameters differ; the report's always do."""
    old, new = jobs.all_jobs(before), jobs.all_jobs(after)
    assert REPORT not in new or old[REPORT] != new[REPORT] or before == after
    return {job for job in {*old, *new} - {REPORT} if old.get(job) != new.get(job)}


def edited(*path: str, value) -> dict:
    """The resolved parameters with one of them changed."""
    params = copy.deepcopy(PARAMS)
    section = params
    for key in path[:-1]:
        section = section[key]
    assert section[path[-1]] != value
    section[path[-1]] = value
    return params


def of(verbs, experiment: str, models) -> set[tuple[str, str]]:
    return {(verb, f"{experiment}/{model}") for verb in verbs for model in models}


@pytest.mark.parametrize(("experiment", "model"), ENTRIES)
def test_a_models_setting_is_in_that_models_jobs_only(experiment, model):
    settings = PARAMS["experiments"][experiment]["models"][model]["settings"]
    for key, value in settings.items():
        other = not value if isinstance(value, bool) else value + 1
        after = edited("experiments", experiment, "models", model, "settings", key, value=other)
        assert changed_jobs(after) == of(TRAINED, experiment, [model])


@pytest.mark.parametrize(("experiment", "model"), ENTRIES)
def test_a_models_training_is_in_that_models_jobs_only(experiment, model):
    after = edited("experiments", experiment, "models", model, "training", "epochs", value=77)
    assert changed_jobs(after) == of(TRAINED, experiment, [model])


@pytest.mark.parametrize(("experiment", "model"), ENTRIES)
@pytest.mark.parametrize("key", ["temperature", "top_k", "top_p"])
def test_how_a_model_is_sampled_trains_and_scores_nothing(experiment, model, key):
    after = edited("experiments", experiment, "models", model, "sampling", key, value=0.5)
    assert changed_jobs(after) == of({"sample"}, experiment, [model])


def test_how_sets_are_compared_is_in_what_compares_them():
    after = edited("experiments", "monophonic", "evaluation", "resamples", value=77)
    assert {verb for verb, _ in changed_jobs(after)} == {"tabulate", "judge", "draw"}


@pytest.mark.parametrize(("experiment", "model"), ENTRIES)
def test_a_model_removed_changes_the_tables_and_no_other_model(experiment, model):
    after = copy.deepcopy(PARAMS)
    del after["experiments"][experiment]["models"][model]
    found = changed_jobs(after)
    tables = {("tabulate", name) for name in jobs.TABLES[experiment] + jobs.TABLES_OF_ALL}
    figures = {("draw", name) for name in jobs.FIGURES[experiment]}
    gone = of(TRAINED, experiment, [model])
    assert found == gone | tables | figures | {("judge", "claims")}
    assert not gone & set(jobs.all_jobs(after))


@pytest.mark.parametrize("key", ["device", "threads"])
def test_where_models_compute_is_in_their_jobs(key):
    found = changed_jobs(edited(key, value=7))
    for experiment, model in ENTRIES:
        assert of(TRAINED, experiment, [model]) <= found
    assert not {verb for verb, _ in found} & {"fetch", "convert", "split", "encode"}


def test_the_seed_splits_anew_and_converts_nothing():
    verbs = {verb for verb, _ in changed_jobs(edited("seed", value=7))}
    assert {"split", "train", "sample", "tabulate"} <= verbs
    assert not verbs & {"fetch", "convert", "encode"}


def test_a_datasets_number_is_in_the_job_that_uses_it():
    name = "ryans_mammoth"
    assert changed_jobs(edited("datasets", name, "max_pieces", value=7)) == {("fetch", name)}
    assert changed_jobs(edited("datasets", name, "time", value="seconds")) == {("convert", name)}
    assert changed_jobs(edited("datasets", "bach_chorales", "max_pieces", value=7)) == set()


def test_the_users_missing_folder_is_named():
    with pytest.raises(InputError, match=r"datasets\.folder: .*nowhere"):
        jobs.all_jobs(
            edited("experiments", "monophonic", "dataset", value="folder")
            | {"datasets": {"folder": PARAMS["datasets"]["folder"] | {"path": "nowhere"}}}
        )


# Snapshots: files whose time says whether their job is due.


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
    assert {verb for verb, _ in paths} == set(VERBS) - {"sweep"}


def test_what_no_model_made_is_stale(workflow):
    wanted = [copied for _, copied in jobs.all_jobs(PARAMS).values()]
    wanted += ["results/tables/table_5_1.csv", "results/figures/figure_5_2.png"]
    stale = [f"results/{folder}/monophonic/removed" for folder in jobs.MODEL_FOLDERS.values()]
    stale += ["results/samples/gone/real", "results/tables/table_9_9.md"]
    for name in [*wanted, *(f"{folder}/params.json" for folder in stale[:-1]), stale[-1]]:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("{}")
    assert [p.as_posix() for p in jobs.stale_outputs(PARAMS)] == sorted(stale)
    fewer = copy.deepcopy(PARAMS)
    del fewer["experiments"]["monophonic"]["models"]["markov"]
    found = {p.as_posix() for p in jobs.stale_outputs(fewer)}
    markov = {f"results/{folder}/monophonic/markov" for folder in jobs.MODEL_FOLDERS.values()}
    assert found == set(stale) | markov


def test_a_table_belongs_to_its_experiment():
    assert jobs.experiment_of("table_5_1") == jobs.experiment_of("figure_5_2") == "monophonic"
    with pytest.raises(InputError, match="table_9_9"):
        jobs.experiment_of("table_9_9")


# Code.


def names(files) -> set[str]:
    return {file.relative_to(PACKAGE).as_posix() for file in files}


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "sweep"])
def test_the_code_of_every_verb_exists_and_is_no_registry(verb):
    files = code_of(verb)
    assert files == sorted(set(files))
    assert files
    assert all(file.is_file() for file in files), files
    assert "__init__.py" not in {file.name for file in files}


@pytest.mark.parametrize("name", [*MODELS, *REPRESENTATIONS, *DATASETS])
def test_what_is_registered_is_code_of_its_jobs(name):
    for registry, verbs, kind in (
        (MODELS, ("train", "sample", "score"), "family"),
        (REPRESENTATIONS, ("encode", "sample"), "representation"),
        (DATASETS, ("fetch",), "source"),
    ):
        if name in registry:
            own = Path(registry[name].__file__).resolve()
            for verb in verbs:
                assert own in {file.resolve() for file in code_of(verb, **{kind: name})}
                assert own not in {file.resolve() for file in code_of(verb)}


def test_an_edit_of_a_family_concerns_that_family_only():
    rnn, markov = (names(code_of("train", family=family)) for family in ("rnn", "markov"))
    assert {"models/rnn.py", "models/attention.py"} <= rnn
    assert not {"models/rnn.py", "models/attention.py"} & markov
    assert "models/markov.py" in markov - rnn


def test_an_edit_of_sampling_or_of_tables_trains_nothing():
    train = names(code_of("train", family="rnn"))
    assert {"train.py", "likelihood.py", "seeds.py"} <= train
    assert not {"sample.py", "score.py", "evaluate.py", "tables.py", "prepare.py"} & train
    assert "tables.py" in names(code_of("tabulate"))
    assert "figures.py" not in names(code_of("tabulate"))
