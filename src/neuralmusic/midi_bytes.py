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
    ticks: array[int] = field(default_factory=lambda: array("q"))
    statuses: array[int] = field(default_factory=lambda: array("B"))
    places: array[int] = field(default_factory=lambda: array("q"))  # of the two data bytes
    tempo: list[tuple[int, int]] = field(default_factory=list)
    end_tick: int = 0
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
    """Raises IndexError where the bytes end within an event."""
    # All time is spent here: what is looked up is local, and a list is looked up the fastest.
    data = track.data
    values = list(data)
    at, end, tick, running = 0, len(values), 0, NO_STATUS
    ticks, statuses, places = track.ticks.append, track.statuses.append, track.places.append
    while at < end:
        delta = values[at]
        at += 1
        if delta >= 0x80:
            second = values[at]
            if second < 0x80:
                delta = (delta & 0x7F) << 7 | second
                at += 1
            else:
                delta, at = _variable_length(data, at - 1)
        tick += delta
        status = values[at]
        if status < 0x80:
            status = running
        else:
            at += 1
        if status < 0xA0:
            ticks(tick)
            statuses(status)
            places(at)
            at += 2
            running = status
        elif status < 0xF0:
            if status >> 4 == 0xB and values[at] == SUSTAIN_CONTROLLER:
                ticks(tick)
                statuses(status)
                places(at)
            at += 1 if 0xC0 <= status < 0xE0 else 2
            running = status
        elif status == 0xFF:
            kind = values[at]
            length, at = _variable_length(data, at + 1)
            if kind == SET_TEMPO:
                if length < 3:
                    raise MidiError(f"damaged (a tempo of {length} bytes)")
                track.tempo.append((tick, int.from_bytes(data[at : at + 3], "big")))
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
    track.end_tick = tick


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
    if len(tracks) == 1:
        columns = _columns(tracks[0])
    else:
        columns = np.concatenate([np.zeros((4, 0), np.int64), *map(_columns, tracks)], axis=1)
        columns = columns[:, np.argsort(columns[0], kind="stable")]
    tempo = sorted((change for t in tracks for change in t.tempo), key=lambda change: change[0])
    tick, status, first, second = columns
    end_tick = max((t.end_tick for t in tracks), default=0)
    return Sequence(tick, status, first, second, tempo, end_tick)


def _columns(track: _Track) -> np.ndarray:
    """Tick, status and data bytes of the events, int64 (4, events)."""
    values = np.minimum(np.frombuffer(track.data, np.uint8), 127)
    place = np.asarray(track.places, np.int64)
    columns = np.empty((4, len(place)), np.int64)
    columns[0], columns[1] = track.ticks, track.statuses
    columns[2], columns[3] = values[place], values[place + 1]
    return columns
