"""What a step is, how likely, and how it is drawn."""

import numpy as np
import pytest
import torch

from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.vocabulary import Bits, BitsEmbedding, Classes, Vocabulary, restrict, vocabulary_of
from tests.entries import BITS, CLASSES, SIZE, both

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


# By hand: probabilities 0.5, 0.3, 0.15, 0.05, in another order.
LOGITS = torch.tensor([[0.15, 0.5, 0.05, 0.3]]).log()


def probabilities(**changed) -> list[float]:
    plain = {"temperature": 1.0, "top_k": None, "top_p": None}
    return torch.softmax(restrict(LOGITS, **plain | changed), -1)[0].tolist()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, [0.15, 0.5, 0.05, 0.3]),
        ({"temperature": 0.5}, [0.0225 / 0.365, 0.25 / 0.365, 0.0025 / 0.365, 0.09 / 0.365]),
        ({"top_k": 1}, [0, 1, 0, 0]),
        ({"top_k": 2}, [0, 0.625, 0, 0.375]),
        ({"top_k": 4}, [0.15, 0.5, 0.05, 0.3]),
        ({"top_k": 9}, [0.15, 0.5, 0.05, 0.3]),
        ({"top_p": 0.01}, [0, 1, 0, 0]),
        ({"top_p": 0.6}, [0, 0.625, 0, 0.375]),
        ({"top_p": 0.9}, [0.15 / 0.95, 0.5 / 0.95, 0, 0.3 / 0.95]),
        ({"top_p": 1.0}, [0.15, 0.5, 0.05, 0.3]),
        ({"top_k": 3, "top_p": 0.6}, [0, 0.625, 0, 0.375]),
        # Top-p counts what the temperature has made: 0.707, 0.548, 0.387, 0.224 of 1.866.
        ({"temperature": 2.0, "top_p": 0.5}, [0, 0.5635, 0, 0.4365]),
    ],
    ids=str,
)
def test_restrictions_by_hand(changed, expected):
    assert probabilities(**changed) == pytest.approx(expected, abs=1e-4)


def test_restrictions_work_row_by_row():
    rows = torch.cat([LOGITS, LOGITS.flip(1)])
    both = restrict(rows, 1.0, 2, 0.9)
    assert torch.equal(both[1].flip(0), both[0])
    assert torch.isinf(both).sum(1).tolist() == [2, 2]
