"""Sets of measured pieces, and what is estimated from them.

Axes: B resamples (see `estimate`), N pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neuralmusic.estimate import (
    NOT_NEGATIVE,
    SHARE,
    Estimate,
    mean_over_pieces,
    over_runs,
    ratio,
    ratio_of_sums,
    resample_weights,
)
from neuralmusic.evaluate import PITCH_COLUMNS, TRANSITION_COLUMNS
from neuralmusic.files import InputError
from neuralmusic.measures.distances import (
    kl_divergence,
    mean_inter_distance,
    mean_intra_distance,
    pairwise_distances,
)
from neuralmusic.measures.pitch import fold_classes, per_minute
from neuralmusic.seeds import order_by_hash
from neuralmusic.stored import read_csv

REAL = "real"  # the pseudo-model of real pieces: the ceiling
SOURCE = "source"  # that of the same pieces before encoding: what a representation loses
FLOOR = "markov"

PER_MINUTE = "notes_per_minute"  # of the CHARACTER, the one that is no column of pieces.csv

# The measures of a piece whose means table sample_character shows, with their natural limits.
CHARACTER: dict[str, tuple[float, float]] = {
    PER_MINUTE: NOT_NEGATIVE,
    "mean_note_seconds": NOT_NEGATIVE,
    "used_pitches": (0.0, 128.0),
    "lowest_pitch": (0.0, 127.0),
    "highest_pitch": (0.0, 127.0),
    "repeated_notes": SHARE,
    "mean_ioi_seconds": NOT_NEGATIVE,
}
STUCK = "stuck_note_rate"  # shown beside them: a ratio of sums, and no mean over pieces


@dataclass(frozen=True)
class MetricSet:
    """The measured pieces of one run, those shorter than the experiment's minimum left out."""

    name: str
    files: tuple[str, ...]
    length_seconds: np.ndarray  # (N,)
    pitch_counts: np.ndarray  # (N, 128) onsets
    transition_counts: np.ndarray  # (N, 144) pairs
    notes: np.ndarray  # (N,)
    stuck_notes: np.ndarray  # (N,) notes that decoding had to end, NaN where nobody counted them
    character: Mapping[str, np.ndarray]  # name in CHARACTER -> (N,), NaN where undefined
    left_out: int  # pieces shorter than the minimum

    def __len__(self) -> int:
        return len(self.files)

    @property
    def pitch_per_minute(self) -> np.ndarray:
        """(N, 128) onsets per pitch and minute."""
        return per_minute(self.pitch_counts, self.length_seconds)

    @property
    def under_two_notes(self) -> int:
        """Pieces with fewer than two notes: nothing in them follows anything."""
        return int((self.pitch_counts.sum(axis=1) < 2).sum())

    def select(self, chosen: np.ndarray) -> MetricSet:
        """The pieces at these positions, in this order."""
        return MetricSet(
            name=self.name,
            files=tuple(self.files[i] for i in chosen),
            length_seconds=self.length_seconds[chosen],
            pitch_counts=self.pitch_counts[chosen],
            transition_counts=self.transition_counts[chosen],
            notes=self.notes[chosen],
            stuck_notes=self.stuck_notes[chosen],
            character={name: values[chosen] for name, values in self.character.items()},
            left_out=self.left_out,
        )


def pooled(sets: Sequence[MetricSet]) -> MetricSet:
    """The pieces of several sets as one, each file named after its set too."""
    first, *others = sets
    if not others:
        return first
    return MetricSet(
        name=first.name,
        files=tuple(f"{of.name}/{file}" for of in sets for file in of.files),
        length_seconds=np.concatenate([of.length_seconds for of in sets]),
        pitch_counts=np.concatenate([of.pitch_counts for of in sets]),
        transition_counts=np.concatenate([of.transition_counts for of in sets]),
        notes=np.concatenate([of.notes for of in sets]),
        stuck_notes=np.concatenate([of.stuck_notes for of in sets]),
        character={m: np.concatenate([of.character[m] for of in sets]) for m in first.character},
        left_out=sum(of.left_out for of in sets),
    )


def load_metrics(folder: Path, min_seconds: float) -> MetricSet:
    """Reads the `pieces.csv` that `evaluate` wrote, in the order of file names."""
    path = Path(folder) / "pieces.csv"
    measured = [name for name in CHARACTER if name != PER_MINUTE]
    numbers = ["length_seconds", "notes", "stuck_notes", *measured]
    frame = read_csv(path, ["file"], [*numbers, *PITCH_COLUMNS, *TRANSITION_COLUMNS])
    every = len(frame)
    # A piece without length has no minute to be scaled to, whatever the minimum.
    frame = frame[(frame["length_seconds"] >= min_seconds) & (frame["length_seconds"] > 0)]
    frame = frame.sort_values("file", kind="stable")
    length = frame["length_seconds"].to_numpy(np.float64)
    notes = frame["notes"].to_numpy(np.float64)
    character = {PER_MINUTE: notes * 60 / length}
    character |= {n: frame[n].to_numpy(np.float64) for n in CHARACTER if n != PER_MINUTE}
    return MetricSet(
        name=Path(folder).name,
        files=tuple(frame["file"]),
        length_seconds=length,
        pitch_counts=frame[PITCH_COLUMNS].to_numpy(np.float64),
        transition_counts=frame[TRANSITION_COLUMNS].to_numpy(np.float64),
        notes=notes,
        stuck_notes=frame["stuck_notes"].to_numpy(np.float64),
        character=character,
        left_out=every - len(frame),
    )


@dataclass(frozen=True)
class Resampled:
    """A set of pieces with its resamples, which all measures of the set share."""

    metrics: MetricSet
    weights: np.ndarray  # (B, N)


def character_estimates(pieces: Resampled) -> dict[str, Estimate]:
    """The mean of every measure of CHARACTER over the pieces where it is defined, and STUCK."""
    means = {
        measure: mean_over_pieces(pieces.metrics.character[measure], pieces.weights, limits)
        for measure, limits in CHARACTER.items()
    }
    return means | {STUCK: stuck_note_rate(pieces)}


def stuck_note_rate(pieces: Resampled) -> Estimate:
    """How many of a model's notes decoding had to end, since the model never did.

    Of the pieces where they were counted.

    Formula: notes that were longer than the longest allowed, or on at the end / all notes
    Unit: share
    Range: 0 to 1; undefined where nobody counted, as in a folder of MIDI files
    Direction: less is better
    Source: thesis §5.4.3, which saw stuck notes and did not count them
    """
    metrics, weights = pieces.metrics, pieces.weights
    counted = np.isfinite(metrics.stuck_notes) & (metrics.notes > 0)
    if counted.sum() < 2:  # the rate of one piece is the same in every resample
        weights = np.full_like(weights, np.nan)
    stuck = np.where(counted, metrics.stuck_notes, 0.0)
    return ratio_of_sums(stuck, np.where(counted, metrics.notes, 0.0), weights, SHARE)


def transition_kl(real: Resampled, model: Resampled) -> Estimate:
    """KL(real || model) in nats of the pooled pitch-class transitions."""
    real_counts, model_counts = real.metrics.transition_counts, model.metrics.transition_counts
    return Estimate(
        float(kl_divergence(real_counts.sum(axis=0), model_counts.sum(axis=0))),
        kl_divergence(real.weights @ real_counts, model.weights @ model_counts),
        NOT_NEGATIVE,
    )


def inter_set_distance(
    model: Resampled, real: Resampled, folded: bool = False, is_same: bool = False
) -> Estimate:
    """Mean distance between the pitch histograms of a piece of the model and a real one.

    `folded`: between the histograms of pitch classes, which the thesis calls transposed pitch.
    `is_same`: both sets are of the same pieces, in the same order, and no piece is held against
    itself.
    """
    first, second = (of.metrics.pitch_per_minute for of in (model, real))
    if folded:
        first, second = fold_classes(first), fold_classes(second)
    if len(first) == 0 or len(second) == 0:
        return Estimate(float("nan"), np.full(len(model.weights), np.nan), NOT_NEGATIVE)
    distances = pairwise_distances(first, second)
    if is_same:
        own = model.weights * real.weights  # pairs of a piece with itself
        sums = ((model.weights @ distances) * real.weights).sum(axis=1) - own @ np.diag(distances)
        pieces = len(first)
        value = (distances.sum() - np.trace(distances)) / (pieces * (pieces - 1) or np.nan)
        return Estimate(value, ratio(sums, pieces**2 - own.sum(axis=1)), NOT_NEGATIVE)
    sums = ((model.weights @ distances) * real.weights).sum(axis=1)
    return Estimate(
        mean_inter_distance(first, second), sums / (len(first) * len(second)), NOT_NEGATIVE
    )


def intra_set_distance(pieces: Resampled) -> Estimate:
    """Mean distance between the pitch histograms of two different pieces of a set.

    A resample holds copies of a piece. Pairs made of two copies are left out: their distance is
    0, which no two pieces of the set have, and would pull every resample below the value. With
    fewer than three pieces there is one pair at most, and nothing that varies: no interval.
    """
    histograms, weights = pieces.metrics.pitch_per_minute, pieces.weights
    value = mean_intra_distance(histograms)
    if len(histograms) < 3:
        return Estimate(value, np.full(len(weights), np.nan), NOT_NEGATIVE)
    # The distance of a piece to itself is 0, so that copies add nothing to the sum above ...
    sums = ((weights @ pairwise_distances(histograms, histograms)) * weights).sum(axis=1)
    # ... and are taken from the pairs below: all ordered pairs less those of one piece.
    pairs = weights.sum(axis=1) ** 2 - (weights**2).sum(axis=1)
    return Estimate(value, ratio(sums, pairs), NOT_NEGATIVE)


@dataclass(frozen=True)
class Comparison:
    """The sets of one experiment with their resamples."""

    experiment: str
    models: tuple[str, ...]  # in the order of params.yaml, without `real`
    runs: Mapping[str, Sequence[str]]  # of every model its trainings, mostly one of its own name
    sets: Mapping[str, Resampled]  # the runs and `real`
    pieces: int  # what the experiment samples from a model
    min_seconds: float
    seed: int
    resamples: int
    folders: tuple[str, ...] = ()  # those of the models that are folders of MIDI files
    beside: tuple[str, ...] = ()  # sets that are shown beside `real`, and are no models

    @property
    def real(self) -> Resampled:
        return self.sets[REAL]

    @property
    def names(self) -> tuple[str, ...]:
        """The models, what is shown beside `real`, and `real`."""
        return (*self.models, *self.beside, REAL)

    @property
    def trainings(self) -> dict[str, Sequence[str]]:
        """The runs of the models that were trained."""
        return {model: runs for model, runs in self.runs.items() if model not in self.folders}

    def without_folders(self) -> Comparison:
        """The same of the trained models alone."""
        return replace(self, models=tuple(self.trainings), runs=self.trainings, folders=())

    def sets_of(self, name: str) -> list[Resampled]:
        """The sets of a model's runs, or that of `real`."""
        return [self.sets[run] for run in self.runs.get(name, [name])]

    def estimate(self, name: str, measure: Callable[[Resampled], Estimate]) -> Estimate:
        """A measure of a model, over its runs, or of `real`."""
        return over_runs([measure(pieces) for pieces in self.sets_of(name)])

    def kl(self, name: str) -> Estimate:
        """KL of transitions of a model from the real pieces."""
        return self.estimate(name, partial(transition_kl, self.real))

    def inter(self, name: str, folded: bool = False) -> Estimate:
        """Mean inter-set distance of a model to the real pieces."""
        is_same = name in self.beside and _has_files_of(self.sets[name].metrics, self.real.metrics)
        return self.estimate(
            name, lambda pieces: inter_set_distance(pieces, self.real, folded, is_same)
        )

    def character(self, name: str) -> dict[str, Estimate]:
        """Every measure of `character_estimates`."""
        of_runs = [character_estimates(pieces) for pieces in self.sets_of(name)]
        return {measure: over_runs([of[measure] for of in of_runs]) for measure in of_runs[0]}

    def by_run(self) -> Comparison:
        """The same with every run as a model of its own, for what is paired within a run."""
        runs = [run for model in self.models for run in self.runs[model]]
        return replace(self, models=tuple(runs), runs={run: [run] for run in runs})

    def halves(self, name: str) -> tuple[Resampled, Resampled]:
        """The pieces of a set in two disjoint halves, with resamples of their own."""
        first, second = (
            Resampled(
                half,
                resample_weights(
                    self.seed, f"{self.experiment}/{name}/half {index}", len(half), self.resamples
                ),
            )
            for index, half in enumerate(halves(self.sets[name].metrics))
        )
        return first, second


def experiment_params(params: Mapping[str, Any], experiment: str) -> Mapping[str, Any]:
    """The parameters of one experiment of a job file."""
    if experiment not in params["experiments"]:
        raise InputError(f"params.yaml has no experiment {experiment!r}, which this needs")
    return params["experiments"][experiment]


def trained_models(own: Mapping[str, Any]) -> list[str]:
    """The models of an experiment's parameters that were trained: all but folders of MIDI files."""
    folders = own.get("folders", ())
    return [model for model in own["models"] if model != REAL and model not in folders]


def load_comparison(experiment: str, params: Mapping[str, Any], results: Path) -> Comparison:
    """Reads the metrics of all runs of an experiment and of `real`, and draws the resamples."""
    own = experiment_params(params, experiment)
    models = tuple(model for model in own["models"] if model != REAL)
    beside = tuple(own.get("beside", ()))

    loaded = {
        name: load_metrics(Path(results) / "metrics" / experiment / name, own["min_seconds"])
        for name in (*(run for model in models for run in own["runs"][model]), *beside, REAL)
    }
    # What is the same pieces as `real` is resampled with them: differences are paired.
    labels = {n: REAL for n in beside if _has_files_of(loaded[n], loaded[REAL])}
    weights = {
        name: resample_weights(
            own["seed"], f"{experiment}/{labels.get(name, name)}", len(of), own["resamples"]
        )
        for name, of in loaded.items()
    }
    return Comparison(
        experiment=experiment,
        models=models,
        runs={model: own["runs"][model] for model in models},
        sets={name: Resampled(of, weights[name]) for name, of in loaded.items()},
        pieces=own["pieces"],
        min_seconds=own["min_seconds"],
        seed=own["seed"],
        resamples=own["resamples"],
        folders=tuple(own.get("folders", ())),
        beside=beside,
    )


def _has_files_of(first: MetricSet, second: MetricSet) -> bool:
    return first.files == second.files


def paired(comparison: Comparison, base: Comparison) -> Comparison:
    """A comparison with the resamples of another one, for the sets that have the same files.

    For an experiment that samples another's models: of both, the pieces of one name continue the
    same primer, and the real ones are the same, so that differences are paired on them.
    """
    sets = {
        name: replace(of, weights=base.sets[name].weights)
        if name in base.sets and of.metrics.files == base.sets[name].metrics.files
        else of
        for name, of in comparison.sets.items()
    }
    return replace(comparison, sets=sets)


def halves(metrics: MetricSet) -> tuple[MetricSet, MetricSet]:
    """The pieces in two disjoint halves, by the hash of their file names.

    The names are sorted by hash and cut in the middle, so that neither the order of the files nor
    their numbering (pieces of one composer follow each other) decides.
    """
    order = np.array(
        order_by_hash(range(len(metrics)), key=lambda piece: metrics.files[piece]), dtype=np.int64
    )
    middle = (len(order) + 1) // 2
    return metrics.select(np.sort(order[:middle])), metrics.select(np.sort(order[middle:]))
