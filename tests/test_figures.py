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
from neuralmusic.figures import FIGURES, STYLE, draw
from neuralmusic.files import InputError
from neuralmusic.measures.distances import inter_distances
from neuralmusic.plots.run import COLOURS, Run, pitch_name
from tests.constructed import MODELS, drawn, melody, params
from tests.whole import ONE_NOTE, SILENCE, write_log, write_pieces, write_whole

ENDINGS = ("png", "svg")
OF_PIECES = [name for name in FIGURES if jobs.FIGURE_INPUTS[name] != ["models"]]
FEW = ["basic", "attn", "markov"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_whole(tmp_path_factory.mktemp("figures") / "results")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_whole(tmp_path_factory.mktemp("few") / "results", FEW, pieces=4)


@pytest.fixture
def few(written, tmp_path):
    """Three models, for a test to change."""
    return shutil.copytree(written, tmp_path / "results")


def drawing(name, results, models=FEW):
    """The figure itself, to look into."""
    own = params(models)["experiments"]["monophonic"]
    with style.context(["default", str(STYLE)]):
        return FIGURES[name](Run("monophonic", own, results, results.parent / "data"))


def render(figure):
    """Draws without the layout, which takes most of the time."""
    figure.set_layout_engine("none")
    figure.draw_without_rendering()


def texts(figure):
    """Everything that is written in a figure."""
    found = [t.get_text() for t in figure.findobj(mpl.text.Text)]
    return [text for text in found if text]


def read(results, name):
    return [(results / "figures" / f"{name}.{ending}").read_bytes() for ending in ENDINGS]


@pytest.mark.parametrize("name", FIGURES)
def test_drawn_twice_with_the_same_bytes_whatever_the_users_style(whole, name):
    draw(name, params(), whole, whole.parent / "data")
    first = read(whole, name)
    assert first[0].startswith(b"\x89PNG")
    assert b"<svg" in first[1]
    assert b"<dc:date>" not in first[1]
    with mpl.rc_context({"font.size": 30, "savefig.dpi": 20, "svg.hashsalt": "other"}):
        draw(name, params(), whole, whole.parent / "data")
    assert read(whole, name) == first
    assert not [p for p in (whole / "figures").iterdir() if p.suffix not in (".png", ".svg")]


def test_workflow_report_and_registry_know_the_same_figures():
    assert set(FIGURES) == {name for names in jobs.FIGURES.values() for name in names}
    assert set(FIGURES) == set(jobs.FIGURE_INPUTS) == set(CAPTIONS)


@pytest.mark.parametrize("name", FIGURES)
def test_removed_model_disappears(few, name):
    shutil.rmtree(few / "models" / "monophonic" / "attn")
    shutil.rmtree(few / "metrics" / "monophonic" / "attn")
    shutil.rmtree(few / "samples" / "monophonic" / "attn")
    said = " ".join(texts(drawing(name, few, ["basic", "markov"])))
    assert "basic" in said
    assert "attn" not in said


@pytest.mark.parametrize("name", OF_PIECES)
@pytest.mark.parametrize(
    "pieces",
    [
        [melody([60, 62, 64, 62])] * 4,
        [melody([60, 62, 64, 62])] * 2,
        drawn(3, 1),
        [SILENCE],
        [SILENCE] * 3,
        [ONE_NOTE, SILENCE, melody([60] * 9)],
        [melody([60, 62], length_seconds=5.0)],
        [melody([0, 127] * 4)] * 3,
    ],
    ids=["equal", "equal pair", "one", "one silent", "silent", "mixed", "all short", "extremes"],
)
@pytest.mark.parametrize("of", ["attn", "real"])
def test_degenerate_sets(few, name, pieces, of):
    write_pieces(few, of, pieces)
    figure = drawing(name, few, ["attn"])
    render(figure)
    assert "attn" in " ".join(texts(figure))


@pytest.mark.parametrize(
    "losses",
    [[0.9], [np.nan, np.nan], [0.5, np.nan, 0.4], [0.7] * 12],
    ids=["one epoch", "no number", "a gap", "no change"],
)
def test_degenerate_trainings(few, losses):
    write_log(few, "basic", losses)
    render(drawing("figure_5_2", few))


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("models", [["markov"], ["a<b", "$x_1$^", *MODELS]])
def test_any_number_of_models_of_any_name(tmp_path, name, models):
    figure = drawing(name, write_whole(tmp_path, models, pieces=3), models)
    render(figure)
    assert all(model in " ".join(texts(figure)) for model in models)


def test_best_epoch_is_marked_and_told(few):
    write_log(few, "basic", [0.9, 0.5, 0.7, 0.8])
    figure = drawing("figure_5_2", few)
    assert "basic: 0.500, epoch 2" in texts(figure)
    dots = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert (dots[0].get_xdata()[0], dots[0].get_ydata()[0]) == (2, 0.5)


def test_line_far_above_is_told_and_does_not_flatten_the_others(few):
    write_log(few, "basic", [0.9, 0.5, 0.48, 0.47])
    write_log(few, "attn", [0.9, 0.5, 0.49, 0.45])
    write_log(few, "markov", [7.5])
    figure = drawing("figure_5_2", few)
    assert "(markov lies above, at 7.500)" in figure.axes[1].get_xlabel()
    assert figure.axes[1].get_ylim()[1] < 1


def test_pianoroll_shows_the_first_piece_of_each_set(few):
    write_pieces(few, "real", [melody([60, 62, 64], length_seconds=30)])
    figure = drawing("figure_5_3", few)
    said = texts(figure)
    assert "real: test piece tune 0.mid" in said
    assert "attn: sampled, primed with tune 0.mid" in said
    assert {"C4", "time (seconds)"} <= set(said)
    bars = figure.axes[0].collections
    at = sorted(p.vertices[:, 0].min() for bar in bars for p in bar.get_paths())
    assert at == pytest.approx([0, 0.25, 0.5], abs=0.01)
    assert all(axes.get_ylim() == figure.axes[0].get_ylim() for axes in figure.axes)


def test_transition_panels_share_a_scale_and_show_shares(few):
    write_pieces(few, "attn", [melody([60, 62] * 3), melody([60, 64])])
    figure = drawing("figure_5_5", few)
    meshes = [axes.collections[0] for axes in figure.axes if axes.get_title(loc="left")]
    assert len({mesh.get_clim() for mesh in meshes}) == 1
    attn = meshes[[*["real"], *FEW].index("attn")].get_array().reshape(12, 12)
    assert attn.sum() == pytest.approx(1)
    assert attn[0, 2] == pytest.approx(3 / 6)  # C to D: rows are where a transition is from
    assert attn[2, 0] == pytest.approx(2 / 6)
    assert attn[0, 4] == pytest.approx(1 / 6)


def test_densities_and_errors_are_those_of_the_measures(few):
    write_pieces(few, "attn", [melody([60, 60, 62]), melody([60, 60, 62])])
    figure = drawing("figure_5_6", few)
    run = Run("monophonic", params(FEW)["experiments"]["monophonic"], few, few)
    attn, real = (run.metrics(name).pitch_per_minute for name in ("attn", "real"))
    lines = [line for line in figure.axes[1].lines if line.get_color() == COLOURS["attn"]]
    assert lines[0].get_xdata()[0] == pytest.approx(inter_distances(attn, real)[0])
    assert "attn: 2 of equal distance" in texts(figure)
    total = np.abs(attn.mean(axis=0) - real.mean(axis=0)).sum()
    assert f"total {total:.1f}" in texts(figure)


def test_short_pieces_are_left_out(few):
    write_pieces(few, "attn", [*drawn(3, 4), melody([60, 62], length_seconds=19.0)])
    assert "attn (4 pieces)" in texts(drawing("figure_5_6", few))


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


def test_missing_input_and_unknown_figure_are_named(few):
    with pytest.raises(InputError, match="figure_9_9"):
        draw("figure_9_9", params(FEW), few, few)
    (few / "models" / "monophonic" / "attn" / "log.csv").unlink()
    with pytest.raises(InputError, match=r"attn.log\.csv"):
        draw("figure_5_2", params(FEW), few, few)
    assert not (few / "figures").exists()
