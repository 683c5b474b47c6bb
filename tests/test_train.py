"""The training loop: what it writes, that it goes on to the same bytes, and its windows."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from neuralmusic import checkpoint as checkpoints
from neuralmusic import train as training_loop
from neuralmusic.checkpoint import load_model
from neuralmusic.files import InputError
from neuralmusic.likelihood import nll_nats
from neuralmusic.models.model import Counted
from neuralmusic.prepare import load_encoded
from neuralmusic.train import IGNORED, LOG_COLUMNS, VALIDATION_COLUMNS, Training, Windows, train
from tests.tiny import ENTRIES, contents, corpus, job, periodic

CPU = torch.device("cpu")
GRADIENT = [
    (e, name)
    for e, name in ENTRIES
    if not isinstance(checkpoints.build_model(job(name, e)), Counted)
]
of_all = pytest.mark.parametrize(("experiment", "name"), ENTRIES)
of_gradient = pytest.mark.parametrize(("experiment", "name"), GRADIENT)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("corpus"))


def trained(params, encoded, folder, out="out"):
    train(params, encoded, folder / "checkpoint.pt", folder / out)
    return folder / out


def comparable(out) -> dict[str, object]:
    """Every file of a trained model; of its log all but the seconds."""
    log = pd.read_csv(out / "log.csv").drop(columns="seconds").to_csv()
    return {**contents(out), "log.csv": log}


@of_all
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_training_writes_weights_and_what_it_saw(experiment, name, objective, encoded, tmp_path):
    params = job(name, experiment, {"objective": objective})
    out = trained(params, encoded, tmp_path)
    assert set(contents(out)) == {"weights.safetensors", "log.csv", "validation.csv"}
    log, validation = (pd.read_csv(out / f"{file}.csv") for file in ("log", "validation"))
    assert list(log) == LOG_COLUMNS == ["step", "epoch", "train_loss", "valid_loss", "seconds"]
    assert list(validation) == VALIDATION_COLUMNS == ["epoch", "piece", "steps", "nll_nats"]
    counted = (experiment, name) not in GRADIENT
    epochs = 1 if counted else 3
    assert log["epoch"].tolist() == list(range(1, epochs + 1))
    assert log["step"].tolist() == ([1] if counted else [3, 6, 9])  # 24 windows, 8 a step
    assert log["seconds"].is_monotonic_increasing
    assert validation["piece"].tolist() == ["valid0.mid", "valid1.mid"] * epochs
    assert validation["steps"].tolist() == [20, 12] * epochs
    by_epoch = validation.groupby("epoch")[["nll_nats", "steps"]].sum()
    assert (by_epoch["nll_nats"] / by_epoch["steps"]).tolist() == pytest.approx(
        log["valid_loss"].tolist(), rel=1e-5
    )
    last = load_model(params, out, CPU)
    nll = nll_nats(last, load_encoded(encoded, "valid").classes, CPU)
    assert nll.sum() / 32 == pytest.approx(log["valid_loss"].min(), rel=1e-5)


@of_gradient
def test_training_lowers_the_loss(experiment, name, encoded, tmp_path):
    params = job(name, experiment, {"epochs": 8, "windows_per_epoch": 64, "learning_rate": 0.02})
    log = pd.read_csv(trained(params, encoded, tmp_path) / "log.csv")
    assert log["train_loss"].iloc[-1] < 0.8 * log["train_loss"].iloc[0]
    assert log["valid_loss"].min() < np.log(129) / 2


def test_the_weights_kept_are_those_of_the_best_epoch(tmp_path):
    """What is learned here is useless for what is held out: the first epoch is the best."""
    encoded = corpus(
        tmp_path, {"train": [periodic([60], 40)], "valid": [periodic([90], 20)], "test": []}
    )
    params = job("basic", training={"learning_rate": 0.05})
    out = trained(params, encoded, tmp_path)
    log = pd.read_csv(out / "log.csv")
    assert log["valid_loss"].idxmin() == 0
    assert log["valid_loss"].iloc[-1] > 1.1 * log["valid_loss"].iloc[0]
    nll = nll_nats(load_model(params, out, CPU), load_encoded(encoded, "valid").classes, CPU)
    assert nll.sum() / 20 == pytest.approx(log["valid_loss"][0], rel=1e-5)


@of_gradient
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    experiment, name, encoded, tmp_path
):
    params = with_dropout(job(name, experiment))
    one = comparable(trained(params, encoded, tmp_path, "one"))
    (tmp_path / "checkpoint.pt").unlink()
    torch.manual_seed(123)  # whatever was drawn before
    assert comparable(trained(params, encoded, tmp_path, "two")) == one
    other = comparable(trained(params | {"seed": 7}, encoded, tmp_path, "other"))
    assert all(other[file] != one[file] for file in one)


def with_dropout(params: dict) -> dict:
    """So that a training draws random numbers all the time."""
    settings = params["settings"]
    return params | {"settings": settings | ({"dropout": 0.4} if "dropout" in settings else {})}


class Killed(BaseException):
    """Stops a training as a signal would."""


def killed_after_saving(monkeypatch, epoch):
    def save(path, state):
        checkpoints.save_checkpoint(path, state)
        if state["epoch"] == epoch:
            raise Killed

    monkeypatch.setattr(training_loop, "save_checkpoint", save)


def killed_while_saving(monkeypatch, epoch):
    whole = torch.save

    def save(state, file):
        if state["epoch"] == epoch:
            file.write(b"half")
            raise Killed
        whole(state, file)

    monkeypatch.setattr(checkpoints.torch, "save", save)


def killed_within(monkeypatch, epoch):
    drop_last = training_loop.Windows.__iter__
    made = []

    def some(windows):
        if windows not in made:
            made.append(windows)
        for index, batch in enumerate(drop_last(windows)):
            if len(made) == epoch and index == 1:
                raise Killed
            yield batch

    monkeypatch.setattr(training_loop.Windows, "__iter__", some)


@pytest.mark.parametrize("killed", [killed_after_saving, killed_while_saving, killed_within])
@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_a_training_killed_at_any_time_goes_on_to_the_same_bytes(
    killed, epoch, objective, encoded, tmp_path, monkeypatch
):
    experiment, name = GRADIENT[-1]
    params = with_dropout(job(name, experiment, {"objective": objective}))
    whole = comparable(trained(params, encoded, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        killed(patch, epoch)
        with pytest.raises(Killed):
            trained(params, encoded, tmp_path)
    assert not (tmp_path / "out").exists()
    with monkeypatch.context() as patch:
        epochs = count_epochs(patch)
        assert comparable(trained(params, encoded, tmp_path)) == whole
    assert len(epochs) == 3 - epoch + (killed is not killed_after_saving)


def count_epochs(monkeypatch) -> list:
    """Grows with each epoch that is trained."""
    ran, run = [], training_loop.run_epoch
    monkeypatch.setattr(training_loop, "run_epoch", lambda *a: ran.append(1) or run(*a))
    return ran


def test_the_checkpoint_of_another_training_is_not_gone_on_with(encoded, tmp_path, monkeypatch):
    params = job("basic")
    other = corpus(
        tmp_path / "other", {"train": [periodic([1, 2], 9)], "valid": [periodic([1], 9)]}
    )
    trained(params, encoded, tmp_path)
    left = (tmp_path / "checkpoint.pt").read_bytes()
    for changed, music in (
        (params | {"seed": 7}, encoded),
        (params | {"training": params["training"] | {"learning_rate": 0.1}}, encoded),
        (params | {"settings": params["settings"] | {"hidden_size": 4}}, encoded),
        (params, other),
    ):
        (tmp_path / "checkpoint.pt").write_bytes(left)
        with monkeypatch.context() as patch:
            epochs = count_epochs(patch)
            trained(changed, music, tmp_path)
            assert len(epochs) == 3
    (tmp_path / "checkpoint.pt").write_bytes(left)
    with monkeypatch.context() as patch:
        epochs = count_epochs(patch)
        trained(params, encoded, tmp_path)
        assert len(epochs) == 0  # but its own is


class Hostile:
    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_damaged_checkpoint_is_named_and_runs_nothing(encoded, tmp_path):
    params = job("basic")
    trained(params, encoded, tmp_path)
    path = tmp_path / "checkpoint.pt"
    whole = path.read_bytes()
    damaged = [b"", b"not a checkpoint", b"\x80\x02.", whole[:1000], whole[: len(whole) // 2]]
    damaged += [np.random.default_rng(seed).bytes(100) for seed in range(30)]
    damaged += [pickle.dumps(Hostile(tmp_path / "pwned"))]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"checkpoint\.pt is damaged .*delete it"):
            trained(params, encoded, tmp_path)
        assert path.read_bytes() == content
    assert not (tmp_path / "pwned").exists()


def test_a_training_that_diverges_says_so(encoded, tmp_path):
    with pytest.raises(InputError, match="basic diverged in epoch 1: lower its learning rate"):
        trained(job("basic", training={"learning_rate": 1e38}), encoded, tmp_path)


def test_an_unknown_device_is_named(encoded, tmp_path):
    with pytest.raises(InputError, match="device 'cuda:77' cannot be used"):
        trained(job("basic", device="cuda:77"), encoded, tmp_path)


# Windows.

START = 10_000  # the start class
W = 8


def pieces_of(*lengths: int) -> list[np.ndarray]:
    """Pieces whose every step is another class: 100 * piece + step."""
    return [100 * index + np.arange(length) for index, length in enumerate(lengths)]


def windows(pieces, objective: str, count: int | None, seed: int = 1, stuck: float = 0) -> Windows:
    own = job("basic")["training"] | {"objective": objective, "window_steps": W}
    own |= {"windows_per_epoch": count, "stuck_share": stuck, "stuck_steps": 3}
    return Windows(pieces, Training(**own), START, seed)


def all_of(made: Windows) -> tuple[np.ndarray, np.ndarray]:
    inputs, targets = zip(*made, strict=True)
    assert len(made) == len(inputs)
    return np.concatenate(inputs), np.concatenate(targets)


LENGTHS = (40, 17, W + 1, W, 5, 1)  # the last piece is shorter than a window too


def test_targets_are_the_inputs_one_step_on():
    pieces = pieces_of(*LENGTHS)
    inputs, targets = all_of(windows(pieces, "causal", 3000))
    assert inputs.shape == targets.shape == (3000, W)
    for before, after in zip(inputs, targets, strict=True):
        wanted = after[after != IGNORED]
        piece, first = divmod(wanted[0], 100)
        assert wanted.tolist() == pieces[piece][first : first + W].tolist()
        assert (after[len(wanted) :] == IGNORED).all()
        assert len(wanted) == W or first + len(wanted) == len(pieces[piece])
        assert before[0] == (START if first == 0 else wanted[0] - 1)
        assert before[1 : len(wanted)].tolist() == wanted[:-1].tolist()
        assert before.max() <= START  # what stands beside ignored targets is a class


def test_a_piece_shorter_than_the_window_is_seen_whole_with_the_rest_ignored():
    inputs, targets = all_of(windows(pieces_of(5), "causal", 20))
    assert (inputs[:, :5] == [START, 0, 1, 2, 3]).all()
    assert (targets == [0, 1, 2, 3, 4, IGNORED, IGNORED, IGNORED]).all()


def test_the_thesis_windows_are_the_steps_before_their_target():
    pieces = pieces_of(*LENGTHS)
    inputs, targets = all_of(windows(pieces, "last", 3000))
    assert (inputs.shape, targets.shape) == ((3000, W), (3000, 1))
    for before, target in zip(inputs, targets[:, 0], strict=True):
        piece, step = divmod(target, 100)
        padded = np.concatenate([np.full(W, START), pieces[piece]])
        assert before.tolist() == padded[step : step + W].tolist()


@pytest.mark.parametrize("objective", ["causal", "last"])
def test_stuck_inputs_hold_on_what_was_before_and_leave_the_targets(objective):
    pieces = pieces_of(*LENGTHS)
    clean, targets = all_of(windows(pieces, objective, 4000))
    stuck, same_targets = all_of(windows(pieces, objective, 4000, stuck=0.2))
    assert (targets == same_targets).all()
    changed = stuck != clean
    assert not changed[:, 0].any()
    for row, (before, now) in enumerate(zip(clean, stuck, strict=True)):
        for step in np.flatnonzero(changed[row]):
            assert now[step] == now[step - 1] != before[step]
    assert 0.05 < changed.mean() < 0.2  # the first step is never stuck, padding cannot change
    again, _ = all_of(windows(pieces, objective, 4000, stuck=0.2))
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
    assert len(all_of(windows(pieces, "causal", None))[1]) == -(-57 // W)
    assert len(all_of(windows(pieces, "last", None))[1]) == 57
    assert len(all_of(windows(pieces, "causal", 13))[1]) == 13
    assert windows(pieces, "causal", 13).batch_size == 8
    assert [len(batch) for batch, _ in windows(pieces, "causal", 13)] == [8, 5]


def test_every_epoch_draws_its_own_windows(encoded, tmp_path, monkeypatch):
    pieces = pieces_of(40, 17)
    one, again, other = (all_of(windows(pieces, "causal", 50, seed))[1] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    drawn, run = [], training_loop.run_epoch
    monkeypatch.setattr(
        training_loop, "run_epoch", lambda *a: drawn.append(a[2].first.tolist()) or run(*a)
    )
    trained(job(GRADIENT[0][1], GRADIENT[0][0]), encoded, tmp_path)
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]
