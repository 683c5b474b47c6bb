"""Near copies: pieces that share long stretches of equal intervals and rhythm, in whatever key.

As texts are searched for copies (Broder, On the resemblance and containment of documents, 1997):
each line of a piece is the set of its stretches of eight notes, an index finds the pieces that
share some, and two are near copies where enough of a line of one is contained in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from tqdm import tqdm

from neuralmusic.groups import Groups, NearCopy
from neuralmusic.melodic_lines import STRETCH_INTERVALS, lines, mixed, stretches
from neuralmusic.notes import NoteList

# Near copies share so much of a line's notes, in stretches at one transposition, and of its
# different stretches, since few of these may fill a line of many repeats. In long lines less will
# do: so many different stretches are no common stock of phrases.
NOTES_SHARED, STRETCHES_SHARED, FEWEST_STRETCHES = 0.5, 0.25, 8
NOTES_SHARED_OF_MANY, STRETCHES_SHARED_OF_MANY, MANY_STRETCHES = 0.25, 0.15, 48
LEAST_OF_ONSETS = 0.25  # a line with fewer notes is not what a piece is known by
INDEXED = 48_000_000  # stretches in the index, 8 bytes each; of a larger corpus, a sample
PAIRS_AT_ONCE = 16_000_000
NEIGHBOURS = 8  # pieces after one, among those with a stretch, that it is paired with
REMEMBERED = 4_096  # pieces whose stretches are in memory while pairs are verified
PIECE_BITS = 24


@dataclass(frozen=True)
class Line:
    """A line by its stretches, each with the pitch class that it begins with."""

    keys: np.ndarray  # of its different stretches: sorted, uint64
    at: np.ndarray  # which of them begins at each note but the last seven


@dataclass(frozen=True)
class Stretches:
    """The stretches of a piece: of the lines that it may be known by, and all, sorted."""

    lines: tuple[Line, ...]
    all: np.ndarray


Read = Callable[[int], Stretches]  # of a piece by its place


def near_copies(pieces: Mapping[str, NoteList]) -> list[NearCopy]:
    """Pairs of near copies, enough to join all that belong together.

    A pair that other pairs have already joined is not looked at. The pairs depend on the pieces
    alone, not on their order. Time grows with the notes; memory is bounded by `INDEXED`.
    """
    names = sorted(pieces)

    @lru_cache(maxsize=REMEMBERED)
    def of(at: int) -> Stretches:
        return stretches_of(pieces[names[at]])

    groups = Groups(len(names))
    found = []
    candidates = _candidates([len(pieces[name]) for name in names], of)
    for one, other in tqdm(candidates, desc="comparing pieces", disable=None):
        if groups.first(one) == groups.first(other):
            continue
        if common := shared(of(one), of(other)):
            groups.join(one, other)
            found.append(NearCopy(names[one], names[other], *common))
    return sorted(found, key=lambda pair: (pair.piece, pair.other))


def stretches_of(piece: NoteList) -> Stretches:
    """The stretches of all lines of a piece."""
    known_by = []
    keys = [np.zeros(0, np.uint64)]
    found = lines(piece)
    for onset, pitch in found:
        number = stretches(onset, pitch)
        line = Line(*np.unique(_keyed(number, pitch[: len(number)]), return_inverse=True))
        keys.append(line.keys)
        is_long = len(pitch) >= LEAST_OF_ONSETS * len(found[0][0])
        if is_long and len(line.keys) >= FEWEST_STRETCHES:
            known_by.append(line)
    return Stretches(tuple(known_by), np.unique(np.concatenate(keys)))


def shared(one: Stretches, other: Stretches) -> tuple[float, int] | None:
    """The largest share of the notes of a line that the other piece has, and the semitones to it.

    It is of a line of either piece. None where they are no near copies.
    """
    best = None
    for these, those, sign in ((one, other, 1), (other, one, -1)):
        for line in these.lines:
            is_shared, semitones = _shared_stretches(line.keys, those.all)
            count = int(is_shared.sum())
            if count < FEWEST_STRETCHES:
                continue
            share = _covered(is_shared[line.at])
            is_enough = (share >= NOTES_SHARED and count >= STRETCHES_SHARED * len(line.keys)) or (
                count >= max(MANY_STRETCHES, STRETCHES_SHARED_OF_MANY * len(line.keys))
                and share >= NOTES_SHARED_OF_MANY
            )
            if is_enough and (best is None or share > best[0]):
                best = share, sign * semitones % 12
    return best


def _keyed(number: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Stretches with their first note's pitch class in the lowest four bits."""
    return (number >> np.uint64(4) << np.uint64(4)) | (pitch % 12).astype(np.uint64)


def _shared_stretches(line: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, int]:
    """Which stretches of a line another piece has at the transposition where it has most, and it.

    Both are sorted keys; the transposition is of 0 to 11 semitones.
    """
    number, pitch_class = line & ~np.uint64(15), (line & np.uint64(15)).astype(np.int64)
    low = np.searchsorted(others, number)
    count = np.searchsorted(others, number | np.uint64(15), side="right") - low
    of = np.repeat(np.arange(len(line)), count)
    at = np.arange(len(of)) + np.repeat(low - np.cumsum(count) + count, count)
    there = (others[at] & np.uint64(15)).astype(np.int64)
    semitones = (there - pitch_class[of]) % 12
    most = int(np.bincount(semitones, minlength=12).argmax())
    is_shared = np.zeros(len(line), dtype=bool)
    is_shared[of[semitones == most]] = True
    return is_shared, most


def _covered(is_shared: np.ndarray) -> float:
    """The share of a line's notes that lie in a shared stretch, by where each stretch begins."""
    covering = np.convolve(is_shared, np.ones(STRETCH_INTERVALS + 1, np.int64))
    return float(np.count_nonzero(covering) / len(covering))


def _candidates(notes: list[int], of: Read) -> list[tuple[int, int]]:
    """Pairs of pieces that share enough to be looked at, those that share most first."""
    rate = max(1, -(-4 * sum(notes) // INDEXED))  # one in so many stretches is indexed
    index, needed = _index(len(notes), of, rate)
    pairs, counts = _counted(index, max(2, FEWEST_STRETCHES // (2 * rate)))  # half: see there
    one, other = pairs >> np.uint64(PIECE_BITS), pairs & np.uint64((1 << PIECE_BITS) - 1)
    one, other = one.astype(np.int64), other.astype(np.int64)
    enough = counts >= np.minimum(needed[one], needed[other]) / 2
    one, other, counts = one[enough], other[enough], counts[enough]
    order = np.lexsort((other, one, -counts))
    return list(zip(one[order].tolist(), other[order].tolist(), strict=True))


def _index(count: int, of: Read, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Which piece has which stretch, sorted uint64, and how many a near copy of each shares.

    An entry has the stretch in its upper bits and the piece in its lowest PIECE_BITS.
    """
    entries = bytearray()
    needed = np.zeros(count)
    for at in tqdm(range(count), desc="looking for near copies", disable=None):
        found = of(at)
        numbers = _indexed(found.all, rate)
        piece = np.uint64(at)
        entries += (numbers >> np.uint64(PIECE_BITS) << np.uint64(PIECE_BITS) | piece).tobytes()
        fewest = min((len(line.keys) for line in found.lines), default=np.inf)
        needed[at] = max(FEWEST_STRETCHES, STRETCHES_SHARED_OF_MANY * fewest) / rate
    index = np.frombuffer(entries, np.uint64)
    index.sort()
    return index, needed


def _indexed(keys: np.ndarray, rate: int) -> np.ndarray:
    """The stretches among some keys that are in the index, in whatever key they are."""
    numbers = np.unique(keys >> np.uint64(4) << np.uint64(4))
    return numbers if rate == 1 else numbers[mixed(numbers) % np.uint64(rate) == 0]


def _counted(index: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of pieces, the lower in the upper bits, that share `least` stretches, and how many.

    Of many pieces with a stretch, each is paired with the next NEIGHBOURS only: copies share many
    stretches and are neighbours in most of them.
    """
    bits, mask = np.uint64(PIECE_BITS), np.uint64((1 << PIECE_BITS) - 1)
    is_paired = [(index[k:] ^ index[:-k]) <= mask for k in range(1, NEIGHBOURS + 1)]
    rounds = max(1, -(-sum(int(is_.sum()) for is_ in is_paired) // PAIRS_AT_ONCE))
    found = [(np.zeros(0, np.uint64), np.zeros(0, np.int64))]
    for part in range(rounds):
        pairs = []
        for k, is_ in enumerate(is_paired, 1):
            at = np.flatnonzero(is_)
            at = at[(index[at] & mask) % np.uint64(rounds) == part]
            pairs.append((index[at] & mask) << bits | (index[at + k] & mask))
        values, counts = np.unique(np.concatenate(pairs), return_counts=True)
        found.append((values[counts >= least], counts[counts >= least]))
    return np.concatenate([v for v, _ in found]), np.concatenate([c for _, c in found])
