"""The probes of attention: short sequences made by hand in which only one pitch stands out.

Thesis §5.5.3, figures 5.15 and 5.16. Without torch, for what makes them and what draws them.
"""

from __future__ import annotations

import numpy as np

from neuralmusic.representations import events

PITCH = 50
EARLY, LATE = range(10, 16), range(50, 56)  # where the probes have their events
PROBE_STEPS = 64
# Of each probe: what it has at which steps; everything else is the commonest time shift.
PROBES: dict[str, list[tuple[int, range]]] = {
    "note_on": [(events.NOTE_ON + PITCH, EARLY)],
    "note_off": [(events.NOTE_OFF + PITCH, EARLY)],
    "both": [(events.NOTE_ON + PITCH, EARLY), (events.NOTE_OFF + PITCH, LATE)],
}
PIECE = "piece"  # the real one beside them


def parts_of(probe: str, length: int) -> list[tuple[int, range]]:
    """What a probe of `length` steps has at which of them, besides the rest."""
    cut = [(event, range(where.start, min(where.stop, length))) for event, where in PROBES[probe]]
    return [(event, where) for event, where in cut if where]


def steps_of(probe: str, rest: int, length: int) -> np.ndarray:
    """The steps (length,) of a probe, int64; `rest` is the event that fills it."""
    steps = np.full(length, rest, dtype=np.int64)
    for event, where in parts_of(probe, length):
        steps[where] = event
    return steps
