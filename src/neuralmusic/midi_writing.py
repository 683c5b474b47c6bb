"""Note lists to MIDI files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mido
import numpy as np

from neuralmusic.files import writing
from neuralmusic.notes import SECONDS_PER_BEAT, NoteList, one_per_key

TICKS_PER_BEAT = 480


def write_midi(path: Path, notes: NoteList) -> None:
    """Writes one piano track at 120 qpm and 480 ticks a quarter (1.04 ms), ended at the length.

    A key that is struck again is let go before; unisons become one note (see `one_per_key`).
    """
    per_second = TICKS_PER_BEAT / SECONDS_PER_BEAT
    # On the grid of ticks first: what it brings together is struck at once.
    on_grid = np.round(notes.onset_seconds * per_second) / per_second
    notes = one_per_key(replace(notes, onset_seconds=on_grid))
    events = []
    for onset, offset, pitch, velocity in zip(
        notes.onset_seconds, notes.offset_seconds, notes.pitch, notes.velocity, strict=True
    ):
        start = round(onset * per_second)
        # Offsets sort before onsets at one tick, so that a repeated pitch is struck again.
        events.append((start, 1, "note_on", int(pitch), int(velocity)))
        events.append((max(start + 1, round(offset * per_second)), 0, "note_off", int(pitch), 0))
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=int(SECONDS_PER_BEAT * 1e6), time=0))
    track.append(mido.Message("program_change", program=0, time=0))
    now = 0
    for tick, _, kind, pitch, velocity in sorted(events):
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    end = max(now, round(notes.length_seconds * per_second))
    track.append(mido.MetaMessage("end_of_track", time=end - now))
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT, tracks=[track])
    with writing(path, binary=True) as stream:
        file.save(file=stream)
