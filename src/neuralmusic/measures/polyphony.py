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


def mean_polyphony(notes: NoteList) -> float | None:
    """How many notes sound at once, on average over the time in which any does.

    Two voices in unison are two notes.

    Formula: sum of the notes' lengths / time in which at least one sounds
    Unit: notes
    Range: 1 upwards; undefined where nothing sounds
    Direction: near to real music; higher is fuller
    Source: MusPy's polyphony, of notes instead of pitches
    """
    return sounding(notes).polyphony


def polyphony_rate(notes: NoteList) -> float | None:
    """How much of a piece, silence included, sounds two pitches or more at once.

    Two voices in unison are one pitch.

    Formula: time in which at least 2 different pitches sound / length of the piece
    Unit: share
    Range: 0 to 1; undefined for a piece without length
    Direction: near to real music; a melody has 0
    Source: Mogren, "C-RNN-GAN" (2016); Dong et al., "MuseGAN" (2018)
    """
    if notes.length_seconds <= 0:
        return None
    several = sounding(_one_of_unison(notes)).several_seconds
    # Summed differences may pass the length by their rounding.
    return min(several / notes.length_seconds, 1.0)


def _one_of_unison(notes: NoteList) -> NoteList:
    """The notes with what another of the same pitch sounds already cut from their beginnings."""
    by_pitch = np.lexsort((notes.onset_seconds, notes.pitch))
    pitch = notes.pitch[by_pitch]
    onset, offset = notes.onset_seconds[by_pitch], notes.offset_seconds[by_pitch]
    if not ((pitch[1:] == pitch[:-1]) & (onset[1:] < offset[:-1])).any():
        return notes
    # Each pitch in a time of its own, so that what sounded before is of the same pitch.
    apart = pitch * (notes.length_seconds + 1)
    sounded = np.maximum.accumulate(offset + apart)[:-1] - apart[1:]
    onset = np.append(onset[:1], np.clip(onset[1:], sounded, None))
    onset = np.minimum(onset, offset)
    return NoteList(onset, offset, pitch, notes.velocity[by_pitch], notes.length_seconds)
