"""The figures of what attention models are built of, and what they attend to."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from neuralmusic.files import InputError, to_json, write_text
from neuralmusic.models.decoder import Settings, build
from neuralmusic.plots.attention import ACROSS, MASKED, START, STRIP
from neuralmusic.plots.events import LOUDNESS, OFF, ON, SHIFT
from neuralmusic.plots.network import read_network
from neuralmusic.probe import trace
from neuralmusic.probe_steps import PIECE
from neuralmusic.vocabulary import vocabulary_of
from tests.drawing import drawing, render, run_of, said, texts
from tests.probed import FEED_FORWARD, STEPS, WIDTH, modules, write_probe

NETWORK, ONE, TWO, EARLY, LATE = (f"figure_5_{n}" for n in (12, 15, 16, 17, 18))
SCORES = [ONE, TWO, EARLY, LATE]
SIZES = {"plain": (1, 1), "wide": (1, 3), "deep": (2, 2)}  # blocks and heads
MODELS = [*SIZES, "markov"]


@pytest.fixture
def results(tmp_path):
    """Three models, probed, and one that has no attention."""
    for model, (blocks, heads) in SIZES.items():
        write_probe(tmp_path / "results", model, blocks, heads, steps=64)
    return tmp_path / "results"


def scores_of(results, model, name):
    return np.load(results / "probes" / "attention" / model / "scores.npz")[name]


def panels(figure):
    return [axes for axes in figure.axes if len(axes.images) == 3]


def expected(results, name):
    """The scores of every panel in order, of all blocks or of one."""
    if name in (ONE, TWO):
        probes = ["note_on", "note_off"] if name == ONE else ["both"]
        return [head for p in probes for m in SIZES for b in scores_of(results, m, p) for head in b]
    block = 0 if name == EARLY else -1
    models = SIZES if name == EARLY else ["deep"]
    return [head for m in models for head in scores_of(results, m, PIECE)[block]]


@pytest.mark.parametrize("name", SCORES)
def test_every_head_has_a_panel_with_its_scores_and_nothing_above_the_diagonal(results, name):
    figure = drawing(name, results, MODELS)
    shown = [axes.images[0] for axes in panels(figure)]
    wanted = expected(results, name)
    assert len(shown) == len(wanted)
    later = ~np.tri(64, dtype=bool)
    for image, scores in zip(shown, wanted, strict=True):
        array = image.get_array()
        assert np.array_equal(array.mask, later)
        assert np.array_equal(array.data[~later], scores[~later])
        drawn = image.to_rgba(array)
        assert np.allclose(drawn[later][:, :3], to_rgb(MASKED))
        # What is below the scale, zero too, is dark and not grey.
        assert not np.isclose(drawn[~later][:, :3], to_rgb(MASKED)).all(axis=1).any()


@pytest.mark.parametrize("name", SCORES)
def test_panels_share_one_scale_and_all_is_labelled(results, name):
    figure = drawing(name, results, MODELS)
    limits = {axes.images[0].get_clim() for axes in panels(figure)}
    assert len(limits) == 1
    assert limits.pop()[1] == 1
    words = ["attended step", "attending step", "attention experiment", "later steps", "head 1"]
    assert all(word in said(figure) for word in words)
    assert "share of attention" in figure.axes[-1].get_xlabel()
    assert len({axes.get_title(loc="left") for axes in panels(figure)}) >= (
        2 if name == LATE else 4
    )
    render(figure)


def test_titles_name_model_block_and_head(results):
    titles = [axes.get_title(loc="left") for axes in panels(drawing(EARLY, results, MODELS))]
    assert titles[0] == "plain: block 1, head 1"
    assert titles[-2:] == ["deep: block 1, head 1", "deep: block 1, head 2"]
    titles = [axes.get_title(loc="left") for axes in panels(drawing(LATE, results, MODELS))]
    assert titles == ["deep: block 2, head 1", "deep: block 2, head 2"]
    text = texts(drawing(TWO, results, MODELS))
    assert {"plain: 1 block of 1 head", "deep: 2 blocks of 2 heads"} <= set(text)
    assert not [word for word in text if "markov" in word]


@pytest.mark.parametrize("name", SCORES)
def test_no_panel_or_title_lies_on_another(results, name):
    write_probe(results, "plain", 5, 2, steps=64)
    figure = drawing(name, results, MODELS)
    figure.draw_without_rendering()
    boxes = [axes.get_window_extent() for axes in panels(figure)]
    boxes += [axes._left_title.get_window_extent() for axes in panels(figure)]
    boxes += [text.get_window_extent() for text in figure.texts]
    for i, one in enumerate(boxes):
        assert not [other for other in boxes[i + 1 :] if one.shrunk(0.98, 0.98).overlaps(other)]
        assert one.x0 >= 0 and one.x1 <= figure.bbox.x1
        assert one.y0 >= 0 and one.y1 <= figure.bbox.y1


def test_rows_are_no_wider_than_the_figure(results):
    write_probe(results, "plain", 5, 2, steps=64)
    lefts = {round(axes.get_position().x0, 3) for axes in panels(drawing(TWO, results, MODELS))}
    assert len(lefts) == ACROSS


def strip_of(axes, beside):
    """The kind of each step by the strip below the image, or that beside it."""
    colours = np.asarray(axes.images[2 if beside else 1].get_array()).reshape(-1, 3)
    known = {to_rgb(colour): kind for kind, colour in STRIP.items()}
    return [known[tuple(colour)] for colour in colours]


@pytest.mark.parametrize("beside", [False, True])
def test_strips_and_marks_show_where_the_events_stand(results, beside):
    figure = drawing(TWO, results, MODELS)
    kinds = [SHIFT] * 64
    kinds[10:16], kinds[50:56] = [ON] * 6, [OFF] * 6
    assert strip_of(panels(figure)[0], beside) == kinds
    axis = panels(figure)[0].yaxis if beside else panels(figure)[0].xaxis
    assert axis.get_ticklocs(minor=True).tolist() == [10, 15, 50, 55]
    assert [t.get_text() for t in axis.get_ticklabels()] == ["10–15", "50–55", "0", "63"]
    piece = strip_of(panels(drawing(EARLY, results, MODELS))[0], beside)
    assert piece[:5] == [START, LOUDNESS, ON, SHIFT, OFF]


def test_both_halves_of_one_event(results):
    figure = drawing(ONE, results, MODELS)
    kinds = [{*strip_of(axes, True)} for axes in panels(figure)]
    assert kinds == [{ON, SHIFT}] * 8 + [{OFF, SHIFT}] * 8
    rest = "at steps 10–15, pitch 50 (D3); else shifts of 250 ms"
    assert {f"note-ons {rest}", f"note-offs {rest}"} <= set(texts(figure))


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("steps", [9, 12, 51])
def test_windows_shorter_than_a_probe(results, name, steps):
    for model, (blocks, heads) in SIZES.items():
        write_probe(results, model, blocks, heads, steps=steps)
    figure = drawing(name, results, MODELS)
    render(figure)
    told = {
        9: "only shifts of 250 ms",
        12: "note-ons at steps 10–11, pitch",
        51: "note-ons at steps 10–15 and note-offs at steps 50, pitch",
    }
    assert told[steps] in said(figure) or name != TWO


def test_first_step_alone_has_a_scale_too(results):
    write_probe(results, "plain", 1, 1, steps=1)
    render(drawing(EARLY, results, ["plain"]))


@pytest.mark.parametrize("name", [NETWORK, *SCORES])
def test_nothing_to_show_is_told(results, name):
    figure = drawing(name, results, ["markov"])
    render(figure)
    assert "no model has such attention to show" in texts(figure)


def test_last_block_of_models_with_one_is_told(results):
    assert "no model has such attention" in said(drawing(LATE, results, ["plain", "wide"]))


@pytest.mark.parametrize("name", [NETWORK, *SCORES])
def test_missing_folder_is_named(results, name):
    shutil.rmtree(results / "probes" / "attention" / "wide")
    with pytest.raises(InputError, match=r"attention.wide.*is missing"):
        drawing(name, results, MODELS)


def test_files_that_cannot_be_read_are_named(results):
    folder = results / "probes" / "attention" / "wide"
    np.savez(folder / "scores.npz", note_on=np.ones((3, 3)))
    with pytest.raises(InputError, match=r"wide.scores\.npz is damaged.*both"):
        drawing(TWO, results, MODELS)
    with pytest.raises(InputError, match=r"scores\.npz is damaged.*shape \(3, 3\)"):
        drawing(ONE, results, MODELS)
    (folder / "scores.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"wide.scores\.npz"):
        drawing(TWO, results, MODELS)
    (folder / "modules.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"wide.modules\.json is damaged"):
        drawing(NETWORK, results, MODELS)
    (folder / "modules.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"wide.modules\.json lacks 'modules'"):
        drawing(NETWORK, results, MODELS)


def shapes(figure):
    return [text for text in texts(figure) if text.startswith("(")]


def rewritten(results, model, change):
    """The modules of a model after `change` of their list."""
    path = results / "probes" / "attention" / model / "modules.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    change(told["modules"])
    write_text(path, to_json(told))


def test_network_says_the_shapes_of_the_largest_model(results):
    figure = drawing(NETWORK, results, MODELS)
    text = said(figure)
    assert "drawn as deep" in text
    assert "block × 2, each with weights of its own" in text
    assert "attention of 2 heads, each 16 wide" in text
    # Of one block and what is around it, less what is said once for two modules that meet.
    assert {f"({s})" for s in ("64", "64, 16", "64, 32", "64, 24", "64, 388")} == set(
        shapes(figure)
    )
    assert shapes(figure).count("(64, 32)") == 4  # queries, keys, values, and all heads
    assert {"dropout 0.4", "positions\nsinusoidal"} <= set(texts(figure))
    assert "drawn as wide" in said(drawing(NETWORK, results, ["plain", "wide"]))


@pytest.mark.parametrize("name", ["embedding", "query", "out", "widen", "narrow", "dense"])
def test_network_follows_the_file(results, name):
    def change(ran):
        for module in ran:
            if module["name"].split(".")[-1] == name:
                module["from"][-1], module["to"][-1] = 111, 999

    before = shapes(drawing(NETWORK, results, MODELS))
    rewritten(results, "deep", change)
    after = shapes(drawing(NETWORK, results, MODELS))
    assert len(after) == len(before)
    assert any("999" in shape or "111" in shape for shape in after)


def test_network_that_is_built_otherwise_is_not_drawn(results):
    rewritten(results, "deep", lambda ran: ran.insert(3, ran[1] | {"name": "blocks.0.gate"}))
    with pytest.raises(InputError, match=r"deep.modules\.json has blocks that differ"):
        drawing(NETWORK, results, MODELS)
    rewritten(results, "wide", lambda ran: ran.insert(3, ran[1] | {"name": "blocks.0.gate"}))
    with pytest.raises(InputError, match=r"wide.modules\.json has a block that is not"):
        drawing(NETWORK, results, MODELS)
    rewritten(results, "plain", lambda ran: ran.append(ran[-1] | {"name": "more"}))
    with pytest.raises(InputError, match=r"plain.modules\.json has modules .* more"):
        drawing(NETWORK, results, MODELS)


def test_table_has_every_model(results):
    write_probe(results, "wide", 1, 3, forward=96)
    found = texts(drawing(NETWORK, results, MODELS))
    at = found.index("wide")
    assert found[at : at + 5] == ["wide", "1", "3", str(WIDTH), "96"]
    assert "markov" not in found


@pytest.mark.parametrize(("blocks", "heads"), [(1, 1), (2, 3)])
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_the_built_decoder_is_what_the_diagram_knows(results, blocks, heads, objective):
    own = {"stacks": blocks, "heads": heads, "hidden_size": WIDTH, "dropout": 0.4}
    own |= {"feed_forward_size": FEED_FORWARD, "positions": "sinusoidal"}
    model = build(Settings(**own), vocabulary_of("events"), STEPS, objective)
    ran = trace(model, torch.zeros(1, STEPS, dtype=torch.int64))
    if objective == "causal":
        assert ran == modules(blocks, heads)  # those made by hand are like the real ones
    folder = results / "probes" / "attention" / "plain"
    write_text(folder / "modules.json", to_json({"settings": own, "modules": ran}))
    network = read_network(run_of(NETWORK, results), "plain")
    assert (network.blocks, network.heads) == (blocks, heads)
    render(drawing(NETWORK, results, ["plain"]))


def test_legend_is_not_wider_than_a_single_panel_allows(results):
    figure = drawing(EARLY, results, ["plain"])
    figure.draw_without_rendering()
    assert len(panels(figure)) == 1
    assert figure.legends[0].get_window_extent().x1 <= figure.bbox.x1
