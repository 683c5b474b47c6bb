"""Sampling: how many pieces, how long, what they continue, and from which distribution."""

import numpy as np
import pandas as pd
import pytest
import torch

from neuralmusic.checkpoint import load_model, save_weights
from neuralmusic.files import InputError
from neuralmusic.midi import read_midi
from neuralmusic.models import markov
from neuralmusic.prepare import load_encoded
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.sample import COLUMNS, REAL, draw_primers, generate, restrict, sample
from neuralmusic.score import score
from tests.tiny import ENTRIES, contents, corpus, job, periodic, untrained

CPU = torch.device("cpu")
of_all = pytest.mark.parametrize(("experiment", "name"), ENTRIES)
CYCLE = [60, 62, 64, 128]


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def periodic_markov(tmp_path_factory):
    """A model folder of a chain that has learned CYCLE by heart."""
    folder = tmp_path_factory.mktemp("markov")
    model = markov.build(markov.Settings(smoothing=1e-9), 129, 8, "causal")
    model.fit([periodic(CYCLE, 400)])
    save_weights(folder / "weights.safetensors", model.state_dict())
    return folder


def table(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "pieces.csv")


@of_all
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_as_many_pieces_as_long_as_asked(experiment, name, objective, encoded, tmp_path):
    params = job(name, experiment, {"objective": objective}, {"pieces": 12, "seconds": 3.25})
    model = untrained(params, tmp_path / "model")
    sample(params, model, encoded, tmp_path / "out")
    names = [f"{index:04d}.mid" for index in range(12)]
    assert sorted(contents(tmp_path / "out")) == [*names, "pieces.csv"]
    found = table(tmp_path / "out")
    assert list(found) == COLUMNS
    assert found["file"].tolist() == names
    assert (found["stuck_notes"] == 0).all()
    for file in names:
        piece = read_midi(tmp_path / "out" / file, allow_empty=True)
        assert piece.length_seconds == pytest.approx(3.25, abs=1e-9)


@of_all
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    experiment, name, encoded, tmp_path
):
    params = job(name, experiment)
    model = untrained(params, tmp_path / "model")
    for out, own in (("one", params), ("two", params), ("other", params | {"seed": 7})):
        torch.manual_seed(len(out))  # whatever was drawn before
        sample(own, model, encoded, tmp_path / out)
    one, two, other = (contents(tmp_path / out) for out in ("one", "two", "other"))
    assert one == two
    assert one["0000.mid"] != other["0000.mid"]
    assert len(set(one.values())) == len(one)  # no two pieces alike


def test_all_models_continue_the_same_primers(encoded, tmp_path):
    found = []
    for experiment, name in ENTRIES:
        params = job(name, experiment, sampling={"pieces": 20})
        sample(params, untrained(params, tmp_path / name), encoded, tmp_path / f"{name}.out")
        found.append(table(tmp_path / f"{name}.out")[["primer_piece", "primer_start_step"]])
    assert all(one.equals(found[0]) for one in found)
    assert len(found[0].drop_duplicates()) > 5


def test_primers_are_parts_of_validation_pieces(encoded):
    params = job("basic", sampling={"pieces": 200})
    sources, primers = draw_primers(params, encoded, 129)
    valid = load_encoded(encoded, "valid")
    by_name = dict(zip(valid.names, valid.classes, strict=True))
    for (piece, first), primer in zip(sources, primers, strict=True):
        classes = by_name[piece]
        assert primer[1:].tolist() == classes[first : first + 6].tolist()
        assert primer[0] == (classes[first - 1] if first else 129)
    starts = {piece: {s for name, s in sources if name == piece} for piece in by_name}
    # From the first step to the last place where six steps fit.
    assert starts == {"valid0.mid": set(range(15)), "valid1.mid": set(range(7))}


def test_no_primer_comes_from_a_piece_too_short(encoded):
    params = job("basic", sampling={"pieces": 50, "primer_steps": 13})
    assert {piece for piece, _ in draw_primers(params, encoded, 129)[0]} == {"valid0.mid"}
    params = job("basic", sampling={"primer_steps": 21})
    with pytest.raises(InputError, match=r"no validation piece has the 21 steps .* has 20"):
        draw_primers(params, encoded, 129)


def test_a_piece_continues_its_primer_which_is_no_part_of_it(periodic_markov, encoded, tmp_path):
    params = job("markov", sampling={"pieces": 10, "top_k": 1})
    rate = params["representation"]["steps_per_second"]
    sample(params, periodic_markov, encoded, tmp_path)
    found = table(tmp_path)
    melody = REPRESENTATIONS["melody"]
    checked = 0
    for row in found[found["primer_piece"] == "valid0.mid"].itertuples():
        steps = melody.encode(read_midi(tmp_path / row.file), rate).tolist()
        next_step = row.primer_start_step + 6
        assert steps == periodic(CYCLE, next_step + 4 * rate)[next_step:].tolist()
        checked += 1
    assert checked > 2


@of_all
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_each_step_is_the_likeliest_after_all_before_it(
    experiment, name, objective, encoded, tmp_path
):
    """Greedy sampling, step by step, against one reading of primer and piece together."""
    params = job(name, experiment, {"objective": objective}, {"top_k": 1})
    model = load_model(params, untrained(params, tmp_path), CPU)
    primers = draw_primers(params, encoded, model.classes)[1]
    found = generate(model, primers, 20, params["sampling"], "float32", 1, CPU)
    assert found.shape == (3, 20)
    assert found.dtype == np.int16
    whole = torch.from_numpy(np.concatenate([primers, found], axis=1).astype(np.int64))
    with torch.no_grad():
        logits = model(whole[:, :-1])[0][:, primers.shape[1] - 1 :]
    chosen = logits.gather(2, whole[:, primers.shape[1] :, None])[..., 0]
    assert torch.allclose(chosen, logits.amax(-1), atol=1e-5)


def test_samples_follow_the_models_own_distribution():
    model = markov.build(markov.Settings(smoothing=1e-9), 4, 8, "causal")
    model.fit([np.array([0, 1, 0, 1, 0, 2, 0, 3])])  # after 0: 1 half the time, 2 and 3 a quarter
    plain = {"temperature": 1.0, "top_k": None, "top_p": None}
    primers = np.zeros((8000, 2), dtype=np.int64)

    def shares(**changed) -> list[float]:
        found = generate(model, primers, 1, plain | changed, "float32", 3, CPU)[:, 0]
        return (np.bincount(found, minlength=4) / len(found)).tolist()

    assert shares() == pytest.approx([0, 0.5, 0.25, 0.25], abs=0.02)
    assert shares(temperature=0.5) == pytest.approx([0, 2 / 3, 1 / 6, 1 / 6], abs=0.02)
    assert shares(top_k=1) == [0, 1, 0, 0]
    assert shares(top_p=0.4) == [0, 1, 0, 0]


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


def test_real_pieces_are_the_test_pieces_cut_and_decoded(encoded, tmp_path):
    params = {key: job("basic")[key] for key in ("experiment", "representation")}
    params |= {"model": REAL, "sampling": {"seconds": 4}}
    sample(params, None, encoded, tmp_path)
    test = load_encoded(encoded, "test")
    found = table(tmp_path)
    assert found["primer_piece"].tolist() == test.names
    assert len(found) == 2
    melody = REPRESENTATIONS["melody"]
    for file, classes in zip(found["file"], test.classes, strict=True):
        piece = read_midi(tmp_path / file)
        assert melody.encode(piece, 8).tolist() == classes[:32].tolist()
        assert piece.length_seconds == pytest.approx(min(4, len(classes) / 8))


@of_all
def test_scores_are_those_of_the_test_pieces(experiment, name, encoded, tmp_path):
    params = job(name, experiment)
    score(params, untrained(params, tmp_path / "model"), encoded, tmp_path / "out")
    found = pd.read_csv(tmp_path / "out/heldout.csv")
    assert list(found) == ["piece", "steps", "length_seconds", "nll_nats"]
    assert found["piece"].tolist() == ["test0.mid", "test1.mid"]
    assert found["steps"].tolist() == [50, 24]
    assert found["length_seconds"].tolist() == [6.25, 3.0]
    assert (found["nll_nats"] > 0).all()
    if name == "markov":  # unfitted: every class as likely
        assert found["nll_nats"].tolist() == pytest.approx(
            [50 * np.log(129), 24 * np.log(129)], rel=1e-5
        )
