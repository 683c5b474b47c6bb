"""Sets of pieces held against a reference: every measure, with intervals and significance.

    real = piece_set("real", note_lists)
    found = compare_sets(real, {"a": [piece_set("a", others)]})

A set that is compared may be several, the runs of one model with seeds of their own: its
estimates are then means over them. Axes: B resamples, N pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from threadpoolctl import threadpool_limits

from neuralmusic.estimate import (
    NOT_NEGATIVE,
    SHARE,
    Estimate,
    mean_over_pieces,
    over_runs,
    ratio,
    resample_weights,
)
from neuralmusic.measures.densities import Overlap, overlaps, same_pieces
from neuralmusic.measures.distances import pairwise_distances
from neuralmusic.measures.frechet import Scale, frechet_distance, scale_of, scaled
from neuralmusic.measures.registry import MEASURES
from neuralmusic.piece_sets import COPIED, PieceSet
from neuralmusic.seeds import order_by_hash
from neuralmusic.significance import LEVEL, corrected, p_value

SEED, RESAMPLES = 2021, 1000
FRECHET = "frechet_distance"  # where a row is of all measures at once
NOTHING = float("nan")
CHUNKS = 4  # of the measures of a set, each a job of a process


@dataclass(frozen=True)
class Row:
    """What one measure says of one set, held against the reference.

    `mean`, in the measure's unit, and `difference`, that from the reference's mean in standard
    deviations of the reference's pieces, are undefined of a measure that is no number.
    """

    measure: str
    name: str
    mean: Estimate
    difference: Estimate
    overlap: Estimate
    kl: Estimate
    pieces: int  # in which the measure is defined
    p: float = NOTHING  # of no difference from the reference
    p_corrected: float = NOTHING
    reason: str = ""  # why something is undefined, or what is to be known of it
    densities: Overlap | None = None  # of the first run

    @property
    def is_significant(self) -> bool:
        """Whether the set differs from the reference in this measure."""
        return self.p_corrected < LEVEL


@dataclass(frozen=True)
class Pair:
    """Which of two sets is nearer to the reference by one measure: negative is the first.

    By the absolute `difference` of a number, 1 - `overlap` of another measure, and the Fréchet
    distance.
    """

    measure: str
    first: str
    second: str
    difference: Estimate
    p: float = NOTHING
    p_corrected: float = NOTHING


@dataclass(frozen=True)
class Standing:
    """A set's Fréchet distance, its place by it, and the places that 95 % of resamples give it.

    The place is None of the ceiling, the reference's own halves, and without a distance.
    """

    name: str
    frechet: Estimate
    place: int | None
    places: tuple[int, int] | None
    diversity: Estimate  # mean distance between two pieces, in standard deviations, of K measures


@dataclass(frozen=True)
class SetComparison:
    """All that is known of some sets beside a reference."""

    reference: PieceSet
    sets: Mapping[str, Sequence[PieceSet]]  # of every name its runs
    rows: Sequence[Row]  # of every set and measure, the reference first
    standings: Sequence[Standing]  # the nearest first, the ceiling at the end
    pairs: Sequence[Pair]
    in_frechet: Sequence[str]  # the measures in the Fréchet distance
    resamples: int

    def of(self, name: str) -> dict[str, Row]:
        """The rows of a set by measure."""
        return {row.measure: row for row in self.rows if row.name == name}


@dataclass(frozen=True)
class _Drawn:
    """A set with its resamples (B, N)."""

    pieces: PieceSet
    weights: np.ndarray


def compare_sets(
    reference: PieceSet,
    sets: Mapping[str, Sequence[PieceSet]],
    seed: int = SEED,
    resamples: int = RESAMPLES,
    workers: int = 1,
) -> SetComparison:
    """Holds sets, each of one or more runs, against a reference by every measure.

    The reference's own row is what it is: its mean, and one half of its pieces held against the
    other (the halves by the hash of the notes), which is the best that a set of that size can do.
    The bytes do not depend on the order of pieces, on file names, or on the number of `workers`.
    """
    with threadpool_limits(1):  # several threads add in an order that may differ
        return _compared(reference, sets, seed, resamples, workers)


def _compared(
    reference: PieceSet,
    sets: Mapping[str, Sequence[PieceSet]],
    seed: int,
    resamples: int,
    workers: int,
) -> SetComparison:
    measures = [name for name in (*MEASURES, *COPIED) if name in reference.values]
    real = _drawn(reference, seed, "reference", resamples)
    runs = {
        name: [
            # Such that no name of a set gives it the resamples of another, or of the reference.
            _drawn(of, seed, f"set/{number}/{name}", resamples)
            for number, of in enumerate(of_name)
        ]
        for name, of_name in sets.items()
    }
    halves = [
        _drawn(half, seed, f"half {number}", resamples)
        for number, half in enumerate(halves_of(reference))
    ]
    against = {name: [(real, run) for run in of] for name, of in runs.items()}
    against = {reference.name: [(halves[0], halves[1])], **against}
    every_pair = [pair for pairs in against.values() for pair in pairs]
    found = iter(_overlaps(every_pair, measures, workers))
    by_name = {name: [next(found) for _ in pairs] for name, pairs in against.items()}
    rows = [
        _row(name, measure, real, runs.get(name), [of[measure] for of in by_name[name]])
        for name in against
        for measure in measures
    ]
    rows = _with_p(rows)
    others = [numbers_of(run.pieces) for of in runs.values() for run in of]
    scale = scale_of(numbers_of(reference), others)
    by_frechet = {name: _frechet(pairs, scale) for name, pairs in against.items()}
    diversity = {
        name: _diversity(of, scale) for name, of in {reference.name: [real], **runs}.items()
    }
    return SetComparison(
        reference=reference,
        sets=sets,
        rows=rows,
        standings=_standings(by_frechet, diversity, reference.name),
        pairs=_pairs(rows, by_frechet, list(sets)),
        in_frechet=[n for n, is_kept in zip(_numbers(), scale.kept, strict=True) if is_kept],
        resamples=resamples,
    )


def halves_of(pieces: PieceSet) -> tuple[PieceSet, PieceSet]:
    """The pieces in two disjoint halves, by the hash of their notes."""
    order = order_by_hash(range(len(pieces)), key=lambda at: pieces.digests[at])
    middle = (len(order) + 1) // 2
    return pieces.select(sorted(order[:middle])), pieces.select(sorted(order[middle:]))


def _drawn(pieces: PieceSet, seed: int, label: str, resamples: int) -> _Drawn:
    return _Drawn(pieces, resample_weights(seed, f"sets/{label}", len(pieces), resamples))


def _overlaps(
    against: Sequence[tuple[_Drawn, _Drawn]], measures: Sequence[str], workers: int
) -> list[dict[str, Overlap]]:
    """Of each pair of sets the overlap by every measure, in several processes."""
    jobs = [
        (
            {name: first.pieces.values[name] for name in measures[at::CHUNKS]},
            {name: second.pieces.values[name] for name in measures[at::CHUNKS]},
            first.weights,
            second.weights,
            same_pieces(first.pieces.digests, second.pieces.digests),
        )
        for first, second in against
        for at in range(CHUNKS)
    ]
    if workers == 1:
        found = [overlaps(*job) for job in jobs]
    else:
        # Not threads: counting distances holds Python's lock.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            found = list(pool.map(overlaps, *zip(*jobs, strict=True)))
    by_pair = [found[at : at + CHUNKS] for at in range(0, len(found), CHUNKS)]
    return [{name: of for part in parts for name, of in part.items()} for parts in by_pair]


def _row(
    name: str,
    measure: str,
    real: _Drawn,
    runs: Sequence[_Drawn] | None,
    found: Sequence[Overlap],
) -> Row:
    """One measure of one set over its runs; of the reference, without any, of all its pieces."""
    of_reference = real.pieces.values[measure]
    reason = next((of.reason for of in found if of.reason), "")
    mean = difference = Estimate(NOTHING, np.full(len(real.weights), np.nan))
    if of_reference.ndim == 1:
        mean = over_runs([_mean(of, measure) for of in runs or [real]])
        spread = _spread(of_reference)
        if runs and spread > 0:
            difference = (mean - _mean(real, measure)) * (1 / spread)
        elif runs and not reason and np.isfinite(mean.value):
            reason = "the same in every piece of the reference, and not here: in no distance"
    defined = [_is_defined(of.pieces.values[measure]) for of in runs or [real]]
    return Row(
        measure=measure,
        name=name,
        mean=mean,
        difference=difference,
        overlap=over_runs([of.overlap for of in found]),
        kl=over_runs([of.kl for of in found]),
        pieces=sum(int(of.sum()) for of in defined),
        reason=reason,
        densities=found[0],
    )


def _mean(of: _Drawn, measure: str) -> Estimate:
    limits = MEASURES[measure].limits if measure in MEASURES else NOT_NEGATIVE
    return mean_over_pieces(of.pieces.values[measure], of.weights, limits)


def _spread(values: np.ndarray) -> float:
    """Standard deviation of a measure over the pieces where it is defined, 0 of fewer than two."""
    defined = values[np.isfinite(values)]
    if len(defined) < 2 or np.ptp(defined) <= 1e-9 * max(1.0, float(np.abs(defined).max())):
        return 0.0
    return float(defined.std(ddof=1))


def _is_defined(values: np.ndarray) -> np.ndarray:
    return np.isfinite(values) if values.ndim == 1 else np.isfinite(values).all(axis=1)


def _with_p(rows: Sequence[Row]) -> list[Row]:
    p = [p_value(row.difference) for row in rows]
    return [
        replace(row, p=of_row, p_corrected=right)
        for row, of_row, right in zip(rows, p, corrected(p), strict=True)
    ]


def numbers_of(pieces: PieceSet) -> np.ndarray:
    """All measures of MEASURES that are numbers, (N, K)."""
    return np.stack([pieces.values[name] for name in _numbers()], axis=1)


def _numbers() -> list[str]:
    return [name for name, measure in MEASURES.items() if not measure.shape]


def _frechet(against: Sequence[tuple[_Drawn, _Drawn]], scale: Scale) -> Estimate:
    """Over runs, the Fréchet distance of each to the set it is held against."""
    return over_runs(
        [
            frechet_distance(
                scaled(numbers_of(first.pieces), scale),
                scaled(numbers_of(second.pieces), scale),
                first.weights,
                second.weights,
            )
            for first, second in against
        ]
    )


def _diversity(runs: Sequence[_Drawn], scale: Scale) -> Estimate:
    """Over runs, the mean distance between two pieces of a set: see `Standing`.

    Root of the mean square over the measures. Pairs of copies that resampling makes are left out,
    as in `compare.intra_set_distance`.
    """
    found = []
    for run in runs:
        pieces = scaled(numbers_of(run.pieces), scale)
        distances = pairwise_distances(pieces, pieces) / np.sqrt(max(1, pieces.shape[1]))
        rows = np.vstack([np.ones(len(pieces)), run.weights])
        pairs = rows.sum(axis=1) ** 2 - (rows**2).sum(axis=1)
        means = ratio(((rows @ distances) * rows).sum(axis=1), pairs)
        found.append(Estimate(float(means[0]), means[1:], NOT_NEGATIVE))
    return over_runs(found)


def _standings(
    by_frechet: Mapping[str, Estimate], diversity: Mapping[str, Estimate], reference: str
) -> list[Standing]:
    names = [name for name in by_frechet if name != reference]
    ranked = [name for name in names if np.isfinite(by_frechet[name].value)]
    ranked.sort(key=lambda name: by_frechet[name].value)
    found = []
    if ranked:
        drawn = np.stack([by_frechet[name].resamples for name in ranked])
        whole = np.isfinite(drawn).all(axis=0)
        places = drawn[:, whole].argsort(axis=0).argsort(axis=0) + 1
        has_places = whole.any() and 2 * whole.sum() >= len(whole)
        for at, name in enumerate(ranked):
            spread = None
            if has_places:
                low, high = np.quantile(places[at], (0.025, 0.975), method="nearest")
                spread = (min(int(low), at + 1), max(int(high), at + 1))
            found.append(Standing(name, by_frechet[name], at + 1, spread, diversity[name]))
    for name in (*(n for n in names if n not in ranked), reference):
        found.append(Standing(name, by_frechet[name], None, None, diversity[name]))
    return found


def _pairs(
    rows: Sequence[Row], by_frechet: Mapping[str, Estimate], names: Sequence[str]
) -> list[Pair]:
    """Every two sets by every measure."""
    scores: dict[str, dict[str, Estimate]] = {FRECHET: {n: by_frechet[n] for n in names}}
    for row in rows:
        if row.name in names:
            scores.setdefault(row.measure, {})[row.name] = farness(row)
    pairs = [
        Pair(measure, first, second, of[first] - of[second])
        for measure, of in scores.items()
        for at, first in enumerate(names)
        for second in names[at + 1 :]
    ]
    p = [p_value(pair.difference) for pair in pairs]
    return [
        replace(pair, p=of_pair, p_corrected=right)
        for pair, of_pair, right in zip(pairs, p, corrected(p), strict=True)
    ]


def farness(row: Row) -> Estimate:
    """How far a set is from the reference by a measure, less being nearer: see `Pair`."""
    if np.isfinite(row.difference.value):
        return abs(row.difference)
    flipped = replace(row.overlap, value=1 - row.overlap.value, limits=SHARE)
    return replace(flipped, resamples=1 - row.overlap.resamples)
