"""MIDI files to note lists and back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np

from neuralmusic.files import InputError, writing
from neuralmusic.notes import NoteList, one_per_key

TICKS_PER_BEAT = 480
SECONDS_PER_BEAT = 0.5  # the scores' common tempo, 120 qpm (thesis §5.3.1)
DRUM_CHANNEL = 9
SUSTAIN_CONTROLLER = 64
PEDAL_DOWN = 64
MAX_FILE_BYTES = 20_000_000
MAX_HOURS = 12


class MidiError(InputError):
    """A file that cannot be read as music; the message is the reason, without the file's name."""


def read_midi(
    path: Path, time: str = "seconds", sustain_pedal: bool = False, allow_empty: bool = False
) -> NoteList:
    """The notes of a MIDI file, all tracks and channels together, drums left out.

    `time`: "seconds" follows the file's tempo map; "beats" ignores it and gives a quarter 0.5 s.
    `sustain_pedal`: a held pedal lengthens notes to its release or the pitch's next onset.
    `allow_empty`: a valid file without notes is a piece of silence, not an error.
    A second note-on of a sounding pitch ends the first; notes never ended end with the file.

    Raises MidiError with the reason where the file is no MIDI file or holds no note.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise MidiError(f"{size} bytes, over the limit of {MAX_FILE_BYTES}")
    try:
        file = mido.MidiFile(path, clip=True)
        messages, end_seconds = _in_time(file, time)
    except MidiError:
        raise
    # mido answers damaged bytes with many kinds of exceptions; each of them is a rejection.
    except Exception as error:
        raise MidiError(f"no readable MIDI file ({type(error).__name__}: {error})") from error
    if end_seconds > MAX_HOURS * 3600:
        raise MidiError(f"lasts {end_seconds / 3600:.0f} hours, over the limit of {MAX_HOURS}")
    rows = _notes(messages, end_seconds, sustain_pedal)
    if not rows and not allow_empty:
        raise MidiError("no notes")
    return NoteList.of(rows, end_seconds)


def _in_time(file: mido.MidiFile, time: str) -> tuple[list[tuple[float, mido.Message]], float]:
    """All messages with their absolute time in seconds, and the time of the last event."""
    if file.ticks_per_beat <= 0:
        raise MidiError(f"division {file.ticks_per_beat} is not in ticks per quarter")
    # Counted in whole ticks from the last change of tempo: summed seconds would drift, and a note
    # that lies half-way between two steps would fall to either.
    beat_seconds, tick, changed_tick, changed_seconds = SECONDS_PER_BEAT, 0, 0, 0.0
    now, messages = 0.0, []
    for message in mido.merge_tracks(file.tracks, skip_checks=True):
        tick += message.time
        now = changed_seconds + (tick - changed_tick) * beat_seconds / file.ticks_per_beat
        if message.type == "set_tempo" and time == "seconds":
            beat_seconds, changed_tick, changed_seconds = message.tempo / 1e6, tick, now
        messages.append((now, message))
    return messages, now


def _notes(
    messages: list[tuple[float, mido.Message]], end_seconds: float, sustain_pedal: bool
) -> list[tuple[float, float, int, int]]:
    sounding: dict[tuple[int, int], tuple[float, int]] = {}
    held: dict[int, set[int]] = defaultdict(set)  # channel -> pitches that only the pedal holds
    pedal: dict[int, bool] = defaultdict(bool)
    rows: list[tuple[float, float, int, int]] = []

    def end(channel: int, pitch: int, now: float) -> None:
        onset, velocity = sounding.pop((channel, pitch))
        held[channel].discard(pitch)
        rows.append((onset, now, pitch, velocity))

    for now, message in messages:
        if message.is_meta or getattr(message, "channel", DRUM_CHANNEL) == DRUM_CHANNEL:
            continue
        channel = message.channel
        if message.type == "note_on" and message.velocity > 0:
            if (channel, message.note) in sounding:
                end(channel, message.note, now)
            sounding[channel, message.note] = (now, message.velocity)
        elif message.type in ("note_on", "note_off"):
            if (channel, message.note) in sounding:
                if pedal[channel]:
                    held[channel].add(message.note)
                else:
                    end(channel, message.note, now)
        elif (
            sustain_pedal
            and message.type == "control_change"
            and message.control == SUSTAIN_CONTROLLER
        ):
            pedal[channel] = message.value >= PEDAL_DOWN
            if not pedal[channel]:
                for pitch in sorted(held[channel]):
                    end(channel, pitch, now)
    for channel, pitch in sorted(sounding):
        end(channel, pitch, end_seconds)
    return rows


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
