"""The tempo map of a MIDI file, which note lists do not keep.

A reader of its own, since nothing but the tempo is wanted: it skips every note unread, in about a
tenth of the time of a whole reading. What else a file says beside its notes is read by it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_TEMPO = 500_000  # microseconds a quarter where a file states none: 120 quarters a minute
META, END_OF_TRACK, SET_TEMPO = 0xFF, 0x2F, 0x51
SYSEX, SYSEX_REST = 0xF0, 0xF7
IN_FRAMES = 0x8000  # a division in video frames a second: quarters have no meaning


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
    """The tempo of a MIDI file; None where there is none to read, since the notes are what counts.

    Of a damaged track what lies before the damage is read.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return tempo_of(content)


def tempo_of(content: bytes) -> Tempo | None:
    """The tempo of the bytes of a MIDI file, see `read_tempo`."""
    told = told_by(content, SET_TEMPO)
    if told is None:
        return None
    stated = [
        (tick, tempo)
        for track in told.tracks
        for tick, text in track.events
        if len(text) == 3 and (tempo := int.from_bytes(text))
    ]
    last = max((track.last_tick for track in told.tracks), default=0)
    return _mean(sorted(stated, key=lambda change: change[0]), last, told.division)


@dataclass(frozen=True)
class Track:
    """The tick of a track's last event, and its meta events of one kind: (tick, content)."""

    last_tick: int
    events: list[tuple[int, bytes]]


@dataclass(frozen=True)
class Told:
    """What the tracks of a MIDI file say, with its format and its ticks of a quarter."""

    format: int
    division: int
    tracks: list[Track]


def told_by(content: bytes, kind: int) -> Told | None:
    """The meta events of one kind in the bytes of a MIDI file; None where they have no place.

    Of a damaged track what lies before the damage is read.
    """
    if content[:4] != b"MThd" or len(content) < 14:
        return None
    division = int.from_bytes(content[12:14])
    if not division or division & IN_FRAMES:
        return None
    at = 8 + int.from_bytes(content[4:8])
    tracks = []
    while at + 8 <= len(content):
        start, chunk = at + 8, content[at : at + 4]
        at = start + int.from_bytes(content[at + 4 : at + 8])
        if chunk == b"MTrk":
            tracks.append(_read_track(content, start, min(at, len(content)), kind))
    return Told(int.from_bytes(content[8:10]), division, tracks)


def _mean(stated: list[tuple[int, int]], last_tick: int, division: int) -> Tempo:
    """The mean of tempos (tick, microseconds a quarter) in the order of time."""
    now, changed_tick, changes, elapsed = DEFAULT_TEMPO, 0, 0, 0
    for tick, tempo in stated:
        elapsed += (tick - changed_tick) * now
        changes += tick > 0 and tempo != now
        now, changed_tick = tempo, tick
    elapsed += (last_tick - changed_tick) * now  # microseconds, `division` times
    microseconds = elapsed / last_tick if last_tick else now
    return Tempo(60e6 / microseconds, changes, bool(stated))


def _read_track(content: bytes, at: int, end: int, wanted: int) -> Track:
    """A track with its meta events of the wanted kind."""
    tick, status, told = 0, 0, []
    try:
        while at < end:
            delta, at = _number(content, at)
            byte = content[at]
            if byte == META:
                kind = content[at + 1]
                length, at = _number(content, at + 2)
                tick += delta
                if kind == END_OF_TRACK or at + length > end:  # or the file ends within it
                    break
                if kind == wanted:
                    told.append((tick, content[at : at + length]))
                at += length
                continue
            if byte in (SYSEX, SYSEX_REST):
                length, at = _number(content, at + 1)
                at += length
            else:
                if byte & 0x80:
                    status, at = byte, at + 1
                if not 0x80 <= status < SYSEX:  # no event: from here on nothing is certain
                    break
                at += 1 if 0xC0 <= status < 0xE0 else 2
            tick += delta
    except IndexError:  # the file ends within an event
        pass
    return Track(tick, told)


def _number(content: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    while True:
        byte = content[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
