"""A folder of MIDI files as a model: its parameters, its jobs, and those that it has not."""

import copy
import subprocess
import sys

import pytest

from neuralmusic import config, jobs
from neuralmusic.code import COSTLY, code_of
from neuralmusic.files import InputError
from neuralmusic.midi_writing import write_midi
from tests.constructed import melody
from tests.edited import with_folder
from tests.tiny import EXPERIMENTS, PARAMS, RAW, SAMPLED_ANEW, SCHEMA, TRAINED, contents

REPORT = ("report", "report")


@pytest.fixture
def home(tmp_path):
    for index in range(3):
        write_midi(tmp_path / "theirs" / f"{index}.mid", melody([60 + index, 62]))
    return tmp_path / "theirs"


def changed_jobs(after: dict, before: dict) -> set[tuple[str, str]]:
    """The jobs, of those before and after, whose parameters differ, but the report's."""
    old, new = jobs.all_jobs(before), jobs.all_jobs(after)
    return {job for job in {*old, *new} - {REPORT} if old.get(job) != new.get(job)}


# What params.yaml may say of it.


def test_the_entry_is_a_path_alone(home):
    entry = with_folder(home)["experiments"]["monophonic"]["models"]["theirs"]
    assert entry == {"family": "folder", "settings": {"path": str(home)}}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"path": ""}, r"monophonic\.models\.theirs\.path"),
        ({"pth": "x"}, r"theirs\.pth: unknown parameter; did you mean 'path'"),
        ({"smoothing": 1.0}, r"theirs\.smoothing: unknown parameter"),
        ({"training": {"epochs": 3}}, r"theirs\.training: means nothing for a folder of MIDI"),
        ({"sampling": {"top_k": 3}}, r"theirs\.sampling: means nothing for a folder of MIDI"),
        ({"name": "markov"}, r"models\.markov: markov is the floor's name"),
    ],
)
def test_what_does_not_go_with_a_folder_is_named(entry, said):
    with pytest.raises(InputError, match=said):
        with_folder(**{"path": "somewhere", **entry})


def test_a_missing_path_is_named():
    raw = copy.deepcopy(RAW)
    raw["experiments"]["monophonic"]["models"]["theirs"] = {"family": "folder"}
    with pytest.raises(InputError, match=r"models\.theirs: 'path' is a required property"):
        config.resolve(raw, SCHEMA)


def test_settings_common_to_all_folders_are_none():
    raw = copy.deepcopy(RAW)
    raw["experiments"]["monophonic"]["families"]["folder"] = {"path": "somewhere"}
    with pytest.raises(InputError, match=r"families\.folder: unknown parameter"):
        config.resolve(raw, SCHEMA)


@pytest.mark.parametrize("experiment", SAMPLED_ANEW)
def test_another_way_of_sampling_leaves_folders_out(experiment, home):
    base = EXPERIMENTS[experiment]["weights_of"]
    after = with_folder(home, base)["experiments"]
    assert "theirs" in after[base]["models"]
    assert list(after[experiment]["models"]) == list(EXPERIMENTS[experiment]["models"])
    raw = copy.deepcopy(RAW)
    raw["experiments"][base]["models"] = {"theirs": {"family": "folder", "path": str(home)}}
    with pytest.raises(InputError, match=rf"{experiment}\.weights_of: {base} has no model that"):
        config.resolve(raw, SCHEMA)


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_a_place_without_files_is_named_when_the_workflow_is_read(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    why = "does not exist" if path == "nowhere" else "holds no MIDI file"
    with pytest.raises(
        InputError, match=rf"^experiments\.monophonic\.models\.theirs\.path: .*{why}"
    ):
        jobs.write_snapshots(with_folder(path))


# Its jobs.


@pytest.mark.parametrize("experiment", TRAINED)
def test_a_folder_has_samples_and_measures_and_changes_no_other_models_jobs(experiment, home):
    found = changed_jobs(with_folder(home, experiment), PARAMS)
    own = {job for job in found if job[1].endswith("/theirs")}
    assert own == {(verb, f"{experiment}/theirs") for verb in ("sample", "evaluate")}
    tables = {("tabulate", n) for n in jobs.TABLES if experiment in jobs.experiments_of(n, PARAMS)}
    figures = {("draw", name) for name, (_, of) in jobs.FIGURES.items() if of == experiment}
    assert found - own == tables | figures | {("rank", experiment), ("judge", "claims")}


def test_without_a_folder_nothing_says_that_there_could_be_one():
    """So that what was recorded before is not due."""
    for (verb, _), (given, _) in jobs.all_jobs(PARAMS).items():
        if verb in ("tabulate", "draw", "judge"):
            assert not any("folders" in own for own in given["experiments"].values())


def test_what_compares_models_knows_which_are_folders(home):
    given, _ = jobs.all_jobs(with_folder(home))["tabulate", "table_5_1"]
    own = given["experiments"]["monophonic"]
    assert own["folders"] == ["theirs"]
    assert own["models"][-1] == "theirs" and own["runs"]["theirs"] == ["theirs"]


def test_more_seeds_give_a_folder_one_run(home):
    own = with_folder(home)["experiments"]["monophonic"] | {"seeds": 3}
    assert jobs.runs_of(own, "theirs") == ["theirs"]
    assert jobs.runs_of(own, "emb") == ["emb", "emb.2", "emb.3"]
    assert "theirs" not in jobs.trained_runs(own)
    assert {"emb.3", "markov"} < set(jobs.trained_runs(own))


def test_a_changed_file_is_in_the_jobs_of_that_folder_alone(home):
    params = with_folder(home)
    before = jobs.all_jobs(params)
    write_midi(home / "new.mid", melody([60]))
    after = jobs.all_jobs(params)
    found = {job for job in after if after[job] != before[job]}
    assert found == {(verb, "monophonic/theirs") for verb in ("sample", "evaluate")}
    assert (
        before["sample", "monophonic/theirs"][1] == "results/samples/monophonic/theirs/params.json"
    )


def test_its_parameters_are_those_that_its_samples_depend_on(home):
    params = with_folder(home, "polyphonic_events")
    given = jobs.model_parameters(params, "polyphonic_events", "theirs", "sample")
    assert given.pop("files_sha256")
    dataset = params["datasets"]["bach_chorales"]
    assert given == {
        "experiment": "polyphonic_events",
        "model": "theirs",
        "representation": params["experiments"]["polyphonic_events"]["representation"],
        "family": "folder",
        "path": str(home),
        "seed": 2021,
        "time": dataset["time"],
        "sustain_pedal": dataset["sustain_pedal"],
        "sampling": {"pieces": 200, "seconds": 60, "max_note_seconds": 10},
    }


def test_a_folder_that_was_removed_is_swept_away(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with_it = with_folder(home)
    for _, copied in jobs.all_jobs(with_it).values():
        (tmp_path / copied).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / copied).write_text("{}")
    assert jobs.stale_outputs(with_it) == []
    found = [path.as_posix() for path in jobs.stale_outputs(PARAMS)]
    assert found == [f"results/{kind}/monophonic/theirs" for kind in ("metrics", "samples")]
    assert len(contents(home)) == 3  # the files themselves are the user's


def test_an_edit_of_how_folders_are_sampled_samples_no_model_again():
    own = {path.name for path in code_of("sample_folder", representation="melody")}
    assert {"sample_folder.py", "midi_folder.py", "prepare.py", "sample_real.py"} <= own
    assert "melody.py" in own
    for verb in set(COSTLY) - {"sample_folder"}:
        assert not {"sample_folder.py", "midi_folder.py"} & {path.name for path in code_of(verb)}


@pytest.mark.parametrize(
    ("modules", "unused"),
    [
        ("jobs config code", {"torch", "pandas"}),  # read at every start of the workflow
        ("sample_folder sample_real", {"torch"}),
        ("evaluate tables claims figures report rank", {"torch"}),
    ],
)
def test_no_job_waits_for_a_library_that_it_does_not_use(modules, unused):
    code = f"import sys, {', '.join(f'neuralmusic.{name}' for name in modules.split())}\n"
    code += f"assert not {unused} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_preparing_pytorch_loads_none_of_its_compiler():
    """A second, in every job that trains, scores or samples."""
    code = "import sys, torch\nfrom neuralmusic.device import prepare_torch\n"
    code += "prepare_torch({'threads': 1, 'device': 'cpu'})\n"
    code += "assert torch.are_deterministic_algorithms_enabled()\n"
    code += "assert not torch.is_deterministic_algorithms_warn_only_enabled()\n"
    code += "assert 'torch._inductor' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
