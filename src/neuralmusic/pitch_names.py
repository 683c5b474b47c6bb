"""The names of pitches, as people read them."""

from __future__ import annotations

from neuralmusic.measures.pitch import CLASSES

CLASS_NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


def pitch_name(pitch: int) -> str:
    """The name of a MIDI pitch, middle C (60) being C4."""
    return f"{CLASS_NAMES[pitch % CLASSES]}{pitch // CLASSES - 1}"
