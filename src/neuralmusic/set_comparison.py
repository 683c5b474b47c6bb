"""Sets of pieces held against a reference: every measure, with intervals and significance.

    real = piece_set("real", note_lists)
    found = compare_sets(real, {"a": [piece_set("a", others)]})

A set that is compared may be several, the runs of one model with seeds of their own: its
estimates are then means over them. Axes: B resamples, N pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from neuralmusic.estimate import (
    NOT_NEGATIVE,
    SHARE,
    Estimate,
    mean_over_pieces,
    over_runs,
    resample_counts,
)
from neuralmusic.measures.densities import Overlap
from neuralmusic.measures.frechet import (
    lacks_most,
    scale_of,
    why_none,
)
from neuralmusic.measures.registry import MEASURES
from neuralmusic.piece_sets import COPIED, PieceSet
from neuralmusic.seeds import order_by_hash
from neuralmusic.set_distances import diversity, frechet, number_names, numbers_of
from neuralmusic.set_overlaps import Drawn, overlaps_of
from neuralmusic.significance import NOT_TESTED, Tested, against_zero

SEED, RESAMPLES = 2021, 1000
LEAST_RESAMPLES = 20  # as in the workflow's schema: of fewer no interval of 95 % can be had
FRECHET = "frechet_distance"  # where a row is of all measures at once
NOTHING = float("nan")


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
    fewest_pieces: int  # the same of the smallest run or, if that has fewer, of the reference
    test: Tested = NOT_TESTED  # of no difference from the reference
    reason: str = ""  # why something is undefined, or what is to be known of it
    densities: Overlap | None = None  # of the first run

    @property
    def is_significant(self) -> bool:
        """Whether the set differs from the reference in this measure."""
        return self.test.is_significant


@dataclass(frozen=True)
class Pair:
    """Which of two sets is nearer to the reference by one measure: negative is the first.

    `difference` is that of their distances from the reference, see `distance_of`.
    """

    measure: str
    first: str
    second: str
    difference: Estimate
    test: Tested = NOT_TESTED  # of no difference


@dataclass(frozen=True)
class Standing:
    """A set's Fréchet distance, its place by it, and the places that it may have.

    `places` are from 1 and the number of sets that are significantly nearer to the last less the
    number of those that are significantly farther. Both are None of the ceiling, the reference's
    own halves, and without a distance, of which `reason` says why; `places` without an interval.
    """

    name: str
    frechet: Estimate
    place: int | None
    places: tuple[int, int] | None
    diversity: Estimate  # mean distance between two pieces, in standard deviations, of K measures
    reason: str = ""


@dataclass(frozen=True, repr=False)
class SetComparison:
    """All that is known of some sets beside a reference.

    In a notebook it shows as who is nearest; `table` gives all numbers.
    """

    reference: PieceSet
    sets: Mapping[str, Sequence[PieceSet]]  # of every name its runs
    rows: Sequence[Row]  # of every set and measure, the reference first
    standings: Sequence[Standing]  # the nearest first, the ceiling at the end
    pairs: Sequence[Pair]
    in_frechet: Sequence[str]  # the measures in the Fréchet distance
    resamples: int
    beside: Mapping[str, Sequence[PieceSet]] = field(default_factory=dict)  # without a place

    def of(self, name: str) -> dict[str, Row]:
        """The rows of a set by measure."""
        return {row.measure: row for row in self.rows if row.name == name}

    def test(self, measure: str, first: str, second: str) -> Tested:
        """Whether two sets are differently far from the reference by a measure, in any order."""
        either = {(first, second), (second, first)}
        of = (p for p in self.pairs if p.measure == measure and (p.first, p.second) in either)
        return next(of).test

    def table(self, name: str = "ranking") -> Any:
        """A data frame of pandas: ranking (a row a set), measures, pairs, rejected or silent.

        See `comparison_frames` for what they hold.
        """
        from neuralmusic.comparison_frames import FRAMES  # which is made of this

        return FRAMES[name](self)

    def __repr__(self) -> str:
        from neuralmusic.set_comparison_text import summary

        return summary(self)

    def _repr_html_(self) -> str:
        from neuralmusic.set_comparison_text import summary_html

        return summary_html(self)


def compare_sets(
    reference: PieceSet,
    sets: Mapping[str, Sequence[PieceSet]],
    seed: int = SEED,
    resamples: int = RESAMPLES,
    workers: int = 1,
    beside: Mapping[str, Sequence[PieceSet]] | None = None,
) -> SetComparison:
    """Holds sets, each of one or more runs, against a reference by every measure.

    The reference's own row is what it is: its mean, and one half of its pieces held against the
    other (the halves by the hash of the notes), which is the best that a set of that size can do.
    Sets `beside` the reference have rows as the others, but no place and no pairs, and change
    nothing of the others: no p value, and no measure in the Fréchet distance.
    The bytes do not depend on the order of pieces, on file names, or on the number of `workers`.
    """
    with threadpool_limits(1):  # several threads add in an order that may differ
        return _compared(reference, sets, beside or {}, seed, resamples, workers)


def _compared(
    reference: PieceSet,
    sets: Mapping[str, Sequence[PieceSet]],
    beside: Mapping[str, Sequence[PieceSet]],
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
        for name, of_name in {**sets, **beside}.items()
    }
    halves = [
        _drawn(half, seed, f"half {number}", resamples)
        for number, half in enumerate(halves_of(reference))
    ]
    against = {name: [(real, run) for run in of] for name, of in runs.items()}
    against = {reference.name: [(halves[0], halves[1])], **against}
    every_pair = [pair for pairs in against.values() for pair in pairs]
    found = iter(overlaps_of(every_pair, measures, workers, seed))
    by_name = {name: [next(found) for _ in pairs] for name, pairs in against.items()}
    rows = [
        _row(name, measure, real, runs.get(name), [of[measure] for of in by_name[name]])
        for name in against
        for measure in measures
    ]
    rows = [
        replace(row, test=of)
        for family in (
            [row for row in rows if row.name not in beside],
            [row for row in rows if row.name in beside],
        )
        for row, of in zip(family, _tests_of(family), strict=True)
    ]
    numbers = numbers_of(reference)
    others = {name: [numbers_of(run.pieces) for run in of] for name, of in runs.items()}
    scale = scale_of(numbers, [of for name in sets for of in others[name]])
    reasons = {
        name: next(filter(None, (why_none(numbers, of) for of in of_name)), "")
        for name, of_name in others.items()
    }
    by_frechet = {
        name: _undefined(resamples) if reasons.get(name) else frechet(pairs, scale)
        for name, pairs in against.items()
    }
    by_diversity = {
        name: _undefined(resamples)
        if any(lacks_most(numbers, of) for of in others.get(name, []))
        else diversity(of_name, scale, seed)
        for name, of_name in {reference.name: [real], **runs}.items()
    }
    pairs = _pairs(rows, by_frechet, sets, reference)
    placed = {name: of for name, of in by_frechet.items() if name not in beside}
    standings = _standings(placed, by_diversity, reasons, pairs, reference.name)
    unplaced = [
        Standing(name, by_frechet[name], None, None, by_diversity[name], reasons[name])
        for name in beside
    ]
    return SetComparison(
        reference=reference,
        sets=sets,
        rows=rows,
        standings=[*standings[:-1], *unplaced, standings[-1]],
        pairs=pairs,
        in_frechet=[n for n, is_kept in zip(number_names(), scale.kept, strict=True) if is_kept],
        resamples=resamples,
        beside=beside,
    )


def _undefined(resamples: int) -> Estimate:
    return Estimate(NOTHING, np.full(resamples, np.nan), NOT_NEGATIVE)


def _tests_of(rows: Sequence[Row]) -> list[Tested]:
    return against_zero([row.difference for row in rows], [row.fewest_pieces for row in rows])


def halves_of(pieces: PieceSet) -> tuple[PieceSet, PieceSet]:
    """The pieces in two disjoint halves, by the hash of their notes."""
    order = order_by_hash(range(len(pieces)), key=lambda at: pieces.digests[at])
    middle = (len(order) + 1) // 2
    return pieces.select(sorted(order[:middle])), pieces.select(sorted(order[middle:]))


def _drawn(pieces: PieceSet, seed: int, label: str, resamples: int) -> Drawn:
    return Drawn(pieces, resample_counts(seed, f"sets/{label}", len(pieces), resamples))


def _row(
    name: str,
    measure: str,
    real: Drawn,
    runs: Sequence[Drawn] | None,
    found: Sequence[Overlap],
) -> Row:
    """One measure of one set over its runs; of the reference, without any, of all its pieces."""
    of_reference = real.pieces.values[measure]
    reason = next((of.reason for of in found if of.reason), "")
    if not found[0].grid.size and measure in MEASURES and MEASURES[measure].needs_bars:
        reason += "; it needs bars, which scores read with --time beats have"
    mean = difference = Estimate(NOTHING, np.full(len(real.weights), np.nan))
    if of_reference.ndim == 1:
        mean = over_runs([_mean(of, measure) for of in runs or [real]])
        spread = _spread(of_reference)
        if runs and spread > 0:
            difference = (mean - _mean(real, measure)) * (1 / spread)
        elif runs and not reason and np.isfinite(mean.value):
            reason = (
                "the same in every piece of the reference and not here, so that no deviation of its"
                " pieces measures the difference: compare the means; the Fréchet distance is"
                " without it"
            )
    defined = [_is_defined(of.pieces.values[measure]) for of in runs or [real]]
    return Row(
        measure=measure,
        name=name,
        mean=mean,
        difference=difference,
        overlap=over_runs([of.overlap for of in found]),
        kl=over_runs([of.kl for of in found]),
        pieces=sum(int(of.sum()) for of in defined),
        fewest_pieces=min(int(of.sum()) for of in (*defined, _is_defined(of_reference))),
        reason=reason,
        densities=found[0],
    )


def _mean(of: Drawn, measure: str) -> Estimate:
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


def _standings(
    by_frechet: Mapping[str, Estimate],
    diversity: Mapping[str, Estimate],
    reasons: Mapping[str, str],
    pairs: Sequence[Pair],
    reference: str,
) -> list[Standing]:
    names = [name for name in by_frechet if name != reference]
    ranked = [name for name in names if np.isfinite(by_frechet[name].value)]
    ranked.sort(key=lambda name: by_frechet[name].value)
    told_apart = {
        frozenset((pair.first, pair.second))
        for pair in pairs
        if pair.measure == FRECHET and pair.test.is_significant
    }
    found = []
    for at, name in enumerate(ranked):
        is_apart = [frozenset((name, other)) in told_apart for other in ranked]
        places = 1 + sum(is_apart[:at]), len(ranked) - sum(is_apart[at:])
        has_interval = np.isfinite(by_frechet[name].interval()[0])
        found.append(
            Standing(
                name, by_frechet[name], at + 1, places if has_interval else None, diversity[name]
            )
        )
    for name in (*(n for n in names if n not in ranked), reference):
        found.append(
            Standing(name, by_frechet[name], None, None, diversity[name], reasons.get(name, ""))
        )
    return found


def _pairs(
    rows: Sequence[Row],
    by_frechet: Mapping[str, Estimate],
    sets: Mapping[str, Sequence[PieceSet]],
    reference: PieceSet,
) -> list[Pair]:
    """Every two sets by every measure."""
    # Of every measure and set: its distance from the reference, and the pieces that it is known by.
    scores: dict[str, dict[str, tuple[Estimate, int]]] = {
        FRECHET: {
            name: (by_frechet[name], min(map(len, (*runs, reference))))
            for name, runs in sets.items()
        }
    }
    for row in rows:
        if row.name in sets:
            scores.setdefault(row.measure, {})[row.name] = distance_of(row), row.fewest_pieces
    pairs, pieces = [], []
    names = list(sets)
    for measure, of in scores.items():
        for at, first in enumerate(names):
            for second in names[at + 1 :]:
                (one, of_one), (other, of_other) = of[first], of[second]
                pairs.append(Pair(measure, first, second, one - other))
                pieces.append(min(of_one, of_other))
    tests = against_zero([pair.difference for pair in pairs], pieces)
    return [replace(pair, test=of) for pair, of in zip(pairs, tests, strict=True)]


def distance_of(row: Row) -> Estimate:
    """How far a set is from the reference by a measure, less being nearer.

    The absolute `difference` of a number, 1 - `overlap` of another measure.
    """
    if np.isfinite(row.difference.value):
        return abs(row.difference)
    flipped = replace(row.overlap, value=1 - row.overlap.value, limits=SHARE)
    return replace(flipped, resamples=1 - row.overlap.resamples)
