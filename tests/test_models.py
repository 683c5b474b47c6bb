"""Every family, with the settings of every model in params.yaml, under both objectives."""

import numpy as np
import pytest
import torch

from neuralmusic.checkpoint import build_model, load_model
from neuralmusic.files import InputError
from neuralmusic.likelihood import nll_nats, shift_right
from neuralmusic.models import MODELS, markov
from neuralmusic.models.attention import attend, empty_window
from neuralmusic.models.dropout import Dropout
from neuralmusic.models.model import Counted, Model
from neuralmusic.train import Training, Windows, run_epoch
from tests.tiny import ENTRIES, PARAMS, job, periodic, shrunk, untrained

CLASSES = 7
WINDOW = 6
CPU = torch.device("cpu")
EACH = [
    pytest.param(experiment, model, objective, id=f"{experiment}-{model}-{objective}")
    for experiment, model in ENTRIES
    for objective in ("causal", "last")
]
each = pytest.mark.parametrize(("experiment", "name", "objective"), EACH)


def built(
    experiment: str,
    name: str,
    objective: str,
    sharpened: float = 3.0,
    width: int = 8,
    window: int = WINDOW,
    dropout: float = 0.0,
) -> Model:
    """An untrained model of an entry of params.yaml, shrunk.

    `sharpened` multiplies its weights: the first ones hardly tell one input from another.
    """
    entry = PARAMS["experiments"][experiment]["models"][name]
    family = MODELS[entry["family"]]
    torch.manual_seed(5)
    settings = family.Settings(**shrunk(entry["settings"], width, dropout))
    model = family.build(settings, CLASSES, window, objective)
    if isinstance(model, Counted):
        model.fit([np.array([0, 1, 2, 0, 3]), np.array([5, 4])])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(sharpened)
    return model.eval()


def predicts_one_step(model: Model) -> bool:
    """Whether training compares one step of each window, and not every one."""
    return hasattr(model, "next_logits")


def entries_where(holds, objectives=("causal", "last")) -> list:
    """The models of params.yaml, by objective, for which something holds of what is built."""
    return [p for p in EACH if p.values[2] in objectives and holds(built(*p.values))]


def of_entries(holds, objectives=("causal", "last")):
    arguments = ("experiment", "name", "objective")
    return pytest.mark.parametrize(arguments, entries_where(holds, objectives))


def drawn(batch: int, steps: int, seed: int = 1) -> torch.Tensor:
    """What precedes each step of random pieces (B, T): first the start class."""
    pieces = np.random.default_rng(seed).integers(0, CLASSES, (batch, steps))
    return torch.from_numpy(shift_right(pieces, CLASSES))


def logits_of(model: Model, *calls: torch.Tensor) -> torch.Tensor:
    """The logits (B, T, V) of a sequence given in some calls, the state carried."""
    state, found = None, []
    with torch.no_grad():
        for inputs in calls:
            logits, state = model(inputs, state)
            found.append(logits)
    return torch.cat(found, dim=1)


def test_every_family_is_an_entry_of_params():
    used = {PARAMS["experiments"][e]["models"][name]["family"] for e, name in ENTRIES}
    assert used == set(MODELS)


@each
def test_logits_are_a_distribution_over_the_classes(experiment, name, objective):
    model = built(experiment, name, objective)
    inputs = drawn(3, 10)
    logits = logits_of(model, inputs)
    assert model.classes == CLASSES
    assert logits.shape == (3, 10, CLASSES)
    assert torch.isfinite(logits).all()
    assert torch.allclose(torch.softmax(logits, -1).sum(-1), torch.ones(3, 10), atol=1e-6)
    trained = model.training_logits(inputs[:, :WINDOW])
    assert trained.shape == (3, 1 if predicts_one_step(model) else WINDOW, CLASSES)


@each
def test_no_prediction_sees_a_later_step(experiment, name, objective):
    model = built(experiment, name, objective)
    inputs = drawn(2, 14)
    before = logits_of(model, inputs)
    for step in (1, 5, 9, 13):
        other = inputs.clone()
        other[:, step:] = (other[:, step:] + 1) % CLASSES
        after = logits_of(model, other)
        assert torch.allclose(after[:, :step], before[:, :step], atol=1e-6)
        assert not torch.allclose(after[:, step], before[:, step], atol=1e-4)


@of_entries(lambda model: not predicts_one_step(model))
def test_training_sees_no_target(experiment, name, objective):
    """The same in the form that training uses, where attention keeps no window."""
    model = built(experiment, name, objective).train()
    inputs = drawn(2, WINDOW)
    before = model.training_logits(inputs)
    for step in range(1, WINDOW):
        other = inputs.clone()
        other[:, step:] = (other[:, step:] + 1) % CLASSES
        after = model.training_logits(other)
        assert torch.allclose(after[:, :step], before[:, :step], atol=1e-6)


@each
def test_what_is_trained_is_what_predicts(experiment, name, objective):
    model = built(experiment, name, objective)
    inputs = drawn(3, WINDOW)
    trained = model.training_logits(inputs)
    predicted = logits_of(model, inputs)
    assert torch.allclose(trained, predicted[:, -trained.shape[1] :], atol=1e-5)


CUTS = [[1] * 20, [7, 13], [13, 7], [3, 1, 1, 9, 6], [5, 5, 5, 5], [19, 1]]


@each
@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_any_cut_into_calls_gives_the_same_logits(experiment, name, objective, cut):
    model = built(experiment, name, objective)
    inputs = drawn(2, 20)  # longer than three windows
    whole = logits_of(model, inputs)
    assert torch.allclose(logits_of(model, *inputs.split(cut, dim=1)), whole, atol=1e-5)


@each
def test_pieces_of_a_batch_do_not_touch(experiment, name, objective):
    model = built(experiment, name, objective)
    inputs = drawn(4, 12)
    whole = logits_of(model, inputs)
    for piece in range(4):
        assert torch.allclose(logits_of(model, inputs[piece : piece + 1]), whole[piece], atol=1e-5)


@each
def test_one_step_at_a_time_in_bfloat16_is_about_the_same(experiment, name, objective):
    """Sampling computes so, where the hardware does; what is carried must not lose precision."""
    model = built(experiment, name, objective, sharpened=1.0)
    inputs = drawn(2, 40)
    with torch.autocast("cpu", torch.bfloat16):
        found = logits_of(model, *inputs.split(1, dim=1)).float()
        at_once = logits_of(model, inputs[:, :30], inputs[:, 30:]).float()
    expected = logits_of(model, inputs)
    assert (found - expected).abs().max() < 0.02
    assert (at_once - expected).abs().max() < 0.02


@each
def test_the_start_of_a_piece_is_an_input_of_its_own(experiment, name, objective):
    model = built(experiment, name, objective)
    first = torch.arange(CLASSES + 1)[:, None]
    logits = logits_of(model, first)[:, 0]
    others = logits[:-1] - logits[-1]
    assert (others.abs().amax(dim=1) > 1e-4).all()


@of_entries(predicts_one_step)
def test_the_thesis_objective_predicts_from_one_window(experiment, name, objective):
    """`last`: each prediction depends on the W inputs before it, and on nothing older."""
    model = built(experiment, name, objective)
    inputs = drawn(2, 20)
    padded = torch.cat([torch.full((2, WINDOW - 1), CLASSES), inputs], dim=1)
    with torch.no_grad():
        expected = [model.next_logits(padded[:, at : at + WINDOW]) for at in range(20)]
    assert torch.allclose(logits_of(model, inputs), torch.stack(expected, 1), atol=1e-6)
    other = inputs.clone()
    other[:, 8] = (other[:, 8] + 1) % CLASSES
    after, before = logits_of(model, other), logits_of(model, inputs)
    assert torch.equal(after[:, 8 + WINDOW :], before[:, 8 + WINDOW :])
    assert not torch.allclose(after[:, 7 + WINDOW], before[:, 7 + WINDOW], atol=1e-6)


def test_the_thesis_attention_sees_the_whole_window():
    """Unlike the causal one, which this compares it with: one weight, two readings."""
    (experiment, name), *_ = [
        (e, n)
        for e, n in ENTRIES
        if PARAMS["experiments"][e]["models"][n]["settings"].get("attention")
    ]
    causal, whole = (built(experiment, name, objective) for objective in ("causal", "last"))
    whole.network.load_state_dict(causal.state_dict())
    inputs = drawn(2, WINDOW)
    first = inputs.clone()
    first[:, -1] = (first[:, -1] + 1) % CLASSES
    with torch.no_grad():
        hidden = [whole.network(x, whole_window=True)[0][:, 0] for x in (inputs, first)]
    assert not torch.allclose(*hidden, atol=1e-6)
    assert torch.allclose(*[logits_of(causal, x)[:, 0] for x in (inputs, first)], atol=1e-6)


@of_entries(lambda model: getattr(model, "embedding", 0) is None, ["causal"])
def test_one_hot_input_of_the_start_is_zero(experiment, name, objective):
    model = built(experiment, name, objective)
    codes = model._input(torch.arange(CLASSES + 1)[None])
    assert torch.equal(codes[0], torch.eye(CLASSES + 1)[:, :-1])


PATTERNS = [[1, 1, 2], [3, 4, 0, 5]]  # what follows a 1 needs a memory


@of_entries(lambda model: not isinstance(model, Counted))
def test_a_model_that_is_trained_by_gradient_learns_by_heart(experiment, name, objective):
    window, length = (16, 16) if objective == "causal" else (6, 60)
    model = built(experiment, name, objective, sharpened=2.0, width=16, window=window)
    own = PARAMS["experiments"][experiment]["models"][name]["training"]
    own = own | {"objective": objective, "window_steps": window, "precision": "float32"}
    training = Training(
        **own | {"batch_size": 128, "windows_per_epoch": 512, "learning_rate": 0.02}
    )
    pieces = [periodic(pattern, length) for pattern in PATTERNS]
    optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate)
    for epoch in range(200):
        run_epoch(model, optimizer, Windows(pieces, training, CLASSES, epoch), training, CPU)
        # What no model can know is which of the two pieces it is: ln 2 at the first step of each.
        loss = nll_nats(model, pieces, CPU).sum() / (2 * length)
        if loss < 0.1:
            return
    pytest.fail(f"still {loss:.3f} nats a step")


@pytest.mark.parametrize(("experiment", "name"), ENTRIES)
def test_saved_weights_are_the_same_model(experiment, name, tmp_path):
    params = job(name, experiment)
    folder = untrained(params, tmp_path)
    torch.manual_seed(99)
    loaded, again = load_model(params, folder, CPU), load_model(params, folder, CPU)
    assert not loaded.training
    inputs = drawn(2, 10)
    assert torch.equal(logits_of(loaded, inputs), logits_of(again, inputs))
    torch.manual_seed(7)
    assert torch.equal(logits_of(build_model(params).eval(), inputs), logits_of(loaded, inputs))


def test_weights_that_do_not_fit_are_named(tmp_path):
    params = job("basic")
    path = untrained(params, tmp_path) / "weights.safetensors"
    wider = params | {"settings": params["settings"] | {"hidden_size": 5}}
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        load_model(wider, tmp_path, CPU)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        load_model(params, tmp_path, CPU)
    with pytest.raises(InputError, match="nowhere"):
        load_model(params, tmp_path / "nowhere", CPU)


# Attention.


def reference(queries, keys, values, window: int, scale: float) -> torch.Tensor:
    """Attention one step at a time: softmax over the last W steps, as the formula says."""
    out = torch.empty_like(values)
    for step in range(queries.shape[1]):
        past = slice(max(0, step - window + 1), step + 1)
        scores = (queries[:, step, None] * keys[:, past]).sum(-1) * scale
        out[:, step] = (torch.softmax(scores, -1)[..., None] * values[:, past]).sum(1)
    return out


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("length", [1, 4, 5, 6, 17])
def test_attention_is_the_formula(length, scale):
    torch.manual_seed(3)
    queries, keys, values = torch.randn(3, 2, length, 4).unbind()
    expected = reference(queries, keys, values, 5, scale)
    found = attend(queries, keys, values, 5, scale)
    assert torch.allclose(found, expected, atol=1e-5)
    for cut in ([length], [1] * length, [length // 2, length - length // 2]):
        kept = empty_window(keys, 5)
        calls = zip(
            *(x.split([c for c in cut if c], 1) for x in (queries, keys, values)), strict=True
        )
        found = torch.cat([attend(*call, 5, scale, kept) for call in calls], 1)
        assert torch.allclose(found, expected, atol=1e-5)


def test_attention_weights_sum_to_one():
    torch.manual_seed(3)
    queries, keys = torch.randn(2, 2, 17, 4).unbind()
    assert torch.allclose(attend(queries, keys, torch.ones(2, 17, 4), 5, 1.0), torch.ones(2, 17, 4))


def test_attention_never_reaches_past_its_window():
    torch.manual_seed(3)
    queries, keys, values = torch.randn(3, 2, 17, 4).unbind()
    before = attend(queries, keys, values, 5, 1.0)
    keys[:, 6], values[:, 6] = 9.0, 1000.0
    changed = (attend(queries, keys, values, 5, 1.0) != before).any(-1).all(0)
    assert changed.nonzero()[:, 0].tolist() == [6, 7, 8, 9, 10]


# Dropout.


@pytest.mark.parametrize("probability", [0.1, 0.4, 0.75])
def test_dropout_zeroes_a_share_and_keeps_the_mean(probability):
    torch.manual_seed(3)
    x = torch.ones(400, 501)  # no multiple of what one random number decides
    dropped = Dropout(probability)(x)
    zero = dropped == 0
    assert torch.allclose(dropped[~zero], torch.tensor(1 / (1 - probability)), rtol=1e-4)
    assert zero.float().mean().item() == pytest.approx(probability, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)
    for step in range(1, 9):  # neighbours are dropped independently of each other
        together = (zero.flatten()[step:] & zero.flatten()[:-step]).float().mean().item()
        assert together == pytest.approx(probability**2, abs=0.01)
    assert not torch.equal(Dropout(probability)(x), dropped)
    torch.manual_seed(3)
    assert torch.equal(Dropout(probability)(x), dropped)


def test_dropout_does_nothing_outside_training():
    x = torch.randn(4, 5)
    assert torch.equal(Dropout(0.4).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)


# The chain.


def test_markov_by_hand():
    """Two pieces over three classes, the third never seen."""
    model = markov.build(markov.Settings(smoothing=1.0), 3, 8, "causal")
    model.fit([np.array([0, 1, 1]), np.array([1])])
    probabilities = model.log_probabilities.exp()
    # Counts of class 0, 1, 2 anywhere, plus one: 2, 4, 1 of 7; each row has them once in all.
    expected = [
        [(0 + 2 / 7) / 2, (1 + 4 / 7) / 2, (1 / 7) / 2],  # after 0: once 1
        [(0 + 2 / 7) / 2, (1 + 4 / 7) / 2, (1 / 7) / 2],  # after 1: once 1
        [2 / 7, 4 / 7, 1 / 7],  # after 2: never seen
        [(1 + 2 / 7) / 3, (1 + 4 / 7) / 3, (1 / 7) / 3],  # at the start: once 0, once 1
    ]
    assert torch.allclose(probabilities, torch.tensor(expected), atol=1e-6)
    found = nll_nats(model, [np.array([0, 2, 2])], CPU)
    by_hand = -np.log(expected[3][0]) - np.log(expected[0][2]) - np.log(expected[2][2])
    assert found == pytest.approx([by_hand], rel=1e-6)


def test_markov_is_uniform_before_it_is_fitted():
    model = markov.build(markov.Settings(smoothing=1.0), 4, 8, "causal")
    assert nll_nats(model, [np.array([0, 3, 3])], CPU) == pytest.approx([3 * np.log(4)])


# Likelihood.


def slow_nll(model: Model, piece: np.ndarray) -> float:
    """One step at a time, the state carried."""
    state, before, total = None, model.classes, 0.0
    with torch.no_grad():
        for step in piece.tolist():
            logits, state = model(torch.tensor([[before]]), state)
            total -= float(torch.log_softmax(logits[0, 0].double(), -1)[step])
            before = step
    return total


@each
def test_nll_is_that_of_one_step_at_a_time(experiment, name, objective, monkeypatch):
    monkeypatch.setattr("neuralmusic.likelihood.CHUNK_STEPS", 8)
    monkeypatch.setattr("neuralmusic.likelihood.BATCH_PIECES", 3)
    model = built(experiment, name, objective)
    generator = np.random.default_rng(3)
    pieces = [generator.integers(0, CLASSES, n).astype(np.int16) for n in (20, 1, 8, 9, 30, 7, 16)]
    found = nll_nats(model, pieces, CPU)
    assert found == pytest.approx([slow_nll(model, piece) for piece in pieces], rel=1e-5)
    for index, piece in enumerate(pieces):  # whatever it is scored beside
        assert nll_nats(model, [piece], CPU) == pytest.approx(found[index : index + 1], rel=1e-5)
    assert nll_nats(model, pieces[::-1], CPU) == pytest.approx(found[::-1], rel=1e-5)


@each
def test_nll_drops_nothing_though_the_model_was_in_training(experiment, name, objective):
    pieces = [np.arange(CLASSES)]
    expected = nll_nats(built(experiment, name, objective), pieces, CPU)
    dropping = built(experiment, name, objective, dropout=0.5).train()
    assert nll_nats(dropping, pieces, CPU) == pytest.approx(expected, rel=1e-6)


def test_nll_of_no_piece_is_empty():
    assert nll_nats(built(*EACH[0].values), [], CPU).shape == (0,)
