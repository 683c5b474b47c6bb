"""How loud notes are struck."""

from __future__ import annotations

from neuralmusic.notes import NoteList


def mean_velocity(notes: NoteList) -> float | None:
    """How loud the notes are on average.

    Formula: mean of the velocities
    Unit: MIDI velocity
    Range: 1 to 127; undefined without notes
    Direction: near to real music; higher is louder
    Source: this project
    """
    return float(notes.velocity.mean()) if len(notes) else None


def velocity_spread(notes: NoteList) -> float | None:
    """How much the notes differ in loudness; 0 is a piece that plays all alike.

    Formula: standard deviation of the velocities, with notes - 1 in the denominator
    Unit: MIDI velocity
    Range: 0 to 89.1; undefined with fewer than two notes
    Direction: near to real music; higher is more expressive
    Source: this project
    """
    return float(notes.velocity.std(ddof=1)) if len(notes) > 1 else None
