"""How many notes sound at once, weighted by time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuralmusic.notes import NoteList


@dataclass(frozen=True)
class Sounding:
    """How long anything sounds in a piece, in seconds.

    `any_seconds` while at least one note sounds, `several_seconds` while more than one does, and
    `note_seconds` every note for itself: their lengths summed.
    """

    any_seconds: float
    several_seconds: float
    note_seconds: float

    @property
    def polyphony(self) -> float | None:
        """The mean number of notes that sound while any does; None in silence.

        Two voices in unison are two notes.
        """
        return self.note_seconds / self.any_seconds if self.any_seconds > 0 else None

    @property
    def several_share(self) -> float | None:
        """The share, of the time in which any note sounds, in which more than one does."""
        return self.several_seconds / self.any_seconds if self.any_seconds > 0 else None


def sounding(notes: NoteList) -> Sounding:
    """How long one and several notes of a piece sound; a note without length sounds never."""
    times = np.concatenate([notes.onset_seconds, notes.offset_seconds])
    changes = np.repeat([1, -1], len(notes))
    in_time = np.argsort(times, kind="stable")
    lasts = np.diff(times[in_time])
    count = np.cumsum(changes[in_time])[:-1]  # notes that sound from each time to the next
    return Sounding(
        any_seconds=float(lasts[count > 0].sum()),
        several_seconds=float(lasts[count > 1].sum()),
        note_seconds=float((lasts * count).sum()),
    )
