"""How long the stretches are that pieces have in common with a training set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neuralmusic.measures.sequences import pitch_intervals, ranks, rhythm_intervals
from neuralmusic.notes import NoteList


@dataclass(frozen=True)
class Longest:
    """The longest match of each piece: arrays of shape (pieces,).

    `notes` is its length, float64: 0 where not even two notes match, NaN where nothing can be said,
    of a piece with fewer than two notes or against a set without two notes; `share` is that of the
    piece's notes. It begins at the note `begin` of the piece and `training_begin` of the piece
    `training_piece` of the training set, int64 counted from 0, -1 where there is no match.
    """

    notes: np.ndarray
    share: np.ndarray
    begin: np.ndarray
    training_piece: np.ndarray
    training_begin: np.ndarray


@dataclass(frozen=True)
class Matches:
    """The longest matches by pitch alone, and by pitch and rhythm; both heed no transposition."""

    pitch: Longest
    rhythm: Longest


def longest_matches(pieces: Sequence[NoteList], training: Sequence[NoteList]) -> Matches:
    """The longest stretch of consecutive notes that each piece shares with any training piece.

    By pitch: as many equal intervals one after the other, in (onset, pitch) order. By rhythm: the
    times between the onsets are equal as well, in bins of 1/24 s. A piece of the training set
    matches itself whole: that is memorising. Of several longest matches the first of the piece
    counts. A chord whose notes come in another order, as its playing is uneven, ends a match.

    Formula: 1 + the largest number of equal intervals one after the other; 0 where none is equal
    Unit: notes
    Range: 0 to the notes of the piece; undefined with fewer than two notes, or no training music
    Direction: lower is more original; far above held-out real music is copying
    Source: this project
    """
    return Matches(
        pitch=_longest(pieces, training, pitch_intervals),
        rhythm=_longest(pieces, training, rhythm_intervals),
    )


def _longest(
    pieces: Sequence[NoteList],
    training: Sequence[NoteList],
    symbols_of: Callable[[NoteList], np.ndarray],
) -> Longest:
    """The longest matches of the sequences that `symbols_of` makes."""
    both = [*pieces, *training]
    parts = [symbols_of(piece) for piece in both]
    counts = np.array([len(part) for part in parts], np.int64)
    is_training = np.arange(len(both)) >= len(pieces)
    notes = np.array([len(piece) for piece in pieces], np.float64)
    found = np.zeros(len(pieces), np.int64)
    begin, training_piece, training_begin = np.full((3, len(pieces)), -1)
    if counts[is_training].any() and counts[~is_training].any():
        sequence, starts = _concatenated(parts)
        owner = np.repeat(np.arange(len(both)), counts + 1)
        levels = _levels(sequence, int(counts.max()))
        places = np.flatnonzero(~is_training[owner])  # the beginning: the training set is last
        near = _neighbours(levels[-1], is_training[owner])[:, places]
        common = np.stack([_common(levels, places, other) for other in near])
        which, best = common.argmax(axis=0), common.max(axis=0)
        # The first of the longest of each piece.
        first = np.lexsort((-best, owner[places]))[starts[: len(pieces)]]
        found = best[first]
        is_match = found > 0
        at = first[is_match]
        other = near[which[at], at]
        begin[is_match] = at - starts[owner[at]]
        training_piece[is_match] = owner[other] - len(pieces)
        training_begin[is_match] = other - starts[owner[other]]
    known = (notes > 1) & bool(counts[is_training].any())
    length = np.where(known, np.where(found > 0, found + 1.0, 0.0), np.nan)
    share = length / np.where(known, notes, np.nan)
    return Longest(length, share, begin, training_piece, training_begin)


def _concatenated(parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All sequences one after the other as ranks, and where each begins.

    After each stands a number that there is once, which no match can cross.
    """
    lengths = np.array([len(part) + 1 for part in parts])
    ends = np.cumsum(lengths)
    symbols = ranks(np.concatenate(parts))
    sequence = np.empty(int(ends[-1]), np.int64)
    is_end = np.zeros(len(sequence), bool)
    is_end[ends - 1] = True
    sequence[~is_end] = symbols
    sequence[is_end] = len(symbols) + np.arange(len(parts))
    return sequence, ends - lengths


def _levels(sequence: np.ndarray, longest: int) -> list[np.ndarray]:
    """The ranks of the stretches of 1, 2, 4, ... numbers from every place on, by doubling.

    The last tells all apart, since none is equal beyond `longest` numbers.
    """
    size, step = len(sequence), 1
    levels = [ranks(sequence).astype(np.int32)]
    while step <= longest and levels[-1].max() < size - 1:
        rank = levels[-1].astype(np.int64)
        key = rank * (size + 1)
        key[:-step] += rank[step:] + 1  # beyond the end is less than all
        levels.append(ranks(key).astype(np.int32))
        step *= 2
    return levels


def _neighbours(rank: np.ndarray, is_training: np.ndarray) -> np.ndarray:
    """Of every place the nearest training places before and after it in order, (2, places).

    -1 where there is none. The longest common beginning is with one of the two.
    """
    order = np.empty(len(rank), np.int64)
    order[rank] = np.arange(len(rank))
    at = np.flatnonzero(is_training[order])
    count = np.cumsum(is_training[order])  # of the training places up to each in order
    near = np.full((2, len(rank)), -1)
    before, after = count > 0, count < len(at)
    near[0, order[before]] = order[at[count[before] - 1]]
    near[1, order[after]] = order[at[count[after]]]
    return near


def _common(levels: Sequence[np.ndarray], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How many numbers from `first` and `second` on are equal; 0 where the second is -1."""
    # No place before the very end is equal to it.
    one, two = first.copy(), np.where(second < 0, len(levels[0]) - 1, second)
    for level in range(len(levels) - 1, -1, -1):
        equal = (levels[level][one] == levels[level][two]).astype(np.int64)
        one += equal << level
        two += equal << level
    return one - first
