"""Losses of single pieces, as `score` and `train` wrote them, with resamples of the pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuralmusic.compare import experiment_params, trained_models
from neuralmusic.estimate import NOT_NEGATIVE, Estimate, over_runs, ratio_of_sums, resample_weights
from neuralmusic.files import InputError
from neuralmusic.stored import read_exact_csv

HELDOUT_COLUMNS = {"piece": str, "steps": int, "length_seconds": float, "nll_nats": float}
VALIDATION_COLUMNS = {"epoch": int, "piece": str, "steps": int, "nll_nats": float}


@dataclass(frozen=True)
class Heldout:
    """The test pieces' losses of every trained model of an experiment; N pieces, sorted by name.

    A step is what the representation predicts at once: a melody's step, a frame, an event.
    """

    pieces: tuple[str, ...]
    runs: Mapping[str, Sequence[str]]  # model -> its trainings
    steps: Mapping[str, np.ndarray]  # run -> (N,)
    length_seconds: Mapping[str, np.ndarray]  # run -> (N,)
    nll_nats: Mapping[str, np.ndarray]  # run -> (N,), summed over the steps of a piece
    weights: np.ndarray  # (B, N), the same for all runs

    def per_step(self, model: str) -> Estimate:
        """How badly a model predicts pieces that it was not trained on: its held-out loss.

        Formula: -log of the probability of each step given those before, mean over all positions
        Unit: nats a step (a melody's step, a frame of all keys, an event)
        Range: 0 upwards; undefined where a loss is not finite, and of a folder of MIDI files
        Direction: less is better; representations compare only by the second
        Source: thesis §5.1, over the whole test split
        """
        return self._over_runs(model, self.steps)

    def per_second(self, model: str) -> Estimate:
        """Nats per second of music, which compares across representations."""
        return self._over_runs(model, self.length_seconds)

    def _over_runs(self, model: str, under: Mapping[str, np.ndarray]) -> Estimate:
        return over_runs(
            [
                _ratio_if_finite(self.nll_nats[run], under[run], self.weights)
                for run in self.runs[model]
            ]
        )


def _ratio_if_finite(over: np.ndarray, under: np.ndarray, weights: np.ndarray) -> Estimate:
    if not np.isfinite(over).all():
        return Estimate(float("nan"), np.full(len(weights), np.nan))
    return ratio_of_sums(over, under, weights, NOT_NEGATIVE)


def load_heldout(experiment: str, params: Mapping[str, Any], results: Path) -> Heldout:
    """Reads heldout.csv of all runs of an experiment.

    Raises InputError where two runs were scored on different pieces: nothing could be paired.
    """
    own = experiment_params(params, experiment)
    steps, lengths, nll = {}, {}, {}
    pieces: tuple[str, ...] = ()
    runs = {model: own["runs"][model] for model in trained_models(own)}
    for index, run in enumerate(run for of_model in runs.values() for run in of_model):
        path = Path(results) / "scores" / experiment / run / "heldout.csv"
        frame = read_exact_csv(path, HELDOUT_COLUMNS).sort_values("piece", kind="stable")
        names = tuple(frame["piece"])
        if index and names != pieces:
            raise InputError(f"{path} scores other pieces than {next(iter(runs))}: score both anew")
        pieces = names
        steps[run] = frame["steps"].to_numpy(np.float64)
        lengths[run] = frame["length_seconds"].to_numpy(np.float64)
        nll[run] = frame["nll_nats"].to_numpy(np.float64)
    weights = resample_weights(own["seed"], f"{experiment}/heldout", len(pieces), own["resamples"])
    return Heldout(pieces, runs, steps, lengths, nll, weights)


@dataclass(frozen=True)
class Validation:
    """The validation pieces' losses of some models; E epochs that all have, N pieces."""

    epochs: np.ndarray  # (E,), ascending
    pieces: tuple[str, ...]
    steps: np.ndarray  # (N,)
    runs: Mapping[str, Sequence[str]]  # model -> its trainings
    nll_nats: Mapping[str, np.ndarray]  # run -> (E, N)
    weights: np.ndarray  # (B, N), the same for all runs

    def mean_loss(self, model: str, epochs: int) -> Estimate:
        """The mean over the first `epochs` epochs of the loss in nats per step."""
        return over_runs(
            [
                _ratio_if_finite(self.nll_nats[run][:epochs].mean(axis=0), self.steps, self.weights)
                for run in self.runs[model]
            ]
        )

    def losses(self, model: str) -> np.ndarray:
        """(E,) loss in nats per step after every epoch, mean over the runs."""
        nll_nats = np.mean([self.nll_nats[run] for run in self.runs[model]], axis=0)
        return nll_nats.sum(axis=1) / self.steps.sum()


def load_validation(
    experiment: str, models: Sequence[str], params: Mapping[str, Any], results: Path
) -> Validation:
    """Reads validation.csv of these models' runs, at the epochs that all of them have.

    Raises InputError where the runs were validated on different pieces, or on none.
    """
    own = experiment_params(params, experiment)
    tables, steps = {}, {}
    of_models = {model: own["runs"][model] for model in models}
    runs = [run for of_model in of_models.values() for run in of_model]
    for run in runs:
        path = Path(results) / "models" / experiment / run / "validation.csv"
        frame = read_exact_csv(path, VALIDATION_COLUMNS)
        if frame.empty or frame.duplicated(["epoch", "piece"]).any():
            raise InputError(f"{path} is empty or has a piece twice in an epoch: train anew")
        tables[run] = frame.pivot_table(index="epoch", columns="piece", values="nll_nats")
        steps[run] = frame.groupby("piece")["steps"].first().sort_index()
    first = runs[0]
    for run in runs[1:]:
        if not steps[run].equals(steps[first]):
            raise InputError(
                f"{experiment}: {run} and {first} were validated on other pieces: train both anew"
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
        runs=of_models,
        nll_nats={
            run: table.loc[epochs, list(pieces)].to_numpy(np.float64)
            for run, table in tables.items()
        },
        weights=weights,
    )
