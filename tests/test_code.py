"""Which code each job depends on."""

from pathlib import Path

import pytest

from neuralmusic.__main__ import VERBS
from neuralmusic.code import PACKAGE, code_of
from neuralmusic.datasets import DATASETS
from neuralmusic.models import MODELS
from neuralmusic.representations import REPRESENTATIONS


def names(files) -> set[str]:
    return {file.relative_to(PACKAGE).as_posix() for file in files}


@pytest.mark.parametrize(
    "verb", [verb for verb in VERBS if verb not in ("compare", "sweep", "datasets", "measures")]
)
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
        (REPRESENTATIONS, ("encode", "train", "sample"), "representation"),
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


def test_an_edit_of_a_representation_concerns_that_one_only_but_for_what_they_share():
    code = {name: names(code_of("encode", representation=name)) for name in REPRESENTATIONS}
    for name, files in code.items():
        assert f"representations/{name}.py" in files
        assert "representations/decoded.py" in files
        others = {f"representations/{other}.py" for other in REPRESENTATIONS if other != name}
        assert not others & files


def test_what_a_step_is_concerns_all_that_a_model_does():
    for verb in ("train", "sample", "score"):
        assert {"vocabulary.py", "likelihood.py"} <= names(code_of(verb))
    assert not {"vocabulary.py"} & names(code_of("encode"))


def test_an_edit_of_the_sampler_leaves_alone_what_no_model_sampled():
    for verb in ("sample_real", "sample_folder"):
        assert {"sampled.py", "sample_real.py", "midi_writing.py"} <= names(code_of(verb))
        assert not {"sample.py", "likelihood.py", "vocabulary.py"} & names(code_of(verb))
    assert not {"sample_real.py", "sample_folder.py"} & names(code_of("sample"))
    assert {"sample.py", "sampled.py"} <= names(code_of("sample"))


def test_an_edit_of_sampling_or_of_tables_trains_nothing():
    train = names(code_of("train", family="rnn"))
    assert {"train.py", "likelihood.py", "seeds.py"} <= train
    assert not {"sample.py", "score.py", "evaluate.py", "tables.py", "prepare.py"} & train
    assert not {"describe.py", "figures.py"} & train
    assert {"description.py", "tempo.py", "plots/corpus.py"} <= names(code_of("describe"))
    assert "tables.py" in names(code_of("tabulate"))
    assert "figures.py" not in names(code_of("tabulate"))
