"""88 bits a step: which keys of a piano sound (thesis §5.4.1).

A held note is its bit set again and again, so two notes of one key without a gap merge, and notes
outside the keyboard are lost: losses that the representation has by definition.
"""

from __future__ import annotations

import numpy as np

from neuralmusic.notes import NoteList
from neuralmusic.representations.decoded import (
    HIGHEST_KEY,
    LOWEST_KEY,
    Decoded,
    decode_runs,
    sounding_steps,
    within_keyboard,
)

BITS = HIGHEST_KEY - LOWEST_KEY + 1  # 88
STEP = "frame"


def encode(notes: NoteList, steps_per_second: float) -> np.ndarray:
    """The keys that sound, uint8 of shape (T, 88): every note sounds for one step or more."""
    starts, ends, steps = sounding_steps(notes, steps_per_second)
    roll = np.zeros((steps, BITS), dtype=np.uint8)
    for start, end, pitch in zip(starts, ends, notes.pitch.tolist(), strict=True):
        if LOWEST_KEY <= pitch <= HIGHEST_KEY:
            roll[start:end, pitch - LOWEST_KEY] = 1
    return roll


def decode(
    steps: np.ndarray,
    steps_per_second: float,
    max_note_seconds: float | None = None,
    before: np.ndarray | None = None,
) -> Decoded:
    """The notes of bits (T, 88): each run of a key is a note; what was before is no matter."""
    silence = np.zeros((1, BITS), dtype=np.int8)
    changes = np.diff(np.concatenate([silence, steps.astype(np.int8), silence]), axis=0).T
    keys, starts = np.nonzero(changes == 1)  # both in the order of (key, step)
    _, ends = np.nonzero(changes == -1)
    runs = list(zip(starts.tolist(), ends.tolist(), (keys + LOWEST_KEY).tolist(), strict=True))
    return decode_runs(runs, len(steps), steps_per_second, max_note_seconds)


def durations(steps: np.ndarray) -> np.ndarray:
    """Every step takes one step of the grid: ones (T,)."""
    return np.ones(len(steps), dtype=np.int64)


def cut(steps: np.ndarray, length: int) -> np.ndarray:
    """The first `length` steps."""
    return steps[:length]


def transpose(steps: np.ndarray, semitones: np.ndarray) -> np.ndarray:
    """Bits (B, T, 88) with every key moved up by semitones (B,), within the keyboard."""
    sounds: np.ndarray = steps.max(axis=1, initial=0) > 0  # (B, 88)
    is_silent = ~sounds.any(axis=1)
    lowest = np.where(is_silent, 0, sounds.argmax(axis=1)) + LOWEST_KEY
    highest = np.where(is_silent, 0, BITS - 1 - sounds[:, ::-1].argmax(axis=1)) + LOWEST_KEY
    moved = within_keyboard(semitones, lowest, highest)
    # What wraps round the keyboard's end is silent, since no note may pass it.
    sources = (np.arange(BITS) - moved[:, None]) % BITS
    return np.take_along_axis(steps, sources[:, None, :], axis=2)
