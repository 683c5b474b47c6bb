"""Figures are drawn whatever the results are like, and twice with the same bytes."""

from __future__ import annotations

import shutil

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import style
from matplotlib.colors import to_rgb

from neuralmusic import jobs
from neuralmusic.captions import CAPTIONS
from neuralmusic.figures import KINDS, draw
from neuralmusic.files import InputError
from neuralmusic.measures.distances import inter_distances
from neuralmusic.pitch_names import pitch_name
from neuralmusic.plots.run import COLOURS, Run, common_limit
from neuralmusic.plots.saving import STYLE
from tests.constructed import EXPERIMENTS, MODELS, drawn, melody, params
from tests.drawing import FEW, drawing, render, run_of, said, starts_of, texts
from tests.whole import ONE_NOTE, SILENCE, write_data, write_log, write_pieces, write_whole

ENDINGS = ("png", "svg")
# Of every kind the first of its figures.
NAMES = {kind: name for name, (kind, _) in reversed(jobs.FIGURES.items())}
OF_PIECES = [k for k in KINDS if {"samples", "metrics"} & set(jobs.FIGURE_INPUTS[k])]
OF_MODELS = [k for k in KINDS if {"models", "samples", "metrics"} & set(jobs.FIGURE_INPUTS[k])]
# What no figure is yet, and could be by one line; who trains no models has no training.
POSSIBLE = [
    (kind, experiment)
    for kind in KINDS
    for experiment, (*_, weights_of) in EXPERIMENTS.items()
    if (kind, experiment) not in jobs.FIGURES.values()
    and not (kind == "training_loss" and weights_of)
]
LOSS, DISTANCES, MATRICES, ROLLS = "figure_5_2", "figure_5_6", "figure_5_5", "figure_5_3"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with results and data of all experiments, of three models."""
    home = tmp_path_factory.mktemp("figures")
    for experiment, (dataset, *_) in EXPERIMENTS.items():
        write_whole(home / "results", FEW, pieces=4, experiment=experiment, ranked=True)
        write_data(home / "data", dataset)
    return home


@pytest.fixture
def few(written, tmp_path):
    """The same, for a test to change: its results."""
    return shutil.copytree(written, tmp_path / "home") / "results"


def read(results, name):
    return [(results / "figures" / f"{name}.{ending}").read_bytes() for ending in ENDINGS]


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_twice_with_the_same_bytes_whatever_the_users_style(written, kind):
    name, results = NAMES[kind], written / "results"
    job = params(["attn", "markov"], experiment=jobs.FIGURES[name][1])
    draw(name, job, results, written / "data")
    first = read(results, name)
    assert first[0].startswith(b"\x89PNG")
    assert b"<svg" in first[1]
    assert b"<dc:date>" not in first[1]
    with mpl.rc_context({"font.size": 30, "savefig.dpi": 20, "svg.hashsalt": "other"}):
        draw(name, job, results, written / "data")
    assert read(results, name) == first
    assert not [p for p in (results / "figures").iterdir() if p.suffix not in (".png", ".svg")]


def test_workflow_report_and_registry_know_the_same_kinds():
    assert set(KINDS) == {kind for kind, _ in jobs.FIGURES.values()}
    assert set(KINDS) == set(jobs.FIGURE_INPUTS) == set(CAPTIONS)


@pytest.mark.parametrize("name", jobs.FIGURES)
def test_every_figure_names_what_it_is_of(written, name):
    kind, experiment = jobs.FIGURES[name]
    figure = drawing(name, written / "results")
    render(figure)
    if kind in OF_MODELS:
        assert f"{experiment} experiment" in said(figure)
    assert "$" not in said(figure)  # a number as a formula, which the style does not typeset


@pytest.mark.parametrize(("kind", "experiment"), POSSIBLE)
def test_every_kind_can_be_of_every_experiment(written, monkeypatch, kind, experiment):
    monkeypatch.setitem(jobs.FIGURES, "new", (kind, experiment))
    render(drawing("new", written / "results"))


@pytest.mark.parametrize("kind", OF_MODELS)
def test_removed_model_disappears(few, kind):
    experiment = jobs.FIGURES[NAMES[kind]][1]
    for folder in ("models", "metrics", "samples"):
        shutil.rmtree(few / folder / experiment / "attn")
    text = said(drawing(NAMES[kind], few, ["basic", "markov"]))
    assert "basic" in text
    assert "attn" not in text


SETS = {
    "equal": [melody([60, 62, 64, 62])] * 3,
    "one": drawn(3, 1),
    "one silent": [SILENCE],
    "silent": [SILENCE] * 3,
    "mixed": [ONE_NOTE, SILENCE, melody([60] * 9)],
    "all short": [melody([60, 62], length_seconds=5.0)],
    "extremes": [melody([0, 127] * 4)] * 3,
}


@pytest.mark.parametrize("kind", OF_PIECES)
@pytest.mark.parametrize(
    ("of", "pieces"),
    [
        *(("attn", name) for name in SETS),
        *(("real", name) for name in ("one", "silent", "extremes")),
    ],
)
def test_degenerate_sets(few, kind, of, pieces):
    name = NAMES[kind]
    write_pieces(few, of, SETS[pieces], experiment=jobs.FIGURES[name][1])
    figure = drawing(name, few, ["attn"])
    render(figure)
    assert "attn" in said(figure)


@pytest.mark.parametrize(
    "losses",
    [[0.9], [np.nan, np.nan], [0.5, np.nan, 0.4], [0.7] * 12],
    ids=["one epoch", "no number", "a gap", "no change"],
)
def test_degenerate_trainings(few, losses):
    write_log(few, "basic", losses)
    render(drawing(LOSS, few))


@pytest.mark.parametrize("kind", OF_MODELS)
@pytest.mark.parametrize("models", [["markov"], ["a<b", "$x_1$^", *MODELS]])
def test_any_number_of_models_of_any_name(tmp_path, kind, models):
    name = NAMES[kind]
    results = write_whole(tmp_path, models, pieces=3, experiment=jobs.FIGURES[name][1])
    figure = drawing(name, results, models)
    render(figure)
    shown = models if kind != "deteriorating_sample" else models[:1]
    assert all(model in said(figure) for model in shown)


def test_scale_of_all_is_not_set_by_one_far_off():
    assert common_limit({"real": 5, "basic": 4, "attn": 6, "markov": 11}) == 11
    assert common_limit({"real": 5, "basic": 4, "attn": 6, "markov": 13}) == 6
    assert common_limit({"real": 5, "basic": 40, "attn": 60, "markov": 1}) == 60
    assert common_limit({"real": 50, "basic": 4, "attn": 6, "markov": 1}) == 50
    assert common_limit({"real": 5, "markov": 50}) == 50
    assert common_limit({"real": np.nan}, low=2) == 2


def test_best_epoch_is_marked_and_told(few):
    write_log(few, "basic", [0.9, 0.5, 0.7, 0.8])
    figure = drawing(LOSS, few)
    assert "basic: 0.500, epoch 2" in texts(figure)
    dots = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert (dots[0].get_xdata()[0], dots[0].get_ydata()[0]) == (2, 0.5)


@pytest.mark.parametrize(
    ("name", "unit"),
    [(LOSS, "step"), ("loss_events", "event"), ("loss_pianoroll", "frame of 88 keys")],
)
def test_loss_has_the_unit_of_its_representation(written, name, unit):
    assert f"loss (nats per {unit})" in texts(drawing(name, written / "results"))


def test_line_far_above_is_told_and_does_not_flatten_the_others(few):
    write_log(few, "basic", [0.9, 0.5, 0.48, 0.47])
    write_log(few, "attn", [0.9, 0.5, 0.49, 0.45])
    write_log(few, "markov", [7.5])
    figure = drawing(LOSS, few)
    assert "(markov lies above, at 7.500)" in figure.axes[1].get_xlabel()
    assert figure.axes[1].get_ylim()[1] < 1


def test_pianoroll_shows_the_first_piece_of_each_set(few):
    write_pieces(few, "real", [melody([60, 62, 64], length_seconds=30)])
    figure = drawing(ROLLS, few)
    assert "real: test piece tune 0.mid" in texts(figure)
    assert "attn: sampled, primed with tune 0.mid" in texts(figure)
    assert {"C4", "time (seconds)"} <= set(texts(figure))
    assert starts_of(figure.axes[0].collections[0]) == pytest.approx([0, 0.25, 0.5], abs=0.01)
    assert all(axes.get_ylim() == figure.axes[0].get_ylim() for axes in figure.axes)


def test_stray_notes_of_a_model_do_not_set_the_range_of_pitches(few):
    write_pieces(few, "markov", [melody([*[64] * 200, 1, 127])])
    figure = drawing(ROLLS, few)
    assert "markov: sampled, primed with tune 0.mid; 2 of 202 notes lie outside" in texts(figure)
    assert figure.axes[0].get_ylim()[1] < 80
    write_pieces(few, "real", [melody([*[64] * 200, 1, 127])])
    assert "outside" not in said(drawing(ROLLS, few))


def test_transition_panels_share_a_scale_and_show_shares(few):
    write_pieces(few, "attn", [melody([60, 62] * 3), melody([60, 64])])
    figure = drawing(MATRICES, few)
    meshes = [axes.collections[0] for axes in figure.axes if axes.get_title(loc="left")]
    assert len({mesh.get_clim() for mesh in meshes}) == 1
    attn = meshes[[*["real"], *FEW].index("attn")].get_array().reshape(12, 12)
    assert attn.sum() == pytest.approx(1)
    assert attn[0, 2] == pytest.approx(3 / 6)  # C to D: rows are where a transition is from
    assert attn[2, 0] == pytest.approx(2 / 6)
    assert attn[0, 4] == pytest.approx(1 / 6)
    assert meshes[0].get_clim()[1] < 0.1
    assert any("attn" in text and "up to 0.50" in text for text in texts(figure))


def test_densities_and_errors_are_those_of_the_measures(few):
    write_pieces(few, "attn", [melody([60, 60, 62]), melody([60, 60, 62])])
    figure = drawing(DISTANCES, few)
    run = run_of(DISTANCES, few)
    attn, real = (run.metrics(name).pitch_per_minute for name in ("attn", "real"))
    lines = [line for line in figure.axes[1].lines if line.get_color() == COLOURS["attn"]]
    assert lines[0].get_xdata()[0] == pytest.approx(inter_distances(attn, real)[0])
    assert "attn: 2 of equal distance" in texts(figure)
    total = np.abs(attn.mean(axis=0) - real.mean(axis=0)).sum()
    assert f"total {total:.1f}" in texts(figure)


def test_far_set_is_told_and_does_not_squeeze_the_others(few):
    before = drawing(DISTANCES, few).axes[0].get_xlim()
    wild = [melody(np.tile(p, 30), 60.0) for p in (drawn(5, 1)[0].pitch, np.full(9, 64))]
    write_pieces(few, "markov", wild)
    figure = drawing(DISTANCES, few)
    assert figure.axes[0].get_xlim()[1] == pytest.approx(before[1], rel=0.5)
    assert "2 beyond the edge, up to" in said(figure)
    assert ", highest " in said(figure)


def test_single_far_piece_does_not_squeeze_its_set(few):
    pieces = drawn(2, 12)
    write_pieces(few, "attn", pieces)
    before = drawing(DISTANCES, few).axes[1].get_xlim()[1]
    write_pieces(few, "attn", [*pieces, melody(np.tile(pieces[0].pitch, 20))])
    figure = drawing(DISTANCES, few)
    assert figure.axes[1].get_xlim()[1] < 2 * before
    assert "attn: 1 beyond the edge" in said(figure)


def test_short_pieces_are_left_out(few):
    write_pieces(few, "attn", [*drawn(3, 4), melody([60, 62], length_seconds=19.0)])
    assert "attn (4 pieces)" in said(drawing(DISTANCES, few))


def test_colours_are_fixed_and_differ():
    run = Run("monophonic", {"models": ["new", "basic", "newer"]}, None, None)
    with style.context(["default", str(STYLE)]):
        colours = run.colours
        assert colours["basic"] == COLOURS["basic"]
        assert Run("x", {"models": ["new"]}, None, None).colours["new"] == colours["new"]
    rgb = [to_rgb(colour) for colour in colours.values()]
    assert len(set(rgb)) == len(rgb) == len(COLOURS) + 2


def test_pitch_names():
    assert [pitch_name(p) for p in (0, 21, 60, 61, 127)] == ["C-1", "A0", "C4", "C♯4", "G9"]


def test_missing_input_and_unknown_figure_are_named(tmp_path):
    few = write_whole(tmp_path, FEW, pieces=2)
    with pytest.raises(InputError, match="figure_9_9"):
        draw("figure_9_9", params(FEW), few, few)
    (few / "models" / "monophonic" / "attn" / "log.csv").unlink()
    with pytest.raises(InputError, match=r"attn.log\.csv"):
        draw(LOSS, params(FEW), few, few)
    pieces = few / "samples" / "monophonic" / "attn" / "pieces.csv"
    pieces.write_text("file,primer_piece\n0000.mid,a\n", encoding="utf-8")
    with pytest.raises(InputError, match="lacks columns"):
        drawing(ROLLS, few)
    assert not (few / "figures").exists()
