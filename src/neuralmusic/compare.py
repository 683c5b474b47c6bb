"""Sets of measured pieces, and estimates with 95 % intervals from resampling pieces.

Everything is resampled by pieces, never by notes or pairs, since the notes of one piece depend on
each other. A resample is a row of counts, how often each piece was drawn, so that all resamples
of a measure are matrix products. Axes: B resamples, N pieces, P bins of a histogram.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.evaluate import PITCH_COLUMNS, TRANSITION_COLUMNS
from neuralmusic.files import InputError
from neuralmusic.measures.distances import (
    kl_divergence,
    mean_inter_distance,
    mean_intra_distance,
    pairwise_distances,
)
from neuralmusic.measures.pitch import per_minute
from neuralmusic.seeds import derive, order_by_hash

REAL = "real"  # the pseudo-model of real pieces: the ceiling
FLOOR = "markov"
COVERAGE = 0.95
NO_LIMITS = (-np.inf, np.inf)
NOT_NEGATIVE = (0.0, np.inf)

# The measures of a piece whose means table sample_character shows, with their natural limits.
CHARACTER: dict[str, tuple[float, float]] = {
    "notes_per_minute": NOT_NEGATIVE,
    "mean_note_seconds": NOT_NEGATIVE,
    "used_pitches": (0.0, 128.0),
    "lowest_pitch": (0.0, 127.0),
    "highest_pitch": (0.0, 127.0),
    "repeated_notes": (0.0, 1.0),
    "mean_ioi_seconds": NOT_NEGATIVE,
}


@dataclass(frozen=True)
class MetricSet:
    """The measured pieces of one model, those shorter than the experiment's minimum left out."""

    name: str
    files: tuple[str, ...]
    length_seconds: np.ndarray  # (N,)
    pitch_counts: np.ndarray  # (N, 128) onsets
    transition_counts: np.ndarray  # (N, 144) pairs
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
            character={name: values[chosen] for name, values in self.character.items()},
            left_out=self.left_out,
        )


def read_csv(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """A CSV of an earlier verb; the columns `names` are text, an empty cell elsewhere is NaN."""
    if not path.is_file():
        raise InputError(f"{path} is missing: run the workflow for this model first")
    try:
        return pd.read_csv(
            path, dtype=dict.fromkeys(names, str), keep_default_na=False, na_values=[""]
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no table that can be read: {error}") from error


def load_metrics(folder: Path, min_seconds: float) -> MetricSet:
    """Reads the `pieces.csv` that `evaluate` wrote, in the order of file names."""
    path = Path(folder) / "pieces.csv"
    frame = read_csv(path, ["file"])
    missing = {"file", "length_seconds", *PITCH_COLUMNS, *TRANSITION_COLUMNS} - set(frame.columns)
    if missing:
        raise InputError(f"{path} lacks columns {sorted(missing)[:5]}: evaluate the model again")
    every = len(frame)
    # A piece without length has no minute to be scaled to, whatever the minimum.
    frame = frame[(frame["length_seconds"] >= min_seconds) & (frame["length_seconds"] > 0)]
    frame = frame.sort_values("file", kind="stable")
    length = frame["length_seconds"].to_numpy(np.float64)
    character = {
        name: frame[name].to_numpy(np.float64) for name in CHARACTER if name != "notes_per_minute"
    }
    return MetricSet(
        name=Path(folder).name,
        files=tuple(frame["file"]),
        length_seconds=length,
        pitch_counts=frame[PITCH_COLUMNS].to_numpy(np.float64),
        transition_counts=frame[TRANSITION_COLUMNS].to_numpy(np.float64),
        character={"notes_per_minute": frame["notes"].to_numpy(np.float64) * 60 / length}
        | character,
        left_out=every - len(frame),
    )


def resample_weights(seed: int, label: str, pieces: int, resamples: int) -> np.ndarray:
    """How often each resample draws each piece, (B, N); every row sums to N.

    The generator depends on the seed and the label alone, so that adding a model changes no other
    model's interval. Fewer than two pieces cannot be resampled: NaN, and so no interval.
    """
    if pieces < 2:
        return np.full((resamples, pieces), np.nan)
    generator = np.random.default_rng(derive(seed, "bootstrap", label))
    return generator.multinomial(pieces, np.full(pieces, 1 / pieces), resamples).astype(np.float64)


@dataclass(frozen=True)
class Estimate:
    """A number, the same number of every resample (B,), and the limits it cannot pass.

    Estimates of one experiment subtract resample by resample: those of two models share the
    resample of the real pieces, which pairs them on it.
    """

    value: float
    resamples: np.ndarray
    limits: tuple[float, float] = NO_LIMITS

    def interval(self, choices: int = 1) -> tuple[float, float]:
        """The 95 % interval: the spread of the resamples, recentred on the value.

        `choices`: how many such differences there were, where this one was picked because it is
        the extreme one; the interval is then as wide as all of them need together (Bonferroni).

        With m the mean of the resamples, it runs from value + q2.5 - m to value + q97.5 - m, cut
        at the limits. For a mean m is the value, and this is the percentile interval. A KL
        divergence of resamples lies above the value, as the value lies above the divergence of
        the populations: fewer different pieces, rougher distributions. Five settings were
        simulated (20 to 500 pieces a set, each piece with transitions of its own, equal to far
        apart populations, 200 to 300 repetitions each). The percentile interval lay wholly above
        the value in four of them, and covered what experiments of this size give on average in
        0 to 69 % of the repetitions, the basic one (2 value - q) in 0 to 67 %; the recentred one
        always held the value and covered that average in 98 to 100 %: it errs on the wide side.
        It speaks of the measure as defined, at this number of pieces, and not of infinitely many
        pieces, where the divergence is less by about `finite_pieces_part`.

        (nan, nan) where the value or more than half of the resamples are undefined.
        """
        finite = self.resamples[np.isfinite(self.resamples)]
        if not np.isfinite(self.value) or len(finite) == 0 or 2 * len(finite) < self.resamples.size:
            return float("nan"), float("nan")
        tail = (1 - COVERAGE) / 2 / choices
        low, high = np.quantile(finite, [tail, 1 - tail]) - finite.mean() + self.value
        return self._holding_value(low, high)

    def percentile_interval(self) -> tuple[float, float]:
        """The plain percentile interval, widened to hold the value: for rank correlations.

        Recentring would push a correlation's interval off its bound: with five models in exactly
        opposite order by chance the resamples reach far from -1, and must be allowed to say so.
        """
        finite = self.resamples[np.isfinite(self.resamples)]
        if not np.isfinite(self.value) or len(finite) == 0 or 2 * len(finite) < self.resamples.size:
            return float("nan"), float("nan")
        low, high = np.quantile(finite, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
        return self._holding_value(low, high)

    def _holding_value(self, low: float, high: float) -> tuple[float, float]:
        """Very skewed resamples could leave the value outside; the limits always hold."""
        low, high = min(float(low), self.value), max(float(high), self.value)
        return max(low, self.limits[0]), min(high, self.limits[1])

    def finite_pieces_part(self) -> float:
        """What resampling adds on average: the part of the value that fewer pieces would add."""
        finite = self.resamples[np.isfinite(self.resamples)]
        return float(finite.mean()) - self.value if len(finite) else float("nan")

    def __sub__(self, other: Estimate) -> Estimate:
        return Estimate(self.value - other.value, self.resamples - other.resamples)

    def __mul__(self, factor: float) -> Estimate:
        limits = (self.limits[0] * factor, self.limits[1] * factor)
        return Estimate(self.value * factor, self.resamples * factor, limits)

    def __abs__(self) -> Estimate:
        return Estimate(abs(self.value), np.abs(self.resamples), NOT_NEGATIVE)


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of several estimates, resample by resample."""
    return Estimate(
        float(np.mean([e.value for e in estimates])),
        np.mean([e.resamples for e in estimates], axis=0),
    )


@dataclass(frozen=True)
class Resampled:
    """A set of pieces with its resamples, which all measures of the set share."""

    metrics: MetricSet
    weights: np.ndarray  # (B, N)


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """over / under, NaN where under is 0."""
    return over / np.where(under == 0, np.nan, under)


def ratio_of_sums(
    over: np.ndarray,
    under: np.ndarray,
    weights: np.ndarray,
    limits: tuple[float, float] = NO_LIMITS,
) -> Estimate:
    """The sum of `over` (N,) by the sum of `under` (N,), NaN where that is 0."""
    value = _ratio(np.asarray(over.sum()), np.asarray(under.sum()))
    return Estimate(float(value), _ratio(weights @ over, weights @ under), limits)


def mean_over_pieces(
    values: np.ndarray, weights: np.ndarray, limits: tuple[float, float] = NO_LIMITS
) -> Estimate:
    """The mean of (N,) values over the pieces where it is defined, i.e. not NaN."""
    defined = np.isfinite(values).astype(np.float64)
    if defined.sum() < 2:  # one defined piece cannot be resampled
        weights = np.full_like(weights, np.nan)
    return ratio_of_sums(np.where(defined > 0, values, 0.0), defined, weights, limits)


def transition_kl(real: Resampled, model: Resampled) -> Estimate:
    """KL(real || model) in nats of the pooled pitch-class transitions."""
    real_counts, model_counts = real.metrics.transition_counts, model.metrics.transition_counts
    return Estimate(
        float(kl_divergence(real_counts.sum(axis=0), model_counts.sum(axis=0))),
        kl_divergence(real.weights @ real_counts, model.weights @ model_counts),
        NOT_NEGATIVE,
    )


def inter_set_distance(model: Resampled, real: Resampled) -> Estimate:
    """Mean distance between the pitch histograms of a piece of the model and a real one."""
    first, second = model.metrics.pitch_per_minute, real.metrics.pitch_per_minute
    if len(first) == 0 or len(second) == 0:
        return Estimate(float("nan"), np.full(len(model.weights), np.nan), NOT_NEGATIVE)
    sums = ((model.weights @ pairwise_distances(first, second)) * real.weights).sum(axis=1)
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
    return Estimate(value, _ratio(sums, pairs), NOT_NEGATIVE)


@dataclass(frozen=True)
class Comparison:
    """The sets of one experiment with their resamples."""

    experiment: str
    models: tuple[str, ...]  # trained models in the order of params.yaml, without `real`
    sets: Mapping[str, Resampled]  # the models and `real`
    pieces: int  # what the experiment samples from a model
    min_seconds: float
    seed: int
    resamples: int

    @property
    def real(self) -> Resampled:
        return self.sets[REAL]

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


def load_comparison(experiment: str, params: Mapping[str, Any], results: Path) -> Comparison:
    """Reads the metrics of all models of an experiment and of `real`, and draws the resamples."""
    own = experiment_params(params, experiment)
    models = tuple(model for model in own["models"] if model != REAL)

    loaded = {
        name: load_metrics(Path(results) / "metrics" / experiment / name, own["min_seconds"])
        for name in (*models, REAL)
    }
    weights = {
        name: resample_weights(own["seed"], f"{experiment}/{name}", len(of), own["resamples"])
        for name, of in loaded.items()
    }
    return Comparison(
        experiment=experiment,
        models=models,
        sets={name: Resampled(of, weights[name]) for name, of in loaded.items()},
        pieces=own["pieces"],
        min_seconds=own["min_seconds"],
        seed=own["seed"],
        resamples=own["resamples"],
    )


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


def excludes_zero(difference: Estimate) -> int:
    """-1 or 1 where the interval lies wholly below or above 0, else (or without one) 0."""
    low, high = difference.interval()
    return -1 if high < 0 else 1 if low > 0 else 0


def best_of(scores: Mapping[str, Estimate]) -> tuple[str | None, set[str]]:
    """The name with the least score, and those not significantly above it."""
    defined = {name: score for name, score in scores.items() if np.isfinite(score.value)}
    if not defined:
        return None, set()
    best = min(defined, key=lambda name: defined[name].value)
    others = set(defined) - {best}
    return best, {name for name in others if excludes_zero(defined[name] - defined[best]) != 1}
