"""What decoding gives, and what representations share in making it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuralmusic.notes import NoteList

LOWEST_KEY, HIGHEST_KEY = 21, 108  # of a piano
VELOCITY = 80  # of representations that have none


@dataclass(frozen=True)
class Decoded:
    """A decoded piece, and how each of its notes ended; all arrays (notes,), in the notes' order.

    A note is stuck where decoding had to end it: it was still on when an event sequence ended, or
    longer than the longest note allowed.
    """

    notes: NoteList
    stuck: np.ndarray  # bool
    turned_off: np.ndarray  # bool: its own end comes, be it later than allowed; no new strike
    age_steps: np.ndarray  # steps from the note's first to what ends it, or to the last

    @staticmethod
    def of(rows: list[tuple[float, float, int, int, bool, bool, int]], seconds: float) -> Decoded:
        """From rows (onset, offset, pitch, velocity, stuck, turned_off, age), in any order."""
        table = np.asarray(rows, dtype=np.float64).reshape(-1, 7)
        table = table[np.lexsort((table[:, 2], table[:, 0]))]
        return Decoded(
            notes=NoteList.of(table[:, :4], seconds),
            stuck=table[:, 4].astype(bool),
            turned_off=table[:, 5].astype(bool),
            age_steps=table[:, 6].astype(np.int64),
        )


def longest_steps(max_note_seconds: float | None, steps_per_second: float) -> float:
    """How many steps a note may last, not always a whole number; infinite for None."""
    if max_note_seconds is None:
        return np.inf
    longest = max_note_seconds * steps_per_second
    # Seconds are rounded: 0.29 s of 100 steps are 29 steps, and not 28.999999999999996.
    return round(longest) if abs(longest - round(longest)) < 1e-6 else longest


def decode_runs(
    runs: list[tuple[int, int, int]],
    steps: int,
    steps_per_second: float,
    max_note_seconds: float | None,
) -> Decoded:
    """The notes of runs (first step, step after the last, pitch): a run too long is stuck."""
    longest = longest_steps(max_note_seconds, steps_per_second)
    rows = []
    for start, end, pitch in runs:
        stuck = end - start > longest
        sounding = (start / steps_per_second, min(end, start + longest) / steps_per_second)
        rows.append((*sounding, pitch, VELOCITY, stuck, True, end - start))
    return Decoded.of(rows, steps / steps_per_second)


def sounding_steps(notes: NoteList, steps_per_second: float) -> tuple[np.ndarray, np.ndarray, int]:
    """First and last-but-one step of every note, at least one step each, and the piece's length."""
    starts = np.round(notes.onset_seconds * steps_per_second).astype(int)
    ends = np.maximum(np.round(notes.offset_seconds * steps_per_second).astype(int), starts + 1)
    length = max(round(notes.length_seconds * steps_per_second), int(ends.max(initial=0)))
    return starts, ends, length


def within_keyboard(semitones: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Semitones (B,) lessened so that pitches from lowest to highest (B,) stay on the keyboard."""
    return np.clip(
        semitones, np.minimum(0, LOWEST_KEY - lowest), np.maximum(0, HIGHEST_KEY - highest)
    )


def transpose_classes(
    steps: np.ndarray, semitones: np.ndarray, is_note: np.ndarray, pitches: np.ndarray
) -> np.ndarray:
    """Classes (B, T) with the pitch of those that have one raised by each row's semitones."""
    lowest = np.where(is_note, pitches, HIGHEST_KEY).min(axis=1, initial=HIGHEST_KEY)
    highest = np.where(is_note, pitches, LOWEST_KEY).max(axis=1, initial=LOWEST_KEY)
    moved = within_keyboard(semitones, lowest, highest)
    return np.where(is_note, steps + moved[:, None], steps).astype(steps.dtype)
