"""Losses of single pieces, as `score` and `train` wrote them, with resamples of the pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuralmusic.compare import experiment_params, read_csv
from neuralmusic.estimate import NOT_NEGATIVE, Estimate, ratio_of_sums, resample_weights
from neuralmusic.files import InputError


@dataclass(frozen=True)
class Heldout:
    """The test pieces' losses of every model of an experiment; N pieces, sorted by name.

    A step is what the representation predicts at once: a melody's step, a frame, an event.
    """

    pieces: tuple[str, ...]
    steps: Mapping[str, np.ndarray]  # model -> (N,)
    length_seconds: Mapping[str, np.ndarray]  # model -> (N,)
    nll_nats: Mapping[str, np.ndarray]  # model -> (N,), summed over the steps of a piece
    weights: np.ndarray  # (B, N), the same for all models

    def per_step(self, model: str) -> Estimate:
        """Nats per step over all positions of the pieces; undefined where a loss is not finite."""
        return _ratio_if_finite(self.nll_nats[model], self.steps[model], self.weights)

    def per_second(self, model: str) -> Estimate:
        """Nats per second of music, which compares across representations."""
        return _ratio_if_finite(self.nll_nats[model], self.length_seconds[model], self.weights)


def _ratio_if_finite(over: np.ndarray, under: np.ndarray, weights: np.ndarray) -> Estimate:
    if not np.isfinite(over).all():
        return Estimate(float("nan"), np.full(len(weights), np.nan))
    return ratio_of_sums(over, under, weights, NOT_NEGATIVE)


def load_heldout(experiment: str, params: Mapping[str, Any], results: Path) -> Heldout:
    """Reads heldout.csv of all models of an experiment.

    Raises InputError where two models were scored on different pieces: nothing could be paired.
    """
    own = experiment_params(params, experiment)
    steps, lengths, nll = {}, {}, {}
    pieces: tuple[str, ...] = ()
    for index, model in enumerate(own["models"]):
        path = Path(results) / "scores" / experiment / model / "heldout.csv"
        frame = read_csv(path, ["piece"]).sort_values("piece", kind="stable")
        names = tuple(frame["piece"])
        if index and names != pieces:
            raise InputError(f"{path} scores other pieces than {own['models'][0]}: score both anew")
        pieces = names
        steps[model] = frame["steps"].to_numpy(np.float64)
        lengths[model] = frame["length_seconds"].to_numpy(np.float64)
        nll[model] = frame["nll_nats"].to_numpy(np.float64)
    weights = resample_weights(own["seed"], f"{experiment}/heldout", len(pieces), own["resamples"])
    return Heldout(pieces, steps, lengths, nll, weights)


@dataclass(frozen=True)
class Validation:
    """The validation pieces' losses of some models; E epochs that all have, N pieces."""

    epochs: np.ndarray  # (E,), ascending
    pieces: tuple[str, ...]
    steps: np.ndarray  # (N,)
    nll_nats: Mapping[str, np.ndarray]  # model -> (E, N)
    weights: np.ndarray  # (B, N), the same for all models

    def mean_loss(self, model: str, epochs: int) -> Estimate:
        """The mean over the first `epochs` epochs of the loss in nats per step."""
        summed = self.nll_nats[model][:epochs].mean(axis=0)
        return _ratio_if_finite(summed, self.steps, self.weights)

    def losses(self, model: str) -> np.ndarray:
        """(E,) loss in nats per step after every epoch."""
        return self.nll_nats[model].sum(axis=1) / self.steps.sum()


def load_validation(
    experiment: str, models: Sequence[str], params: Mapping[str, Any], results: Path
) -> Validation:
    """Reads validation.csv of these models, at the epochs that all of them have.

    Raises InputError where the models were validated on different pieces, or on none.
    """
    own = experiment_params(params, experiment)
    tables, steps = {}, {}
    for model in models:
        path = Path(results) / "models" / experiment / model / "validation.csv"
        frame = read_csv(path, ["piece"])
        if frame.empty or frame.duplicated(["epoch", "piece"]).any():
            raise InputError(f"{path} is empty or has a piece twice in an epoch: train anew")
        tables[model] = frame.pivot_table(index="epoch", columns="piece", values="nll_nats")
        steps[model] = frame.groupby("piece")["steps"].first().sort_index()
    first = models[0]
    for model in models[1:]:
        if not steps[model].equals(steps[first]):
            raise InputError(
                f"{experiment}: {model} and {first} were validated on other pieces: train both anew"
            )
    epochs = sorted(set.intersection(*(set(table.index) for table in tables.values())))
    pieces = tuple(steps[first].index)
    weights = resample_weights(
        own["seed"], f"{experiment}/validation", len(pieces), own["resamples"]
    )
    return Validation(
        epochs=np.array(epochs, dtype=np.int64),
        pieces=pieces,
        steps=steps[first].to_numpy(np.float64),
        nll_nats={
            model: table.loc[epochs, list(pieces)].to_numpy(np.float64)
            for model, table in tables.items()
        },
        weights=weights,
    )
