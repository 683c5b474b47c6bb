"""MIDI files with every feature that files have, and what damage makes of them; all by a seed."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from random import Random

DIVISIONS = (1, 24, 96, 480, 960, 32767, 0xE728, 0xE250, 0xE364, 0xE819)  # the last four SMPTE
STATUSES = (0x80, 0x90, 0x90, 0x90, 0xA0, 0xB0, 0xB0, 0xC0, 0xD0, 0xE0)
LENGTHS = (0, 1, 2**16, 2**28, 2**31 - 1, 2**32 - 1)
NUMBERS = (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x00", b"\xff" * 40)


def variable_length(value: int) -> bytes:
    """A number of seven bits a byte, the first bytes with their highest bit set."""
    made = [value & 0x7F]
    while value := value >> 7:
        made.append(value & 0x7F | 0x80)
    return bytes(reversed(made))


def whole_file(generator: Random) -> bytes:
    """A valid file: any format and division, running status, metas, exclusives, pedals, tempi."""
    form = generator.randrange(3)
    count = 1 if form == 0 else generator.randrange(1, 6)
    header = struct.pack(">HHH", form, count, generator.choice(DIVISIONS))
    chunks = [_chunk(b"MThd", header)]
    for _ in range(count):
        if generator.random() < 0.1:
            chunks.append(_chunk(b"XFIH", generator.randbytes(9)))
        chunks.append(_chunk(b"MTrk", _track(generator)))
    return b"".join(chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack(">I", len(content)) + content


def _track(generator: Random) -> bytes:
    made, running = [], 0
    for _ in range(generator.randrange(0, 120)):
        made.append(variable_length(generator.choice([0, 0, 1, 60, 240, 1000])))
        kind = generator.random()
        if kind < 0.06:
            made.append(b"\xff\x51\x03" + generator.randrange(20_000, 2**24).to_bytes(3, "big"))
        elif kind < 0.1:
            text = generator.randbytes(generator.randrange(200))
            meta = bytes([0xFF, generator.choice([1, 3, 0x58, 0x59, 0x7F])])
            made.append(meta + variable_length(len(text)) + text)
        elif kind < 0.13:
            made.append(b"\xf0" + variable_length(5) + b"\x43\x10\x4c\x00\xf7")
        else:
            status = generator.choice(STATUSES) | generator.choice([0, 0, 1, 9, 15])
            if status != running or generator.random() < 0.2:
                made.append(bytes([status]))
            running = status
            first = 64 if status >> 4 == 0xB else generator.choice([0, 36, 60, 61, 62, 127])
            second = generator.choice([0, 1, 63, 64, 127])
            made.append(bytes([first] if 0xC0 <= status < 0xE0 else [first, second]))
    if generator.random() < 0.9:
        made.append(variable_length(generator.randrange(2000)) + b"\xff\x2f\x00")
    return b"".join(made)


def mutant(content: bytes, generator: Random) -> bytes:
    """The file after one kind of damage or more, at most four."""
    damaged = bytearray(content)
    for damage in generator.choices(DAMAGES, k=generator.choice([1, 1, 1, 2, 2, 4])):
        if len(damaged) < 2:
            break
        damage(damaged, generator)
    return bytes(damaged)


def _flip_bits(data: bytearray, generator: Random) -> None:
    for at in generator.choices(range(len(data)), k=generator.randrange(1, 9)):
        data[at] ^= 1 << generator.randrange(8)


def _replace_bytes(data: bytearray, generator: Random) -> None:
    for at in generator.choices(range(len(data)), k=generator.randrange(1, 9)):
        data[at] = generator.randrange(256)


def _insert(data: bytearray, generator: Random) -> None:
    at = generator.randrange(len(data))
    data[at:at] = generator.randbytes(generator.randrange(1, 9))


def _delete(data: bytearray, generator: Random) -> None:
    at = generator.randrange(len(data))
    del data[at : at + generator.randrange(1, 9)]


def _truncate(data: bytearray, generator: Random) -> None:
    del data[generator.randrange(len(data)) :]


def _repeat(data: bytearray, generator: Random) -> None:
    start, end = sorted(generator.choices(range(len(data)), k=2))
    data[start:start] = data[start:end] * generator.randrange(1, 4)


def _change_header(data: bytearray, generator: Random) -> None:
    """Format, number of tracks or division becomes anything."""
    at = generator.choice([8, 10, 12])
    data[at : at + 2] = generator.randbytes(2) if generator.random() < 0.5 else b"\0\0"


def _change_length(data: bytearray, generator: Random) -> None:
    starts = _chunks(data)
    if starts:
        at = generator.choice(starts) + 4
        near = int.from_bytes(data[at : at + 4], "big") + generator.randrange(-9, 10)
        length = generator.choice([*LENGTHS, max(near, 0)]) % 2**32
        data[at : at + 4] = struct.pack(">I", length)


def _swap_chunks(data: bytearray, generator: Random) -> None:
    starts = [*_chunks(data), len(data)]
    parts = [bytes(data[a:b]) for a, b in itertools.pairwise(starts)]
    order = generator.sample(range(len(parts)), len(parts))
    data[starts[0] :] = b"".join(parts[index] for index in order)


def _huge_number(data: bytearray, generator: Random) -> None:
    """A delta, or the length of a text, that is as large as can be written, or larger."""
    at = generator.randrange(len(data))
    data[at:at] = generator.choice(NUMBERS)


def _odd_meta(data: bytearray, generator: Random) -> None:
    """A meta event of a length that its kind does not have, or no tempo at all."""
    at = generator.randrange(len(data))
    length = generator.choice([0, 1, 2, 3, 4, 127])
    kind = generator.choice([0x2F, 0x51, 0x54, 0x58, 0x59])
    data[at:at] = bytes([0, 0xFF, kind, length]) + bytes(min(length, 4))


DAMAGES = (
    _flip_bits,
    _replace_bytes,
    _insert,
    _delete,
    _truncate,
    _repeat,
    _change_header,
    _change_length,
    _swap_chunks,
    _huge_number,
    _odd_meta,
)


def _chunks(data: bytearray) -> list[int]:
    """Where chunks begin."""
    found, at = [], -1
    while (at := data.find(b"MT", at + 1)) >= 0:
        found.append(at)
    return found


def mutants(count: int, seed: int, originals: Sequence[bytes] = ()) -> Iterator[bytes]:
    """Damaged copies of `originals`, or of files made for it; each depends on its number alone."""
    for index in range(count):
        generator = Random(f"{seed} {index}")
        content = generator.choice(originals) if originals else whole_file(generator)
        yield mutant(content, generator)
