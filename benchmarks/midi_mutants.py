"""MIDI files with every feature that files have, and what damage makes of them; all by a seed."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence

import numpy as np

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


def whole_file(generator: np.random.Generator) -> bytes:
    """A valid file: any format and division, running status, metas, exclusives, pedals, tempi."""
    form = int(generator.integers(3))
    count = 1 if form == 0 else int(generator.integers(1, 6))
    header = struct.pack(">HHH", form, count, int(generator.choice(DIVISIONS)))
    chunks = [_chunk(b"MThd", header)]
    for _ in range(count):
        if generator.random() < 0.1:
            chunks.append(_chunk(b"XFIH", generator.bytes(9)))
        chunks.append(_chunk(b"MTrk", _track(generator)))
    return b"".join(chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack(">I", len(content)) + content


def _track(generator: np.random.Generator) -> bytes:
    made, running = [], 0
    for _ in range(int(generator.integers(0, 120))):
        made.append(variable_length(int(generator.choice([0, 0, 1, 60, 240, 1000]))))
        kind = generator.random()
        if kind < 0.06:
            made.append(b"\xff\x51\x03" + int(generator.integers(20_000, 2**24)).to_bytes(3, "big"))
        elif kind < 0.1:
            text = generator.bytes(int(generator.integers(200)))
            meta = bytes([0xFF, int(generator.choice([1, 3, 0x58, 0x59, 0x7F]))])
            made.append(meta + variable_length(len(text)) + text)
        elif kind < 0.13:
            made.append(b"\xf0" + variable_length(5) + b"\x43\x10\x4c\x00\xf7")
        else:
            status = int(generator.choice(STATUSES)) | int(generator.choice([0, 0, 1, 9, 15]))
            if status != running or generator.random() < 0.2:
                made.append(bytes([status]))
            running = status
            first = 64 if status >> 4 == 0xB else int(generator.choice([0, 36, 60, 61, 62, 127]))
            second = int(generator.choice([0, 1, 63, 64, 127]))
            made.append(bytes([first] if 0xC0 <= status < 0xE0 else [first, second]))
    if generator.random() < 0.9:
        made.append(variable_length(int(generator.integers(2000))) + b"\xff\x2f\x00")
    return b"".join(made)


def mutant(content: bytes, generator: np.random.Generator) -> bytes:
    """The file after one kind of damage or more, at most four."""
    damaged = bytearray(content)
    for index in generator.integers(len(DAMAGES), size=min(int(generator.geometric(0.6)), 4)):
        if len(damaged) < 2:
            break
        DAMAGES[index](damaged, generator)
    return bytes(damaged)


def _flip_bits(data: bytearray, generator: np.random.Generator) -> None:
    for at in generator.integers(len(data), size=int(generator.integers(1, 9))):
        data[at] ^= 1 << int(generator.integers(8))


def _replace_bytes(data: bytearray, generator: np.random.Generator) -> None:
    for at in generator.integers(len(data), size=int(generator.integers(1, 9))):
        data[at] = int(generator.integers(256))


def _insert(data: bytearray, generator: np.random.Generator) -> None:
    at = int(generator.integers(len(data)))
    data[at:at] = generator.bytes(int(generator.integers(1, 9)))


def _delete(data: bytearray, generator: np.random.Generator) -> None:
    at = int(generator.integers(len(data)))
    del data[at : at + int(generator.integers(1, 9))]


def _truncate(data: bytearray, generator: np.random.Generator) -> None:
    del data[int(generator.integers(len(data))) :]


def _repeat(data: bytearray, generator: np.random.Generator) -> None:
    start, end = sorted(generator.integers(len(data), size=2).tolist())
    data[start:start] = data[start:end] * int(generator.integers(1, 4))


def _change_header(data: bytearray, generator: np.random.Generator) -> None:
    """Format, number of tracks or division becomes anything."""
    at = int(generator.choice([8, 10, 12]))
    data[at : at + 2] = generator.bytes(2) if generator.random() < 0.5 else b"\0\0"


def _change_length(data: bytearray, generator: np.random.Generator) -> None:
    starts = _chunks(data)
    if starts:
        at = int(generator.choice(starts)) + 4
        near = int.from_bytes(data[at : at + 4], "big") + int(generator.integers(-9, 10))
        length = int(generator.choice([*LENGTHS, max(near, 0)])) % 2**32
        data[at : at + 4] = struct.pack(">I", length)


def _swap_chunks(data: bytearray, generator: np.random.Generator) -> None:
    starts = [*_chunks(data), len(data)]
    parts = [bytes(data[a:b]) for a, b in itertools.pairwise(starts)]
    order = generator.permutation(len(parts))
    data[starts[0] :] = b"".join(parts[index] for index in order)


def _huge_number(data: bytearray, generator: np.random.Generator) -> None:
    """A delta, or the length of a text, that is as large as can be written, or larger."""
    at = int(generator.integers(len(data)))
    data[at:at] = NUMBERS[int(generator.integers(len(NUMBERS)))]


def _odd_meta(data: bytearray, generator: np.random.Generator) -> None:
    """A meta event of a length that its kind does not have, or no tempo at all."""
    at = int(generator.integers(len(data)))
    length = int(generator.choice([0, 1, 2, 3, 4, 127]))
    kind = int(generator.choice([0x2F, 0x51, 0x54, 0x58, 0x59]))
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
        generator = np.random.default_rng([seed, index])
        if originals:
            content = originals[int(generator.integers(len(originals)))]
        else:
            content = whole_file(generator)
        yield mutant(content, generator)
