"""The tempo map of a MIDI file, which note lists do not keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neuralmusic.midi_bytes import MidiBytes, MidiError, read_path

DEFAULT_TEMPO = 500_000  # microseconds a quarter where a file states none: 120 quarters a minute


@dataclass(frozen=True)
class Tempo:
    """What a file says of its tempo.

    `quarters_per_minute` is its mean over the time of the file, silence at the end included;
    `changes` counts how often another tempo begins after the start. A file that states none is
    played at MIDI's 120.
    """

    quarters_per_minute: float
    changes: int
    is_stated: bool


def read_tempo(path: Path) -> Tempo | None:
    """The tempo of a MIDI file; None where the file cannot be read or counts no quarters."""
    try:
        return tempo_of(read_path(path))
    except (OSError, MidiError):
        return None


def tempo_of(file: MidiBytes) -> Tempo | None:
    """The tempo of a MIDI file that was parsed, see `read_tempo`.

    Each track of format 2 begins at MIDI's 120, as a file of its own does.
    """
    if file.is_timecode:
        return None
    ticks, elapsed, changes, is_stated = 0, 0, 0, False  # elapsed: microseconds, times the division
    now = DEFAULT_TEMPO
    for sequence in file.sequences:
        now, changed_tick = DEFAULT_TEMPO, 0
        for tick, tempo in sequence.tempo.tolist():
            if tempo:
                elapsed += (tick - changed_tick) * now
                changes += tick > 0 and tempo != now
                now, changed_tick, is_stated = tempo, tick, True
        elapsed += (sequence.end_tick - changed_tick) * now
        ticks += sequence.end_tick
    return Tempo(60e6 / (elapsed / ticks if ticks else now), changes, is_stated)
