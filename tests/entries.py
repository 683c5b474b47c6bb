"""Every model of params.yaml, built small, for classes and for bits, under both objectives."""

import numpy as np
import pytest
import torch

from neuralmusic.likelihood import gather
from neuralmusic.models import MODELS
from neuralmusic.models.model import Counted, Model
from neuralmusic.vocabulary import Bits, Classes, Vocabulary, vocabulary_of
from tests.tiny import EXPERIMENTS, KINDS, shrunk

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
