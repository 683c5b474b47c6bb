"""One class a step: the MIDI pitch that sounds, or silence (thesis §5.3.1).

Where several notes sound, the highest wins. A held note is the same class repeated, so two notes
of one pitch without a gap merge: a loss that the representation has by definition.
"""

from __future__ import annotations

import itertools

import numpy as np

from neuralmusic.notes import NoteList
from neuralmusic.representations.decoded import (
    Decoded,
    decode_runs,
    sounding_steps,
    transpose_classes,
)

SILENCE = 128
CLASSES = 129
STEP = "step"


def encode(notes: NoteList, steps_per_second: float) -> np.ndarray:
    """The classes of a piece, int16 of shape (T,): every note sounds for one step or more."""
    starts, ends, steps = sounding_steps(notes, steps_per_second)
    classes = np.full(steps, SILENCE, dtype=np.int16)
    # From low to high, so that the highest of the sounding notes is what stays.
    for index in np.argsort(notes.pitch, kind="stable"):
        classes[starts[index] : ends[index]] = notes.pitch[index]
    return classes


def decode(
    steps: np.ndarray,
    steps_per_second: float,
    max_note_seconds: float | None = None,
    before: np.ndarray | None = None,
) -> Decoded:
    """The notes of classes (T,): each run of one pitch is a note; what was before is no matter."""
    changes = np.flatnonzero(np.diff(steps)) + 1
    bounds = [0, *changes.tolist(), len(steps)] if len(steps) else [0]
    runs = [
        (start, end, int(steps[start]))
        for start, end in itertools.pairwise(bounds)
        if steps[start] != SILENCE
    ]
    return decode_runs(runs, len(steps), steps_per_second, max_note_seconds)


def durations(steps: np.ndarray) -> np.ndarray:
    """Every step takes one step of the grid: ones (T,)."""
    return np.ones(len(steps), dtype=np.int64)


def cut(steps: np.ndarray, length: int) -> np.ndarray:
    """The first `length` steps."""
    return steps[:length]


def transpose(steps: np.ndarray, semitones: np.ndarray) -> np.ndarray:
    """Classes (B, T) raised by semitones (B,), within the keyboard; silence stays silence."""
    return transpose_classes(steps, semitones, steps < SILENCE, steps)
