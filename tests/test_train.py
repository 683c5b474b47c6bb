"""The training loop: what it writes, and that it goes on to the same bytes."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from neuralmusic import checkpoint as checkpoints
from neuralmusic import train as training_loop
from neuralmusic.checkpoint import load_model
from neuralmusic.device import computes_in_bfloat16
from neuralmusic.files import InputError
from neuralmusic.likelihood import nll_nats
from neuralmusic.midi import read_midi
from neuralmusic.models.model import Counted
from neuralmusic.notes import NoteList
from neuralmusic.prepare import SPLITS, load_encoded
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.sample import sample
from neuralmusic.train import (
    LOG_COLUMNS,
    VALIDATION_COLUMNS,
    learning_rate_share,
    train,
)
from neuralmusic.vocabulary import Bits, vocabulary_of
from tests.tiny import (
    ENTRIES,
    EXPERIMENTS,
    KINDS,
    TRAINED,
    contents,
    corpus,
    job,
    periodic,
)

CPU = torch.device("cpu")


def is_counted(experiment: str, name: str) -> bool:
    return isinstance(checkpoints.build_model(job(name, experiment)), Counted)


GRADIENT = [entry for entry in KINDS if not is_counted(*entry)]
# One gradient-trained model of every trained experiment: what a representation can break.
OF_EACH = list({entry[0]: entry for entry in ENTRIES if not is_counted(*entry)}.values())
of_gradient = pytest.mark.parametrize(("experiment", "name"), GRADIENT)
of_each = pytest.mark.parametrize(("experiment", "name"), OF_EACH)


def trained(params, encoded, folder, out="out"):
    train(params, encoded, folder / "checkpoint.pt", folder / out)
    return folder / out


def comparable(out) -> dict[str, object]:
    """Every file of a trained model; of its log all but the seconds."""
    log = pd.read_csv(out / "log.csv").drop(columns="seconds").to_csv()
    return {**contents(out), "log.csv": log}


@pytest.mark.parametrize(("experiment", "name"), list(dict.fromkeys([*KINDS, *OF_EACH])))
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_training_writes_weights_and_what_it_saw(experiment, name, objective, corpora, tmp_path):
    params = job(name, experiment, {"objective": objective})
    out = trained(params, corpora[experiment], tmp_path)
    assert set(contents(out)) == {"weights.safetensors", "log.csv", "validation.csv"}
    log, validation = (pd.read_csv(out / f"{file}.csv") for file in ("log", "validation"))
    columns = ["step", "epoch", "train_loss", "valid_loss", "tokens", "seconds"]
    assert list(log) == LOG_COLUMNS == columns
    assert list(validation) == VALIDATION_COLUMNS == ["epoch", "piece", "steps", "nll_nats"]
    counted = is_counted(experiment, name)
    epochs = 1 if counted else 3
    assert log["epoch"].tolist() == list(range(1, epochs + 1))
    assert log["step"].tolist() == ([1] if counted else [3, 6, 9])  # 24 windows, 8 a step
    assert log["seconds"].is_monotonic_increasing
    train = load_encoded(corpora[experiment], "train").pieces
    if counted:
        assert log["tokens"].tolist() == [sum(map(len, train))]
    elif objective == "last":
        assert log["tokens"].tolist() == [24, 48, 72]
    else:  # windows of 8 steps; a piece may be shorter
        each = log["tokens"].diff().fillna(log["tokens"])
        assert each.between(24 * min(8, *map(len, train)), 24 * 8).all()
    valid = load_encoded(corpora[experiment], "valid").pieces
    assert validation["piece"].tolist() == ["valid0.mid", "valid1.mid"] * epochs
    assert validation["steps"].tolist() == [len(piece) for piece in valid] * epochs
    by_epoch = validation.groupby("epoch")[["nll_nats", "steps"]].sum()
    assert (by_epoch["nll_nats"] / by_epoch["steps"]).tolist() == pytest.approx(
        log["valid_loss"].tolist(), rel=1e-5
    )
    last = load_model(params, out, CPU)
    nll = nll_nats(last, valid, CPU)
    steps = sum(map(len, valid))
    assert nll.sum() / steps == pytest.approx(log["valid_loss"].min(), rel=1e-5)


def test_one_cycle_rises_and_falls_to_nothing():
    shares = [learning_rate_share("one_cycle", done) for done in (0, 0.05, 0.1, 0.55, 1)]
    assert shares == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-12)
    assert {learning_rate_share("constant", done) for done in (0, 0.05, 0.5, 1)} == {1.0}


def test_the_schedule_goes_on_from_epoch_to_epoch(monkeypatch, corpora, tmp_path):
    """Every optimiser step of the whole training has its own place in one cycle."""
    asked = []
    monkeypatch.setattr(
        "neuralmusic.train.learning_rate_share",
        lambda schedule, done: asked.append((schedule, done)) or 1.0,
    )
    params = job("basic", training={"schedule": "one_cycle", "epochs": 3})
    log = pd.read_csv(trained(params, corpora["monophonic"], tmp_path) / "log.csv")
    steps = int(log["step"].iloc[-1])
    assert steps > 3
    assert asked == [("one_cycle", pytest.approx(step / steps)) for step in range(steps)]


@of_each
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_training_lowers_the_loss(experiment, name, objective, corpora, tmp_path):
    """With the transposition, the stuck inputs and the short pieces that the experiment has."""
    more = {"epochs": 8, "windows_per_epoch": 64, "learning_rate": 0.02}
    more |= {"schedule": "constant"}
    params = job(name, experiment, more | {"objective": objective})
    log = pd.read_csv(trained(params, corpora[experiment], tmp_path) / "log.csv")
    assert log["train_loss"].iloc[-1] < 0.8 * log["train_loss"].iloc[0]
    vocabulary = vocabulary_of(params["representation"]["name"])
    is_bits = isinstance(vocabulary, Bits)
    ignorant = vocabulary.size * np.log(2) if is_bits else np.log(vocabulary.size)
    assert log["valid_loss"].min() < 0.8 * ignorant


@pytest.mark.parametrize("experiment", TRAINED)
def test_a_tune_learned_by_heart_is_played_on(experiment, tmp_path):
    """From notes to a corpus, through training and sampling, to notes: in every representation."""
    name = next(name for e, name in ENTRIES if e == experiment and not is_counted(e, name))
    is_decoder = EXPERIMENTS[experiment]["models"][name]["family"] == "decoder"
    more = {"window_steps": 32, "epochs": 20, "windows_per_epoch": 64, "learning_rate": 0.02}
    more |= {"schedule": "constant"}
    if is_decoder:
        more |= {"epochs": 40, "learning_rate": 0.01, "schedule": "one_cycle"}
    params = job(name, experiment, more | {"transpose_semitones": [0, 0], "stuck_share": 0})
    params["settings"] |= {"hidden_size": 32}
    params["settings"] |= {"feed_forward_size": 32} if is_decoder else {}
    rate = params["representation"]["steps_per_second"]
    representation = REPRESENTATIONS[params["representation"]["name"]]
    unit = round(rate / 8) / rate  # about an eighth of a second, and on the grid
    rows = [(i * unit, (i + 1) * unit, pitch, 80) for i, pitch in enumerate([60, 64, 67, 72] * 20)]
    tune = NoteList.of(rows[:40])
    encoded = corpus(tmp_path / "corpus", {part: [tune] for part in SPLITS}, experiment)
    is_bits = isinstance(vocabulary_of(params["representation"]["name"]), Bits)
    surest = {"threshold": 0.5} if is_bits else {"top_k": 1}
    params["sampling"] |= surest | {"pieces": 4, "seconds": 16 * unit, "primer_steps": 12}
    sample(params, trained(params, encoded, tmp_path), encoded, tmp_path / "samples")
    (piece,) = load_encoded(encoded, "valid").pieces
    for row in pd.read_csv(tmp_path / "samples/pieces.csv").itertuples():
        before = representation.durations(piece[: row.primer_start_step + 12]).sum() / rate
        # A note of the primer that sounds on is struck anew by bits and classes, not by events.
        expected = [(max(on - before, 0), off - before, pitch) for on, off, pitch, _ in rows]
        expected = [of for of in expected if of[1] > 1e-6 and of[0] < 16 * unit - 1e-6]
        heard = read_midi(tmp_path / "samples" / row.file)
        found = zip(heard.onset_seconds, heard.offset_seconds, heard.pitch, strict=True)
        assert len(heard) > 10
        found = np.array(list(found))
        assert np.abs(found[-12:, :2] - np.array(expected)[-12:, :2]).max() < 0.002
        assert found[-12:, 2].tolist() == [pitch for *_, pitch in expected[-12:]]


def test_the_weights_kept_are_those_of_the_best_epoch(tmp_path):
    """What is learned here is useless for what is held out: the first epoch is the best."""
    encoded = corpus(
        tmp_path, {"train": [periodic([60], 40)], "valid": [periodic([90], 20)], "test": []}
    )
    params = job("basic", training={"learning_rate": 0.05, "schedule": "constant"})
    out = trained(params, encoded, tmp_path)
    log = pd.read_csv(out / "log.csv")
    assert log["valid_loss"].idxmin() == 0
    assert log["valid_loss"].iloc[-1] > 1.1 * log["valid_loss"].iloc[0]
    nll = nll_nats(load_model(params, out, CPU), load_encoded(encoded, "valid").pieces, CPU)
    assert nll.sum() / 20 == pytest.approx(log["valid_loss"][0], rel=1e-5)


@of_each
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    experiment, name, corpora, tmp_path
):
    params, encoded = with_dropout(job(name, experiment)), corpora[experiment]
    one = comparable(trained(params, encoded, tmp_path, "one"))
    (tmp_path / "checkpoint.pt").unlink()
    torch.manual_seed(123)  # whatever was drawn before
    assert comparable(trained(params, encoded, tmp_path, "two")) == one
    other = comparable(trained(params | {"seed": 7}, encoded, tmp_path, "other"))
    assert all(other[file] != one[file] for file in one)


def test_every_run_of_a_model_has_weights_of_its_own(corpora, tmp_path):
    first, second = (
        comparable(trained(job(run), corpora["monophonic"], tmp_path, run))
        for run in ("basic", "basic.2")
    )
    assert all(second[file] != first[file] for file in first)


def with_dropout(params: dict) -> dict:
    """So that a training draws random numbers all the time, from every source of them."""
    settings = params["settings"]
    settings = settings | ({"dropout": 0.4} if "dropout" in settings else {})
    more = {"stuck_share": 0.1, "transpose_semitones": [-5, 6]}
    return params | {"settings": settings, "training": params["training"] | more}


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


LAST = GRADIENT[-1][0]
KILLS = [
    *((LAST, "causal", killed_within, epoch) for epoch in (1, 2, 3)),
    *((LAST, "causal", killed_after_saving, epoch) for epoch in (1, 2, 3)),
    *((LAST, "causal", killed_while_saving, epoch) for epoch in (1, 2, 3)),
    *((LAST, "last", killed_within, epoch) for epoch in (2, 3)),
    *((experiment, "causal", killed_within, 2) for experiment in TRAINED if experiment != LAST),
]


@pytest.mark.parametrize(("experiment", "objective", "killed", "epoch"), KILLS)
def test_a_training_killed_at_any_time_goes_on_to_the_same_bytes(
    killed, epoch, experiment, objective, corpora, tmp_path, monkeypatch
):
    encoded = corpora[experiment]
    name = [name for e, name in ENTRIES if e == experiment and not is_counted(e, name)][-1]
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
    higher = {
        part: [periodic([70, 72, 74, 128], length) for length in lengths]
        for part, lengths in (("train", (40, 30, 5)), ("valid", (20, 12)), ("test", (50, 24)))
    }
    other = corpus(tmp_path / "other", higher)
    trained(params, encoded, tmp_path)
    left = (tmp_path / "checkpoint.pt").read_bytes()
    for changed, music in (
        (params | {"seed": 7}, encoded),
        (params | {"training": params["training"] | {"learning_rate": 0.1}}, encoded),
        (params | {"settings": params["settings"] | {"hidden_size": 4}}, encoded),
        (params, other),  # the same names and lengths, other steps
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


def test_every_epoch_draws_its_own_windows(encoded, tmp_path, monkeypatch):
    drawn, run = [], training_loop.run_epoch
    monkeypatch.setattr(
        training_loop, "run_epoch", lambda *a: drawn.append(a[2].first.tolist()) or run(*a)
    )
    trained(job(GRADIENT[0][1], GRADIENT[0][0]), encoded, tmp_path)
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]


def test_bfloat16_is_refused_where_the_processor_has_none(monkeypatch):
    monkeypatch.setattr("neuralmusic.device.cpu_knows_bfloat16", lambda: False)
    with pytest.raises(InputError, match="bfloat16; choose auto or float32"):
        computes_in_bfloat16("bfloat16", torch.device("cpu"))
    assert computes_in_bfloat16("float32", torch.device("cpu")) is False
