"""params.yaml: what is in force, and errors that name the key."""

import copy

import pytest
import yaml

from neuralmusic import config, jobs
from neuralmusic.files import InputError
from neuralmusic.models import MODELS
from neuralmusic.train import Training
from tests.tiny import RAW, SCHEMA, write_project

DESCRIBED = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
DEFINITIONS = DESCRIBED["$defs"]


def raw_with(path: str, value) -> dict:
    """params.yaml with the parameter at a path set."""
    raw = copy.deepcopy(RAW)
    *parents, last = path.split(".")
    section = raw
    for key in parents:
        section = section[key]
    section[last] = value
    return raw


def complaint(path: str, value) -> str:
    return told(raw_with(path, value))


def told(raw: dict) -> str:
    """What is said to be wrong with parameters."""
    with pytest.raises(InputError) as raised:
        config.resolve(raw, SCHEMA)
    return str(raised.value)


@pytest.mark.parametrize("scale", RAW["scales"])
def test_every_scale_resolves(scale):
    resolved = config.resolve(raw_with("scale", scale), SCHEMA)
    assert resolved["scale"] == scale
    assert "scales" not in resolved
    assert list(resolved["experiments"]) == list(RAW["experiments"])
    for name, experiment in resolved["experiments"].items():
        own = RAW["experiments"][name]
        models = RAW["experiments"][own.get("weights_of", name)]["models"]
        assert list(experiment["models"]) == list(models)
        assert experiment["weights_of"] == own.get("weights_of")
        for entry in experiment["models"].values():
            MODELS[entry["family"]].Settings(**entry["settings"])
            Training(**entry["training"])


def test_the_scale_replaces_what_it_names_and_nothing_else():
    default, smoke = (
        config.resolve(raw_with("scale", scale), SCHEMA)["experiments"]["monophonic"]
        for scale in ("default", "smoke")
    )
    named = RAW["scales"]["smoke"]["experiments"]["monophonic"]
    changed = default["training"] | named["training"]
    assert smoke["training"] == changed != default["training"]
    for model, entry in smoke["models"].items():
        assert entry["training"] == changed
        expected = dict(default["models"][model]["settings"])
        expected.update(named["families"].get(entry["family"], {}))
        assert entry["settings"] == expected


def test_a_model_replaces_what_it_names():
    raw = copy.deepcopy(RAW)
    experiment = raw["experiments"]["monophonic"]
    model, other = list(experiment["models"])[:2]
    experiment["models"][model] |= {"hidden_size": 3, "training": {"epochs": 1}}
    experiment["models"][model]["sampling"] = {"temperature": 0.5}
    models = config.resolve(raw, SCHEMA)["experiments"]["monophonic"]["models"]
    assert models[model]["settings"]["hidden_size"] == 3
    assert models[model]["training"] == experiment["training"] | {"epochs": 1}
    assert models[model]["sampling"] == experiment["sampling"] | {"temperature": 0.5}
    assert models[other]["training"] == experiment["training"]


# An experiment that samples another's models.

ANEW = {name: own for name, own in RAW["experiments"].items() if "weights_of" in own}


@pytest.mark.parametrize("scale", RAW["scales"])
def test_an_experiment_with_anothers_weights_is_that_other_but_for_its_sampling(scale):
    """At every scale, which names the other one only."""
    resolved = config.resolve(raw_with("scale", scale), SCHEMA)["experiments"]
    assert ANEW
    for name, own in ANEW.items():
        base = resolved[own["weights_of"]]
        sampling = base["sampling"] | own["sampling"]
        assert base["sampling"] != sampling
        same = {key: value for key, value in base.items() if key not in ("sampling", "models")}
        expected = same | {"weights_of": own["weights_of"], "sampling": sampling}
        assert {k: v for k, v in resolved[name].items() if k != "models"} == expected
        for model, entry in base["models"].items():
            assert resolved[name]["models"][model] == entry | {"sampling": sampling}


def test_a_scale_can_have_other_seeds_which_whoever_samples_the_models_has_too():
    raw = copy.deepcopy(RAW)
    name, base = next((name, own["weights_of"]) for name, own in ANEW.items())
    raw["experiments"][base]["seeds"] = 3
    raw["scales"]["smoke"]["experiments"][base]["seeds"] = 2
    for scale, seeds in (("default", 3), ("smoke", 2)):
        resolved = config.resolve(raw | {"scale": scale}, SCHEMA)["experiments"]
        assert resolved[base]["seeds"] == resolved[name]["seeds"] == seeds


@pytest.mark.parametrize("seeds", [0, 1.5, None])
def test_seeds_are_a_number_of_trainings(seeds):
    assert "experiments.monophonic.seeds: " in complaint("experiments.monophonic.seeds", seeds)


def test_what_one_model_of_the_base_is_sampled_with_is_kept():
    raw = copy.deepcopy(RAW)
    name, own = next(iter(ANEW.items()))
    base = raw["experiments"][own["weights_of"]]
    model, other = list(base["models"])[:2]
    base["models"][model]["sampling"] = {"temperature": 0.5}
    models = config.resolve(raw, SCHEMA)["experiments"][name]["models"]
    changed = base["sampling"] | own["sampling"]
    assert models[model]["sampling"] == changed | {"temperature": 0.5}
    assert models[other]["sampling"] == changed


def test_a_scale_can_change_how_anothers_models_are_sampled():
    name = next(iter(ANEW))
    raw = copy.deepcopy(RAW)
    raw["scales"]["smoke"]["experiments"][name] = {"sampling": {"pieces": 3}}
    for scale, pieces in (("smoke", 3), ("default", None)):
        resolved = config.resolve(raw | {"scale": scale}, SCHEMA)["experiments"]
        base = resolved[ANEW[name]["weights_of"]]["sampling"]
        found = resolved[name]["sampling"]
        assert found == base | ANEW[name]["sampling"] | {"pieces": pieces or base["pieces"]}


@pytest.mark.parametrize("base", ["nowhere", "polyphonic_grammar"])
def test_weights_of_an_experiment_that_trains_none_are_named(base):
    """One that there is not, or that has another's weights itself."""
    wrong = complaint("experiments.polyphonic_grammar.weights_of", base)
    path = "experiments.polyphonic_grammar.weights_of"
    assert f"  {path}: there is no experiment {base!r} with models" in wrong.splitlines()
    raw = copy.deepcopy(RAW)
    raw["scales"]["smoke"]["experiments"]["polyphonic_grammar"] = {"weights_of": base}
    assert f"  scales.smoke.{path}: there is no experiment {base!r}" in told(raw)


@pytest.mark.parametrize(
    "key", ["training", "models", "families", "representation", "dataset", "seeds"]
)
def test_what_only_training_could_change_is_refused_beside_weights_of(key):
    """It would be in force for sampling, and untrue of the weights."""
    name, own = next(iter(ANEW.items()))
    value = RAW["experiments"][own["weights_of"]][key]
    wrong = complaint(f"experiments.{name}.{key}", value)
    assert f"experiments.{name}.{key}: unknown parameter" in wrong
    raw = copy.deepcopy(RAW)
    raw["scales"]["smoke"]["experiments"][name] = {key: value}
    assert f"scales.smoke.experiments.{name}.{key}: unknown parameter" in told(raw)


def test_a_wrong_number_of_the_base_is_named_in_the_base():
    base = next(iter(ANEW.values()))["weights_of"]
    wrong = complaint(f"experiments.{base}.sampling.top_p", 3)
    assert f"experiments.{base}.sampling.top_p" in wrong


# What does not fit together.

UNFIT = [  # experiment, key of its sampling, value
    ("monophonic", "threshold", 0.5),
    ("monophonic", "grammar", True),
    ("polyphonic_events", "threshold", 0.5),
    ("polyphonic_grammar", "threshold", 0.5),
    ("polyphonic_pianoroll", "top_k", 5),
    ("polyphonic_pianoroll", "top_p", 0.9),
    ("polyphonic_pianoroll", "grammar", True),
]


@pytest.mark.parametrize(("experiment", "key", "value"), UNFIT)
def test_sampling_that_means_nothing_for_a_representation_is_named(experiment, key, value):
    path = f"experiments.{experiment}.sampling.{key}"
    (said,) = complaint(path, value).splitlines()[1:]  # once, whoever has the experiment's models
    assert said.startswith(f"  {path}: means nothing for the representation ")
    raw = copy.deepcopy(RAW)
    sampling = (
        raw["scales"]["smoke"]["experiments"].setdefault(experiment, {}).setdefault("sampling", {})
    )
    sampling[key] = value
    (said,) = told(raw).splitlines()[1:]
    assert said.startswith(f"  scales.smoke.{path}: means nothing")


@pytest.mark.parametrize(
    ("experiment", "key", "value"), [row for row in UNFIT if row[0] not in ANEW]
)
def test_it_is_named_of_the_one_model_that_has_it(experiment, key, value):
    path = f"experiments.{experiment}.models.basic.sampling"
    lines = complaint(path, {key: value}).splitlines()[1:]
    assert lines[0].startswith(f"  {path}.{key}: means nothing")
    assert {line.split(".models.")[1].split(".")[0] for line in lines} == {"basic"}


def test_a_range_of_semitones_that_ends_before_it_begins_is_named():
    """There would be none to draw, at the first batch of a training."""
    path = "experiments.polyphonic_pianoroll.training.transpose_semitones"
    (said,) = complaint(path, [6, -5]).splitlines()[1:]
    assert said.startswith(f"  {path}: from 6 to -5 is no range")


@pytest.mark.parametrize("experiment", ["monophonic", "polyphonic_pianoroll"])
def test_a_bound_that_cuts_every_piece_short_is_named(experiment):
    """Steps of a fixed length have no need of one; of events, 20 a second may be wanted."""
    wrong = complaint(f"experiments.{experiment}.representation.steps_per_second", 200)
    assert f"  experiments.{experiment}.sampling.max_steps_per_second: 100 would cut" in wrong
    raw = raw_with("experiments.polyphonic_events.sampling.max_steps_per_second", 20)
    config.resolve(raw, SCHEMA)


FITTING = [
    ("monophonic", "top_k", 5),
    ("monophonic", "top_p", 0.9),
    ("polyphonic_events", "top_k", 5),
    ("polyphonic_events", "grammar", True),
    ("polyphonic_grammar", "top_p", 0.9),
    ("polyphonic_pianoroll", "threshold", 0.5),
]


@pytest.mark.parametrize(("experiment", "key", "value"), FITTING)
def test_sampling_that_fits_a_representation_is_in_force(experiment, key, value):
    resolved = config.resolve(raw_with(f"experiments.{experiment}.sampling.{key}", value), SCHEMA)
    for entry in resolved["experiments"][experiment]["models"].values():
        assert entry["sampling"][key] == value


def two_of_one_corpus(**changed) -> dict:
    """params.yaml with a second experiment of a dataset and representation."""
    raw = copy.deepcopy(RAW)
    second = copy.deepcopy(raw["experiments"]["monophonic"])
    second["representation"] |= changed
    raw["experiments"]["second"] = second
    return raw


def test_experiments_may_share_an_encoded_corpus():
    resolved = config.resolve(two_of_one_corpus(), SCHEMA)
    assert {jobs.corpus_of(resolved["experiments"][e]) for e in ("monophonic", "second")} == {
        "ryans_mammoth.melody"
    }


@pytest.mark.parametrize("changed", [{"steps_per_second": 4}, {"stretches": [0.9, 1.0]}], ids=str)
def test_a_corpus_that_two_experiments_want_otherwise_is_refused(changed):
    """It lies in one folder, by the names of the dataset and the representation."""
    assert "experiments.second.representation: monophonic has another" in told(
        two_of_one_corpus(**changed)
    )
    raw = two_of_one_corpus()
    raw["scales"]["smoke"]["experiments"]["second"] = {"representation": changed}
    assert "scales.smoke.experiments.second.representation: monophonic has" in told(raw)
    other_name = two_of_one_corpus(**changed)
    other_name["experiments"]["second"]["dataset"] = "bach_chorales"
    config.resolve(other_name, SCHEMA)


def test_what_is_given_is_not_changed():
    raw = copy.deepcopy(RAW)
    config.resolve(raw, SCHEMA)
    assert raw == RAW


MISSPELT = {
    "sead": "seed",
    "split.trian": "train",
    "datasets.ryans_mammoth.colection": "collection",
    "experiments.monophonic.trainings": "training",
    "experiments.monophonic.training.epoch": "epochs",
    "experiments.monophonic.sampling.temprature": "temperature",
    "experiments.monophonic.representation.steps_per_secnd": "steps_per_second",
    "experiments.monophonic.families.rnn.hiden_size": "hidden_size",
    "experiments.monophonic.models.basic.atention": "attention",
    "experiments.polyphonic_events.sampling.gramar": "grammar",
    "experiments.polyphonic_grammar.samplin": "sampling",
    "experiments.polyphonic_grammar.weigths_of": "weights_of",
    "scales.smoke.sead": "seed",
    "scales.smoke.experiments.monophonic.training.epoch": "epochs",
}


@pytest.mark.parametrize("path", MISSPELT)
def test_a_misspelt_key_is_named_with_what_was_meant(path):
    lines = complaint(path, 1).splitlines()[1:]
    assert f"  {path}: unknown parameter; did you mean {MISSPELT[path]!r}?" in lines
    assert len([line for line in lines if path.split(".")[-1] in line]) == 1


WRONG = {  # path: a value, and a word of the complaint
    "seed": ("many", "integer"),
    "threads": (0, "minimum"),
    "device": ("abacus", "match"),
    "scale": ("huge", "huge"),
    "split.train": (0.8, "sum to 1"),
    "datasets.ryans_mammoth.source": ("napster", "napster"),
    "datasets.ryans_mammoth.time": ("bars", "beats"),
    "datasets.ryans_mammoth.max_pieces": (-1, "minimum"),
    "experiments.monophonic.dataset": ("vinyl", "vinyl"),
    "experiments.monophonic.representation.name": ("score", "melody"),
    "experiments.monophonic.training.learning_rate": ("1e-3", "number"),
    "experiments.monophonic.training.objective": ("both", "causal"),
    "experiments.monophonic.representation.stretches": ([], "non-empty"),
    "experiments.polyphonic_events.representation.stretches": ([1.0, 3.0], "maximum"),
    "experiments.polyphonic_events.training.transpose_semitones": ([-5, 5.5], "integer"),
    "experiments.polyphonic_pianoroll.sampling.threshold": (1, "maximum"),
    "experiments.polyphonic_events.sampling.max_note_seconds": (0, "minimum"),
    "experiments.polyphonic_events.sampling.grammar": (None, "boolean"),
    "experiments.polyphonic_grammar.sampling": (None, "object"),
    "experiments.monophonic.sampling.top_p": (1.5, "maximum"),
    "experiments.monophonic.evaluation.resamples": (1.5, "integer"),
    "experiments.monophonic.models.basic.family": ("gan", "gan"),
    "experiments.monophonic.models.basic.embedding": ("yes", "boolean"),
    "experiments.monophonic.models.real": ({"family": "markov"}, "real"),
    "experiments.monophonic.models.source": ({"family": "markov"}, "source"),
    "experiments.monophonic.models": ({}, "non-empty"),
    "experiments.monophonic.models.basic": ({"family": "rnn"}, "required"),
    "scales.smoke.experiments.monophonic.training.epochs": (0, "minimum"),
}


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_value_is_named_by_its_path(path):
    value, word = WRONG[path]
    wrong = complaint(path, value)
    parents = path.rsplit(".", 1)[0]
    assert path in wrong or f"  {parents}: " in wrong
    assert word in wrong


OWN = [  # section of a model's entry, its value, and what is wrong with it
    ("training", 5, "object"),
    ("sampling", None, "object"),
    ("training", {"epochs": 0}, "minimum"),
    ("training", {"transpose_semitones": 5}, "array"),
    ("training", {"transpose_semitones": [1, 2, 3]}, "too long"),
    ("training", {"transpose_semitones": ["low", "high"]}, "integer"),
    ("sampling", {"top_k": "few"}, "integer"),
    ("sampling", {"threshold": 2}, "maximum"),
    ("sampling", {"gramar": True}, "did you mean 'grammar'"),
]


@pytest.mark.parametrize(("section", "value", "word"), OWN)
def test_what_is_wrong_in_a_models_own_section_is_named(section, value, word):
    path = f"experiments.monophonic.models.basic.{section}"
    wrong = complaint(path, value)
    assert f"  {path}" in wrong
    assert word in wrong


def test_several_faults_are_told_at_once():
    raw = raw_with("seed", "many")
    raw["sead"] = 1
    with pytest.raises(InputError, match=r"(?s)sead.*'many'|'many'.*sead"):
        config.resolve(raw, SCHEMA)


# Names, which are parts of commands and of files' names.

NO_NAMES = ["x$(touch f)", "two words", "a/b", "..", "a.b", "-x", "_x", "Ä", "a\n", "", "a" * 65]


@pytest.mark.parametrize("name", [*NO_NAMES, "real"])
@pytest.mark.parametrize("section", ["datasets", "experiments", "experiments.monophonic.models"])
def test_what_can_be_no_name_is_named(section, name):
    raw = copy.deepcopy(RAW)
    entries = raw
    for key in section.split("."):
        entries = entries[key]
    entries[name] = next(iter(entries.values()))
    (said,) = told(raw).splitlines()[1:]
    assert said.startswith(f"  {section}: {name!r} can be no name; ")


def test_a_name_that_only_a_scale_has_is_a_name_too():
    raw = copy.deepcopy(RAW)
    raw["scales"]["smoke"]["datasets"]["$(touch f)"] = RAW["datasets"]["folder"]
    assert "  scales.smoke.datasets: '$(touch f)' can be no name; " in told(raw)


# Numbers.


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "1.e-3", "+.1e-2", "0.001", "1.0e-3"])
def test_a_number_is_read_however_it_is_written(text, tmp_path):
    """YAML 1.1 takes 1e-3 for a word."""
    project = write_project(tmp_path, raw_with("experiments.monophonic.training.learning_rate", 7))
    path = project / config.PARAMS
    path.write_text(path.read_text().replace("learning_rate: 7", f"learning_rate: {text}"))
    training = config.load(path, SCHEMA)["experiments"]["monophonic"]["training"]
    assert training["learning_rate"] == 0.001 and type(training["learning_rate"]) is float


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1e-3"])
def test_what_is_no_number_is_named(value):
    path = "experiments.monophonic.training.learning_rate"
    assert f"  {path}: {value!r} is not of type 'number'" in complaint(path, value)


def test_a_count_is_a_whole_number():
    path = "experiments.monophonic.training.epochs"
    assert f"  {path}: 7.0 is not of type 'integer'" in complaint(path, 7.0)


def test_changes_of_one_run_are_in_force(tmp_path):
    """As of `snakemake --config scale=smoke`."""
    path = write_project(tmp_path) / config.PARAMS
    found = config.load(path, SCHEMA, changes={"scale": "smoke", "dataset": "asap"})
    assert found == config.resolve(RAW | {"scale": "smoke", "dataset": "asap"}, SCHEMA)


def test_files_that_hold_no_parameters(tmp_path):
    path = tmp_path / "params.yaml"
    with pytest.raises(InputError, match=r"params\.yaml: No such file"):
        config.load(path, SCHEMA)
    for content in (b"", b"- a\n- b\n", b"a: [\n", b"a: \xff\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"params\.yaml"):
            config.load(path, SCHEMA)
