"""Sampling: how many pieces, how long, what they continue, and from which distribution."""

import numpy as np
import pandas as pd
import pytest
import torch

from neuralmusic.checkpoint import load_model, save_weights
from neuralmusic.files import InputError
from neuralmusic.midi import read_midi
from neuralmusic.models import markov
from neuralmusic.models.model import Model
from neuralmusic.notes import NoteList, one_per_key
from neuralmusic.prepare import load_encoded
from neuralmusic.representations import melody, pianoroll
from neuralmusic.representations.decoded import Decoded
from neuralmusic.sample import draw_primers, generate, sample
from neuralmusic.sample_real import sample_real
from neuralmusic.sampled import COLUMNS, END_COLUMNS, REAL
from neuralmusic.score import score
from neuralmusic.vocabulary import Bits, Classes, vocabulary_of
from tests.constructed import melody as tune
from tests.sampled import FIRST, PLAIN, sampled, table
from tests.tiny import (
    ENTRIES,
    EXPERIMENTS,
    KINDS,
    SAMPLED_ANEW,
    TRAINED,
    contents,
    corpus,
    job,
    periodic,
    representation_of,
    untrained,
)

CPU = torch.device("cpu")
of_kinds = pytest.mark.parametrize(("experiment", "name"), KINDS)
of_each = pytest.mark.parametrize(("experiment", "name"), FIRST.items())
CYCLE = [60, 62, 64, 128]


@pytest.fixture(scope="module")
def periodic_markov(tmp_path_factory):
    """A model folder of a chain that has learned CYCLE by heart."""
    folder = tmp_path_factory.mktemp("markov")
    model = markov.build(markov.Settings(smoothing=1e-9), Classes(129), 8, "causal")
    model.fit([periodic(CYCLE, 400)])
    save_weights(folder / "weights.safetensors", model.state_dict())
    return folder


@pytest.mark.parametrize(("experiment", "name"), list(dict.fromkeys([*KINDS, *FIRST.items()])))
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_as_many_pieces_as_long_as_asked(experiment, name, objective, corpora, tmp_path):
    params = job(name, experiment, {"objective": objective}, {"pieces": 4, "seconds": 3.25})
    out = sampled(params, corpora[experiment], tmp_path)
    names = [f"{index:04d}.mid" for index in range(4)]
    assert sorted(contents(out)) == [*names, "note_ends.csv", "pieces.csv"]
    found = table(out)
    assert list(found) == COLUMNS
    assert found["file"].tolist() == names
    for file in names:
        piece = read_midi(out / file, allow_empty=True)
        assert piece.length_seconds == pytest.approx(3.25, abs=1 / 960)


@of_each
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    experiment, name, corpora, tmp_path
):
    params = job(name, experiment)
    model = untrained(params, tmp_path / "model")
    for out, own in (("one", params), ("two", params), ("other", params | {"seed": 7})):
        torch.manual_seed(len(out))  # whatever was drawn before
        sample(own, model, corpora[experiment], tmp_path / out)
    one, two, other = (contents(tmp_path / out) for out in ("one", "two", "other"))
    assert one == two
    assert one["0000.mid"] != other["0000.mid"]
    assert len(set(one.values())) == len(one)  # no two pieces alike


def primers_of(experiment: str, name: str, encoded, **changed) -> tuple[list, np.ndarray]:
    params = job(name, experiment, sampling={"pieces": 20}) | changed
    return draw_primers(params, encoded, vocabulary_of(params["representation"]["name"]))


@pytest.mark.parametrize("experiment", TRAINED)
def test_all_models_of_an_experiment_continue_the_same_primers(experiment, corpora):
    """And of one that samples them in another way: what differs is the way alone."""
    alike = [experiment, *(e for e in SAMPLED_ANEW if EXPERIMENTS[e]["weights_of"] == experiment)]
    found = [
        primers_of(e, name, corpora[experiment]) for e in alike for name in EXPERIMENTS[e]["models"]
    ]
    assert len(found) == len(alike) * len(EXPERIMENTS[experiment]["models"])
    for sources, primers in found:
        assert sources == found[0][0]
        assert np.array_equal(primers, found[0][1])
    assert len(set(found[0][0])) > 5
    name = FIRST[experiment]
    assert primers_of(experiment, name, corpora[experiment], seed=7)[0] != found[0][0]
    other = primers_of(experiment, name, corpora[experiment], trained_in="another")
    assert other[0] != found[0][0]


def test_samples_say_which_primers_they_continue(corpora, tmp_path):
    params = job("basic", sampling={"pieces": 20})
    out = sampled(params, corpora["monophonic"], tmp_path)
    found = table(out)[["primer_piece", "primer_start_step"]].itertuples(index=False)
    assert [tuple(row) for row in found] == primers_of(
        "monophonic", "basic", corpora["monophonic"]
    )[0]


def test_every_run_of_a_model_draws_its_own_numbers_after_the_same_primers(corpora, tmp_path):
    model = untrained(job("basic"), tmp_path / "model")
    for run in ("basic", "basic.2"):  # of the same weights, so that only the draws differ
        sample(job(run), model, corpora["monophonic"], tmp_path / run)
    first, second = (table(tmp_path / run) for run in ("basic", "basic.2"))
    columns = ["primer_piece", "primer_start_step"]
    assert first[columns].equals(second[columns])
    files = [(tmp_path / run / "0000.mid").read_bytes() for run in ("basic", "basic.2")]
    assert files[0] != files[1]


def test_an_experiment_that_samples_anothers_models_differs_from_it(corpora, tmp_path):
    """By what it changes, and by nothing else; it draws numbers of its own."""
    for experiment in SAMPLED_ANEW:
        base = EXPERIMENTS[experiment]["weights_of"]
        params, own = job("basic", base), job("basic", experiment)
        changed = {key for key in params if params[key] != own[key]}
        assert changed == {"experiment", "sampling"}
        alike = own | {"sampling": params["sampling"]}
        one, two = (
            sampled(given, corpora[base], tmp_path / f"{experiment}{index}")
            for index, given in enumerate((params, alike))
        )
        columns = ["primer_piece", "primer_start_step"]
        assert table(one)[columns].equals(table(two)[columns])
        assert (one / "0000.mid").read_bytes() != (two / "0000.mid").read_bytes()


@pytest.mark.parametrize("experiment", TRAINED)
def test_primers_are_parts_of_validation_pieces(experiment, corpora):
    params = job(FIRST[experiment], experiment, sampling={"pieces": 1000})
    vocabulary = vocabulary_of(params["representation"]["name"])
    sources, primers = draw_primers(params, corpora[experiment], vocabulary)
    assert primers.shape == (1000, 7, *vocabulary.step_shape)
    valid = load_encoded(corpora[experiment], "valid")
    by_name = dict(zip(valid.names, valid.pieces, strict=True))
    for (piece, first), primer in zip(sources, primers, strict=True):
        steps = by_name[piece]
        assert np.array_equal(primer[1:], steps[first : first + 6])
        if first:
            assert np.array_equal(primer[0], steps[first - 1])
        else:
            assert (primer[0] == vocabulary.start).all()
    starts = {piece: {s for name, s in sources if name == piece} for piece in by_name}
    # From the first step to the last place where six steps fit.
    assert starts == {piece: set(range(len(steps) - 5)) for piece, steps in by_name.items()}


def test_no_primer_comes_from_a_piece_too_short(encoded):
    params = job("basic", sampling={"pieces": 50, "primer_steps": 13})
    assert {piece for piece, _ in draw_primers(params, encoded, Classes(129))[0]} == {"valid0.mid"}
    params = job("basic", sampling={"primer_steps": 21})
    with pytest.raises(InputError, match=r"no validation piece has the 21 steps .* has 20"):
        draw_primers(params, encoded, Classes(129))


def test_a_piece_continues_its_primer_which_is_no_part_of_it(periodic_markov, encoded, tmp_path):
    params = job("markov", sampling={"pieces": 10, "top_k": 1})
    rate = params["representation"]["steps_per_second"]
    sample(params, periodic_markov, encoded, tmp_path)
    found = table(tmp_path)
    checked = 0
    for row in found[found["primer_piece"] == "valid0.mid"].itertuples():
        steps = melody.encode(read_midi(tmp_path / row.file), rate).tolist()
        next_step = row.primer_start_step + 6
        assert steps == periodic(CYCLE, next_step + 4 * rate)[next_step:].tolist()
        checked += 1
    assert checked > 2


@pytest.mark.parametrize(("experiment", "name"), list(dict.fromkeys([*KINDS, *FIRST.items()])))
@pytest.mark.parametrize("objective", ["causal", "last"])
def test_each_step_is_the_likeliest_after_all_before_it(
    experiment, name, objective, corpora, tmp_path
):
    """Greedy sampling, step by step, against one reading of primer and piece together."""
    params = job(name, experiment, {"objective": objective})
    model = load_model(params, untrained(params, tmp_path), CPU)
    is_bits = isinstance(model.vocabulary, Bits)
    plain = {"top_k": None, "threshold": None, "grammar": False, "max_steps_per_second": 1000}
    sampling = params["sampling"] | plain | ({"threshold": 0.5} if is_bits else {"top_k": 1})
    primers = draw_primers(params, corpora[experiment], model.vocabulary)[1]
    representation = representation_of(experiment)
    found = generate(model, primers, 20, representation, 20, sampling, "float32", 1, CPU)
    assert len(found) == 3
    assert len({len(steps) for steps in found}) == 1
    # The likeliest events of an untrained model may never let time pass.
    elapsed = min(representation.durations(steps).sum() for steps in found)
    assert elapsed >= 20 or len(found[0]) == 1000
    found = np.stack(found)
    assert found.dtype == (np.uint8 if is_bits else np.int16)
    whole = torch.from_numpy(np.concatenate([primers, found.astype(primers.dtype)], axis=1))
    with torch.no_grad():
        logits = model(whole[:, :-1])[0][:, primers.shape[1] - 1 :]
    drawn = whole[:, primers.shape[1] :]
    if is_bits:
        assert ((logits > 1e-5) <= (drawn == 1)).all()
        assert ((logits < -1e-5) <= (drawn == 0)).all()
    else:
        chosen = logits.gather(2, drawn[..., None])[..., 0]
        assert torch.allclose(chosen, logits.amax(-1), atol=1e-5)


def one_step(model: Model, primers: np.ndarray, representation, **changed) -> np.ndarray:
    """One step of the grid after each primer, (N, ...)."""
    sampling = PLAIN | changed
    found = generate(model, primers, 1, representation, 1, sampling, "float32", 3, CPU)
    return np.stack(found)[:, 0]


def test_samples_follow_the_models_own_distribution():
    model = markov.build(markov.Settings(smoothing=1e-9), Classes(4), 8, "causal")
    model.fit([np.array([0, 1, 0, 1, 0, 2, 0, 3])])  # after 0: 1 half the time, 2 and 3 a quarter
    primers = np.zeros((8000, 2), dtype=np.int64)

    def shares(**changed) -> list[float]:
        found = one_step(model, primers, melody, **changed)
        return (np.bincount(found, minlength=4) / len(found)).tolist()

    assert shares() == pytest.approx([0, 0.5, 0.25, 0.25], abs=0.02)
    assert shares(temperature=0.5) == pytest.approx([0, 2 / 3, 1 / 6, 1 / 6], abs=0.02)
    assert shares(top_k=1) == [0, 1, 0, 0]
    assert shares(top_p=0.4) == [0, 1, 0, 0]


def test_samples_of_bits_follow_the_models_own_distribution():
    model = markov.build(markov.Settings(smoothing=1e-9), Bits(3), 8, "causal")
    # After silence the first is set half the time, the second a quarter; the third never.
    steps = [[0, 0, 0], [1, 0, 0], [0, 0, 0], [1, 1, 0]]
    model.fit([np.array([*steps, [0, 0, 0]], dtype=np.uint8)] * 4)
    chain = torch.sigmoid(model.log_odds[0]).tolist()
    primers = np.zeros((8000, 2, 3), dtype=np.uint8)
    found = one_step(model, primers, pianoroll)
    assert found.mean(0).tolist() == pytest.approx(chain, abs=0.02)
    assert found.mean(0)[2] == 0
    threshold = (chain[0] + chain[1]) / 2
    assert (one_step(model, primers, pianoroll, threshold=threshold) == [1, 0, 0]).all()


# What is drawn from a pianoroll with a threshold.


@pytest.mark.parametrize("experiment", [e for e in TRAINED if representation_of(e) is pianoroll])
def test_a_threshold_leaves_nothing_to_chance(experiment, corpora, tmp_path):
    params = job(FIRST[experiment], experiment, sampling={"threshold": 0.5})
    model = untrained(params, tmp_path / "model")
    drawn = params | {"sampling": params["sampling"] | {"threshold": None}}
    written = {}
    for out, own in (("one", params), ("other", params), ("drawn", drawn)):
        # Other numbers, the same primers: those are by the experiment that trained the model.
        own = own | {"experiment": out, "trained_in": experiment}
        sample(own, model, corpora[experiment], tmp_path / out)
        written[out] = contents(tmp_path / out)
    assert written["one"] == written["other"] != written["drawn"]


# By what a note ended.


def assert_agree(folder, decoded: list[Decoded] | None = None) -> None:
    """That pieces.csv, note_ends.csv and the MIDI files of a folder tell of the same notes."""
    pieces, ends = table(folder), pd.read_csv(folder / "note_ends.csv")
    assert list(ends) == END_COLUMNS
    assert set(ends["stuck"]) | set(ends["turned_off"]) <= {0, 1}
    assert ends["file"].unique().tolist() == pieces["file"][pieces["notes"] > 0].tolist()
    for index, row in enumerate(pieces.itertuples()):
        of_piece = ends[ends["file"] == row.file]
        assert len(of_piece) == row.notes
        assert of_piece["stuck"].sum() == row.stuck_notes
        assert (of_piece["age_steps"].between(0, row.steps)).all()
        # In the file a key that was struck twice at once, or not let go, is one note at a time.
        heard = read_midi(folder / row.file, allow_empty=True)
        assert len(heard) <= row.notes
        if decoded:
            one = decoded[index]
            assert len(one_per_key(one.notes)) == len(heard)
            assert of_piece["pitch"].tolist() == one.notes.pitch.tolist()
            onsets = one.notes.onset_seconds.tolist()
            assert of_piece["onset_seconds"].tolist() == pytest.approx(onsets, rel=1e-4)
            assert of_piece["age_steps"].tolist() == one.age_steps.tolist()
            assert of_piece["stuck"].tolist() == one.stuck.astype(int).tolist()
            assert of_piece["turned_off"].tolist() == one.turned_off.astype(int).tolist()


@of_each
def test_what_is_told_of_the_notes_agrees(experiment, name, corpora, tmp_path):
    """The ends of notes and the counts of a piece, each piece by itself, and in the right order."""
    params = job(name, experiment, sampling={"pieces": 6, "seconds": 6, "max_note_seconds": 0.1})
    out = sampled(params, corpora[experiment], tmp_path)
    assert_agree(out)
    ends = pd.read_csv(out / "note_ends.csv")
    assert ends["stuck"].sum() > 0
    assert len(set(ends.groupby("file").size())) > 1
    longest = max(
        (piece.offset_seconds - piece.onset_seconds).max(initial=0)
        for piece in (read_midi(out / file, allow_empty=True) for file in table(out)["file"])
    )
    assert longest == pytest.approx(0.1, abs=2 / 960)


def test_samples_of_silence_have_no_ends_of_notes(encoded, tmp_path):
    params = job("markov")
    model = markov.build(markov.Settings(smoothing=1e-9), Classes(129), 8, "causal")
    model.fit([np.full(100, melody.SILENCE)])
    model.log_probabilities[:, : melody.SILENCE] = -1e9
    model.log_probabilities[:, melody.SILENCE] = 0
    save_weights(tmp_path / "model/weights.safetensors", model.state_dict())
    sample(params, tmp_path / "model", encoded, tmp_path / "out")
    assert table(tmp_path / "out")["notes"].tolist() == [0, 0, 0]
    ends = pd.read_csv(tmp_path / "out/note_ends.csv")
    assert list(ends) == END_COLUMNS
    assert len(ends) == 0


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_real_pieces_are_the_test_pieces_cut_and_decoded(experiment, tmp_path):
    """As samples are: a note too long is stuck, and of events one that sounds across the cut."""
    long = tune([60, 64, 67, 72] * 8, 8.0)
    held = NoteList.of([(0, 0.5, 60, 80), (0.5, 3.5, 64, 80), (1, 9, 67, 80)], 9)
    encoded = corpus(
        tmp_path / "corpus",
        {"train": [long], "valid": [long], "test": [long, held, tune([60], 1.0)]},
        experiment,
    )
    params = job(REAL, experiment, sampling={"seconds": 4.1, "max_note_seconds": 2})
    sample_real(params, encoded, tmp_path / "out")
    test = load_encoded(encoded, "test")
    found = table(tmp_path / "out")
    assert found["primer_piece"].tolist() == test.names
    assert (found["primer_start_step"] == 0).all()
    assert found["file"].tolist() == ["0000.mid", "0001.mid", "0002.mid"]
    representation = representation_of(experiment)
    rate = params["representation"]["steps_per_second"]
    length = round(4.1 * rate)
    decoded = [
        representation.decode(representation.cut(steps, length), rate, 2) for steps in test.pieces
    ]
    assert_agree(tmp_path / "out", decoded)
    for file, own in zip(found["file"], decoded, strict=True):
        piece = read_midi(tmp_path / "out" / file)
        assert piece.pitch.tolist() == own.notes.pitch.tolist()
        assert np.abs(piece.onset_seconds - own.notes.onset_seconds).max() < 1 / 960
        assert np.abs(piece.offset_seconds - own.notes.offset_seconds).max() < 1 / 960
        assert piece.length_seconds == pytest.approx(own.notes.length_seconds, abs=1 / 960)
    assert [round(own.notes.length_seconds, 1) for own in decoded] == [4.1, 4.1, 1.0]
    if representation is not melody:  # of which the highest note is all
        assert decoded[1].stuck.tolist() == [False, True, True]


def test_a_real_piece_that_ends_where_it_is_cut_is_whole(tmp_path):
    """Its last notes are not stuck: they end there, in every representation."""
    for experiment in TRAINED:
        piece = tune([60, 64, 67, 72] * 4, 4.0)
        parts = {part: [piece] for part in ("train", "valid", "test")}
        encoded = corpus(tmp_path / experiment, parts, experiment)
        out = tmp_path / f"{experiment}.out"
        sample_real(job(REAL, experiment, sampling={"seconds": 4}), encoded, out)
        assert table(out)["stuck_notes"].tolist() == [0], experiment


@pytest.mark.parametrize(("experiment", "name"), ENTRIES)
def test_scores_are_those_of_the_test_pieces(experiment, name, corpora, tmp_path):
    params = job(name, experiment)
    score(params, untrained(params, tmp_path / "model"), corpora[experiment], tmp_path / "out")
    found = pd.read_csv(tmp_path / "out/heldout.csv")
    assert list(found) == ["piece", "steps", "length_seconds", "nll_nats"]
    assert found["piece"].tolist() == ["test0.mid", "test1.mid"]
    steps = [len(piece) for piece in load_encoded(corpora[experiment], "test").pieces]
    assert found["steps"].tolist() == steps
    assert found["length_seconds"].tolist() == [6.25, 3.0]
    assert (found["nll_nats"] > 0).all()
    if name == "markov":  # unfitted: every class as likely, every bit as likely set as not
        vocabulary = vocabulary_of(params["representation"]["name"])
        is_bits = isinstance(vocabulary, Bits)
        each = vocabulary.size * np.log(2) if is_bits else np.log(vocabulary.size)
        assert found["nll_nats"].tolist() == pytest.approx([each * n for n in steps], rel=1e-5)
