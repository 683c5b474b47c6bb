"""Which event ends which note: small files, made byte by byte, with the notes that are right."""

import numpy as np
import pytest

from neuralmusic.midi import MidiError, read_midi
from tests.bytes_made import END, chunk, controller, midi, number, off, on, pedal, tempo
from tests.played import rows

LONG = number(960) + END[1:]
NOTE = on(0, 60) + off(480, 60)
PORT_1 = b"\x00\xff\x21\x01\x01"
RMID = b"RIFF" + (12 + len(midi(NOTE + END))).to_bytes(4, "little") + b"RMID"
MACBINARY = b"\0\x05a.mid".ljust(128, b"\0")
BOTH = midi(NOTE + END, on(0, 64) + off(480, 64) + END)

# What is right of each: (onset, offset, pitch).
CASES = {
    "a repeated note whose note-ons come before the note-offs of the same tick": (
        midi(
            on(0, 60) + on(480, 60) + off(0, 60) + on(480, 60) + off(0, 60) + off(480, 60) + END,
        ),
        [(0, 0.5, 60), (0.5, 1, 60), (1, 1.5, 60)],
    ),
    "two hands of one channel: one strikes the key as the other lets it go": (
        midi(tempo(0, 500_000) + END, on(480, 60) + off(480, 60) + END, NOTE + END),
        [(0, 0.5, 60), (0.5, 1, 60)],
    ),
    "two hands of one channel in unison": (
        midi(tempo(0, 500_000) + END, on(0, 60) + off(1920, 60) + END, NOTE + END),
        [(0, 0.5, 60), (0, 2, 60)],
    ),
    "a note of no length, then the key is struck again at the same tick": (
        midi(on(0, 60) + off(0, 60) + on(0, 60) + off(480, 60) + on(480, 60) + off(480, 60) + END),
        [(0, 0, 60), (0, 0.5, 60), (1, 1.5, 60)],
    ),
    "notes of no length, whose next ones have note-offs of their own": (
        midi(on(0, 60) + off(0, 60) + on(480, 60) + off(0, 60) + on(480, 60) + off(480, 60) + END),
        [(0, 0, 60), (0.5, 0.5, 60), (1, 1.5, 60)],
    ),
    "a note-off before its note of no length: the note lasts to the next strike": (
        midi(on(0, 60, 0) + on(0, 60) + on(480, 60) + on(480, 60, 0) + END),
        [(0, 0.5, 60), (0.5, 1, 60)],
    ),
    "a note-off before its note of no length, which no strike follows": (
        midi(off(480, 60) + on(0, 60) + LONG),
        [(0.5, 0.5, 60)],
    ),
    "a note-off said twice ends no note that begins then": (
        midi(on(0, 60) + on(480, 60) + off(0, 60) + off(0, 60) + off(480, 60) + END),
        [(0, 0.5, 60), (0.5, 1, 60)],
    ),
    "one channel spread over tracks": (
        midi(on(0, 60) + END, off(480, 60) + on(0, 62) + END, off(960, 62) + END),
        [(0, 0.5, 60), (0.5, 1, 62)],
    ),
    "another track's note-off ends no note that its own track lets go": (
        midi(on(0, 60) + off(960, 60) + END, off(480, 60) + LONG),
        [(0, 1, 60)],
    ),
    "a note-off of another channel ends nothing": (
        midi(on(0, 60) + END, off(480, 60, 1) + LONG),
        [(0, 1.5, 60)],
    ),
    # The oldest note is ended, which its own track never lets go.
    "notes of two tracks that a third lets go": (
        midi(on(0, 60) + END, on(240, 60) + END, off(480, 60) + off(480, 60) + END),
        [(0, 0.5, 60), (0.25, 1, 60)],
    ),
    "a port has keys of its own": (
        midi(
            on(0, 60)
            + PORT_1
            + on(240, 60)
            + off(240, 60)
            + b"\x00\xff\x21\x01\x00"
            + off(240, 60)
            + END
        ),
        [(0, 0.75, 60), (0.25, 0.5, 60)],
    ),
    "first in, first out": (
        midi(
            on(0, 60) + on(240, 60) + on(240, 60) + off(240, 60) + off(240, 60) + off(240, 60) + END
        ),
        [(0, 0.75, 60), (0.25, 1, 60), (0.5, 1.25, 60)],
    ),
    # Its note-off is lost. Were the next one to end it, every later note were too long.
    "a note that is never let go ends where its key is struck again": (
        midi(on(0, 60) + (on(480, 60) + off(240, 60)) * 3 + END),
        [(0, 0.5, 60), (0.5, 0.75, 60), (1.25, 1.5, 60), (2, 2.25, 60)],
    ),
    "two notes of one tick with one note-off": (
        midi(on(0, 60) + on(0, 60) + off(480, 60) + LONG),
        [(0, 0.5, 60), (0, 0.5, 60)],
    ),
    # Nothing says when 60 ends. The end of the file is what a player does; other readers drop it.
    "a note that is never let go or struck again ends with the file": (
        midi(on(0, 60) + on(480, 64) + on(480, 64, 0) + number(480) + END[1:]),
        [(0, 1.5, 60), (0.5, 1, 64)],
    ),
    "controller 123 ends what sounds": (
        midi(
            on(0, 60) + on(0, 64) + controller(480, 123) + on(480, 67) + off(480, 67) + LONG,
        ),
        [(0, 0.5, 60), (0, 0.5, 64), (1, 1.5, 67)],
    ),
    "what is silenced needs no note-off, and nothing else is ended by it": (
        midi(
            on(0, 60)
            + on(0, 60, channel=1)
            + controller(480, 120)
            + on(0, 60)
            + off(480, 60)
            + off(480, 60, 1)
            + END
        ),
        [(0, 0.5, 60), (0, 1.5, 60), (0.5, 1, 60)],
    ),
    "a clock byte, then another metre": (
        midi(
            b"\x00\xff\x58\x04\x04\x02\x18\x08"
            + b"\x00\xf8"
            + number(1920)
            + b"\xff\x58\x04\x03\x02\x18\x08"
            + on(0, 60)
            + off(480, 60)
            + END
        ),
        [(2, 2.5, 60)],
    ),
    "an empty tempo event": (midi(b"\x00\xff\x51\x00" + NOTE + END), [(0, 0.5, 60)]),
    "ticks of a millisecond": (
        midi(tempo(0, 1000) + on(0, 60) + off(500, 60) + END, division=1),
        [(0, 0.5, 60)],
    ),
    "wrapped in RIFF": (
        RMID + b"data" + len(midi(NOTE + END)).to_bytes(4, "little") + midi(NOTE + END),
        [(0, 0.5, 60)],
    ),
    "wrapped in RIFF, after another chunk of an odd length": (
        RMID + b"DISP\x03\0\0\0abc\0" + b"data\0\0\0\0" + midi(NOTE + END) + b"LIST\xff\0\0\0x",
        [(0, 0.5, 60)],
    ),
    "wrapped in MacBinary": (MACBINARY + midi(NOTE + END) + bytes(90), [(0, 0.5, 60)]),
    "a track shorter than its length": (
        midi(count=2) + chunk(NOTE + END, length=16) + chunk(on(0, 64) + off(480, 64) + END),
        [(0, 0.5, 60), (0, 0.5, 64)],
    ),
    "a track longer than its length": (
        midi(count=2) + chunk(NOTE + END, length=7) + chunk(on(0, 64) + off(480, 64) + END),
        [(0, 0.5, 60), (0, 0.5, 64)],
    ),
    "a track longer than its length, which ends an event": (
        midi(count=1) + chunk(NOTE + END, length=4),
        [(0, 0.5, 60)],
    ),
    "more tracks than the header says": (
        BOTH[:10] + b"\0\1" + BOTH[12:],
        [(0, 0.5, 60), (0, 0.5, 64)],
    ),
    "a second file after the first": (midi(NOTE + END) + midi(on(0, 61)), [(0, 0.5, 60)]),
    "zeros after the last track": (midi(NOTE + END) + bytes(1000), [(0, 0.5, 60)]),
}
# The same with the sustain pedal.
PEDALLED = {
    "controller 121 lifts the pedal": (
        midi(pedal(0, 127) + NOTE + controller(480, 121) + number(1920) + END[1:]),
        [(0, 1, 60)],
    ),
    "controller 123 is a note-off of every key: the pedal holds on": (
        midi(pedal(0, 127) + on(0, 60) + controller(480, 123) + pedal(480, 0) + LONG),
        [(0, 1, 60)],
    ),
    "controller 120 silences what the pedal holds": (
        midi(pedal(0, 127) + NOTE + controller(240, 120) + pedal(480, 0) + LONG),
        [(0, 0.75, 60)],
    ),
    "a held note ends where another track strikes its key": (
        midi(pedal(0, 127) + NOTE + LONG, on(720, 60) + off(480, 60) + LONG),
        [(0, 0.75, 60), (0.75, 2.25, 60)],
    ),
    "notes of one key that overlap are not shorter under the pedal": (
        midi(pedal(0, 127) + on(0, 60) + on(240, 60) + off(240, 60) + off(240, 60) + pedal(240, 0)),
        [(0, 0.5, 60), (0.25, 1, 60)],
    ),
    "a pedal is that of its port": (
        midi(PORT_1 + pedal(0, 127) + NOTE + LONG, NOTE + LONG),
        [(0, 0.5, 60), (0, 1.5, 60)],
    ),
}


def read(folder, content: bytes, **settings):
    (folder / "a.mid").write_bytes(content)
    return read_midi(folder / "a.mid", **settings)


@pytest.mark.parametrize("name", CASES)
def test_notes_are_those_that_are_meant(name, tmp_path):
    content, expected = CASES[name]
    assert rows(read(tmp_path, content)) == expected
    assert rows(read(tmp_path, content, time="beats"))  # and are the same but for the tempo
    # Without a pedal nothing changes.
    assert rows(read(tmp_path, content, sustain_pedal=True)) == expected


@pytest.mark.parametrize("name", PEDALLED)
def test_notes_under_the_pedal(name, tmp_path):
    content, expected = PEDALLED[name]
    assert rows(read(tmp_path, content, sustain_pedal=True)) == expected


def test_drums_alone_are_rejected(tmp_path):
    with pytest.raises(MidiError, match="only drums"):
        read(tmp_path, midi(on(0, 36, channel=9) + off(480, 36, 9) + END))


@pytest.mark.parametrize("seed", range(5))
def test_whole_music_is_paired_first_in_first_out_in_every_key(seed, tmp_path):
    """Of random notes that are all let go, however they overlap, in two tracks and channels."""
    generator = np.random.default_rng(seed)
    tracks, expected = [], []
    for _ in range(2):
        events = []
        for channel in range(2):
            for pitch in (60, 61):
                onsets = np.sort(generator.choice(2000, 40, replace=False))
                offsets = np.sort(onsets + generator.integers(1, 200, 40))
                expected += [
                    (a / 960, b / 960, pitch) for a, b in zip(onsets, offsets, strict=True)
                ]
                events += [(tick, on(0, pitch, 64, channel)[1:]) for tick in onsets]
                events += [(tick, off(0, pitch, channel)[1:]) for tick in offsets]
        # In any order within a tick, but that no note ends before it begins.
        events = [events[i] for i in generator.permutation(len(events))]
        now, track = 0, b""
        for tick, event in sorted(events, key=lambda event: event[0]):
            track += number(int(tick) - now) + event
            now = int(tick)
        tracks.append(track + END)
    found = read(tmp_path, midi(*tracks))
    assert np.allclose(sorted(rows(found)), sorted(expected))
