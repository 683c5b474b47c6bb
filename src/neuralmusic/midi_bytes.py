"""The bytes of a MIDI file, in one pass, to the events that make notes.

Read as a good sequencer reads: what no note depends on is skipped unread, whatever it holds.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np

from neuralmusic.files import InputError

HEADER_BYTES = 14  # "MThd", the length of the rest, format, tracks, division
CHUNK_BYTES = 8  # a name and a length
FORMATS = (0, 1, 2)  # one track, tracks played together, tracks played one after another
FRAME_RATES = {24: 24.0, 25: 25.0, 29: 30_000 / 1001, 30: 30.0}  # SMPTE's, a second
SUSTAIN_CONTROLLER = 64
SET_TEMPO, END_OF_TRACK = 0x51, 0x2F  # of the meta events
# Of the system messages that a file should not hold, those that have data: how many bytes.
SYSTEM_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0, 0xF8: 0, 0xFA: 0, 0xFB: 0, 0xFC: 0, 0xFE: 0}
NO_STATUS = 0x100  # that of a track's first event, if it has none
TRUNCATED = "truncated"


class MidiError(InputError):
    """A file that cannot be read as music; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class Sequence:
    """The events of tracks that are played together, in the order in which they are played.

    `tick`, int64 (events,), counts from the beginning. `status`, `first` and `second`, int64
    (events,), are the status byte and the data bytes of a note-on, note-off or sustain pedal.
    `tempo` is (tick, microseconds a quarter) of every change, `end_tick` that of the last event of
    any kind.
    """

    tick: np.ndarray
    status: np.ndarray
    first: np.ndarray
    second: np.ndarray
    tempo: list[tuple[int, int]]
    end_tick: int


@dataclass(frozen=True)
class MidiBytes:
    """A MIDI file: one sequence, or one for each track of format 2.

    `ticks` are those of a quarter, or where `is_timecode` those of a second.
    """

    sequences: list[Sequence]
    ticks: float
    is_timecode: bool


@dataclass
class _Track:
    """What is found in a track while it is read."""

    data: bytes
    starts: array[int] = field(default_factory=lambda: array("q"))  # of its events
    tempo: list[tuple[int, int]] = field(default_factory=list)  # event, microseconds a quarter
    has_end: bool = False  # its end-of-track event was read


def read_bytes(data: bytes) -> MidiBytes:
    """The events of a MIDI file's bytes.

    A data byte over 127 counts as 127, and running status survives meta and system events. What
    follows a track's end-of-track event is not read, and its absence is no fault.
    Raises MidiError with the reason where the bytes are no MIDI file, damaged or truncated.
    """
    if data[:4] != b"MThd":
        raise MidiError(f"no MIDI file (it begins with {data[:4]!r})")
    if len(data) < HEADER_BYTES:
        raise MidiError(f"{TRUNCATED} (within its header)")
    file_format, tracks, division = (int.from_bytes(data[at : at + 2], "big") for at in (8, 10, 12))
    if file_format not in FORMATS:
        raise MidiError(f"damaged (format {file_format})")
    ticks, is_timecode = _ticks(division)
    read = _tracks(data, tracks)
    sequences = [_together([track]) for track in read] if file_format == 2 else [_together(read)]
    return MidiBytes(sequences, ticks, is_timecode)


def _ticks(division: int) -> tuple[float, bool]:
    """The ticks of a quarter and False, or those of a second and True."""
    if division < 0x8000:
        ticks, is_timecode = float(division), False
    else:
        frames = 0x100 - (division >> 8)
        if frames not in FRAME_RATES:
            raise MidiError(f"damaged (a division of {frames} frames a second)")
        ticks, is_timecode = FRAME_RATES[frames] * (division & 0xFF), True
    if not ticks:
        raise MidiError("division of zero")
    return ticks, is_timecode


def _tracks(data: bytes, count: int) -> list[_Track]:
    """The tracks that the header promises; chunks of other names are skipped."""
    tracks: list[_Track] = []
    at = CHUNK_BYTES + int.from_bytes(data[4:8], "big")
    while len(tracks) < count:
        start = at + CHUNK_BYTES
        if start > len(data):
            raise MidiError(f"{TRUNCATED} ({len(tracks)} of {count} tracks are there)")
        end = start + int.from_bytes(data[at + 4 : start], "big")
        if data[at : at + 4] == b"MTrk":
            track = _Track(data[start:end])
            try:
                _read_track(track)
            except IndexError as error:
                if end > len(data):
                    raise MidiError(f"{TRUNCATED} (within track {len(tracks) + 1})") from error
                raise MidiError("damaged (an event crosses the end of its track)") from error
            if end > len(data) and not track.has_end:
                raise MidiError(f"{TRUNCATED} (within track {len(tracks) + 1})")
            tracks.append(track)
        at = end
    return tracks


def _read_track(track: _Track) -> None:
    """Finds where the events begin; raises IndexError where the bytes end within one."""
    # All time is spent here: what is looked up is local, and a list is looked up the fastest.
    data, start = track.data, track.starts.append
    values = list(data)
    at, end, running = 0, len(values), NO_STATUS
    while at < end:
        start(at)
        if values[at] >= 0x80:
            at += 1
            if values[at] >= 0x80:
                at = _variable_length(data, at - 1)[1] - 1
        at += 1
        status = values[at]
        if status < 0x80:
            status = running
        else:
            at += 1
        if status < 0xC0:
            at += 2
            running = status
        elif status < 0xF0:
            at += 1 if status < 0xE0 else 2
            running = status
        elif status == 0xFF:
            kind = values[at]
            length, at = _variable_length(data, at + 1)
            if kind == SET_TEMPO:
                if length < 3:
                    raise MidiError(f"damaged (a tempo of {length} bytes)")
                microseconds = int.from_bytes(data[at : at + 3], "big")
                track.tempo.append((len(track.starts) - 1, microseconds))
            elif kind == END_OF_TRACK and at + length <= end:
                track.has_end = True
                break
            at += length
        elif status in (0xF0, 0xF7):
            length, at = _variable_length(data, at)
            at += length
        elif status in SYSTEM_DATA:
            at += SYSTEM_DATA[status]
        elif status == NO_STATUS:
            raise MidiError("damaged (data without a status)")
        else:
            raise MidiError(f"damaged (a status of {status:02X})")
    if at > end:
        raise IndexError


def _variable_length(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place, of one to four bytes, and the place after it."""
    value = 0
    for byte in data[at : at + 4]:
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    if at == len(data):
        raise IndexError
    raise MidiError("damaged (a number of more than four bytes)")


def _together(tracks: list[_Track]) -> Sequence:
    """The events of tracks in one order: by tick, and at one tick track by track."""
    read = [_columns(track) for track in tracks]
    if len(read) == 1:
        columns = read[0][0]
    else:
        columns = np.concatenate([np.zeros((4, 0), np.int64), *(of for of, _, _ in read)], axis=1)
        columns = columns[:, np.argsort(columns[0], kind="stable")]
    tempo = sorted((change for _, of, _ in read for change in of), key=lambda change: change[0])
    tick, status, first, second = columns
    return Sequence(tick, status, first, second, tempo, max((end for *_, end in read), default=0))


def _columns(track: _Track) -> tuple[np.ndarray, list[tuple[int, int]], int]:
    """Of a track that was read: its notes and pedals, its tempo and its last event's tick.

    The first are tick, status and data bytes, int64 (4, events).
    """
    data = np.frombuffer(track.data, np.uint8)
    if not len(track.starts):
        return np.empty((4, 0), np.int64), [], 0
    delta, at = _variable_lengths(data, np.asarray(track.starts, np.int64))
    ticks = np.cumsum(delta)
    status = data[at]
    is_stated = status >= 0x80
    at += is_stated
    if not is_stated.all():
        is_running = is_stated & (status < 0xF0)
        stated = np.maximum.accumulate(np.where(is_running, np.arange(len(at)), 0))
        status = np.where(is_stated, status, status[stated])
    first = data.take(at, mode="clip")  # an event without data may be the track's last
    is_pedal = (status & 0xF0 == 0xB0) & (first == SUSTAIN_CONTROLLER)
    kept = np.flatnonzero((status < 0xA0) | is_pedal)
    columns = np.empty((4, len(kept)), np.int64)
    columns[0], columns[1], columns[2] = ticks[kept], status[kept], first[kept]
    columns[3] = data[at[kept] + 1]
    np.minimum(columns[2:], 127, out=columns[2:])
    tempo = [(int(ticks[event]), microseconds) for event, microseconds in track.tempo]
    return columns, tempo, int(ticks[-1])


def _variable_lengths(data: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers at some places, int64, and the places after them."""
    byte = data[at]
    value = (byte & 0x7F).astype(np.int64)
    at = at + 1
    longer = np.flatnonzero(byte >= 0x80)
    while len(longer):
        byte = data[at[longer]]
        value[longer] = value[longer] << 7 | byte & 0x7F
        at[longer] += 1
        longer = longer[byte >= 0x80]
    return value, at
