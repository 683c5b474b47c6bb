"""The bytes of a MIDI file, in one pass, to the events that make notes, tempo and metre.

The only reader of these bytes: time and memory are linear in the size of the file, which is
bounded. Read as a good sequencer reads: what nothing depends on is skipped unread.
"""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neuralmusic.files import InputError

MAX_FILE_BYTES = 20_000_000
HEADER_BYTES = 14  # "MThd", the length of the rest, format, tracks, division
MAX_TRACKS = 0xFFFF  # as many as a header can promise
CHUNK_BYTES = 8  # a name and a length
RIFF_BYTES = 12  # "RIFF", the length of the rest, "RMID"
MACBINARY_BYTES = 128
FORMATS = (0, 1, 2)  # one track, tracks played together, tracks played one after another
FRAME_RATES = {24: 24.0, 25: 25.0, 29: 30_000 / 1001, 30: 30.0}  # SMPTE's, a second
SUSTAIN, ALL_SOUND_OFF, RESET, ALL_NOTES_OFF = 64, 120, 121, 123  # controllers
MODES = (124, 125, 126, 127)  # omni, mono and poly, which let all notes go too
PORT, END_OF_TRACK, SET_TEMPO, TIME_SIGNATURE = 0x21, 0x2F, 0x51, 0x58  # of the meta events
# Of the system messages that a file should not hold, those that have data: how many bytes.
SYSTEM_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0, 0xF8: 0, 0xFA: 0, 0xFB: 0, 0xFC: 0, 0xFE: 0}
NO_STATUS = 0x100  # that of a track's first event, if it has none
TRUNCATED = "truncated"
# What each controller is read as; -1 is none that a note depends on.
READ_AS = np.full(256, -1, np.int64)
READ_AS[[SUSTAIN, RESET]] = SUSTAIN  # a reset lifts the pedal (MIDI recommended practice RP-015)
READ_AS[ALL_SOUND_OFF] = ALL_SOUND_OFF
READ_AS[[ALL_NOTES_OFF, *MODES]] = ALL_NOTES_OFF
IS_READ = READ_AS >= 0


class MidiError(InputError):
    """A file that cannot be read as music; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class Sequence:
    """The events of tracks that are played together, in the order in which they are played.

    All arrays are int64 (events,). `tick` counts from the beginning. `status`, `first` and
    `second` are the status byte and the data bytes of a note-on, note-off or controller, which is
    the sustain pedal, ALL_SOUND_OFF or ALL_NOTES_OFF. `lane` tells apart tracks, and in these the
    ports that notes go to; `ports` is the port of each lane.

    `tempo`, int64 (changes, 2), has the tick and the microseconds a quarter of every change;
    `signatures`, int64 (changes, 3), the tick, the numerator and the power of two of the
    denominator. `end_tick` is that of the last event of any kind.
    """

    tick: np.ndarray
    status: np.ndarray
    first: np.ndarray
    second: np.ndarray
    lane: np.ndarray
    ports: list[int]
    tempo: np.ndarray
    signatures: np.ndarray
    end_tick: int


@dataclass(frozen=True)
class MidiBytes:
    """A MIDI file: one sequence, or one for each track of format 2, played one after another.

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
    end: int = 0  # where reading stopped
    has_end: bool = False  # its end-of-track event was read


def read_path(path: Path) -> MidiBytes:
    """The events of a MIDI file; see `read_bytes`. A file over MAX_FILE_BYTES is not read."""
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > MAX_FILE_BYTES:
            raise MidiError(f"{size} bytes, over the limit of {MAX_FILE_BYTES}")
        return read_bytes(stream.readall())


def read_bytes(data: bytes) -> MidiBytes:
    """The events of a MIDI file's bytes, which a RIFF (RMID) or MacBinary file may wrap.

    A data byte over 127 counts as 127, and running status survives meta and system events. What
    follows a track's end-of-track event is not read, and its absence is no fault. Where a track's
    stated length is wrong, its end-of-track event is where it ends. Tracks beyond those that the
    header counts are read as the others.
    Raises MidiError with the reason where the bytes are no MIDI file, damaged or truncated.
    """
    data = _unwrapped(data)
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


def _unwrapped(data: bytes) -> bytes:
    """The MIDI file within a RIFF or MacBinary file; other bytes as they are."""
    is_macbinary = (
        len(data) > MACBINARY_BYTES and not data[0] | data[74] | data[82] and 0 < data[1] < 64
    )
    if is_macbinary:  # what follows the file, such as a resource fork, is no chunk of it
        data = data[MACBINARY_BYTES:]
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return data
    at = RIFF_BYTES
    while at + CHUNK_BYTES <= len(data):
        start = at + CHUNK_BYTES
        if data[at : at + 4] == b"data":
            return data[start:]
        length = int.from_bytes(data[at + 4 : start], "little")
        at = start + length + length % 2
    raise MidiError("no MIDI file (a RIFF file without data)")


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
    """The tracks of a file, at least those that its header promises.

    Chunks of other names are skipped; what follows the promised tracks and is no chunk, too.
    """
    tracks: list[_Track] = []
    at = CHUNK_BYTES + int.from_bytes(data[4:8], "big")
    while len(tracks) < count or _is_chunk(data, at):
        start = at + CHUNK_BYTES
        if start > len(data):
            raise MidiError(f"{TRUNCATED} ({len(tracks)} of {count} tracks are there)")
        end = start + int.from_bytes(data[at + 4 : start], "big")
        if data[at : at + 4] == b"MTrk":
            track, end = _track(data, start, end, len(tracks) + 1)
            tracks.append(track)
        at = end
        if len(tracks) > MAX_TRACKS:
            raise MidiError(f"damaged (more than {MAX_TRACKS} tracks)")
    return tracks


def _is_chunk(data: bytes, at: int) -> bool:
    """Whether a track begins here, or a whole chunk of another name; a second file is none."""
    name = data[at : at + 4]
    if name == b"MTrk" or len(name) < 4 or name == b"MThd":
        return name == b"MTrk"
    start = at + CHUNK_BYTES
    is_whole = start + int.from_bytes(data[at + 4 : start], "big") <= len(data)
    return name.isalnum() and is_whole


def _track(data: bytes, start: int, end: int, number: int) -> tuple[_Track, int]:
    """A track that begins and by its length ends here; and where the next chunk begins.

    Where the length is wrong, the end-of-track event tells the end.
    """
    track = _Track(data[start:end])
    reason = ""
    try:
        _read_track(track)
    except IndexError:
        reason = "damaged (an event crosses the end of its track)"
    if end > len(data) and not track.has_end:
        reason = f"{TRUNCATED} (within track {number})"
    is_end = end == len(data) or _is_chunk(data, end)
    if not track.has_end and not is_end and end < len(data):
        # It may be longer than it says.
        following = data.find(b"MTrk", end)
        longer = _Track(data[start : following if following > 0 else len(data)])
        try:
            _read_track(longer)
        except (IndexError, MidiError):
            longer.has_end = False
        if longer.has_end:
            return longer, start + longer.end
    if reason:
        raise MidiError(reason)
    found = start + track.end
    return track, found if not is_end and data[found : found + 4] == b"MTrk" else end


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
            if kind == END_OF_TRACK and at + length <= end:
                track.has_end = True
                track.end = at + length
                return
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
    track.end = at
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


@dataclass(frozen=True)
class _Columns:
    """What is read of a track: see `Sequence`."""

    events: np.ndarray  # tick, status and data bytes: int64 (4, events)
    lane: np.ndarray  # of the track's own lanes: int64 (events,)
    ports: list[int]  # of these lanes
    tempo: np.ndarray
    signatures: np.ndarray
    end_tick: int


def _together(tracks: list[_Track]) -> Sequence:
    """The events of tracks in one order: by tick, and at one tick track by track."""
    read = [_columns(track) for track in tracks or [_Track(b"")]]
    lanes: list[np.ndarray] = []
    ports: list[int] = []
    for track in read:
        lanes.append(track.lane + len(ports))
        ports += track.ports
    end_tick = max(track.end_tick for track in read)
    events = np.concatenate([track.events for track in read], axis=1)
    lane = np.concatenate(lanes)
    tempo = np.concatenate([track.tempo for track in read])
    signatures = np.concatenate([track.signatures for track in read])
    if len(read) > 1:
        order = np.argsort(events[0], kind="stable")
        events, lane = events.take(order, axis=1), lane[order]
        tempo, signatures = (of[np.argsort(of[:, 0], kind="stable")] for of in (tempo, signatures))
    tick, status, first, second = events
    return Sequence(tick, status, first, second, lane, ports, tempo, signatures, end_tick)


def _columns(track: _Track) -> _Columns:
    """What a track holds, once it is known where its events begin."""
    data = np.frombuffer(track.data, np.uint8)
    delta, at = _variable_lengths(data, np.asarray(track.starts, np.int64))
    ticks = np.cumsum(delta)
    if not len(at):
        events, tempo, signatures = (np.zeros(of, np.int64) for of in ((4, 0), (0, 2), (0, 3)))
        return _Columns(events, events[0], [], tempo, signatures, 0)
    status = data[at]
    metas = np.flatnonzero(status == 0xFF)
    tempo, signatures, port_changes = _metas(data, at[metas] + 1, metas)
    tempo[:, 0], signatures[:, 0] = ticks[tempo[:, 0]], ticks[signatures[:, 0]]
    is_stated = status >= 0x80
    at += is_stated
    if not is_stated.all():
        is_running = is_stated & (status < 0xF0)
        stated = np.maximum.accumulate(np.where(is_running, np.arange(len(at)), 0))
        status = np.where(is_stated, status, status[stated])
    first = data.take(at, mode="clip")  # an event without data may be the track's last
    is_controller = (status & 0xF0 == 0xB0) & IS_READ[first]
    kept = np.flatnonzero((status < 0xA0) | is_controller)
    events = np.empty((4, len(kept)), np.int64)
    events[0], events[1], events[2] = ticks[kept], status[kept], first[kept]
    events[3] = data[at[kept] + 1]
    np.minimum(events[2:], 127, out=events[2:])
    others = np.flatnonzero((events[1] >= 0xB0) & (events[2] != SUSTAIN))
    if len(others):
        is_reset = events[2, others] == RESET
        events[3, others[is_reset]] = 0
        events[2, others] = READ_AS[events[2, others]]
    lane, ports = np.zeros(len(kept), np.int64), [0] if len(kept) else []
    if len(port_changes):
        of_events = np.append(0, port_changes[:, 1])[np.searchsorted(port_changes[:, 0], kept)]
        found, lane = np.unique(of_events, return_inverse=True)
        ports = found.tolist()
    return _Columns(events, lane, ports, tempo, signatures, int(ticks[-1]))


def _metas(
    data: np.ndarray, at: np.ndarray, events: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tempi, signatures and ports of the meta events whose kinds are at these places.

    Each is int64, a row the event and what it says. What an event without data says is nothing.
    """
    kind = data[at]
    wanted = np.flatnonzero((kind == SET_TEMPO) | (kind == TIME_SIGNATURE) | (kind == PORT))
    kind, events = kind[wanted], events[wanted]
    length, at = _variable_lengths(data, at[wanted] + 1)
    # Bytes beyond an event's own are masked below, and those beyond the track are none.
    one, two, three = (data.take(at + i, mode="clip").astype(np.int64) for i in range(3))
    is_tempo = (kind == SET_TEMPO) & (length > 0)
    if (length[is_tempo] < 3).any():
        raise MidiError(f"damaged (a tempo of {length[is_tempo].min()} bytes)")
    microseconds = one << 16 | two << 8 | three
    is_signature = (kind == TIME_SIGNATURE) & (length >= 2)
    is_port = (kind == PORT) & (length > 0)
    return (
        np.stack([events, microseconds], axis=1)[is_tempo],
        np.stack([events, one, two], axis=1)[is_signature],
        np.stack([events, one], axis=1)[is_port],
    )


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
