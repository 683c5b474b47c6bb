"""MIDI files to note lists; `midi_writing` is the way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neuralmusic.midi_bytes import (
    ALL_NOTES_OFF,
    SUSTAIN,
    MidiBytes,
    MidiError,
    Sequence,
    read_path,
)
from neuralmusic.midi_pairing import DRUM_CHANNEL, NO_PLACE, devices, paired
from neuralmusic.notes import SECONDS_PER_BEAT, NoteList, PackedPiece

PEDAL_DOWN = 64
MAX_HOURS = 12
# A tempo is absurd where a quarter and a tick are both so short; it is not where ticks count
# milliseconds, and a quarter is but one of them.
MAX_QUARTERS_A_MINUTE = 3000  # a quarter of 20 ms, twice as fast as the lowest pitch heard
MIN_TICK_SECONDS = 1e-4


def read_midi(
    path: Path, time: str = "seconds", sustain_pedal: bool = False, allow_empty: bool = False
) -> NoteList:
    """The notes of a MIDI file, all tracks and channels together, drums left out.

    `time`: "seconds" follows the file's tempo map; "beats" ignores it and gives a quarter 0.5 s.
    A file in SMPTE time has no quarters: both give its seconds.
    `sustain_pedal`: a held pedal lengthens notes to its release or the key's next onset.
    `allow_empty`: a valid file without notes is a piece of silence, not an error.
    Which event ends which note: see `midi_pairing.paired`; notes never ended end with the file.
    The tracks of a file of format 2 are played one after another, each as a file of its own.

    Raises MidiError with the reason where the file is no MIDI file or holds no note.
    """
    return notes_of(read_path(path), time, sustain_pedal, allow_empty)


def notes_of(
    file: MidiBytes, time: str = "seconds", sustain_pedal: bool = False, allow_empty: bool = False
) -> NoteList:
    """The notes of a MIDI file that was parsed; see `read_midi`."""
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
    for tick, microseconds in sequence.tempo.tolist() if follows_tempo else ():
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
    is_short = beat_seconds * MAX_QUARTERS_A_MINUTE < 60 and beat_seconds < ticks * MIN_TICK_SECONDS
    if is_short and tick > changed_tick:
        tempo = 60 / max(beat_seconds, 1e-6)
        raise MidiError(
            f"tempo of {tempo:.0f} quarters a minute, over the limit of {MAX_QUARTERS_A_MINUTE}"
            " where a tick is shorter than 0.1 ms"
        )
    return changed_seconds + (tick - changed_tick) * beat_seconds / ticks


def _notes(
    sequence: Sequence, seconds: np.ndarray, end_seconds: float, sustain_pedal: bool
) -> np.ndarray:
    """Rows of onset, offset, pitch and velocity (notes, 4), sorted as those of a NoteList.

    What begins at once at one pitch is in the order in which it ends.
    `seconds` are those of the events. What ends a note is known by its place among the events.
    """
    struck, ends = paired(sequence)
    if sustain_pedal:
        ends = _sustained(sequence, struck, ends)
    pitch = sequence.first[struck]
    by_time = sequence.tick[struck] << 7 | pitch
    order = np.argsort(by_time, kind="stable")
    in_time = by_time[order]
    if (in_time[1:] == in_time[:-1]).any():
        order = np.lexsort((ends, by_time))
    struck, ends, pitch = struck[order], ends[order], pitch[order]
    table = np.empty((len(struck), 4), order="F")
    table[:, 0], table[:, 2], table[:, 3] = seconds[struck], pitch, sequence.second[struck]
    table[:, 1] = np.append(seconds, end_seconds)[ends]
    return table


def _sustained(sequence: Sequence, struck: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The places where notes fall silent, whose keys are let go at the places `ends`.

    Where the pedal of a note's channel is down then, that is where it is let up, or where the same
    key is struck again in any track, be it before the note was let go.
    """
    never = len(sequence.status)
    at = np.flatnonzero((sequence.status >= 0xB0) & (sequence.first != ALL_NOTES_OFF))
    is_pedal = sequence.first[at] == SUSTAIN
    is_down = is_pedal & (sequence.second[at] >= PEDAL_DOWN)
    if not is_down.any():
        return ends
    device = devices(sequence)
    order = np.argsort(device[at], kind="stable")
    at, is_pedal, is_down = at[order], is_pedal[order], is_down[order]
    # Devices one after the other, each with room for all places.
    change = device[at] * (never + 1) + at
    lift = np.append(np.where(is_down, NO_PLACE, change), NO_PLACE)
    next_lift = np.minimum.accumulate(lift[::-1])[::-1]
    last_pedal = np.append(np.maximum.accumulate(np.where(is_pedal, np.arange(len(at)), -1)), -1)
    begin = device[struck] * (never + 1)
    last = np.searchsorted(change, begin + ends) - 1
    up = np.minimum(next_lift[last + 1] - begin, never)
    last = last_pedal[last]
    is_held = (last >= 0) & (change[last] >= begin) & is_down[last]
    again = _struck_again(sequence, struck, device[struck] << 7 | sequence.first[struck])
    return np.where(is_held, np.maximum(ends, np.minimum(up, again)), ends)


def _struck_again(sequence: Sequence, struck: np.ndarray, key: np.ndarray) -> np.ndarray:
    """For note-ons, by their places, the first of the same key at a later tick, or the end."""
    order = np.lexsort((struck, key))
    struck, key = struck[order], key[order]
    tick = sequence.tick[struck]
    is_later = np.ones(len(struck), dtype=bool)
    is_later[1:] = (key[1:] != key[:-1]) | (tick[1:] != tick[:-1])
    starts = np.append(np.flatnonzero(is_later), -1)
    following = starts[np.cumsum(is_later)]
    again = np.empty_like(struck)
    again[order] = np.where(
        (following >= 0) & (key[following] == key), struck[following], len(sequence.tick)
    )
    return again


def _has_drums(sequence: Sequence) -> bool:
    is_on = (sequence.status == 0x90 | DRUM_CHANNEL) & (sequence.second > 0)
    return bool(is_on.any())
