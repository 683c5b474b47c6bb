"""Which code each job depends on."""

from pathlib import Path

import pytest
import yaml

from neuralmusic import code
from neuralmusic.__main__ import VERBS
from neuralmusic.code import COSTLY, MODULES, PACKAGE, WITHOUT_EFFECT, code_of
from neuralmusic.datasets import DATASETS
from neuralmusic.models import MODELS
from neuralmusic.representations import REPRESENTATIONS
from tests.tiny import ROOT

NO_JOBS = ("compare", "sweep", "datasets", "measures")
FAMILY, REPRESENTATION = next(iter(MODELS)), next(iter(REPRESENTATIONS))


def names(files) -> set[str]:
    return {file.relative_to(PACKAGE).as_posix() for file in files}


def test_every_verb_that_jobs_run_has_its_code():
    assert set(VERBS) - set(NO_JOBS) == {verb.partition("_")[0] for verb in MODULES}
    assert set(COSTLY) < set(MODULES)


@pytest.mark.parametrize("verb", MODULES)
def test_the_code_of_a_verb_exists_and_has_the_verbs_module(verb):
    files = code_of(verb)
    assert files == sorted(set(files))
    assert all(file.is_file() and not file.is_absolute() for file in files), files
    assert f"{MODULES[verb]}.py" in names(files)
    if verb in COSTLY:  # to which a new entry of a registry is nothing
        assert "__init__.py" not in {file.name for file in files}


@pytest.mark.parametrize("name", [*MODELS, *REPRESENTATIONS, *DATASETS])
def test_what_is_registered_is_code_of_its_jobs(name):
    for registry, verbs, kind in (
        (MODELS, ("train", "sample", "score"), "family"),
        (REPRESENTATIONS, ("encode", "train", "sample", "score"), "representation"),
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
    found = {name: names(code_of("encode", representation=name)) for name in REPRESENTATIONS}
    for name, files in found.items():
        assert f"representations/{name}.py" in files
        assert "representations/decoded.py" in files
        others = {f"representations/{other}.py" for other in REPRESENTATIONS if other != name}
        assert not others & files


def test_what_a_step_is_concerns_all_that_a_model_does():
    for verb in ("train", "sample", "score"):
        assert {"vocabulary.py", "likelihood.py", "checkpoint.py"} <= names(code_of(verb))
    assert not {"vocabulary.py"} & names(code_of("encode"))


def test_an_edit_of_the_sampler_leaves_alone_what_no_model_sampled():
    for verb in ("sample_real", "sample_folder"):
        assert {"sampled.py", "sample_real.py", "midi_writing.py"} <= names(code_of(verb))
        assert not {"sample.py", "likelihood.py", "vocabulary.py"} & names(code_of(verb))
    assert not {"sample_real.py", "sample_folder.py"} & names(code_of("sample"))
    assert {"sample.py", "sampled.py"} <= names(code_of("sample"))


def test_an_edit_of_sampling_or_of_tables_trains_nothing():
    train = names(code_of("train", family="rnn"))
    assert {"train.py", "likelihood.py", "seeds.py", "device.py"} <= train
    assert not {"sample.py", "score.py", "evaluate.py", "tables.py", "files.py"} & train
    assert not {"describe.py", "figures.py", "jobs.py", "config.py"} & train
    assert {"description.py", "tempo.py", "plots/corpus.py"} <= names(code_of("describe"))
    assert "tables.py" in names(code_of("tabulate"))
    assert "figures.py" not in names(code_of("tabulate"))


def test_what_is_imported_from_a_package_is_code_too():
    """`from neuralmusic.measures import structure` was overlooked."""
    measures = {path.name for path in (PACKAGE / "measures").glob("*.py")}
    rank = names(code_of("rank", representation=REPRESENTATION))
    assert {f"measures/{name}" for name in measures} <= rank
    assert {"jobs.py", "page.html", "report.html"} <= names(code_of("report"))


def test_a_source_concerns_its_own_fetch_and_the_report():
    for source in DATASETS:
        (own,) = [Path(DATASETS[source].__file__).name]
        for verb in MODULES:
            given = {"source": source} if verb == "fetch" else {}
            assert (f"datasets/{own}" in names(code_of(verb, **given))) == (
                verb in ("fetch", "report")
            )


def test_each_exception_is_of_modules_that_its_verbs_would_depend_on():
    for verbs, modules, reason in WITHOUT_EFFECT:
        assert reason and verbs and set(verbs) <= set(MODULES)
        imported = code.reached({"__main__", *(MODULES[verb] for verb in verbs)})
        assert set(modules) <= imported, modules


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of its own, in the place of the project's."""
    home = tmp_path / "src/made_up"
    files = {
        "__init__.py": "from made_up import always",
        "verb.py": "import os\nfrom made_up.within import relative as other\nimport made_up.plain",
        "plain.py": "def later():\n    if os:\n        from made_up import in_function",
        "in_function.py": "try:\n    import made_up.deep.er.est as short\nexcept Exception: pass",
        "always.py": "import typing\nif typing.TYPE_CHECKING:\n    import made_up.typed",
        "typed.py": "",
        "unused.py": "import made_up.verb",
        "deep/__init__.py": "",
        "deep/er/__init__.py": "from .. import of_parent",
        "deep/er/est.py": 'PAGE = "page.html"',
        "deep/of_parent.py": "",
        "within/__init__.py": "from . import beside",
        "within/relative.py": "from .beside import *\nfrom ..sibling import name as other_name",
        "within/beside.py": "",
        "sibling.py": "name = 1",
        "page.html": '{% include "part.html" %}',
        "part.html": "",
        "other.html": "",
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    monkeypatch.syspath_prepend(home.parent)
    monkeypatch.setattr(code, "NAME", "made_up")
    monkeypatch.setattr(code, "PACKAGE", home)
    for cached in (code._imports, code._other_files):
        cached.cache_clear()
    yield home
    for cached in (code._imports, code._other_files):
        cached.cache_clear()


def test_no_way_to_import_is_overlooked(package, tmp_path):
    found = names_in(package, code.files_of(code.reached({"verb"})))
    unused = {"typed.py", "unused.py", "other.html"}
    assert found == {p.relative_to(package).as_posix() for p in package.rglob("*.*")} - unused
    assert sorted(tmp_path.iterdir()) == [tmp_path / "src"]  # nothing is written, as a cache is
    assert list((tmp_path / "src").iterdir()) == [package]


def test_what_lies_behind_an_exception_or_a_closed_registry_does_not_count(package):
    assert "in_function" in code.reached({"verb"})
    assert not {"plain", "in_function", "deep"} & code.reached({"verb"}, {"plain"})
    (package / "within/__init__.py").write_text(
        "from made_up.within import beside\nimport made_up.sibling"
    )
    code._imports.cache_clear()
    (package / "verb.py").write_text("import made_up.within")
    assert {"within.beside", "sibling"} <= code.reached({"verb"})
    closed = code.reached({"verb"}, frozenset(), {"within"})
    assert "within" in closed and "sibling" in closed and "within.beside" not in closed


def names_in(home: Path, files) -> set[str]:
    return {file.relative_to(home).as_posix() for file in files}


# DVC.


def test_dvc_asks_snakemake_whenever_any_of_a_stages_code_is_edited():
    """Coarser than what jobs depend on: within a stage Snakemake decides."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    package = PACKAGE.resolve().relative_to(ROOT).as_posix()
    for stage in stages.values():
        assert {package, "Snakefile", "workflow"} <= set(stage["deps"])
