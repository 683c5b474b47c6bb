"""One class a step: the MIDI pitch that sounds, or silence (thesis §5.3.1).

Where several notes sound, the highest wins. A held note is the same class repeated, so two notes
of one pitch without a gap merge: a loss that the representation has by definition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuralmusic.notes import NoteList

SILENCE = 128
CLASSES = 129
VELOCITY = 80


@dataclass(frozen=True)
class Decoded:
    """A decoded piece, and how many of its notes the decoder had to end."""

    notes: NoteList
    stuck_notes: int


def encode(notes: NoteList, steps_per_second: float) -> np.ndarray:
    """The classes of a piece, int16 of shape (steps,): every note sounds for one step or more."""
    starts = np.round(notes.onset_seconds * steps_per_second).astype(int)
    ends = np.maximum(np.round(notes.offset_seconds * steps_per_second).astype(int), starts + 1)
    steps = max(round(notes.length_seconds * steps_per_second), int(ends.max(initial=0)))
    classes = np.full(steps, SILENCE, dtype=np.int16)
    # From low to high, so that the highest of the sounding notes is what stays.
    for index in np.argsort(notes.pitch, kind="stable"):
        classes[starts[index] : ends[index]] = notes.pitch[index]
    return classes


def decode(classes: np.ndarray, steps_per_second: float) -> Decoded:
    """The notes of classes (steps,): each run of one pitch is a note. No note can be stuck."""
    changes = np.flatnonzero(np.diff(classes)) + 1
    starts = np.concatenate([[0], changes]) if len(classes) else np.zeros(0, dtype=int)
    ends = np.concatenate([changes, [len(classes)]]) if len(classes) else starts
    rows = [
        (start / steps_per_second, end / steps_per_second, int(classes[start]), VELOCITY)
        for start, end in zip(starts, ends, strict=True)
        if classes[start] != SILENCE
    ]
    return Decoded(NoteList.of(rows, len(classes) / steps_per_second), stuck_notes=0)
