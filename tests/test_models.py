"""Every family, with the settings of every model in params.yaml, under both objectives.

For classes and for bits: a model knows no more of a representation than its vocabulary.
"""

import itertools

import numpy as np
import pytest
import torch

from neuralmusic.checkpoint import build_model, load_model
from neuralmusic.device import cpu_knows_bfloat16
from neuralmusic.files import InputError
from neuralmusic.likelihood import gather, nll_nats
from neuralmusic.models import MODELS, markov
from neuralmusic.models.attention import attend, empty_window
from neuralmusic.models.dropout import Dropout
from neuralmusic.models.model import Counted, Model
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.train import Training, Windows, run_epoch
from neuralmusic.vocabulary import Bits, BitsEmbedding, Classes, Vocabulary, vocabulary_of
from tests.tiny import ENTRIES, EXPERIMENTS, KINDS, job, periodic, shrunk, untrained

SIZE = 7  # classes or bits
CLASSES, BITS = Classes(SIZE), Bits(SIZE)
WINDOW = 6
CPU = torch.device("cpu")
AS_BITS = ":bits"  # behind an experiment's name: its models, with bits for its classes
# A family is not told what it will read: one that params.yaml has for classes alone reads bits too.
FAMILIES_OF_BITS = {
    EXPERIMENTS[e]["models"][m]["family"]
    for e, m in KINDS
    if isinstance(vocabulary_of(EXPERIMENTS[e]["representation"]["name"]), Bits)
}
TESTED = KINDS + [
    (f"{e}{AS_BITS}", m)
    for e, m in KINDS
    if EXPERIMENTS[e]["models"][m]["family"] not in FAMILIES_OF_BITS
]
EACH = [
    pytest.param(experiment, model, objective, id=f"{experiment}-{model}-{objective}")
    for experiment, model in TESTED
    for objective in ("causal", "last")
]
each = pytest.mark.parametrize(("experiment", "name", "objective"), EACH)
both = pytest.mark.parametrize("vocabulary", [CLASSES, BITS], ids=["classes", "bits"])


def entry_of(experiment: str, name: str) -> dict:
    """A model's entry in params.yaml."""
    return EXPERIMENTS[experiment.removesuffix(AS_BITS)]["models"][name]


def small_vocabulary(experiment: str) -> Vocabulary:
    """Of the kind that an experiment's models read and write."""
    if experiment.endswith(AS_BITS):
        return BITS
    return type(vocabulary_of(EXPERIMENTS[experiment]["representation"]["name"]))(SIZE)


def some_pieces(vocabulary: Vocabulary, *lengths: int, seed: int = 3) -> list[np.ndarray]:
    """Random pieces as they are encoded: int16 (T,), or uint8 (T, V)."""
    generator = np.random.default_rng(seed)
    if isinstance(vocabulary, Classes):
        return [generator.integers(0, SIZE, length).astype(np.int16) for length in lengths]
    return [(generator.random((length, SIZE)) < 0.4).astype(np.uint8) for length in lengths]


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
    entry = entry_of(experiment, name)
    family = MODELS[entry["family"]]
    vocabulary = small_vocabulary(experiment)
    torch.manual_seed(5)
    settings = family.Settings(**shrunk(entry["settings"], width, dropout))
    model = family.build(settings, vocabulary, window, objective)
    if isinstance(model, Counted):
        model.fit(some_pieces(vocabulary, 30, 2))
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


def drawn(model: Model, batch: int, steps: int) -> torch.Tensor:
    """What precedes each step of random pieces (B, T): first the start."""
    pieces = some_pieces(model.vocabulary, *[steps] * batch)
    return torch.from_numpy(gather(pieces, -1, steps, model.vocabulary))


def other(steps: torch.Tensor) -> torch.Tensor:
    """Steps of which each is another one."""
    return 1 - steps if steps.dtype == torch.uint8 else (steps + 1) % SIZE


def changed_from(inputs: torch.Tensor, first: int) -> torch.Tensor:
    """The inputs with every step from one on another one."""
    return torch.cat([inputs[:, :first], other(inputs[:, first:])], dim=1)


def logits_of(model: Model, *calls: torch.Tensor) -> torch.Tensor:
    """The logits (B, T, V) of a sequence given in some calls, the state carried."""
    state, found = None, []
    with torch.no_grad():
        for inputs in calls:
            logits, state = model(inputs, state)
            found.append(logits)
    return torch.cat(found, dim=1)


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
    for piece in range(4):
        assert torch.allclose(logits_of(model, inputs[piece : piece + 1]), whole[piece], atol=1e-5)


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
LEARNS_WITH = {"rnn": (2.0, 0.02), "decoder": (1.0, 0.004)}
PATTERNS = [[1, 1, 2], [3, 4, 0, 5]]  # what follows a 1 needs a memory


def still(steps: np.ndarray, semitones: np.ndarray) -> np.ndarray:
    """A transposition of steps that are no music."""
    raise AssertionError("no window is to be transposed")


@of_entries(lambda model: not isinstance(model, Counted))
def test_a_model_that_is_trained_by_gradient_learns_by_heart(experiment, name, objective):
    window, length = (16, 16) if objective == "causal" else (6, 60)
    sharpened, learning_rate = LEARNS_WITH[entry_of(experiment, name)["family"]]
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
    optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate)
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
    model = markov.build(markov.Settings(smoothing=1.0), Classes(3), 8, "causal")
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


def test_markov_of_bits_by_hand():
    """Two pieces of two bits; each bit has a chain of its own, and is not set before a piece."""
    model = markov.build(markov.Settings(smoothing=2.0), Bits(2), 8, "causal")
    pieces = [[[1, 0], [1, 0], [0, 0], [1, 0]], [[0, 0]]]
    model.fit([np.array(piece, dtype=np.uint8) for piece in pieces])
    # The first bit is set 3 times of 5, plus one each: 4 of 7. Not set before, as at both pieces'
    # start, it is set 2 times of 3; set before, 1 time of 2. The smoothing counts as 2 in each.
    after_off, after_on = (2 + 2 * 4 / 7) / 5, (1 + 2 * 4 / 7) / 4
    # The second is never set: 1 of 7; it was never set before.
    never_off, never_on = (0 + 2 * 1 / 7) / 7, 1 / 7
    found = torch.sigmoid(model.log_odds)
    expected = torch.tensor([[after_off, never_off], [after_on, never_on]])
    assert torch.allclose(found, expected, atol=1e-6)
    nll = nll_nats(model, [np.array([[1, 0], [0, 1]], dtype=np.uint8)], CPU)
    by_hand = [after_off, 1 - never_off, 1 - after_on, never_off]
    assert nll == pytest.approx([-np.log(by_hand).sum()], rel=1e-6)


def test_markov_is_uniform_before_it_is_fitted():
    model = markov.build(markov.Settings(smoothing=1.0), Classes(4), 8, "causal")
    assert nll_nats(model, [np.array([0, 3, 3])], CPU) == pytest.approx([3 * np.log(4)])
    model = markov.build(markov.Settings(smoothing=1.0), Bits(4), 8, "causal")
    assert nll_nats(model, [np.eye(4, dtype=np.uint8)[:3]], CPU) == pytest.approx([12 * np.log(2)])


# Vocabularies.

PLAIN = {"temperature": 1.0, "top_k": None, "top_p": None, "threshold": None}


def test_a_representation_has_its_vocabulary():
    for name, module in REPRESENTATIONS.items():
        vocabulary = vocabulary_of(name)
        if isinstance(vocabulary, Bits):
            assert (vocabulary.size, vocabulary.step_shape) == (module.BITS, (module.BITS,))
        else:
            assert (vocabulary.size, vocabulary.step_shape) == (module.CLASSES, ())
            assert vocabulary.start == module.CLASSES
    assert vocabulary_of("melody") == Classes(129)
    assert vocabulary_of("events") == Classes(388)
    assert vocabulary_of("pianoroll") == Bits(88)


def test_likelihood_of_classes_by_hand():
    logits = torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], [[1.0, 1.0, 2.0], [3, 3, 3]]])
    found = Classes(3).nll(logits.log(), torch.tensor([[1, 2], [2, 0]]))
    expected = -torch.tensor([[0.25, 0.7], [0.5, 1 / 3]]).log()
    assert torch.allclose(found, expected, atol=1e-6)


def test_likelihood_of_bits_by_hand():
    """The sum over the bits: each is set or not, whatever the others are."""
    probabilities = torch.tensor([[[0.75, 0.5, 0.1], [0.9, 0.2, 0.5]]])
    steps = torch.tensor([[[1, 0, 0], [0, 0, 1]]], dtype=torch.uint8)
    found = Bits(3).nll(torch.logit(probabilities), steps)
    expected = -torch.tensor([[0.75 * 0.5 * 0.9, 0.1 * 0.8 * 0.5]]).log()
    assert torch.allclose(found, expected, atol=1e-6)
    assert Bits(3).nll(torch.full((1, 1, 3), -200.0), steps[:, :1]).item() == pytest.approx(200)


@both
def test_probabilities_of_all_steps_sum_to_one(vocabulary):
    """Whatever a vocabulary calls likelihood is one: over all that a step can be."""
    logits = torch.randn(SIZE, generator=torch.Generator().manual_seed(1)) * 3
    steps = torch.arange(SIZE)
    if isinstance(vocabulary, Bits):
        steps = (torch.arange(2**SIZE)[:, None] >> steps) & 1
    nll = vocabulary.nll(logits.expand(1, len(steps), SIZE), steps[None])
    assert (-nll).exp().sum().item() == pytest.approx(1, abs=1e-5)


def shares(vocabulary: Vocabulary, probabilities, allowed=None, **changed) -> list[float]:
    """How often each class, or bit, is drawn in 20,000 steps."""
    probabilities = torch.tensor(probabilities)
    is_bits = isinstance(vocabulary, Bits)
    logits = (torch.logit(probabilities) if is_bits else probabilities.log()).expand(20_000, -1)
    if allowed is not None:
        allowed = torch.tensor(allowed).expand(20_000, -1)
    generator = torch.Generator().manual_seed(3)
    steps = vocabulary.draw(logits, PLAIN | changed, generator, allowed)
    if is_bits:
        assert (steps.dtype, steps.shape) == (torch.uint8, (20_000, vocabulary.size))
        return steps.double().mean(0).tolist()
    assert (steps.dtype, steps.shape) == (torch.int64, (20_000,))
    return (torch.bincount(steps, minlength=vocabulary.size) / 20_000).tolist()


@pytest.mark.parametrize(
    ("changed", "allowed", "expected"),
    [
        ({}, None, [0.5, 0.3, 0.15, 0.05]),
        ({"temperature": 0.5}, None, [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365]),
        ({"top_k": 2}, None, [0.625, 0.375, 0, 0]),
        ({"top_p": 0.6}, None, [0.625, 0.375, 0, 0]),
        ({}, [False, True, True, True], [0, 0.6, 0.3, 0.1]),
        ({}, [False, False, False, True], [0, 0, 0, 1]),
        # What is not allowed counts for neither: the likeliest are those of the allowed.
        ({"top_k": 2}, [False, True, True, True], [0, 2 / 3, 1 / 3, 0]),
        ({"top_k": 3}, [False, True, False, True], [0, 6 / 7, 0, 1 / 7]),
        ({"top_k": 1}, [False, False, True, True], [0, 0, 1, 0]),
        ({"top_p": 0.6}, [False, True, True, True], [0, 1, 0, 0]),
        ({"top_p": 0.7}, [False, True, True, True], [0, 2 / 3, 1 / 3, 0]),
        ({"top_p": 0.01}, [False, False, False, True], [0, 0, 0, 1]),
        (
            {"temperature": 9.0, "top_k": 3, "top_p": 0.99},
            [False, False, False, True],
            [0, 0, 0, 1],
        ),
    ],
    ids=str,
)
def test_classes_are_drawn_with_their_probabilities_of_those_allowed(changed, allowed, expected):
    found = shares(Classes(4), [0.5, 0.3, 0.15, 0.05], allowed, **changed)
    assert found == pytest.approx(expected, abs=0.015)
    assert [share == 0 for share in found] == [share == 0 for share in expected]


def test_each_row_has_its_own_allowed_classes():
    generator = np.random.default_rng(1)
    allowed = torch.from_numpy(generator.random((5000, SIZE)) < 0.3)
    allowed[:, 0] |= ~allowed.any(1)
    logits = torch.from_numpy(generator.normal(0, 5, (5000, SIZE))).float()
    for changed in ({}, {"top_k": 2}, {"top_p": 0.5}, {"top_k": 1, "temperature": 0.1}):
        draws = torch.Generator().manual_seed(1)
        steps = CLASSES.draw(logits, PLAIN | changed, draws, allowed)
        assert allowed[torch.arange(5000), steps].all()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, [0.9, 0.5, 0.2, 0.01]),
        # The odds 9, 1, 1/4 and 1/99 squared, and their roots.
        ({"temperature": 0.5}, [81 / 82, 0.5, 1 / 17, 1 / 9802]),
        ({"temperature": 2.0}, [0.75, 0.5, 1 / 3, 0.0913]),
        ({"threshold": 0.3}, [1, 1, 0, 0]),
        ({"threshold": 0.5}, [1, 1, 0, 0]),  # reached is enough
        ({"threshold": 0.05, "temperature": 2.0}, [1, 1, 1, 1]),  # of what the temperature made
    ],
    ids=str,
)
def test_bits_are_drawn_each_with_its_probability(changed, expected):
    assert shares(Bits(4), [0.9, 0.5, 0.2, 0.01], **changed) == pytest.approx(expected, abs=0.012)


def test_bits_are_drawn_independently_of_each_other():
    steps = Bits(3).draw(torch.zeros(20_000, 3), PLAIN, torch.Generator().manual_seed(1), None)
    each_chord = (steps.long() * torch.tensor([1, 2, 4])).sum(1).bincount(minlength=8) / 20_000
    assert each_chord.tolist() == pytest.approx([1 / 8] * 8, abs=0.012)


def test_what_is_drawn_depends_on_the_generator_alone():
    logits = torch.randn(50, SIZE)
    for vocabulary in (CLASSES, BITS):
        one, again, more = (
            vocabulary.draw(logits, PLAIN, torch.Generator().manual_seed(seed), None)
            for seed in (1, 1, 2)
        )
        assert torch.equal(one, again)
        assert not torch.equal(one, more)


def test_the_embedding_of_a_chord_is_the_sum_of_its_keys():
    torch.manual_seed(2)
    embedding = Bits(88).embedding(400)
    assert isinstance(embedding, BitsEmbedding)
    keys = torch.eye(88, dtype=torch.uint8)
    with torch.no_grad():
        of_keys = embedding(keys)
        assert torch.equal(embedding(torch.zeros(2, 3, 88)), torch.zeros(2, 3, 400))
        chord = keys[[3, 30, 40, 80]].sum(0, dtype=torch.uint8)
        assert torch.allclose(embedding(chord), of_keys[[3, 30, 40, 80]].sum(0), atol=1e-5)
        assert embedding(chord).var().item() == pytest.approx(1, rel=0.3)
    assert of_keys.var().item() == pytest.approx(1 / BITS.heard, rel=0.05)


def test_the_embedding_of_classes_has_a_vector_for_the_start():
    embedding = CLASSES.embedding(5)
    assert embedding(torch.arange(SIZE + 1)).shape == (SIZE + 1, 5)
    assert not torch.equal(*embedding(torch.tensor([CLASSES.start, SIZE - 1])))


# Likelihood.


def read_one_by_one(vocabulary: Vocabulary, piece: np.ndarray, first: int, length: int) -> list:
    """`gather` of one piece, step by step."""
    outside = np.full(vocabulary.step_shape, vocabulary.start).tolist()
    within = range(len(piece))
    return [piece[i].tolist() if i in within else outside for i in range(first, first + length)]


@both
@pytest.mark.parametrize("in_file", [False, True])
def test_gather_reads_steps_and_gives_the_start_outside(vocabulary, in_file, tmp_path):
    pieces = some_pieces(vocabulary, 5, 1, 9, 0)
    if in_file:
        np.save(tmp_path / "steps.npy", np.concatenate(pieces))
        steps = np.load(tmp_path / "steps.npy", mmap_mode="r")
        bounds = np.cumsum([0, *map(len, pieces)])
        pieces = [steps[a:b] for a, b in itertools.pairwise(bounds)]
    for first in (-9, -3, -1, 0, 2, 4, 5, 8, 20, np.array([-1, 0, 3, -2])):
        for length in (0, 1, 4, 12):
            found = gather(pieces, first, length, vocabulary)
            assert found.shape == (4, length, *vocabulary.step_shape)
            assert found.dtype == (np.int64 if isinstance(vocabulary, Classes) else np.uint8)
            firsts = np.broadcast_to(first, 4).tolist()
            for row, piece, begin in zip(found, pieces, firsts, strict=True):
                assert row.tolist() == read_one_by_one(vocabulary, piece, begin, length)


@both
def test_what_is_gathered_is_a_copy(vocabulary):
    (piece,) = some_pieces(vocabulary, 5)
    kept = piece.copy()
    gather([piece], 0, 5, vocabulary)[:] = 0
    assert np.array_equal(piece, kept)


def slow_nll(model: Model, piece: np.ndarray) -> float:
    """One step at a time, the state carried."""
    is_bits = isinstance(model.vocabulary, Bits)
    before = torch.full((1, 1, *model.vocabulary.step_shape), model.vocabulary.start)
    state, total = None, 0.0
    with torch.no_grad():
        for step in torch.from_numpy(piece).long():
            logits, state = model(before.byte() if is_bits else before, state)
            logits = logits[0, 0].double()
            if is_bits:
                of_bits = torch.where(step > 0, torch.sigmoid(logits), torch.sigmoid(-logits))
                total -= of_bits.log().sum().item()
            else:
                total -= torch.log_softmax(logits, -1)[step].item()
            before = step[None, None]
    return total


@each
def test_nll_is_that_of_one_step_at_a_time(experiment, name, objective, monkeypatch):
    """Also across the bounds of chunks and batches."""
    monkeypatch.setattr("neuralmusic.likelihood.CHUNK_STEPS", 8)
    monkeypatch.setattr("neuralmusic.likelihood.BATCH_PIECES", 3)
    model = built(experiment, name, objective)
    pieces = some_pieces(model.vocabulary, 20, 1, 8, 9, 30, 7, 16)
    kept = [piece.copy() for piece in pieces]
    found = nll_nats(model, pieces, CPU)
    assert found == pytest.approx([slow_nll(model, piece) for piece in pieces], rel=1e-5)
    for index, piece in enumerate(pieces):  # whatever it is scored beside
        assert nll_nats(model, [piece], CPU) == pytest.approx(found[index : index + 1], rel=1e-5)
    assert nll_nats(model, pieces[::-1], CPU) == pytest.approx(found[::-1], rel=1e-5)
    assert all(np.array_equal(*both) for both in zip(pieces, kept, strict=True))


@each
def test_nll_drops_nothing_though_the_model_was_in_training(experiment, name, objective):
    pieces = some_pieces(small_vocabulary(experiment), 7)
    expected = nll_nats(built(experiment, name, objective), pieces, CPU)
    dropping = built(experiment, name, objective, dropout=0.5).train()
    assert nll_nats(dropping, pieces, CPU) == pytest.approx(expected, rel=1e-6)


@both
def test_nll_of_no_piece_is_empty_and_of_an_empty_piece_none(vocabulary):
    model = markov.build(markov.Settings(smoothing=1.0), vocabulary, 8, "causal")
    assert nll_nats(model, [], CPU).shape == (0,)
    assert nll_nats(model, some_pieces(vocabulary, 0), CPU).tolist() == [0]
    some = some_pieces(vocabulary, 0, 3)
    assert nll_nats(model, some, CPU).tolist() == [0, *nll_nats(model, some[1:], CPU)]
