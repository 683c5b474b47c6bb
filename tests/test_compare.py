"""Resampling against slow loops, intervals against simulations, sets with too little in them."""

import numpy as np
import pandas as pd
import pytest

from neuralmusic import compare
from neuralmusic import estimate as estimates
from neuralmusic.estimate import Estimate, resample_weights
from neuralmusic.files import InputError
from neuralmusic.measures.distances import kl_divergence
from neuralmusic.notes import NoteList
from tests.constructed import drawn, melody, metric_set, params, resampled, write_metrics

MODEL, REAL = drawn(0, 7, tilt=1.0), drawn(1, 5)


def copies(weights, items):
    """A resample written out: every item as often as it was drawn."""
    return [item for count, item in zip(weights, items, strict=True) for _ in range(int(count))]


def test_resamples_are_drawn_by_seed_and_label_alone():
    weights = resample_weights(7, "monophonic/emb", 30, 50)
    assert weights.shape == (50, 30)
    assert (weights.sum(axis=1) == 30).all()
    assert (weights == resample_weights(7, "monophonic/emb", 30, 50)).all()
    assert (weights != resample_weights(7, "monophonic/attn", 30, 50)).any()
    assert (weights != resample_weights(8, "monophonic/emb", 30, 50)).any()


def test_one_piece_cannot_be_resampled():
    assert np.isnan(resample_weights(7, "a", 1, 3)).all()
    assert resample_weights(7, "a", 0, 3).shape == (3, 0)


def test_kl_equals_a_slow_loop():
    model, real = resampled(MODEL, "model", 20), resampled(REAL, "real", 20)
    estimate = compare.transition_kl(real, model)
    for b in range(20):
        pooled = [sum(copies(of.weights[b], of.metrics.transition_counts)) for of in (real, model)]
        assert estimate.resamples[b] == pytest.approx(float(kl_divergence(*pooled)))
    pooled = [of.metrics.transition_counts.sum(axis=0) for of in (real, model)]
    assert estimate.value == pytest.approx(float(kl_divergence(*pooled)))


def test_inter_set_distance_equals_a_slow_loop():
    model, real = resampled(MODEL, "model", 20), resampled(REAL, "real", 20)
    estimate = compare.inter_set_distance(model, real)
    for b in range(20):
        first = copies(model.weights[b], model.metrics.pitch_per_minute)
        second = copies(real.weights[b], real.metrics.pitch_per_minute)
        slow = np.mean([np.linalg.norm(x - y) for x in first for y in second])
        assert estimate.resamples[b] == pytest.approx(slow)


def test_intra_set_distance_equals_a_slow_loop_over_different_pieces():
    model = resampled(MODEL, "model", 20)
    estimate = compare.intra_set_distance(model)
    histograms = model.metrics.pitch_per_minute
    for b in range(20):
        drawn_pieces = copies(model.weights[b], range(len(MODEL)))
        slow = [
            np.linalg.norm(histograms[i] - histograms[j])
            for i in drawn_pieces
            for j in drawn_pieces
            if i != j
        ]
        assert estimate.resamples[b] == pytest.approx(np.mean(slow))
    assert estimate.resamples.mean() == pytest.approx(estimate.value, rel=0.1)


def test_mean_over_pieces_leaves_undefined_ones_out():
    values = np.array([1.0, np.nan, 3.0, 5.0])
    weights = resample_weights(1, "a", 4, 30)
    estimate = estimates.mean_over_pieces(values, weights)
    assert estimate.value == 3.0
    for b in range(30):
        chosen = [v for v in copies(weights[b], values) if np.isfinite(v)]
        expected = np.mean(chosen) if chosen else np.nan
        assert estimate.resamples[b] == pytest.approx(expected, nan_ok=True)


def test_ratio_of_sums_is_no_mean_of_ratios():
    estimate = estimates.ratio_of_sums(
        np.array([10.0, 2.0]), np.array([10.0, 1.0]), resample_weights(1, "a", 2, 10)
    )
    assert estimate.value == pytest.approx(12 / 11)
    assert set(np.round(estimate.resamples, 9)) <= {1.0, round(12 / 11, 9), 2.0}


def test_the_interval_holds_the_value_and_stays_within_its_limits():
    resamples = np.linspace(2, 4, 101)  # as a KL divergence does, above the value
    low, high = Estimate(1.0, resamples).interval()
    assert (low, high) == (pytest.approx(1 - 0.95), pytest.approx(1 + 0.95))
    assert Estimate(0.5, resamples, (0, np.inf)).interval()[0] == 0.0
    skewed = Estimate(0.0, np.array([0.0] * 99 + [1000.0]))
    assert skewed.interval()[0] <= 0.0 <= skewed.interval()[1]


def test_for_a_mean_the_interval_is_the_percentile_interval():
    generator = np.random.default_rng(0)
    values = generator.normal(size=100)
    estimate = estimates.mean_over_pieces(values, resample_weights(1, "a", 100, 4000))
    assert estimate.interval() == pytest.approx(estimate.percentile_interval(), abs=0.01)


def test_an_undefined_value_has_no_interval():
    for estimate in (
        Estimate(np.nan, np.ones(9)),
        Estimate(1.0, np.full(9, np.nan)),
        Estimate(1.0, np.array([1.0, np.nan, np.nan])),
        Estimate(1.0, np.zeros(0)),
    ):
        assert np.isnan(estimate.interval()).all()
        assert np.isnan(estimate.percentile_interval()).all()
        assert estimates.excludes_zero(estimate) == 0


def test_limits_scale_with_the_value():
    share = Estimate(0.9, np.linspace(0.6, 1.2, 50), (0.0, 1.0)) * 10
    assert share.value == 9.0 and share.interval()[1] == 10.0


def test_coverage_of_a_mean_and_of_a_paired_difference():
    generator = np.random.default_rng(3)
    hits = np.zeros(2)
    repeats = 300
    for repeat in range(repeats):
        weights = resample_weights(repeat, "a", 40, 200)
        shared = generator.gamma(2, size=40)
        first = estimates.mean_over_pieces(shared, weights)
        second = estimates.mean_over_pieces(shared + generator.normal(0.2, 0.1, 40), weights)
        for index, (estimate, truth) in enumerate(((first, 2.0), (second - first, 0.2))):
            low, high = estimate.interval()
            hits[index] += low <= truth <= high
    assert (hits / repeats > 0.89).all() and (hits / repeats < 0.985).all(), hits / repeats


def test_coverage_of_an_inter_set_distance():
    generator = np.random.default_rng(4)

    def pieces(count, label):
        metrics = metric_set([melody([60])] * 2)
        metrics = metrics.select(np.zeros(count, dtype=int))
        metrics.pitch_counts[:, :3] = generator.normal(0, 1, (count, 3)) + (label == "model")
        return compare.Resampled(metrics, resample_weights(len(values), label, count, 200))

    values, intervals = [], []
    for _ in range(200):
        estimate = compare.inter_set_distance(pieces(40, "model"), pieces(30, "real"))
        values.append(estimate.value)
        intervals.append(estimate.interval())
    low, high = np.array(intervals).T
    coverage = ((low <= np.mean(values)) & (np.mean(values) <= high)).mean()
    assert 0.89 < coverage < 0.99, coverage


def test_coverage_of_a_kl_divergence_at_the_number_of_pieces():
    generator = np.random.default_rng(5)
    base = generator.dirichlet(np.full(144, 0.7)) * 30 + 1e-3
    template = metric_set([melody([60])] * 2)

    def pieces(count, label, seed):
        metrics = template.select(np.zeros(count, dtype=int))
        counts = generator.multinomial(100, generator.dirichlet(base, count))
        metrics.transition_counts[:] = counts
        return compare.Resampled(metrics, resample_weights(seed, label, count, 200))

    values, intervals, percentile = [], [], []
    for seed in range(120):
        estimate = compare.transition_kl(pieces(30, "real", seed), pieces(60, "model", seed))
        values.append(estimate.value)
        intervals.append(estimate.interval())
        percentile.append(np.quantile(estimate.resamples, 0.025) > estimate.value)
    low, high = np.array(intervals).T
    assert ((low <= np.mean(values)) & (np.mean(values) <= high)).mean() > 0.93
    assert np.mean(percentile) > 0.9  # why the interval is recentred


def test_models_are_paired_on_the_real_pieces():
    real = resampled(drawn(1, 6, spread=2.0), "real")
    first, second = (resampled(drawn(s, 40), f"model {s}") for s in (2, 3))
    a, b = (compare.inter_set_distance(model, real) for model in (first, second))
    assert (a - b).resamples.std() < 0.5 * np.hypot(a.resamples.std(), b.resamples.std())


def test_mean_of_is_taken_resample_by_resample():
    a, b = Estimate(1.0, np.array([0.0, 3.0])), Estimate(2.0, np.array([2.0, 1.0]))
    mean = estimates.mean_of([a, b])
    assert mean.value == 1.5 and mean.resamples.tolist() == [1.0, 2.0]


def test_the_mean_of_estimates_keeps_within_their_limits():
    share = Estimate(0.01, np.linspace(0, 0.5, 50), (0.0, 1.0))
    assert estimates.mean_of([share, share]).interval()[0] == 0.0
    assert estimates.mean_of([share, Estimate(1.0, np.ones(50))]).limits == (-np.inf, np.inf)


def test_estimates_are_divided_resample_by_resample_and_lessened_by_a_number():
    a, b = Estimate(1.0, np.array([0.0, 3.0])), Estimate(2.0, np.array([2.0, 0.0]))
    quotient = a / b
    assert quotient.value == 0.5 and quotient.resamples[0] == 0 and np.isnan(quotient.resamples[1])
    less = Estimate(0.25, np.array([0.25, 0.5]), (0.0, 1.0)) - 0.25
    assert less.value == 0 and less.resamples.tolist() == [0, 0.25]
    assert less.limits == (-0.25, 0.75)


def test_a_chosen_difference_needs_a_wider_interval():
    estimate = Estimate(0.0, np.linspace(-1, 1, 1001))
    assert estimate.interval() == pytest.approx((-0.95, 0.95))
    assert estimate.interval(choices=5) == pytest.approx((-0.99, 0.99))


def test_best_of_marks_what_cannot_be_told_from_the_best():
    spread = np.linspace(-1, 1, 50)
    scores = {
        "far": Estimate(9.0, 9 + spread[::-1]),
        "near": Estimate(1.1, 1.1 + spread[::-1]),
        "best": Estimate(1.0, 1 + spread),
        "none": Estimate(np.nan, spread * np.nan),
    }
    assert estimates.best_of(scores) == ("best", {"near"})
    assert estimates.best_of({"none": scores["none"]}) == (None, set())


def test_loading_leaves_short_pieces_out_and_counts_them(tmp_path):
    write_metrics(tmp_path, "emb", [melody([60] * 4, 60), melody([62], 19.9), melody([], 20.0)])
    metrics = compare.load_metrics(tmp_path / "metrics" / "monophonic" / "emb", 20)
    assert metrics.name == "emb" and metrics.files == ("0000.mid", "0002.mid")
    assert metrics.left_out == 1 and metrics.under_two_notes == 1
    assert metrics.pitch_per_minute[:, 60].tolist() == [4.0, 0.0]
    assert metrics.character["notes_per_minute"].tolist() == [4.0, 0.0]
    assert metrics.character["lowest_pitch"].tolist() == [60.0, pytest.approx(np.nan, nan_ok=True)]


def test_metrics_say_which_stuck_notes_nobody_counted(tmp_path):
    write_metrics(tmp_path, "emb", [melody([60] * 4), melody([62] * 2)], stuck=[3, None])
    metrics = compare.load_metrics(tmp_path / "metrics" / "monophonic" / "emb", 20)
    assert metrics.notes.tolist() == [4.0, 2.0]
    assert metrics.stuck_notes.tolist() == [3.0, pytest.approx(np.nan, nan_ok=True)]
    turned = metrics.select(np.array([1, 0]))
    assert turned.notes.tolist() == [2.0, 4.0] and turned.stuck_notes[1] == 3.0


def test_metrics_of_before_stuck_notes_were_counted_are_refused(tmp_path):
    write_metrics(tmp_path, "emb", drawn(0, 3))
    path = tmp_path / "metrics" / "monophonic" / "emb" / "pieces.csv"
    pd.read_csv(path).drop(columns="stuck_notes").to_csv(path, index=False)
    with pytest.raises(InputError, match=r"lacks columns \['stuck_notes'\]"):
        compare.load_metrics(path.parent, 20)


def counted(notes, stuck, weights):
    """A set of pieces with so many notes, so many of them stuck."""
    metrics = metric_set([melody([60] * n) for n in notes])
    metrics.stuck_notes[:] = stuck
    return compare.Resampled(metrics, weights)


def test_stuck_note_rate_equals_a_slow_loop_over_the_pieces_where_they_were_counted():
    weights = resample_weights(1, "a", 4, 30)
    rate = compare.stuck_note_rate(counted([10, 20, 5, 40], [5, 2, np.nan, 0], weights))
    assert rate.value == 7 / 70 and rate.limits == (0.0, 1.0)
    for b in range(30):
        drawn_pieces = copies(weights[b], [(10, 5), (20, 2), None, (40, 0)])
        known = [of for of in drawn_pieces if of]
        slow = sum(s for _, s in known) / sum(n for n, _ in known) if known else np.nan
        assert rate.resamples[b] == pytest.approx(slow, nan_ok=True)


@pytest.mark.parametrize(
    ("notes", "stuck", "value"),
    [
        ([], [], np.nan),
        ([0, 0], [0, 0], np.nan),
        ([4, 4], [np.nan, np.nan], np.nan),
        ([4, 4], [1, np.nan], 0.25),
        ([4, 0], [1, 0], 0.25),
    ],
)
def test_a_stuck_note_rate_of_fewer_than_two_pieces_has_no_interval(notes, stuck, value):
    rate = compare.stuck_note_rate(counted(notes, stuck, resample_weights(1, "a", len(notes), 30)))
    assert rate.value == pytest.approx(value, nan_ok=True)
    assert np.isnan(rate.interval()).all()


def test_sets_of_the_same_files_are_paired_and_others_are_not(tmp_path):
    for experiment, pieces in (("polyphonic_events", 7), ("polyphonic_grammar", 6)):
        write_metrics(tmp_path, "emb", drawn(0, pieces), experiment=experiment)
        write_metrics(tmp_path, "real", REAL, experiment=experiment)
    base, other = (
        compare.load_comparison(e, params(["emb"], experiment=e), tmp_path)
        for e in ("polyphonic_events", "polyphonic_grammar")
    )
    assert (other.real.weights != base.real.weights).any()
    paired = compare.paired(other, base)
    assert (paired.real.weights == base.real.weights).all()
    assert (paired.sets["emb"].weights == other.sets["emb"].weights).all()
    assert paired.experiment == "polyphonic_grammar"


def test_a_piece_without_length_is_left_out_whatever_the_minimum(tmp_path):
    write_metrics(tmp_path, "emb", [NoteList.of([]), melody([60])])
    assert len(compare.load_metrics(tmp_path / "metrics" / "monophonic" / "emb", 0)) == 1


def test_the_order_of_rows_does_not_matter(tmp_path):
    folder = tmp_path / "metrics" / "monophonic" / "emb"
    write_metrics(tmp_path, "emb", drawn(0, 6))
    before = compare.load_metrics(folder, 20)
    frame = pd.read_csv(folder / "pieces.csv")
    frame.iloc[::-1].to_csv(folder / "pieces.csv", index=False)
    after = compare.load_metrics(folder, 20)
    assert before.files == after.files
    assert (before.transition_counts == after.transition_counts).all()


def test_missing_or_damaged_metrics_are_named(tmp_path):
    with pytest.raises(InputError, match=r"pieces\.csv is missing"):
        compare.load_metrics(tmp_path, 20)
    (tmp_path / "pieces.csv").write_text("file,notes\na,1\n")
    with pytest.raises(InputError, match="lacks columns"):
        compare.load_metrics(tmp_path, 20)
    (tmp_path / "pieces.csv").write_text("")
    with pytest.raises(InputError, match=r"pieces\.csv is damaged"):
        compare.load_metrics(tmp_path, 20)


def test_halves_are_disjoint_whole_and_chosen_by_name():
    metrics = metric_set(drawn(0, 11))
    first, second = compare.halves(metrics)
    assert (len(first), len(second)) == (6, 5)
    assert set(first.files) | set(second.files) == set(metrics.files)
    turned, _ = compare.halves(metrics.select(np.arange(11)[::-1]))
    assert set(turned.files) == set(first.files)
    assert set(first.files) != set(metrics.files[:6])
    assert [len(half) for half in compare.halves(metrics.select(np.arange(1)))] == [1, 0]


def test_a_further_model_moves_no_interval(tmp_path):
    write_metrics(tmp_path, "real", REAL)
    write_metrics(tmp_path, "emb", MODEL)
    write_metrics(tmp_path, "new", MODEL)
    alone = compare.load_comparison("monophonic", params(["emb"]), tmp_path)
    beside = compare.load_comparison("monophonic", params(["new", "emb"]), tmp_path)
    for of in ("emb", "real"):
        assert (alone.sets[of].weights == beside.sets[of].weights).all()
    assert beside.models == ("new", "emb") and list(beside.sets) == ["new", "emb", "real"]


@pytest.mark.parametrize("count", [0, 1])
def test_sets_too_small_have_no_interval_and_raise_nothing(count):
    small, real = resampled(MODEL[:count], "small"), resampled(REAL, "real")
    for estimate, defined in (
        (compare.transition_kl(real, small), count == 1),
        (compare.transition_kl(small, real), count == 1),
        (compare.inter_set_distance(small, real), count == 1),
        (compare.inter_set_distance(real, small), count == 1),
        (compare.intra_set_distance(small), False),
    ):
        assert np.isfinite(estimate.value) == defined
        assert np.isnan(estimate.interval()).all()


def test_sets_without_notes_have_no_divergence_but_a_distance():
    silent, real = resampled([melody([])] * 4, "silent"), resampled(REAL, "real")
    assert np.isnan(compare.transition_kl(real, silent).value)
    assert compare.inter_set_distance(silent, real).value > 0
    assert compare.intra_set_distance(silent).value == 0.0
