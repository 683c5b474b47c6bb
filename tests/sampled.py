"""What the tests of sampling share."""

from __future__ import annotations

import pandas as pd

from neuralmusic.sample import sample
from tests.tiny import (
    EXPERIMENTS,
    job,
    untrained,
)

# One model of every experiment, also of those that sample another's.
FIRST = {experiment: next(iter(own["models"])) for experiment, own in EXPERIMENTS.items()}
PLAIN = job("basic")["sampling"]


def table(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "pieces.csv")


def sampled(params: dict, encoded, folder):
    """The samples of an untrained model."""
    sample(params, untrained(params, folder / "model"), encoded, folder / "out")
    return folder / "out"
