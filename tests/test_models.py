"""Every family, with the settings of every model in params.yaml, under both objectives.

For classes and for bits: a model knows no more of a representation than its vocabulary.
"""

import numpy as np
import pytest
import torch

from neuralmusic.checkpoint import build_model, load_model
from neuralmusic.device import cpu_knows_bfloat16
from neuralmusic.files import InputError
from neuralmusic.likelihood import nll_nats
from neuralmusic.models import MODELS
from neuralmusic.models.model import Counted
from neuralmusic.train import Training, Windows, run_epoch
from neuralmusic.vocabulary import Bits, Classes, vocabulary_of
from tests.entries import (
    CPU,
    SIZE,
    TESTED,
    WINDOW,
    built,
    changed_from,
    drawn,
    each,
    entry_of,
    logits_of,
    of_entries,
    other,
    predicts_one_step,
    small_vocabulary,
)
from tests.tiny import ENTRIES, EXPERIMENTS, KINDS, job, periodic, untrained


def test_every_family_is_an_entry_of_params_and_reads_classes_and_bits():
    for kind in (Classes, Bits):
        entries = [(e, name) for e, name in TESTED if isinstance(small_vocabulary(e), kind)]
        used = {entry_of(*entry)["family"] for entry in entries}
        assert used == set(MODELS)


@each
def test_logits_are_one_for_each_class_or_bit(experiment, name, objective):
    model = built(experiment, name, objective)
    inputs = drawn(model, 3, 10)
    logits = logits_of(model, inputs)
    assert model.vocabulary == small_vocabulary(experiment)
    assert logits.shape == (3, 10, SIZE)
    assert torch.isfinite(logits).all()
    trained = model.training_logits(inputs[:, :WINDOW])
    assert trained.shape == (3, 1 if predicts_one_step(model) else WINDOW, SIZE)


@each
def test_no_prediction_sees_a_later_step(experiment, name, objective):
    model = built(experiment, name, objective)
    inputs = drawn(model, 2, 14)
    before = logits_of(model, inputs)
    for step in (1, 5, 9, 13):
        after = logits_of(model, changed_from(inputs, step))
        assert torch.allclose(after[:, :step], before[:, :step], atol=1e-6)
        assert not torch.allclose(after[:, step], before[:, step], atol=1e-4)


@of_entries(lambda model: not predicts_one_step(model))
def test_training_sees_no_target(experiment, name, objective):
    """The same in the form that training uses, where attention keeps no window."""
    model = built(experiment, name, objective).train()
    inputs = drawn(model, 2, WINDOW)

    def logits(given: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)  # what a model draws in training, such as where a window begins
        return model.training_logits(given)

    before = logits(inputs)
    for step in range(1, WINDOW):
        after = logits(changed_from(inputs, step))
        assert torch.allclose(after[:, :step], before[:, :step], atol=1e-6)


@each
def test_what_is_trained_is_what_predicts(experiment, name, objective):
    model = built(experiment, name, objective)
    inputs = drawn(model, 3, WINDOW)
    trained = model.training_logits(inputs)
    predicted = logits_of(model, inputs)
    assert torch.allclose(trained, predicted[:, -trained.shape[1] :], atol=1e-5)


CUTS = [[1] * 20, [7, 13], [13, 7], [3, 1, 1, 9, 6], [5, 5, 5, 5], [19, 1]]


@each
def test_any_cut_into_calls_gives_the_same_logits(experiment, name, objective):
    model = built(experiment, name, objective)
    inputs = drawn(model, 2, 20)  # longer than three windows
    whole = logits_of(model, inputs)
    rounding = 1e-5 * max(1.0, float(whole.abs().max()))
    for cut in CUTS:
        found = logits_of(model, *inputs.split(cut, dim=1))
        assert torch.allclose(found, whole, atol=rounding), cut


@each
def test_pieces_of_a_batch_do_not_touch(experiment, name, objective):
    model = built(experiment, name, objective)
    inputs = drawn(model, 4, 12)
    whole = logits_of(model, inputs)
    # A processor adds one piece in another order than four.
    rounding = 1e-5 * max(1.0, float(whole.abs().max()))
    for piece in range(4):
        alone = logits_of(model, inputs[piece : piece + 1])[0]
        assert torch.allclose(alone, whole[piece], atol=rounding)
        among_others = other(inputs)
        among_others[piece] = inputs[piece]
        assert torch.allclose(logits_of(model, among_others)[piece], whole[piece], atol=1e-6)


@pytest.mark.skipif(not cpu_knows_bfloat16(), reason="needs a processor with bfloat16")
@each
def test_one_step_at_a_time_in_bfloat16_is_about_the_same(experiment, name, objective):
    """Sampling computes so, where the hardware does; what is carried must not lose precision."""
    model = built(experiment, name, objective, sharpened=1.0)
    inputs = drawn(model, 2, 40)
    with torch.autocast("cpu", torch.bfloat16):
        found = logits_of(model, *inputs.split(1, dim=1)).float()
        at_once = logits_of(model, inputs[:, :30], inputs[:, 30:]).float()
    expected = logits_of(model, inputs)
    rounding = 0.02 * max(1.0, float(expected.abs().max()))  # bfloat16 has three digits
    assert (found - expected).abs().max() < rounding
    assert (at_once - expected).abs().max() < rounding


@of_entries(lambda model: isinstance(model.vocabulary, Classes))
def test_the_start_of_a_piece_is_an_input_of_its_own(experiment, name, objective):
    model = built(experiment, name, objective)
    first = torch.arange(SIZE + 1)[:, None]
    logits = logits_of(model, first)[:, 0]
    others = logits[:-1] - logits[-1]
    assert (others.abs().amax(dim=1) > 1e-4).all()


@of_entries(lambda model: isinstance(model.vocabulary, Bits))
def test_every_bit_is_heard(experiment, name, objective):
    """Each of them alone, against silence, which is also what precedes a piece."""
    model = built(experiment, name, objective)
    first = torch.eye(SIZE + 1, SIZE, dtype=torch.uint8)[:, None]
    logits = logits_of(model, first)[:, 0]
    others = logits[:-1] - logits[-1]
    assert (others.abs().amax(dim=1) > 1e-4).all()


@of_entries(predicts_one_step)
def test_the_thesis_objective_predicts_from_one_window(experiment, name, objective):
    """`last`: each prediction depends on the W inputs before it, and on nothing older."""
    model = built(experiment, name, objective)
    inputs = drawn(model, 2, 20)
    start = torch.full_like(inputs[:, : WINDOW - 1], model.vocabulary.start)
    padded = torch.cat([start, inputs], dim=1)
    with torch.no_grad():
        expected = [model.next_logits(padded[:, at : at + WINDOW]) for at in range(20)]
    assert torch.allclose(logits_of(model, inputs), torch.stack(expected, 1), atol=1e-6)
    changed = inputs.clone()
    changed[:, 8] = other(changed[:, 8])
    after, before = logits_of(model, changed), logits_of(model, inputs)
    assert torch.equal(after[:, 8 + WINDOW :], before[:, 8 + WINDOW :])
    assert not torch.allclose(after[:, 7 + WINDOW], before[:, 7 + WINDOW], atol=1e-6)


def test_the_thesis_attention_sees_the_whole_window():
    """Unlike the causal one, which this compares it with: one weight, two readings."""
    attentive = [
        (e, n) for e, n in KINDS if EXPERIMENTS[e]["models"][n]["settings"].get("attention")
    ]
    assert {type(small_vocabulary(e)) for e, _ in attentive} == {Classes, Bits}
    for experiment, name in attentive:
        causal, whole = (built(experiment, name, objective) for objective in ("causal", "last"))
        whole.network.load_state_dict(causal.state_dict())
        inputs = drawn(causal, 2, WINDOW)
        last = changed_from(inputs, WINDOW - 1)
        with torch.no_grad():
            hidden = [whole.network(x, whole_window=True)[0][:, 0] for x in (inputs, last)]
        assert not torch.allclose(*hidden, atol=1e-6)
        assert torch.allclose(*[logits_of(causal, x)[:, 0] for x in (inputs, last)], atol=1e-6)


@of_entries(lambda model: getattr(model, "embedding", 0) is None, ["causal"])
def test_input_without_an_embedding_is_the_step_itself(experiment, name, objective):
    """Classes as one-hot vectors, of which the start is none; bits as they are."""
    model = built(experiment, name, objective)
    if isinstance(model.vocabulary, Classes):
        codes = model._input(torch.arange(SIZE + 1)[None])
        assert torch.equal(codes[0], torch.eye(SIZE + 1)[:, :-1])
    else:
        steps = drawn(model, 2, 9)
        assert torch.equal(model._input(steps), steps.float())


# How much first weights are enlarged, and the learning rate, to learn within seconds.
LEARNS_WITH = {"rnn": (2.0, 0.02)}
BY_DEFAULT = (1.0, 0.004)
PATTERNS = [[1, 1, 2], [3, 4, 0, 5]]  # what follows a 1 needs a memory


def still(steps: np.ndarray, semitones: np.ndarray) -> np.ndarray:
    """A transposition of steps that are no music."""
    raise AssertionError("no window is to be transposed")


@of_entries(lambda model: not isinstance(model, Counted))
def test_a_model_that_is_trained_by_gradient_learns_by_heart(experiment, name, objective):
    window, length = (16, 16) if objective == "causal" else (6, 60)
    sharpened, learning_rate = LEARNS_WITH.get(entry_of(experiment, name)["family"], BY_DEFAULT)
    model = built(experiment, name, objective, sharpened, width=32, window=window)
    own = entry_of(experiment, name)["training"]
    own = own | {"objective": objective, "window_steps": window, "precision": "float32"}
    own |= {"batch_size": 32, "windows_per_epoch": 256}
    own |= {"learning_rate": learning_rate, "schedule": "constant"}
    training = Training(**own | {"transpose_semitones": [0, 0]})
    pieces = [periodic(pattern, length) for pattern in PATTERNS]
    # What no model can know is which of the two pieces it is: ln 2 at the first step of each,
    # and of bits at each of the two that are set in one of them.
    unknown = np.log(2)
    if isinstance(model.vocabulary, Bits):
        pieces = [np.eye(SIZE, dtype=np.uint8)[piece] for piece in pieces]
        unknown = 2 * np.log(2)
    optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate, fused=True)
    for epoch in range(200):
        windows = Windows(pieces, training, model.vocabulary, still, epoch)
        run_epoch(model, optimizer, windows, training, CPU)
        loss = nll_nats(model, pieces, CPU).sum() / (2 * length)
        if loss < 0.15 + unknown / length:  # without a memory it is 0.23 or more
            return
    pytest.fail(f"still {loss:.3f} nats a step")


@pytest.mark.parametrize(("experiment", "name"), ENTRIES)
def test_saved_weights_are_the_same_model(experiment, name, tmp_path):
    params = job(name, experiment)
    folder = untrained(params, tmp_path)
    torch.manual_seed(99)
    loaded, again = load_model(params, folder, CPU), load_model(params, folder, CPU)
    assert not loaded.training
    assert loaded.vocabulary == vocabulary_of(params["representation"]["name"])
    # Of the whole vocabulary, the first and the last of it too.
    size = loaded.vocabulary.size
    steps = torch.tensor([[size, 0, size - 1]])
    inputs = (
        steps if isinstance(loaded.vocabulary, Classes) else torch.eye(size + 1, size).byte()[steps]
    )
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
