"""How alike two sets are by the distances within one and between both (Yang & Lerch 2020).

The density of the distances between two different real pieces (intra-set) is held against that
of the distances between a real piece and one of another set (inter-set): where the other set is
as real music is, both are the same. Their overlapped area and their KL divergence say how far
that holds, of every measure of a piece.

The reference code of the paper evaluates the two densities on grids of their own, so that its
area of a set with itself is not 1. Here both lie on one grid, padded beyond the outermost
distance, and a piece is never held against itself, in whichever set it stands: a set against
itself overlaps by 1 and diverges by 0.

Distances are binned, and the bins smoothed, which is as good as a density of every single pair
and makes the 1,000 resamples of `estimate` sums of whole numbers. Of measures that are numbers all
pairs count, of vectors those of `pairs`. Axes: B resamples, N and M pieces, C cells of distance, G
cells of the padded grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from threadpoolctl import threadpool_limits

from neuralmusic.estimate import NOT_NEGATIVE, SHARE, Estimate, row_blocks
from neuralmusic.measures.pairs import Pairs

CELLS = 256  # of distance, from 0 to the largest
ROUNDING = 1e-9  # distances less than this, relatively to the values, are none
BANDWIDTHS_OUTSIDE = 4  # how far beyond the outermost distance the grid is padded


@dataclass(frozen=True)
class Overlap:
    """The two densities of one measure, and how alike they are.

    `reason` says why there is no value, or what is to be known of it; empty mostly.
    """

    overlap: Estimate  # overlapped area, 0 to 1
    kl: Estimate  # KL(intra-set || inter-set) in nats
    grid: np.ndarray  # (G,) distances
    intra: np.ndarray  # (G,) density of the distances between two real pieces
    inter: np.ndarray  # (G,) density of those between a real piece and one of the other set
    reason: str = ""


def overlap(
    real: np.ndarray,
    other: np.ndarray,
    real_weights: np.ndarray,
    other_weights: np.ndarray,
    same: np.ndarray,
    seed: int = 0,
) -> Overlap:
    """Whether a set lies among real pieces as these lie among each other, by one measure.
    Distances between a real piece and one of the set are held against those between two real
    pieces: by the area that both densities share, and by their KL divergence.

    `real` (N,) or (N, K) and `other` (M,) or (M, K) hold the measure of every piece, NaN where it
    is undefined; weights (B, N) and (B, M) are those of `resample_weights` or `resample_counts`;
    `same` (P, 2) are the positions, in `real` and in `other`, of pieces with the same notes, which
    make no pair (see `same_pieces`); `seed` is that of a draw of pairs (see `pairs`).

    Formula: overlap = sum of min(p, q), KL = sum of p log(p / q), of the densities p (intra-set)
    and q (inter-set) on one grid, for KL after adding one pair, spread evenly over the grid, to
    both. Gaussian kernels, of Scott's bandwidth for the intra-set distances: their standard
    deviation times their number to the power of -1/5, and at least one cell. Two bandwidths would
    tell apart what is equal: where most distances are 0, as of a rare thing, by their peaks.
    Unit: share for the overlap, nats for KL
    Range: 0 to 1 for the overlap, 0 upwards for KL
    Direction: an overlap of 1 and a KL of 0 are best
    Source: Yang & Lerch (2020), on a common grid

    Of vectors, as histograms are, all pairs count of up to 2,000 by 2,000 pieces, and of more a
    balanced draw of as many pairs; what that adds, 0.00025 at most to the standard deviation of a
    share of pairs, is in the intervals (see `pairs`).

    Of two constant sets the overlap is 1 if they have the same value and 0 if not. With fewer than
    two real pieces, or no other, in which the measure is defined, there is no value.
    """
    first, second = _Side(real, real_weights), _Side(other, other_weights)
    if first.has.sum() < 2 or not second.has.any():
        of_reference = "defined in fewer than two pieces of the reference"
        reason = "undefined in every piece" if first.has.sum() >= 2 else of_reference
        return _undefined(reason, len(real_weights))
    itself = np.repeat(np.arange(len(real))[:, None], 2, axis=1)
    reason = ""
    if real.ndim == 1:
        top = _meaningful(float(np.ptp(_both(first, second))), first, second)
        intra = _count_scalars(first, first, itself, top)
        inter = _count_scalars(first, second, same, top)
    else:
        within = Pairs.of(int(first.has.sum()), int(first.has.sum()), True, seed)
        between = Pairs.of(int(first.has.sum()), int(second.has.sum()), False, seed)
        distances = first.distances(first, within), first.distances(second, between)
        top = _meaningful(float(max(of.max() for of in distances)), first, second)
        intra = _count_vectors(first, first, itself, within, distances[0], top)
        inter = _count_vectors(first, second, same, between, distances[1], top)
        if within.is_draw or between.is_draw:
            reason = "of all pairs of pieces a draw: `neuralmusic measures overlap` says more"
    if not inter[0].sum():
        return _undefined("no pair of different pieces", len(real_weights))
    return _held_against(intra, inter, top, reason)


def overlaps(
    real: Mapping[str, np.ndarray],
    other: Mapping[str, np.ndarray],
    real_weights: np.ndarray,
    other_weights: np.ndarray,
    same: np.ndarray,
    seed: int = 0,
) -> dict[str, Overlap]:
    """The overlap of two sets by each of several measures, to the same bits in any process."""
    with threadpool_limits(1):  # several threads add in an order that may differ
        return {
            name: overlap(real[name], other[name], real_weights, other_weights, same, seed)
            for name in real
        }


@dataclass(frozen=True)
class _Side:
    """One of two sets: a measure of its pieces (N,) or (N, K), and how often each counts (B, N)."""

    values: np.ndarray
    weights: np.ndarray

    @cached_property
    def has(self) -> np.ndarray:
        """Of which pieces the measure is defined, (N,)."""
        is_defined = np.isfinite(self.values)
        return is_defined if self.values.ndim == 1 else is_defined.all(axis=1)

    @cached_property
    def at(self) -> np.ndarray:
        """The positions of the pieces of which it is."""
        return np.flatnonzero(self.has)

    def rows(self) -> Iterator[np.ndarray]:
        """How often each piece of which it is defined counts: once, then in every resample."""
        yield np.ones(len(self.at))
        for row in self.weights:
            yield row[self.at].astype(np.float64)

    def distances(self, other: _Side, pairs: Pairs) -> np.ndarray:
        return pairs.distances(self.values[self.at], other.values[other.at])


def same_pieces(real: Sequence[str], other: Sequence[str]) -> np.ndarray:
    """The positions (P, 2) of the pieces that stand in both sets, by the digests of their notes.

    Of copies within a set the first is the first of the other set, and so on: a copy of a piece is
    a piece of its own, at distance 0.
    """
    places: dict[str, list[int]] = {}
    for at, digest in enumerate(real):
        places.setdefault(digest, []).append(at)
    left = {digest: iter(of) for digest, of in places.items()}
    pairs = [(next(left.get(digest, iter(())), None), at) for at, digest in enumerate(other)]
    found = [(first, second) for first, second in pairs if first is not None]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _held_against(intra: np.ndarray, inter: np.ndarray, top: float, reason: str) -> Overlap:
    """Overlap and divergence of counts of distances (B + 1, C) from 0 to `top`."""
    bandwidth = _bandwidth_cells(intra[0])
    pad = int(np.ceil(BANDWIDTHS_OUTSIDE * bandwidth))
    kernels = _kernels(bandwidth, pad)
    densities, floored = [], []
    for counts in (intra, inter):
        pairs = counts.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):  # a resample may be without a pair
            shares = np.where(pairs > 0, counts / np.where(pairs > 0, pairs, 1), np.nan)
        smooth = shares @ kernels
        densities.append(smooth)
        floored.append((smooth * pairs + 1 / smooth.shape[1]) / (pairs + 1))
    areas = np.minimum(*densities).sum(axis=1).clip(0, 1)
    kl = (floored[0] * np.log(floored[0] / floored[1])).sum(axis=1).clip(0)
    cell = top / (CELLS - 1) or 1.0
    return Overlap(
        overlap=Estimate(float(areas[0]), areas[1:], SHARE),
        kl=Estimate(float(kl[0]), kl[1:], NOT_NEGATIVE),
        grid=(np.arange(CELLS + 2 * pad) - pad) * cell,
        intra=densities[0][0] / cell,
        inter=densities[1][0] / cell,
        reason=reason if top > 0 else "the same in every piece",
    )


def _undefined(reason: str, resamples: int) -> Overlap:
    none = np.zeros(0)
    lost = np.full(resamples, np.nan)
    return Overlap(
        Estimate(float("nan"), lost, SHARE),
        Estimate(float("nan"), lost, NOT_NEGATIVE),
        none,
        none,
        none,
        reason,
    )


def _both(first: _Side, second: _Side) -> np.ndarray:
    """The measure of all pieces of both sets in which it is defined."""
    return np.concatenate([side.values[side.at] for side in (first, second)])


def _meaningful(largest: float, first: _Side, second: _Side) -> float:
    """The largest distance of the pairs of both sets, 0 where all are equal.

    What should be equal may differ by a rounding, of which densities would say something else.
    """
    highest = max(float(np.abs(side.values[side.at]).max()) for side in (first, second))
    return largest if largest > ROUNDING * max(1.0, highest) else 0.0


def _cells(distances: np.ndarray, top: float) -> np.ndarray:
    """The cell of each distance."""
    return np.rint(distances * ((CELLS - 1) / (top or 1.0))).astype(np.int64)


def _count_scalars(first: _Side, second: _Side, same: np.ndarray, top: float) -> np.ndarray:
    """How often each distance of two numbers occurs in every resample, (B + 1, C).

    The number of pairs at a distance is the correlation of the two sets' histograms, so that the
    pairs need not be gone through. Binning both numbers moves a distance by one cell at most,
    which is a small part of a bandwidth.
    """
    least = float(_both(first, second).min())
    spectra = [
        np.fft.rfft(_histograms(side, _cells(side.values[side.at] - least, top)), 2 * CELLS)
        for side in (first, second)
    ]
    # Pairs are whole numbers, but the transform's are not quite.
    signed = np.rint(np.fft.irfft(np.conj(spectra[0]) * spectra[1], 2 * CELLS))
    counts = signed[:, :CELLS]
    counts[:, 1:] += signed[:, :CELLS:-1]
    left_out = same[first.has[same[:, 0]] & second.has[same[:, 1]]]
    counts[0, 0] -= len(left_out)
    for block in row_blocks(*first.weights.shape):
        times = [
            side.weights[block][:, of].astype(np.float64)
            for side, of in ((first, left_out[:, 0]), (second, left_out[:, 1]))
        ]
        counts[1:][block, 0] -= np.einsum("bp,bp->b", *times)
    return counts


def _histograms(side: _Side, cells: np.ndarray) -> np.ndarray:
    """How many pieces lie in each cell in every resample (B + 1, C), of the cells of all pieces."""
    order = np.argsort(cells, kind="stable")
    occupied, starts = np.unique(cells[order], return_index=True)
    counts = np.zeros((len(side.weights) + 1, CELLS))
    counts[0] = np.bincount(cells, minlength=CELLS)
    for block in row_blocks(*side.weights.shape):
        in_order = side.weights[block][:, side.at[order]]
        counts[1:][block, occupied] = np.add.reduceat(in_order, starts, axis=1, dtype=np.float64)
    return counts


def _count_vectors(
    first: _Side,
    second: _Side,
    same: np.ndarray,
    pairs: Pairs,
    distances: np.ndarray,
    top: float,
) -> np.ndarray:
    """How often each Euclidean distance of two vectors occurs in every resample, (B + 1, C)."""
    match = np.full(len(first.values), -1)
    match[same[:, 0]] = same[:, 1]
    is_same = match[first.at][pairs.first] == second.at[pairs.second]
    cells = np.where(is_same, CELLS, _cells(distances, top)).ravel()  # beyond the last: no pair
    counts = np.empty((len(first.weights) + 1, CELLS))
    times = np.empty(pairs.shape)
    for row, of_first, of_second in zip(counts, first.rows(), second.rows(), strict=True):
        pairs.counts(of_first, of_second, times)
        row[:] = np.bincount(cells, times.ravel(), CELLS + 1)[:CELLS]
    return counts


def _bandwidth_cells(counts: np.ndarray) -> float:
    """Scott's bandwidth of counted distances (C,) in cells, at least one."""
    pairs = counts.sum()
    at = np.arange(CELLS)
    mean = (counts @ at) / pairs
    deviation = np.sqrt((counts @ (at - mean) ** 2) / pairs)
    return max(1.0, float(deviation * pairs**-0.2))


def _kernels(bandwidth: float, pad: int) -> np.ndarray:
    """What each cell of distance gives each cell of the padded grid, (C, G), 1 in all."""
    reach = np.arange(CELLS + 2 * pad)[None, :] - pad - np.arange(CELLS)[:, None]
    kernels = np.exp(-0.5 * (reach / bandwidth) ** 2)
    return kernels / kernels.sum(axis=1, keepdims=True)
