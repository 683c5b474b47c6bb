"""Which parameters each job depends on."""

import copy

import pytest

from neuralmusic import config, jobs
from neuralmusic.checkpoint import build_model
from neuralmusic.files import InputError
from neuralmusic.models.model import Counted
from tests import tiny
from tests.edited import edited, resolved_with
from tests.tiny import ENTRIES, EXPERIMENTS, PARAMS, RAW, SAMPLED_ANEW, SCHEMA, TRAINED

REPORT = ("report", "report")
# What of a change of one model's own numbers is its jobs': training, and all that follows.
ALL_VERBS = set(jobs.MODEL_FOLDERS)


def changed_jobs(after: dict, before: dict = PARAMS) -> set[tuple[str, str]]:
    """The jobs, of those before and after, whose parameters differ; the report's always do."""
    old, new = jobs.all_jobs(before), jobs.all_jobs(after)
    assert REPORT not in new or old[REPORT] != new[REPORT] or before == after
    return {job for job in {*old, *new} - {REPORT} if old.get(job) != new.get(job)}


def of(verbs, experiment: str, models) -> set[tuple[str, str]]:
    return {(verb, f"{experiment}/{model}") for verb in verbs for model in models}


def of_model(verbs, experiment: str, model: str) -> set[tuple[str, str]]:
    """Such jobs of all runs of a model; with those of all verbs its probe, where it has one."""
    own = EXPERIMENTS[experiment]
    found = of(verbs, experiment, jobs.runs_of(own, model))
    if set(verbs) == ALL_VERBS and model in jobs.probed_models(own):
        found |= of({"probe"}, experiment, [model])
    return found


def comparing(*experiments: str) -> set[str]:
    """The verbs that compare the models of experiments; not all experiments have figures."""
    is_drawn = any(of in experiments for _, of in jobs.FIGURES.values())
    return {"rank", "tabulate", "judge", *(["draw"] if is_drawn else [])}


def sampling_anew(experiment: str) -> list[str]:
    """The experiments that sample the models of one."""
    return [e for e in SAMPLED_ANEW if EXPERIMENTS[e]["weights_of"] == experiment]


def verbs_of(found: set[tuple[str, str]]) -> set[str]:
    return {verb for verb, _ in found}


@pytest.mark.parametrize(("experiment", "model"), ENTRIES)
def test_a_models_setting_is_in_that_models_jobs_only(experiment, model):
    settings = PARAMS["experiments"][experiment]["models"][model]["settings"]
    for key, value in settings.items():
        other = not value if isinstance(value, bool) else "other"
        other = value + 1 if type(value) in (int, float) else other
        after = edited("experiments", experiment, "models", model, "settings", key, value=other)
        assert changed_jobs(after) == of_model(ALL_VERBS, experiment, model)


@pytest.mark.parametrize(("experiment", "model"), ENTRIES)
def test_a_models_training_is_in_that_models_jobs_only(experiment, model):
    after = edited("experiments", experiment, "models", model, "training", "epochs", value=77)
    assert changed_jobs(after) == of_model(ALL_VERBS, experiment, model)


@pytest.mark.parametrize(("experiment", "model"), ENTRIES)
def test_how_a_model_is_sampled_trains_and_scores_nothing(experiment, model):
    keys = ("temperature", "top_k", "top_p", "threshold", "grammar", "max_steps_per_second")
    for key in keys:
        after = edited("experiments", experiment, "models", model, "sampling", key, value=0.5)
        assert changed_jobs(after) == of_model({"sample"}, experiment, model)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("key", ["seconds", "max_note_seconds"])
def test_how_long_pieces_and_notes_are_is_true_of_real_ones_too(experiment, key):
    after = edited("experiments", experiment, "sampling", key, value=7)
    found = changed_jobs(after)
    assert of({"sample"}, experiment, ["real"]) <= found
    assert verbs_of(found) == {"sample", "evaluate", *comparing(experiment)}


def test_how_sets_are_compared_is_in_what_compares_them():
    after = edited("experiments", "monophonic", "evaluation", "resamples", value=77)
    assert verbs_of(changed_jobs(after)) == {"rank", "tabulate", "judge", "draw"}


@pytest.mark.parametrize(("experiment", "model"), ENTRIES)
def test_a_model_removed_changes_the_tables_and_no_other_model(experiment, model):
    after = copy.deepcopy(PARAMS)
    del after["experiments"][experiment]["models"][model]
    found = changed_jobs(after)
    of_tables = {name: jobs.experiments_of(name, PARAMS) for name in jobs.TABLES}
    tables = {("tabulate", name) for name, of in of_tables.items() if experiment in of}
    figures = {("draw", name) for name, (_, of) in jobs.FIGURES.items() if of == experiment}
    gone = of_model(ALL_VERBS, experiment, model)
    assert found == gone | tables | figures | {("rank", experiment), ("judge", "claims")}
    assert not gone & set(jobs.all_jobs(after))


# Models of several seeds.


def test_a_run_has_a_name_of_its_own_and_the_first_the_models():
    own = {"models": {"basic": {"family": "rnn"}, "m": {"family": "markov"}}, "seeds": 3}
    assert jobs.runs_of(own, "basic") == ["basic", "basic.2", "basic.3"]
    assert jobs.runs_of(own, "m") == ["m"]
    assert jobs.all_runs(own) == ["basic", "basic.2", "basic.3", "m"]
    assert [jobs.model_of(run) for run in jobs.all_runs(own)] == ["basic"] * 3 + ["m"]


@pytest.mark.parametrize(("experiment", "model"), ENTRIES)
def test_the_models_that_have_one_run_are_those_that_are_counted(experiment, model):
    own = EXPERIMENTS[experiment] | {"seeds": 2}
    is_counted = isinstance(build_model(tiny.job(model, experiment)), Counted)
    assert len(jobs.runs_of(own, model)) == (1 if is_counted else 2)


@pytest.mark.parametrize("experiment", TRAINED)
def test_more_seeds_are_jobs_of_their_own_and_change_no_other(experiment):
    seeds = EXPERIMENTS[experiment]["seeds"] + 1
    after = resolved_with(f"experiments.{experiment}.seeds", seeds)
    found = changed_jobs(after)
    models = EXPERIMENTS[experiment]["models"]
    runs = [f"{model}.{seeds}" for model in models if models[model]["family"] != "markov"]
    new = of(ALL_VERBS, experiment, runs)
    for other in sampling_anew(experiment):
        new |= of({"sample", "evaluate"}, other, runs)
    assert verbs_of(found - new) == comparing(experiment, *sampling_anew(experiment))
    assert new == found & set(jobs.all_jobs(after)) - set(jobs.all_jobs(PARAMS))
    tables = {("tabulate", n) for n in jobs.TABLES if experiment in jobs.experiments_of(n, PARAMS)}
    assert {item for item in found if item[0] == "tabulate"} == tables


def test_a_run_differs_from_the_first_in_its_name_alone():
    after = resolved_with("experiments.monophonic.seeds", 2)
    for verb in jobs.MODEL_FOLDERS:
        first, second = (
            jobs.model_parameters(after, "monophonic", run, verb) for run in ("emb", "emb.2")
        )
        assert first == jobs.model_parameters(PARAMS, "monophonic", "emb", verb)
        assert second == first | {"model": "emb.2"}
    _, copied = jobs.all_jobs(after)["train", "monophonic/emb.2"]
    assert copied == "results/models/monophonic/emb.2/params.json"


def test_what_compares_models_knows_their_runs():
    after = resolved_with("experiments.polyphonic_events.seeds", 2)
    given, _ = jobs.all_jobs(after)["tabulate", "grammar"]
    for experiment in ("polyphonic_events", "polyphonic_grammar"):
        runs = given["experiments"][experiment]["runs"]
        assert runs["emb"] == ["emb", "emb.2"] and runs["markov"] == ["markov"]


# An experiment that samples another's models.


@pytest.mark.parametrize("experiment", SAMPLED_ANEW)
def test_models_of_another_experiment_are_neither_trained_nor_scored_again(experiment):
    found = jobs.all_jobs(PARAMS)
    own = {(verb, job) for verb, job in found if job.startswith(f"{experiment}/")}
    models = EXPERIMENTS[experiment]["models"]
    assert own == of({"sample", "evaluate"}, experiment, [*models, "real", "source"])
    base = EXPERIMENTS[experiment]["weights_of"]
    corpora = [job for verb, job in found if verb == "encode"]
    assert corpora == list({jobs.corpus_of(EXPERIMENTS[e]): None for e in TRAINED})
    for model in models:
        given, _ = found["sample", f"{experiment}/{model}"]
        of_base, copied = found["sample", f"{base}/{model}"]
        assert given["trained_in"] == of_base["trained_in"] == base
        assert {k for k in given if given[k] != of_base[k]} == {"experiment", "sampling"}
        assert copied == f"results/samples/{base}/{model}/params.json"


@pytest.mark.parametrize("experiment", SAMPLED_ANEW)
def test_a_changed_training_of_the_base_samples_both_anew(experiment):
    base = EXPERIMENTS[experiment]["weights_of"]
    models = EXPERIMENTS[base]["models"]
    after = resolved_with(f"experiments.{base}.training.epochs", 77)
    anew = of({"sample", "evaluate"}, experiment, models)
    assert changed_jobs(after) == of(ALL_VERBS, base, models) | anew
    for model in models:
        before, now = (
            jobs.model_parameters(params, experiment, model, "sample") for params in (PARAMS, after)
        )
        assert now == before | {"training": before["training"] | {"epochs": 77}}


@pytest.mark.parametrize("experiment", SAMPLED_ANEW)
def test_how_anothers_models_are_sampled_samples_only_them_anew(experiment):
    models = EXPERIMENTS[experiment]["models"]
    for key, value in RAW["experiments"][experiment]["sampling"].items():
        other = not value if isinstance(value, bool) else value / 2
        after = resolved_with(f"experiments.{experiment}.sampling.{key}", other)
        assert changed_jobs(after) == of({"sample"}, experiment, models)
    base = EXPERIMENTS[experiment]["weights_of"]
    after = resolved_with(f"experiments.{base}.sampling.max_steps_per_second", 777)
    assert changed_jobs(after) == of({"sample"}, experiment, models) | of({"sample"}, base, models)


@pytest.mark.parametrize("experiment", SAMPLED_ANEW)
def test_without_the_experiment_that_samples_anew_all_else_is_as_it_was(experiment):
    raw = copy.deepcopy(RAW)
    del raw["experiments"][experiment]
    after = config.resolve(raw, SCHEMA)
    found = changed_jobs(after)
    models = [*EXPERIMENTS[experiment]["models"], "real", "source"]
    assert of({"sample", "evaluate"}, experiment, models) <= found
    rest = found - of({"sample", "evaluate"}, experiment, models)
    assert verbs_of(rest) == comparing(experiment)


@pytest.mark.parametrize("key", ["device", "threads"])
def test_where_models_compute_is_in_their_jobs(key):
    found = changed_jobs(edited(key, value=7))
    for experiment, model in ENTRIES:
        assert of_model(ALL_VERBS, experiment, model) <= found
    assert not {verb for verb, _ in found} & {"fetch", "convert", "split", "encode"}


def test_the_seed_splits_anew_and_converts_nothing():
    verbs = verbs_of(changed_jobs(edited("seed", value=7)))
    assert {"split", "train", "sample", "tabulate"} <= verbs
    assert not verbs & {"fetch", "convert", "encode"}


def test_a_datasets_number_is_in_the_job_that_uses_it():
    for name in ("ryans_mammoth", "bach_chorales"):
        assert changed_jobs(edited("datasets", name, "max_pieces", value=7)) == {("fetch", name)}
        after = edited("datasets", name, "time", value="seconds")
        ranked = {("rank", e) for e, own in EXPERIMENTS.items() if own["dataset"] == name}
        assert changed_jobs(after) == {("convert", name), ("describe", name), *ranked}
    unused = edited("datasets", "folder", "path", value="nowhere")  # by no experiment
    assert changed_jobs(unused) == set()


def test_stretches_are_encoded_and_trained_on():
    """They change the corpus and how it is read, and nothing before."""
    raw = copy.deepcopy(RAW)
    for experiment in ("polyphonic_events", "attention"):  # which share their encoded corpus
        raw["experiments"][experiment]["representation"]["stretches"] = [0.95, 1.0, 1.05]
    found = changed_jobs(config.resolve(raw, SCHEMA))
    assert ("encode", "bach_chorales.events") in found
    assert ("encode", "bach_chorales.pianoroll") not in found
    assert of({"train"}, "polyphonic_events", EXPERIMENTS["polyphonic_events"]["models"]) <= found
    assert not verbs_of(found) & {"fetch", "convert", "split"}
    assert not {job for _, job in found if job.startswith(("monophonic", "polyphonic_pianoroll"))}


def test_every_corpus_is_encoded_once():
    encoded = {
        job: given for (verb, job), (given, _) in jobs.all_jobs(PARAMS).items() if verb == "encode"
    }
    assert set(encoded) == {jobs.corpus_of(own) for own in EXPERIMENTS.values()}
    for own in EXPERIMENTS.values():
        assert encoded[jobs.corpus_of(own)] == {"representation": own["representation"]}


def test_the_users_missing_folder_is_named():
    after = edited("experiments", "monophonic", "dataset", value="folder")
    after["datasets"]["folder"]["path"] = "nowhere"
    with pytest.raises(InputError, match=r"datasets\.folder: .*nowhere"):
        jobs.all_jobs(after)


# Which experiments a table or figure is of.


def with_experiments(*names: str) -> dict:
    return PARAMS | {"experiments": {name: EXPERIMENTS[name] for name in names}}


def test_a_table_is_of_its_experiments_of_those_that_there_are():
    assert jobs.experiments_of("table_5_1", PARAMS) == ["monophonic"]
    both = ["polyphonic_events", "polyphonic_pianoroll"]
    assert jobs.experiments_of("table_5_4", PARAMS) == both
    one = with_experiments("monophonic", "polyphonic_pianoroll")
    assert jobs.experiments_of("table_5_4", one) == ["polyphonic_pianoroll"]
    assert jobs.experiments_of("heldout_nll", PARAMS) == list(EXPERIMENTS)
    assert jobs.experiments_of("heldout_nll", one) == ["monophonic", "polyphonic_pianoroll"]
    assert jobs.experiments_of("table_5_4", with_experiments("monophonic")) == []
    with pytest.raises(InputError, match="table_9_9"):
        jobs.experiments_of("table_9_9", PARAMS)


def test_a_table_of_another_way_of_sampling_holds_it_against_the_plain_one():
    """In the order of params.yaml, wherever the other one stands."""
    assert jobs.experiments_of("grammar", PARAMS) == ["polyphonic_events", "polyphonic_grammar"]
    turned = with_experiments("polyphonic_grammar", "monophonic", "polyphonic_events")
    assert jobs.experiments_of("grammar", turned) == ["polyphonic_grammar", "polyphonic_events"]


def test_an_experiment_samples_its_own_models_or_anothers():
    for name in TRAINED:
        assert jobs.trained_in(name, PARAMS) == name
    assert jobs.trained_in("polyphonic_grammar", PARAMS) == "polyphonic_events"


def test_tables_and_figures_are_those_of_the_experiments_that_there_are():
    assert jobs.table_names(PARAMS) == list(jobs.TABLES)
    assert jobs.figure_names(PARAMS) == list(jobs.FIGURES)
    one = with_experiments("monophonic")
    of_all = {name for name, of in jobs.TABLES.items() if not of}
    assert set(jobs.table_names(one)) == {"table_5_1", "table_5_2", "table_5_3"} | of_all
    figures = {"figure_5_2", "figure_5_3", "figure_5_5", "figure_5_6"}
    ranked = ("ranking", "differences", "measures_agree")
    figures |= {f"{kind}_monophonic" for kind in ranked}
    assert set(jobs.figure_names(one)) == figures
    found = jobs.all_jobs(one)
    assert {job for verb, job in found if verb == "tabulate"} == set(jobs.table_names(one))
    assert {job for verb, job in found if verb == "draw"} == figures


def test_a_table_or_figure_depends_on_its_experiments_and_on_no_other():
    after = edited("experiments", "polyphonic_pianoroll", "evaluation", "min_seconds", value=1)
    tables = {"table_5_4", "table_5_5", "table_5_6"} | {
        n for n, of in jobs.TABLES.items() if not of
    }
    figures = {n for n, (_, of) in jobs.FIGURES.items() if of == "polyphonic_pianoroll"}
    compared = {("tabulate", name) for name in tables} | {("draw", name) for name in figures}
    compared |= {("rank", "polyphonic_pianoroll"), ("judge", "claims")}
    # Samples are measured up to the lengths of the real pieces that are long enough.
    runs = jobs.all_runs(PARAMS["experiments"]["polyphonic_pianoroll"])
    compared |= {("evaluate", f"polyphonic_pianoroll/{run}") for run in runs}
    assert changed_jobs(after) == compared
