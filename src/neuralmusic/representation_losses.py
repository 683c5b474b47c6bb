"""What becomes of the notes of a corpus in a representation: kept, moved, merged or lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.notes import NoteList
from neuralmusic.representations import KEYS, REPRESENTATIONS

MOVED_SECONDS = 0.01  # a note that begins farther from where it was is counted as moved
MOST_PIECES = 2_000  # of a larger corpus, so many are encoded, evenly from all
COUNTS = ["notes", "moved", "merged", "lost", "pieces_left_out"]
COLUMNS = ["representation", "steps_per_second", "pieces", *COUNTS]


def representation_losses(
    pieces: Mapping[str, NoteList], representations: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """One row a representation, which has a `name` and `steps_per_second`: its COLUMNS.

    Notes of pieces that a representation cannot hold are lost. Of more than MOST_PIECES pieces, the
    counts are of a sample; `pieces` says of how many.
    """
    names = list(pieces)
    sample = names[:: max(1, -(-len(names) // MOST_PIECES))]
    rows = []
    for settings in representations:
        name, rate = settings["name"], settings["steps_per_second"]
        lowest, highest = KEYS.get(name, (0, 127))
        total = dict.fromkeys(COUNTS, 0)
        for piece in (pieces[of] for of in sample):
            total["notes"] += len(piece)
            if ((piece.pitch < lowest) | (piece.pitch > highest)).any():
                total["lost"] += len(piece)
                total["pieces_left_out"] += 1
                continue
            for key, count in note_losses(piece, name, rate).items():
                total[key] += count
        rows.append([name, rate, len(sample), *total.values()])
    return pd.DataFrame(rows, columns=COLUMNS)


def note_losses(piece: NoteList, representation: str, steps_per_second: float) -> dict[str, int]:
    """How many notes of a piece are moved, merged and lost when it is encoded and decoded.

    A note is merged where, at its step of the grid, another of its pitch begins or sounds on in its
    place; moved where it begins more than MOVED_SECONDS from where it was; lost where no note
    stands for it. The others are kept, be they shorter or longer.
    """
    module = REPRESENTATIONS[representation]
    decoded = module.decode(module.encode(piece, steps_per_second), steps_per_second).notes
    first = _places(piece.onset_seconds, piece.pitch, steps_per_second)
    # As encoding has it: a note is one step long or more.
    end = np.maximum(_places(piece.offset_seconds, piece.pitch, steps_per_second), first + 1)
    begins = _places(decoded.onset_seconds, decoded.pitch, steps_per_second)
    ends = _places(decoded.offset_seconds, decoded.pitch, steps_per_second)
    order = np.argsort(begins, kind="stable")
    begins, ends = begins[order], ends[order]
    has_place = np.zeros(len(first), dtype=bool)
    has_place[np.unique(first, return_index=True)[1]] = True  # one of those at one step
    is_begun = np.isin(first, begins)
    before = np.searchsorted(begins, first, side="right") - 1
    sounds_on, begins_late = np.zeros_like(is_begun), np.zeros_like(is_begun)
    if len(begins):
        sounds_on = (before >= 0) & (ends[before] > first)
        # A lower note comes out where the highest is taken, once the higher one has ended.
        after = begins[np.minimum(before + 1, len(begins) - 1)]
        begins_late = (after > first) & (after < end) & ~np.isin(after, first)
    is_there = is_begun & has_place
    is_merged = ~is_there & (is_begun | sounds_on)
    is_late = ~is_there & ~is_merged & begins_late
    distance = np.abs(
        np.round(piece.onset_seconds * steps_per_second) / steps_per_second - piece.onset_seconds
    )
    is_moved = is_late | (is_there & (distance > MOVED_SECONDS))
    return {
        "moved": int(is_moved.sum()),
        "merged": int(is_merged.sum()),
        "lost": int((~is_there & ~is_merged & ~is_late).sum()),
    }


def _places(seconds: np.ndarray, pitch: np.ndarray, steps_per_second: float) -> np.ndarray:
    """Step and pitch as one number, so that those of one pitch lie together in time."""
    return pitch.astype(np.int64) << 40 | np.round(seconds * steps_per_second).astype(np.int64)
