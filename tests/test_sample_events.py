"""Sampling of events, whose steps take time of their own, and the grammar."""

import numpy as np
import pandas as pd
import pytest
import torch

from neuralmusic.checkpoint import load_model, save_weights
from neuralmusic.midi import read_midi
from neuralmusic.models import markov
from neuralmusic.models.model import Model
from neuralmusic.representations import events
from neuralmusic.sample import draw_primers, generate, sample
from neuralmusic.vocabulary import Classes
from tests.sampled import FIRST, PLAIN, sampled, table
from tests.tiny import (
    EXPERIMENTS,
    job,
    representation_of,
    untrained,
)

CPU = torch.device("cpu")


class Fixed(Model):
    """Gives the same logits after whatever it reads."""

    def __init__(self, likely: dict[int, float]) -> None:
        super().__init__()
        self.vocabulary = Classes(events.CLASSES)
        self.logits = torch.full((events.CLASSES,), -torch.inf)
        for event, probability in likely.items():
            self.logits[event] = np.log(probability)

    def forward(self, inputs, state=None):
        return self.logits.expand(*inputs.shape, -1), None


NO_PRIMERS = np.full((6, 1), events.CLASSES)


def of_fixed(likely: dict[int, float], seconds: float, primers=NO_PRIMERS, **changed) -> list:
    """What a model of fixed probabilities writes, at 100 steps a second."""
    length = round(seconds * 100)
    sampling = PLAIN | changed
    return generate(Fixed(likely), primers, length, events, 100, sampling, "float32", 3, CPU)


def test_pieces_of_events_go_on_until_the_slowest_is_long_enough():
    found = of_fixed({60: 0.5, 256 + 9: 0.25, 256 + 99: 0.25}, 4)
    lengths = [events.durations(steps).sum() for steps in found]
    assert min(lengths) >= 400
    assert min(events.durations(steps[:-1]).sum() for steps in found) < 400
    assert len({len(steps) for steps in found}) == 1
    assert all(steps.dtype == np.int16 for steps in found)


def test_a_model_that_never_lets_time_pass_is_stopped_and_written(corpora, tmp_path):
    for most, seconds in ((100, 2), (25, 2), (10.5, 1)):
        found = of_fixed({60: 0.5, 188: 0.5}, seconds, max_steps_per_second=most)
        assert [len(steps) for steps in found] == [int(most * seconds)] * len(found)
    params = job("markov", "polyphonic_events", sampling={"max_steps_per_second": 20, "seconds": 3})
    model = markov.build(markov.Settings(smoothing=1e-9), Classes(events.CLASSES), 8, "causal")
    model.fit([np.array([events.CLASSES - 1, 60, 188] * 50)])
    model.log_probabilities[:, events.TIME_SHIFT : events.VELOCITY] = -1e9
    save_weights(tmp_path / "model/weights.safetensors", model.state_dict())
    sample(params, tmp_path / "model", corpora["polyphonic_events"], tmp_path / "out")
    found = table(tmp_path / "out")
    assert found["steps"].tolist() == [60] * 3
    for file in found["file"]:
        piece = read_midi(tmp_path / "out" / file, allow_empty=True)
        assert piece.length_seconds <= 1 / 960 + 1e-9  # of the shortest note that there is


def assert_grammatical(primer: np.ndarray, steps: np.ndarray) -> None:
    grammar = events.Grammar(primer[None])
    for event in steps.tolist():
        assert grammar.allowed()[0, event]
        grammar.follow(np.array([event]))


@pytest.mark.parametrize("restricted", [{}, {"top_k": 5}, {"top_p": 0.5}, {"temperature": 3.0}])
def test_with_the_grammar_nothing_follows_that_cannot(restricted, corpora, tmp_path):
    """Whatever else restricts the draw; a model that has learned nothing writes much else."""
    params = job("basic", "polyphonic_grammar", sampling=restricted | {"pieces": 6})
    model = load_model(params, untrained(params, tmp_path), CPU)
    primers = draw_primers(params, corpora["polyphonic_events"], model.vocabulary)[1]
    plain, masked = (
        generate(model, primers, 2000, events, 100, sampling, "float32", 3, CPU)
        for sampling in (params["sampling"] | {"grammar": False}, params["sampling"])
    )
    assert params["sampling"]["grammar"] is True
    for primer, steps in zip(primers, masked, strict=True):
        assert_grammatical(primer, steps)
        decoded = events.decode(steps, 100, before=primer)
        assert (decoded.turned_off != decoded.stuck).all()  # no key is struck while it is down
    with pytest.raises(AssertionError):
        for primer, steps in zip(primers, plain, strict=True):
            assert_grammatical(primer, steps)


def test_the_grammar_counts_the_keys_of_the_primer():
    """A key that is down from it may be let go and not struck, each piece by its own."""
    primers = np.array([[events.CLASSES, 60], [60, 188], [64, 60]])
    likely = {60: 0.45, 188: 0.45, 256: 0.1}
    found = of_fixed(likely, 3, primers, grammar=True, max_steps_per_second=500)
    notes = [[event for event in steps.tolist() if event < 256] for steps in found]
    assert notes[0][:4] == notes[2][:4] == [188, 60, 188, 60]
    assert notes[1][:4] == [60, 188, 60, 188]


@pytest.mark.parametrize("experiment", [e for e in EXPERIMENTS if representation_of(e) is events])
def test_an_experiment_is_grammatical_where_it_says_so(experiment, corpora, tmp_path):
    params = job(FIRST[experiment], experiment, sampling={"pieces": 6, "seconds": 20})
    out = sampled(params, corpora[experiment], tmp_path)
    ends = pd.read_csv(out / "note_ends.csv")
    struck_while_down = ((ends["stuck"] == 0) & (ends["turned_off"] == 0)).sum()
    assert (struck_while_down == 0) == params["sampling"]["grammar"]
