"""The batches of an epoch: which steps, moved, stuck, counted."""

import numpy as np
import pytest
import torch

from neuralmusic.models.model import Model
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.train import (
    Training,
    Windows,
    run_epoch,
    train,
)
from neuralmusic.vocabulary import Bits, Classes, Vocabulary, vocabulary_of
from tests.constructed import melody
from tests.tiny import (
    corpus,
    job,
)

CPU = torch.device("cpu")
W = 8
IGNORED = -1  # what stands below for a target that does not count
VOCABULARIES = [Classes(10_000), Bits(16)]
both = pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=["classes", "bits"])
of_classes = VOCABULARIES[0]


def pieces_of(*lengths: int, vocabulary: Vocabulary = of_classes) -> list[np.ndarray]:
    """Pieces whose every step is another number, 1 + 100 * piece + step; bits are its digits."""
    numbers = [1 + 100 * index + np.arange(length) for index, length in enumerate(lengths)]
    if isinstance(vocabulary, Classes):
        return [piece.astype(np.int16) for piece in numbers]
    digits = np.arange(vocabulary.size)
    return [(piece[:, None] >> digits & 1).astype(np.uint8) for piece in numbers]


def numbers_of(steps: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """The number that each step (B, T) or (B, T, V) is."""
    if isinstance(vocabulary, Classes):
        assert steps.dtype == np.int64
        return steps
    assert steps.dtype == np.uint8
    return steps.astype(np.int64) @ 2 ** np.arange(vocabulary.size)


def windows(
    pieces,
    objective: str = "causal",
    count: int | None = None,
    seed: int = 1,
    stuck: float = 0,
    vocabulary: Vocabulary = of_classes,
    representation: str = "melody",
    copies: int = 1,
    **training,
) -> Windows:
    own = job("basic")["training"] | {"objective": objective, "window_steps": W}
    own |= {"windows_per_epoch": count, "stuck_share": stuck, "stuck_steps": 3}
    own |= {"transpose_semitones": [0, 0]} | training
    transpose = REPRESENTATIONS[representation].transpose
    return Windows(pieces, Training(**own), vocabulary, transpose, seed, copies)


def all_of(made: Windows) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the inputs and of the targets of an epoch, each window W long."""
    inputs, targets = [], []
    batches = list(made)
    assert len(made) == len(batches)
    for batch in batches:
        assert batch.inputs.shape[0] == batch.targets.shape[0] == len(batch.counted)
        assert batch.counted.dtype == np.float32
        assert batch.counted.shape == batch.targets.shape[:2]
        assert (np.diff(batch.counted, axis=1) <= 0).all()  # first what counts
        assert (batch.counted[:, 0] == 1).all()
        assert batch.counted[:, -1].any()  # no longer than the longest of its windows
        wanted = numbers_of(batch.targets, made.vocabulary)
        wanted = np.where(batch.counted == 1, wanted, IGNORED)
        given = numbers_of(batch.inputs, made.vocabulary)
        width = W if made.training.objective == "causal" else 1
        more = ((0, 0), (0, width - wanted.shape[1]))
        targets.append(np.pad(wanted, more, constant_values=IGNORED))
        more = ((0, 0), (0, W - given.shape[1]))
        inputs.append(np.pad(given, more, constant_values=made.vocabulary.start))
    return np.concatenate(inputs), np.concatenate(targets)


LENGTHS = (40, 17, W + 1, W, 5, 1)  # the last pieces are shorter than a window


@both
def test_targets_are_the_inputs_one_step_on(vocabulary):
    pieces = pieces_of(*LENGTHS)
    made = windows(
        pieces_of(*LENGTHS, vocabulary=vocabulary), "causal", 3000, vocabulary=vocabulary
    )
    inputs, targets = all_of(made)
    assert inputs.shape == targets.shape == (3000, W)
    for before, after in zip(inputs, targets, strict=True):
        wanted = after[after != IGNORED]
        piece, first = divmod(wanted[0] - 1, 100)
        assert wanted.tolist() == pieces[piece][first : first + W].tolist()
        assert (after[len(wanted) :] == IGNORED).all()
        assert len(wanted) == W or first + len(wanted) == len(pieces[piece])
        assert before[0] == (vocabulary.start if first == 0 else wanted[0] - 1)
        assert before[1 : len(wanted)].tolist() == wanted[:-1].tolist()
        assert before.max() <= max(10_000, vocabulary.start)  # what stands beside them is a step


@both
def test_a_batch_is_as_long_as_the_longest_of_its_windows(vocabulary):
    made = windows(pieces_of(5, vocabulary=vocabulary), "causal", 20, vocabulary=vocabulary)
    for batch in made:
        given = numbers_of(batch.inputs, vocabulary)
        assert (given == [vocabulary.start, 1, 2, 3, 4]).all()
        assert (numbers_of(batch.targets, vocabulary) == [1, 2, 3, 4, 5]).all()
        assert (batch.counted == 1).all()
    pieces = pieces_of(*LENGTHS, vocabulary=vocabulary)
    mixed = [
        batch.targets.shape[1]
        for seed in range(40)
        for batch in windows(pieces, "causal", 3, seed, vocabulary=vocabulary, batch_size=1)
    ]
    assert set(mixed) == {W, 5, 1}


@both
def test_the_thesis_windows_are_the_steps_before_their_target(vocabulary):
    pieces = pieces_of(*LENGTHS)
    made = windows(pieces_of(*LENGTHS, vocabulary=vocabulary), "last", 3000, vocabulary=vocabulary)
    inputs, targets = all_of(made)
    assert (inputs.shape, targets.shape) == ((3000, W), (3000, 1))
    for before, target in zip(inputs, targets[:, 0], strict=True):
        piece, step = divmod(target - 1, 100)
        padded = np.concatenate([np.full(W, vocabulary.start), pieces[piece]])
        assert before.tolist() == padded[step : step + W].tolist()


class Constant(Model):
    """Says the same of every step."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        generator = torch.Generator().manual_seed(1)
        self.logits = torch.nn.Parameter(torch.randn(vocabulary.size, generator=generator))

    def forward(self, inputs, state=None):
        return self.logits.expand(*inputs.shape[:2], -1), None

    def training_logits(self, inputs):
        logits = self(inputs)[0]
        return logits if self.is_causal else logits[:, -1:]


@both
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_the_training_loss_is_the_mean_of_the_steps_that_count(vocabulary, objective):
    """Of each batch; what stands past the end of a piece shorter than the others does not."""
    pieces = pieces_of(*LENGTHS, vocabulary=vocabulary)
    made = windows(pieces, objective, 64, vocabulary=vocabulary, learning_rate=1e-30)
    model = Constant(vocabulary)
    model.is_causal = objective == "causal"
    by_hand = []
    for batch in made:
        steps = torch.from_numpy(batch.targets[batch.counted == 1])[None]
        logits = model.logits.detach().expand(1, steps.shape[1], -1)
        by_hand.append(vocabulary.nll(logits, steps).mean().item())
    assert not all((batch.counted == 1).all() for batch in made) or objective == "last"
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-30)
    loss = run_epoch(model, optimizer, made, made.training, CPU)
    assert loss == pytest.approx(np.mean(by_hand), rel=1e-5)


@both
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_stuck_inputs_hold_on_what_was_before_and_leave_the_targets(vocabulary, objective):
    pieces = pieces_of(*LENGTHS, vocabulary=vocabulary)
    clean, targets = all_of(windows(pieces, objective, 4000, vocabulary=vocabulary))
    stuck, same_targets = all_of(windows(pieces, objective, 4000, 1, 0.2, vocabulary))
    assert (targets == same_targets).all()
    changed = stuck != clean
    assert not changed[:, 0].any()
    for row, (before, now) in enumerate(zip(clean, stuck, strict=True)):
        for step in np.flatnonzero(changed[row]):
            assert now[step] == now[step - 1] != before[step]
    assert 0.05 < changed.mean() < 0.2  # the first step is never stuck, padding cannot change
    again, _ = all_of(windows(pieces, objective, 4000, 1, 0.2, vocabulary))
    assert (again == stuck).all()


def drawn_counts(objective: str) -> list[np.ndarray]:
    """How often each step of each piece is a target."""
    pieces = pieces_of(*LENGTHS)
    _, targets = all_of(windows(pieces, objective, 30_000))
    counts = np.bincount(targets[targets != IGNORED].ravel(), minlength=700)
    assert counts.sum() == sum(counts[piece].sum() for piece in pieces)
    return [counts[piece] for piece in pieces]


def test_every_step_is_drawn_as_often_under_the_thesis_objective():
    counts = np.concatenate(drawn_counts("last"))
    assert np.abs(counts / counts.mean() - 1).max() < 0.2


def test_every_step_is_drawn_about_as_often():
    """A piece's ends as often as its inside, though fewer windows fit there; none thrice another.

    (Windows moved to a piece's ends cover the steps nearest to both most often.)
    """
    counts = np.concatenate(drawn_counts("causal"))
    assert counts.min() > counts.max() / 3.5
    long = drawn_counts("causal")[0] / counts.min()
    inside = long[2 * W : -2 * W].mean()
    assert long[0] == pytest.approx(inside, rel=0.2)
    assert long[-1] == pytest.approx(inside, rel=0.2)


def test_an_epoch_covers_the_pieces_once_unless_it_is_told_otherwise():
    pieces = pieces_of(40, 17)
    assert len(all_of(windows(pieces, "causal"))[1]) == -(-57 // W)
    assert len(all_of(windows(pieces, "last"))[1]) == 57
    assert len(all_of(windows(pieces, "causal", 13))[1]) == 13
    assert [len(batch.inputs) for batch in windows(pieces, "causal", 13)] == [8, 5]


@pytest.mark.parametrize("objective", ["causal", "last"])
def test_copies_of_pieces_make_an_epoch_no_longer(objective):
    """Stretched copies are other music of the same amount, seen in turn."""
    pieces = pieces_of(40, 17, 30)
    once = windows(pieces, objective)
    copied = windows([piece for piece in pieces for _ in range(5)], objective, copies=5)
    assert len(copied.first) == len(once.first)
    assert len(windows(pieces * 5, objective, 13, copies=5).first) == 13
    assert len(set(copied.of)) > len(pieces)


def test_a_training_counts_the_copies_of_its_pieces(tmp_path, monkeypatch):
    """`stretches` give a training more music, and not more of it an epoch."""
    made, init = [], Windows.__init__

    def kept(self, *given):
        init(self, *given)
        made.append(self)

    monkeypatch.setattr(Windows, "__init__", kept)
    params = job("basic", training={"epochs": 1, "windows_per_epoch": None})
    params["representation"] |= {"stretches": [0.8, 0.9, 1.0, 1.1, 1.2]}
    train(params, corpus(tmp_path, stretches=[0.8, 0.9, 1.0, 1.1, 1.2]), tmp_path / "c", tmp_path)
    plain = job("basic", training={"epochs": 1, "windows_per_epoch": None})
    train(plain, corpus(tmp_path, stretches=[1.0]), tmp_path / "c", tmp_path)
    assert [len(windows.pieces) for windows in made] == [15, 3]
    assert len(made[1].first) == 75 // W + 1
    assert abs(len(made[0].first) - len(made[1].first)) <= 1


# Transposition.

# Two notes in turn, so that both are in every window.
LOW, MIDDLE, HIGH = (melody(pair * 20, 10.0) for pair in ([23, 30], [60, 64], [106, 100]))


@pytest.mark.parametrize("name", REPRESENTATIONS)
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_a_window_is_transposed_whole_within_the_keyboard(name, objective):
    """Inputs and targets by one interval, drawn anew for each window."""
    pieces = [REPRESENTATIONS[name].encode(piece, 8) for piece in (LOW, MIDDLE, HIGH)]
    common = {"vocabulary": vocabulary_of(name), "representation": name, "batch_size": 50}
    plain = windows(pieces, objective, 1000, **common)
    moved = windows(pieces, objective, 1000, **common, transpose_semitones=[-5, 6])
    assert np.array_equal(plain.of, moved.of)
    found = {0: set(), 1: set(), 2: set()}  # by piece
    whole = ([whole_windows(batch) for batch in made] for made in (plain, moved))
    rows = zip(plain.of, *map(np.concatenate, whole), strict=True)
    for piece, before, after in rows:
        intervals = [i for i in range(-5, 7) if np.array_equal(shifted(name, before, i), after)]
        assert intervals
        if len(intervals) == 1:  # of silence it is any
            found[piece] |= set(intervals)
    assert found == {0: set(range(-2, 7)), 1: set(range(-5, 7)), 2: set(range(-5, 3))}


def whole_windows(batch) -> np.ndarray:
    """The inputs of a batch and the last target, (B, T + 1): what is read of a piece."""
    if batch.targets.shape[1] > 1:
        assert np.array_equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    return np.concatenate([batch.inputs, batch.targets[:, -1:]], axis=1)


def shifted(name: str, steps: np.ndarray, interval: int) -> np.ndarray:
    """A window's steps with each note an interval higher, wherever the keyboard ends."""
    if name == "pianoroll":
        return np.roll(steps, interval, axis=1)
    is_note = steps < {"melody": 128, "events": 256}[name]
    return np.where(is_note, steps + interval, steps)


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_stuck_inputs_are_transposed_with_their_window(name):
    pieces = [REPRESENTATIONS[name].encode(piece, 8) for piece in (LOW, MIDDLE, HIGH)]
    common = {"vocabulary": vocabulary_of(name), "representation": name}
    changed = 0
    for batch in windows(pieces, "causal", 200, 1, 0.3, transpose_semitones=[-5, 6], **common):
        played_on = np.concatenate([batch.inputs[:, :1], batch.targets[:, :-1]], axis=1)
        differs = (batch.inputs != played_on).reshape(*batch.inputs.shape[:2], -1).any(axis=2)
        for row, step in np.argwhere(differs):
            assert np.array_equal(batch.inputs[row, step], batch.inputs[row, step - 1])
        changed += differs.sum()
    assert changed > 50


def test_a_seed_draws_its_own_windows():
    pieces = pieces_of(40, 17)
    one, again, other = (all_of(windows(pieces, "causal", 50, seed))[1] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
