"""MIDI files made byte by byte."""

import struct

END = b"\x00\xff\x2f\x00"


def number(value: int) -> bytes:
    """A variable-length number."""
    made = [value & 0x7F]
    while value := value >> 7:
        made.append(value & 0x7F | 0x80)
    return bytes(reversed(made))


def on(delta: int, pitch: int, velocity: int = 64, channel: int = 0) -> bytes:
    return number(delta) + bytes([0x90 | channel, pitch, velocity])


def off(delta: int, pitch: int, channel: int = 0) -> bytes:
    return number(delta) + bytes([0x80 | channel, pitch, 0])


def pedal(delta: int, value: int, channel: int = 0) -> bytes:
    return controller(delta, 64, value, channel)


def controller(delta: int, number_: int, value: int = 0, channel: int = 0) -> bytes:
    return number(delta) + bytes([0xB0 | channel, number_, value])


def tempo(delta: int, microseconds: int) -> bytes:
    return number(delta) + b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


def chunk(content: bytes, name: bytes = b"MTrk", length: int | None = None) -> bytes:
    return name + struct.pack(">I", len(content) if length is None else length) + content


def midi(*tracks: bytes, form: int | None = None, division: int = 480, count: int | None = None):
    """A file of tracks, whose chunks have no end-of-track event but where it is in their bytes."""
    form = int(len(tracks) > 1) if form is None else form
    count = len(tracks) if count is None else count
    header = chunk(struct.pack(">HHH", form, count, division), b"MThd")
    return header + b"".join(map(chunk, tracks))
