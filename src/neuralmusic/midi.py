"""MIDI files to note lists; `midi_writing` is the way back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from neuralmusic.midi_bytes import MidiBytes, MidiError, Sequence, read_bytes
from neuralmusic.notes import SECONDS_PER_BEAT, NoteList, PackedPiece

DRUM_CHANNEL = 9
PEDAL_DOWN = 64
MAX_FILE_BYTES = 20_000_000
MAX_HOURS = 12
MAX_QUARTERS_A_MINUTE = 3000  # a quarter of 20 ms, twice as fast as the lowest pitch heard


def read_midi(
    path: Path, time: str = "seconds", sustain_pedal: bool = False, allow_empty: bool = False
) -> NoteList:
    """The notes of a MIDI file, all tracks and channels together, drums left out.

    `time`: "seconds" follows the file's tempo map; "beats" ignores it and gives a quarter 0.5 s.
    A file in SMPTE time has no quarters: both give its seconds.
    `sustain_pedal`: a held pedal lengthens notes to its release or the pitch's next onset.
    `allow_empty`: a valid file without notes is a piece of silence, not an error.
    A second note-on of a sounding pitch ends the first; notes never ended end with the file. The
    tracks of a file of format 2 are played one after another, each as a file of its own.

    Raises MidiError with the reason where the file is no MIDI file or holds no note.
    """
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > MAX_FILE_BYTES:
            raise MidiError(f"{size} bytes, over the limit of {MAX_FILE_BYTES}")
        file = read_bytes(stream.readall())
    parts, now = [], 0.0
    for sequence in file.sequences:
        seconds, length = _in_time(sequence, file, time)
        rows = _notes(sequence, seconds, length, sustain_pedal)
        if now:
            rows[:, :2] += now
        parts.append(rows)
        now += length
    if now > MAX_HOURS * 3600:
        raise MidiError(f"lasts {now / 3600:.0f} hours, over the limit of {MAX_HOURS}")
    rows = parts[0] if len(parts) == 1 else np.concatenate([np.zeros((0, 4)), *parts])
    if not len(rows) and not allow_empty:
        raise MidiError("only drums" if any(map(_has_drums, file.sequences)) else "no notes")
    return NoteList.of(rows, now)


def read_packed(folder: Path, file: str, time: str, sustain_pedal: bool) -> PackedPiece:
    """A MIDI file of a folder as it is stored; see `read_midi`."""
    return PackedPiece.of(read_midi(folder / file, time, sustain_pedal))


def _in_time(sequence: Sequence, file: MidiBytes, time: str) -> tuple[np.ndarray, float]:
    """The seconds of all events, float64 (events,), and that of the last event of any kind."""
    beat_seconds = 1.0 if file.is_timecode else SECONDS_PER_BEAT
    follows_tempo = time == "seconds" and not file.is_timecode
    # Counted in whole ticks from the last change of tempo: summed seconds would drift, and a note
    # that lies half-way between two steps would fall to either.
    changes = [(0, 0.0, beat_seconds)]  # tick, second, seconds a quarter from there on
    for tick, microseconds in sequence.tempo if follows_tempo else ():
        now = _second_of(tick, changes[-1], file.ticks)
        if tick == changes[-1][0]:
            changes.pop()
        changes.append((tick, now, microseconds / 1e6))
    length = _second_of(sequence.end_tick, changes[-1], file.ticks)
    if len(changes) == 1:
        return sequence.tick * changes[0][2] / file.ticks, length
    ticks, seconds, beats = np.array(changes).T
    part = np.searchsorted(ticks, sequence.tick, side="right") - 1
    return seconds[part] + (sequence.tick - ticks[part]) * beats[part] / file.ticks, length


def _second_of(tick: int, change: tuple[int, float, float], ticks: float) -> float:
    """The second of a tick after the last change of tempo; `ticks` are those of a quarter."""
    changed_tick, changed_seconds, beat_seconds = change
    if tick > changed_tick and beat_seconds * MAX_QUARTERS_A_MINUTE < 60:
        tempo = 60 / max(beat_seconds, 1e-6)
        raise MidiError(
            f"tempo of {tempo:.0f} quarters a minute, over the limit of {MAX_QUARTERS_A_MINUTE}"
        )
    return changed_seconds + (tick - changed_tick) * beat_seconds / ticks


def _notes(
    sequence: Sequence, seconds: np.ndarray, end_seconds: float, sustain_pedal: bool
) -> np.ndarray:
    """Rows of onset, offset, pitch and velocity (notes, 4), sorted as those of a NoteList.

    What begins at once at one pitch is in the order in which it ends.
    `seconds` are those of the events. What ends a note is known by its place among the events.
    """
    status, keys, velocities = sequence.status, sequence.first, sequence.second
    never = len(status)  # the place of the end of notes that nothing ends
    is_key = (status < 0xA0) & (status & 15 != DRUM_CHANNEL)
    at = np.flatnonzero(is_key)
    key = ((status[at] & 15) << 7 | keys[at]).astype(np.int16)  # NumPy sorts those the fastest
    order = np.argsort(key, kind="stable")
    at, key = at[order], key[order]  # all events of one key of one channel one after the other
    on = np.flatnonzero((status[at] >= 0x90) & (velocities[at] > 0))
    ends = _following(at, key, never)[on]
    if sustain_pedal:
        # A key let go while the pedal is down sounds to the pedal's release, or its next strike.
        next_strike = _following(at[on], key[on], never)
        ends = np.minimum(_released(status, keys, velocities)[ends], next_strike)
    by_end = np.argsort(ends, kind="stable")
    struck, ends = at[on][by_end], ends[by_end]
    in_time = np.argsort(sequence.tick[struck] << 7 | keys[struck], kind="stable")
    struck, ends = struck[in_time], ends[in_time]
    table = np.empty((len(on), 4), order="F")
    table[:, 0], table[:, 2], table[:, 3] = seconds[struck], keys[struck], velocities[struck]
    table[:, 1] = np.concatenate((seconds, (end_seconds,)))[ends]
    return table


def _following(at: np.ndarray, key: np.ndarray, never: int) -> np.ndarray:
    """The event of the same key after each of those `at`, or `never`."""
    following = np.full(len(at), never)
    np.copyto(following[:-1], at[1:], where=key[1:] == key[:-1])
    return following


def _released(status: np.ndarray, controllers: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each event, and the end, where a key let go there falls silent (events + 1,).

    That is there, or where its channel's pedal is down, where that is let up.
    """
    silent = np.arange(len(status) + 1)
    for channel in set((status[status >= 0xB0] & 15).tolist()) - {DRUM_CHANNEL}:
        pedal = np.flatnonzero(status == 0xB0 | channel)
        is_down = values[pedal] >= PEDAL_DOWN
        ups = np.append(pedal[~is_down], len(status))
        own = np.flatnonzero((status == 0x80 | channel) | (status == 0x90 | channel))
        before = np.searchsorted(pedal, own) - 1
        held = own[(before >= 0) & is_down[before]]
        silent[held] = ups[np.searchsorted(ups, held)]
    return silent


def _has_drums(sequence: Sequence) -> bool:
    is_on = (sequence.status == 0x90 | DRUM_CHANNEL) & (sequence.second > 0)
    return bool(is_on.any())
