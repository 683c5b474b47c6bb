"""What `probe` writes of a decoder: its inputs by hand, its scores, and its modules."""

import json

import numpy as np
import pytest
import torch

from neuralmusic.checkpoint import build_model
from neuralmusic.files import InputError
from neuralmusic.models.decoder import Decoder, Settings
from neuralmusic.notes import NoteList
from neuralmusic.prepare import load_encoded
from neuralmusic.probe import probe, probe_inputs, trace
from neuralmusic.vocabulary import Classes
from tests.tiny import EXPERIMENTS, contents, corpus, job, untrained

NOTE_ON, NOTE_OFF, TIME_SHIFT, START = 0, 128, 256, 388
REST = TIME_SHIFT + 25 - 1  # a quarter of a second at 100 steps a second
WINDOW = 64


def played(*seconds, pitch=60):
    """Notes of one pitch that follow each other, each of its length."""
    ends = np.cumsum(seconds)
    rows = [(end - lasts, end, pitch, 80) for end, lasts in zip(ends, seconds, strict=True)]
    return NoteList.of(rows, float(ends[-1]))


# Quarters of a second are the commonest shifts of the training pieces, not of each of them and not
# of all pieces; their note-ons of pitch 60 are more than these.
PIECES = {
    "train": [played(*[0.25] * 6, *[0.5] * 4), played(*[0.5] * 1), played(0.1, 0.1)],
    "valid": [played(*[0.5] * 30)],
    "test": [played(*[0.1] * 40, pitch=70), played(*[0.3] * 20)],
}


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("events"), PIECES, "attention")


def decoder(model="s2h2", window=WINDOW, **changed):
    training = {"window_steps": window, **changed.pop("training", {})}
    return job(model, "attention", training=training, **changed)


def probed(params, encoded, folder):
    """The output folder of a probe of first weights."""
    probe(params, untrained(params, folder / "model"), encoded, folder / "out")
    return folder / "out"


def scores(out):
    with np.load(out / "scores.npz", allow_pickle=False) as file:
        return dict(file)


def told(out, name):
    return json.loads((out / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("model", "stacks", "heads"), [("s1h1", 1, 1), ("s1h3", 1, 3), ("s3h1", 3, 1), ("s2h2", 2, 2)]
)
def test_scores_are_of_every_block_head_and_pair_of_steps(model, stacks, heads, encoded, tmp_path):
    out = probed(decoder(model), encoded, tmp_path)
    assert set(contents(out)) == {"scores.npz", "probe.json", "modules.json"}
    found = scores(out)
    assert list(found) == ["note_on", "note_off", "both", "piece"]
    past = np.tri(WINDOW, dtype=bool)
    for of in found.values():
        assert of.shape == (stacks, heads, WINDOW, WINDOW) and of.dtype == np.float32
        assert of.sum(axis=-1) == pytest.approx(1, abs=1e-5)
        assert (of[..., ~past] == 0).all() and (of[..., past] > 0).all()


def test_the_same_bytes_twice(encoded, tmp_path):
    first, second = (
        contents(probed(decoder(), encoded, tmp_path / name)) for name in ("first", "second")
    )
    assert first == second


def test_probes_have_pitch_50_at_their_steps_and_the_commonest_shift_elsewhere(encoded):
    found, what = probe_inputs(encoded, WINDOW, "events")
    on, off = NOTE_ON + 50, NOTE_OFF + 50
    assert found["note_on"].tolist() == [REST] * 10 + [on] * 6 + [REST] * 48
    assert found["note_off"].tolist() == [REST] * 10 + [off] * 6 + [REST] * 48
    both = [REST] * 10 + [on] * 6 + [REST] * 34 + [off] * 6 + [REST] * 8
    assert found["both"].tolist() == both
    assert all(steps.dtype == np.int64 for steps in found.values())
    assert (what["pitch"], what["rest_steps"]) == (50, 25)


def test_the_piece_begins_with_the_start_and_goes_on_with_the_first_test_piece(encoded, tmp_path):
    out = probed(decoder(), encoded, tmp_path)
    piece = load_encoded(encoded, "test").pieces[0]
    assert len(piece) > WINDOW
    shown = told(out, "probe.json")
    assert shown["piece"] == "test0.mid"
    assert shown["events"] == [START, *piece[: WINDOW - 1].tolist()]
    # The velocity of 80, then pitch 70 for a tenth of a second, again and again.
    assert shown["events"][1:6] == [356 + 19, 70, TIME_SHIFT + 9, NOTE_OFF + 70, 70]


def test_the_scores_are_those_of_the_inputs_that_are_told(encoded, tmp_path):
    params = decoder()
    out = probed(params, encoded, tmp_path)
    torch.manual_seed(7)
    model = build_model(params).eval()
    given = torch.tensor(told(out, "probe.json")["events"])[None]
    assert (scores(out)["piece"] == model.attention_scores(given)[0].numpy()).all()


def test_an_event_changes_the_scores_of_later_steps_alone(encoded, tmp_path):
    """`note_on` and `both` are the same sequence until step 50, `note_on` and `note_off` until 10.

    At step 10 the query itself is another one, and every step after has another key to see.
    """
    found = scores(probed(decoder(), encoded, tmp_path))
    for other, first in (("both", 50), ("note_off", 10)):
        change = np.abs(found[other] - found["note_on"]).max(axis=-1)  # (S, H, T)
        assert (change[..., :first] < 1e-6).all(), other
        assert (change[..., first:] > 1e-6).all(), other


def test_a_window_shorter_than_the_probes_cuts_them(tmp_path, encoded):
    found = scores(probed(decoder("s1h1", window=12), encoded, tmp_path))
    assert {of.shape for of in found.values()} == {(1, 1, 12, 12)}
    inputs, _ = probe_inputs(encoded, 12, "events")
    assert inputs["both"].tolist() == [REST] * 10 + [NOTE_ON + 50] * 2
    wide, _ = probe_inputs(encoded, 100, "events")  # nor are they longer than they are
    assert {name: len(steps) for name, steps in wide.items()} == {
        **dict.fromkeys(["note_on", "note_off", "both"], 64),
        "piece": 100,
    }


def test_a_piece_shorter_than_the_window_is_shown_whole(tmp_path):
    short = corpus(tmp_path / "short", {**PIECES, "test": [played(0.1, 0.1)]}, "attention")
    piece = load_encoded(short, "test").pieces[0].tolist()
    assert len(piece) == 7
    out = probed(decoder("s1h1"), short, tmp_path)
    assert told(out, "probe.json")["events"] == [START, *piece[:-1]]
    assert scores(out)["piece"].shape == (1, 1, 7, 7)


def test_the_objective_last_shows_the_network_that_it_wraps(encoded, tmp_path):
    """The same first weights, and so the same attention."""
    causal, last = (
        probed(decoder(training={"objective": objective}), encoded, tmp_path / objective)
        for objective in ("causal", "last")
    )
    assert (causal / "scores.npz").read_bytes() == (last / "scores.npz").read_bytes()
    assert (causal / "probe.json").read_bytes() == (last / "probe.json").read_bytes()
    of_causal, of_last = (told(out, "modules.json")["modules"] for out in (causal, last))
    for module in of_causal:
        module["name"] = f"network.{module['name']}"
    assert of_last == of_causal


# What cannot be probed.


@pytest.mark.parametrize("objective", ["causal", "last"])
@pytest.mark.parametrize("model", ["basic", "attn_res_emb", "markov"])
def test_a_model_without_attention_to_show_is_named(model, objective, encoded, tmp_path):
    params = job(model, "polyphonic_events", training={"objective": objective})
    with pytest.raises(InputError, match=f"^{model} has no attention"):
        probed(params, encoded, tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("experiment", ["monophonic", "polyphonic_pianoroll"])
def test_another_representation_is_named(experiment, tmp_path):
    representation = EXPERIMENTS[experiment]["representation"]
    other = corpus(tmp_path / "corpus", PIECES, experiment)
    with pytest.raises(InputError, match=f"not of the representation {representation['name']}$"):
        probed(decoder(representation=representation), other, tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_corpus_without_a_test_piece_is_named(tmp_path):
    parts = {part: pieces for part, pieces in PIECES.items() if part != "test"}
    empty = corpus(tmp_path / "corpus", parts, "attention")
    with pytest.raises(InputError, match="has no test piece") as error:
        probed(decoder(), empty, tmp_path)
    assert str(empty) in str(error.value)


# The modules.


def expected(stacks, heads, width, forward, classes, steps):
    """Name, kind and widths of every module of a decoder, in order; the embedding reads steps."""
    found = [("embedding", "Embedding", None, width)]
    for block in range(stacks):
        of_block = [("attention_norm", "LayerNorm", width, width)]
        of_block += [(name, "Linear", width, heads * width) for name in ("query", "key", "value")]
        of_block += [("out", "Linear", heads * width, width), ("dropout", "Dropout", width, width)]
        of_block += [("feed_forward_norm", "LayerNorm", width, width)]
        of_block += [("widen", "Linear", width, forward), ("narrow", "Linear", forward, width)]
        of_block += [("dropout", "Dropout", width, width)]
        found += [(f"blocks.{block}.{name}", *rest) for name, *rest in of_block]
    found += [("norm", "LayerNorm", width, width), ("hidden", "Linear", width, width)]
    found += [("dense", "Linear", width, classes)]
    return [
        {"name": name, "kind": kind, "from": [steps] + [before] * bool(before), "to": [steps, to]}
        for name, kind, before, to in found
    ]


@pytest.mark.parametrize(
    ("stacks", "heads", "width", "forward", "steps"), [(1, 1, 4, 6, 5), (2, 3, 10, 14, 9)]
)
def test_modules_are_in_order_and_their_shapes_follow_the_settings(
    stacks, heads, width, forward, steps
):
    settings = Settings(width, stacks, heads, forward, "sinusoidal", 0.4)
    model = Decoder(settings, Classes(7), window_steps=20).eval()
    found = trace(model, torch.zeros(1, steps, dtype=torch.int64))
    assert found == expected(stacks, heads, width, forward, 7, steps)


def test_the_modules_of_a_probe_are_those_of_the_piece(encoded, tmp_path):
    params = decoder("s2h2", window=10)
    found = told(probed(params, encoded, tmp_path), "modules.json")
    assert found["settings"] == params["settings"]
    assert found["modules"] == expected(2, 2, 8, 8, 388, 10)


def test_tracing_leaves_no_hook_behind_even_where_the_model_fails():
    model = Decoder(Settings(4, 1, 1, 6, "sinusoidal", 0.0), Classes(7), 20).eval()
    trace(model, torch.zeros(1, 3, dtype=torch.int64))
    with pytest.raises(IndexError):
        trace(model, torch.full((1, 3), 99))
    assert not any(module._forward_hooks for module in model.modules())
