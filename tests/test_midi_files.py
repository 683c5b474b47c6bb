"""MIDI files as bytes made by hand: what a good sequencer reads, and what nobody can."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from benchmarks import fuzz_midi, midi_mutants
from neuralmusic import prepare
from neuralmusic.bars import bars_of
from neuralmusic.fetch import fetch
from neuralmusic.files import InputError
from neuralmusic.midi import MidiError, read_midi
from neuralmusic.midi_bytes import read_bytes
from neuralmusic.notes import NoteList, load_notes
from neuralmusic.tempo import tempo_of
from tests import bad_reader
from tests.bytes_made import END, chunk, midi, number, off, on, pedal, tempo
from tests.fetching import rejected
from tests.played import rows


@pytest.fixture
def read(tmp_path):
    """What is read of bytes."""

    def reading(content: bytes, **settings):
        (tmp_path / "a.mid").write_bytes(content)
        return read_midi(tmp_path / "a.mid", **settings)

    return reading


NOTE = on(0, 60) + off(480, 60)


def test_format_0(read):
    piece = read(midi(NOTE + END))
    assert (rows(piece), piece.velocity.tolist()) == ([(0, 0.5, 60)], [64])


def test_format_1_plays_tracks_together(read):
    piece = read(midi(tempo(480, 250_000) + END, NOTE + END, on(240, 67) + off(480, 67) + END))
    assert rows(piece) == [(0, 0.5, 60), (0.25, 0.625, 67)]


def test_format_2_plays_tracks_one_after_another(read):
    """Each with its own tempo, pedal and end; the first one's notes do not sound on."""
    first = tempo(0, 1_000_000) + pedal(0, 127) + on(0, 60) + number(480) + END[1:]
    second = on(0, 60) + off(480, 60) + number(480) + END[1:]
    piece = read(midi(first, second, NOTE + END, form=2), sustain_pedal=True)
    assert rows(piece) == [(0, 1, 60), (1, 1.5, 60), (2, 2.5, 60)]
    assert piece.length_seconds == 2.5


@pytest.mark.parametrize("time", ["seconds", "beats"])
@pytest.mark.parametrize("frames, second", [(25, 1.0), (24, 1.0), (30, 1.0), (29, 1.001)], ids=str)
def test_smpte_time_counts_frames_and_no_tempo(frames, second, time, read):
    division = (0x100 - frames) << 8 | 40
    ticks = 40 * (30 if frames == 29 else frames)  # of 29.97 frames, a second and a thousandth
    content = midi(tempo(0, 250_000) + on(ticks, 60) + off(ticks, 60) + END, division=division)
    piece = read(content, time=time)
    assert piece.onset_seconds.tolist() == pytest.approx([second])
    assert piece.offset_seconds.tolist() == pytest.approx([2 * second])


def test_running_status_goes_on_across_meta_and_system_events(read):
    track = on(0, 60) + b"\x60\x3c\x00"  # velocity 0, without a status
    track += b"\x00\xff\x01\x02hi" + b"\x00\x3e\x40"  # a text, then another note-on
    track += b"\x00\xf0\x03\x01\x02\xf7" + b"\x60\x3e\x00"  # a system exclusive message
    track += b"\x00\xf8" + b"\x00\x40\x40" + b"\x60\x40\x00"  # a clock
    assert rows(read(midi(track, division=96))) == [(0, 0.5, 60), (0.5, 1, 62), (1, 1.5, 64)]


def test_what_makes_no_note_is_skipped(read):
    track = b"\x00\xc0\x05" + b"\x00\xd0\x05" + b"\x00\xe0\x00\x40" + b"\x00\xa0\x3c\x05"
    track += b"\x00\xb0\x07\x64" + b"\x00\xff\x59\x02\x50\x09"  # a key signature of no key
    track += b"\x00\xf7\x81\x00" + bytes(128) + b"\x00\xff\x7f\x00" + b"\x00\xf2\x01\x02"
    assert rows(read(midi(track + NOTE + END))) == [(0, 0.5, 60)]


def test_chunks_of_other_names_are_skipped(read):
    content = midi(NOTE + END)
    content = content[:14] + chunk(b"whatever", b"XFIH") + content[14:] + b"and what follows"
    assert rows(read(content)) == [(0, 0.5, 60)]


def test_a_longer_header_is_skipped(read):
    content = midi(NOTE + END)
    assert rows(read(content[:7] + b"\x08" + content[8:14] + b"\0\0" + content[14:])) == [
        (0, 0.5, 60)
    ]


def test_hundreds_of_tempo_changes(read):
    """A quarter of 500, 501, ... ms each; the note sounds through all of them."""
    track = on(0, 60) + b"".join(tempo(480 if i else 0, 500_000 + 1000 * i) for i in range(700))
    piece = read(midi(track + off(480, 60) + END))
    assert piece.offset_seconds[0] == pytest.approx(sum(0.5 + 0.001 * i for i in range(700)))
    assert rows(read(midi(track + off(480, 60) + END), time="beats")) == [(0, 350, 60)]


def test_the_last_of_several_tempi_at_one_tick_counts(read):
    track = tempo(0, 125_000) + tempo(0, 1) + tempo(0, 1_000_000)
    assert rows(read(midi(track + NOTE + END))) == [(0, 1, 60)]


def test_overlapping_notes_of_one_pitch(read):
    """The first note-off ends the first; other channels have keys of their own."""
    track = on(0, 60, 10) + on(480, 60, 20) + off(480, 60) + off(480, 60) + END
    other = on(240, 60, 30, channel=1) + off(960, 60, channel=1) + END
    piece = read(midi(track, other))
    assert rows(piece) == [(0, 1, 60), (0.25, 1.25, 60), (0.5, 1.5, 60)]
    assert piece.velocity.tolist() == [10, 30, 20]


def test_notes_never_ended_end_with_the_file_and_not_with_their_track(read):
    piece = read(midi(on(0, 60) + END, on(0, 62) + off(960, 62) + END))
    assert rows(piece) == [(0, 1, 60), (0, 1, 62)]


def test_a_missing_end_of_track_is_no_fault(read):
    assert rows(read(midi(NOTE))) == [(0, 0.5, 60)]
    assert rows(read(midi(NOTE, on(0, 62) + off(480, 62)))) == [(0, 0.5, 60), (0, 0.5, 62)]


def test_what_follows_the_end_of_track_is_not_read(read):
    assert rows(read(midi(NOTE + END + on(0, 70) + b"\xf5\xf5"))) == [(0, 0.5, 60)]


def test_a_track_whose_length_is_too_large_is_whole_where_it_ends(read):
    content = midi(count=1) + chunk(NOTE + END, length=2**31)
    assert rows(read(content)) == [(0, 0.5, 60)]


def test_a_pedal_on_several_channels(read):
    """Channel 0 is held to 2 s, channel 1 to the next onset at 1 s, channel 2 has none."""
    track = pedal(0, 127) + pedal(0, 64, 1)
    track += b"".join(on(0, 60, channel=c) for c in range(3))
    track += b"".join(off(480 if c == 0 else 0, 60, c) for c in range(3))  # at 0.5 s
    track += on(480, 60, channel=1) + off(0, 60, 1)  # at 1 s, of no length but for the pedal
    track += pedal(480, 63, 1) + pedal(480, 0) + END  # at 1.5 s and 2 s
    piece = read(midi(track), sustain_pedal=True)
    assert sorted(rows(piece)) == [(0, 0.5, 60), (0, 1, 60), (0, 2, 60), (1, 1.5, 60)]
    plain = read(midi(track))
    assert sorted(rows(plain)) == [(0, 0.5, 60), (0, 0.5, 60), (0, 0.5, 60), (1, 1, 60)]


def test_a_pedal_never_let_up_holds_to_the_end(read):
    track = pedal(0, 127) + NOTE + number(480) + END[1:]
    assert rows(read(midi(track), sustain_pedal=True)) == [(0, 1, 60)]


def test_a_file_of_20000_notes(read):
    count = 20_000
    track = b"".join(on(0, 21 + i % 88, 1 + i % 127) + off(48, 21 + i % 88) for i in range(count))
    piece = read(midi(track + END))
    assert len(piece) == count
    assert piece.pitch.tolist() == [21 + i % 88 for i in range(count)]
    assert np.allclose(piece.onset_seconds, np.arange(count) * 0.05)
    assert np.allclose(piece.offset_seconds, np.arange(1, count + 1) * 0.05)


def test_a_data_byte_over_127_counts_as_127(read):
    piece = read(midi(on(0, 60, 200) + off(480, 60) + END))
    assert piece.velocity.tolist() == [127]


DRUMS = on(0, 36, channel=9) + off(480, 36, channel=9) + END
WHOLE = midi(NOTE + END, NOTE + END)
CUT = "truncated ("
DAMAGED = "damaged ("
NO_FILE = "no MIDI file ("
REJECTED = {
    "nothing": (b"", NO_FILE),
    "a letter": (b"dear diary", NO_FILE),
    "a header cut": (WHOLE[:10], CUT),
    "a header alone": (WHOLE[:14], CUT),
    "a chunk's header cut": (WHOLE[:20], CUT),
    "a delta alone": (WHOLE[: 22 + 5], CUT),
    "within an event": (WHOLE[: 22 + 6], CUT),
    "between events": (WHOLE[: 22 + 4], CUT),
    "a track missing": (midi(NOTE + END, count=2), CUT),
    "the last byte": (WHOLE[:-1], CUT),
    "tracks of another name": (WHOLE.replace(b"MTrk", b"XXXX"), CUT),
    "a delta of five bytes": (midi(b"\x80\x80\x80\x80\x00" + NOTE[1:]), DAMAGED),
    "no status": (midi(b"\x00\x3c\x40"), DAMAGED),
    "an unknown status": (midi(b"\x00\xf5" + NOTE), DAMAGED),
    "a short track": (midi(count=1) + chunk(NOTE, length=6), DAMAGED),
    "a short track before another": (midi(count=2) + chunk(NOTE, length=6) + chunk(END), DAMAGED),
    "a second track cut": (midi(NOTE + END, count=1) + chunk(NOTE, length=99), CUT),
    "too many tracks": (midi(*[b""] * 65_536, count=1), "damaged (more than 65535 tracks)"),
    "a wrapping without a file": (b"RIFF\x04\0\0\0RMID", NO_FILE),
    "a wrapped letter": (b"RIFF\x0c\0\0\0RMIDdata\x04\0\0\0dear", NO_FILE),
    "a text too long": (midi(NOTE + b"\x00\xff\x01\x7fhi", NOTE), DAMAGED),
    "an exclusive too long": (midi(NOTE + b"\x00\xf0\x7fhi", NOTE), DAMAGED),
    "a tempo of two bytes": (midi(b"\x00\xff\x51\x02\x01\x02" + NOTE), DAMAGED),
    "another format": (midi(NOTE, form=3), DAMAGED),
    "31 frames": (midi(NOTE, division=0xE128), DAMAGED),
    "division": (midi(NOTE, division=0), "division of zero"),
    "ticks of a frame": (midi(NOTE, division=0xE700), "division of zero"),
    "no track": (midi(), "no notes"),
    "no event": (midi(END), "no notes"),
    "no byte in a track": (midi(b"", b""), "no notes"),
    "note-offs": (midi(off(0, 60) + on(9, 60, 0) + END), "no notes"),
    "drums": (midi(DRUMS), "only drums"),
    "drum note-offs": (midi(off(0, 60, 9) + on(0, 60, 0, 9) + END), "no notes"),
    "days": (midi(on(0, 60) + off(2**27, 60) + END), "lasts 39 hours, over the limit of 12"),
    "days in all": (midi(*[on(0, 60) + off(2**25, 60)] * 9, form=2), "lasts 87 hours"),
    "a tempo": (
        midi(tempo(0, 1000) + NOTE + END),
        "tempo of 60000 quarters a minute, over the limit of 3000",
    ),
    "no time": (midi(tempo(0, 0) + NOTE + END), "tempo of 60000000 quarters a minute"),
}


@pytest.mark.parametrize("count", [20_000, 200_000])
def test_time_grows_with_the_size_of_a_hostile_file_alone(count, read):
    """All that is read in a row: quadratic time, or no bound to a number, would not end here."""
    metre, numbers = b"\x01\xff\x58\x02\x01\x06", b"\xff" * count
    for track in (
        on(0, 60) + metre * count + off(1, 60),
        on(0, 60) + tempo(1, 65_536) * count + off(1, 60),
        on(1, 60) * count,
        off(1, 60) * count + on(0, 60),
        (on(1, 60) + off(0, 60) + off(0, 60)) * count,
    ):
        parsed = read_bytes(midi(track + END))
        assert tempo_of(parsed) is not None
        bars = bars_of(parsed)
        assert bars is not None and len(bars.edges_seconds(9.0)) > 1
        assert len(read(midi(track + END), time="beats", sustain_pedal=True)) >= 1
    with pytest.raises(MidiError, match="a number of more than four bytes"):
        read(midi(numbers))


@pytest.mark.parametrize("name", REJECTED)
def test_each_fault_has_its_reason(name, read):
    content, reason = REJECTED[name]
    with pytest.raises(MidiError) as raised:
        read(content)
    assert str(raised.value).startswith(reason)


def test_a_tempo_that_is_not_asked_for_or_plays_nothing_is_no_fault(read):
    assert rows(read(midi(tempo(0, 1000) + NOTE + END), time="beats")) == [(0, 0.5, 60)]
    assert rows(read(midi(NOTE + tempo(0, 1000) + END))) == [(0, 0.5, 60)]


def test_every_beginning_of_a_file_is_rejected(read):
    """But for what is only cut of its last end-of-track event, nothing is read in part."""
    for length in range(len(WHOLE)):
        with pytest.raises(MidiError, match=r"^(truncated|no MIDI file) \("):
            read(WHOLE[:length])


# A corpus of them


def corpus(folder, contents: dict[str, bytes]):
    """What `fetch` made of files."""
    (folder / "music").mkdir(parents=True)
    for name, content in contents.items():
        (folder / "music" / name).write_bytes(content)
    (folder / "raw").mkdir()
    fetch({"source": "folder", "path": str(folder / "music")}, folder / "raw", 1)
    return folder / "raw"


PARAMS = {"dataset": "mine", "time": "seconds", "sustain_pedal": True}


def test_a_corpus_of_faults_costs_the_faulty_files_and_has_the_same_bytes(tmp_path):
    files = {f"{i:02}.mid": content for i, (content, _) in enumerate(REJECTED.values())}
    good = {f"{i:02}+.mid": midi(on(0, 30 + i) + off(480, 30 + i) + END) for i in range(40)}
    raw = corpus(tmp_path, files | good | {"copy.mid": good["07+.mid"]})
    for workers in (1, 2, 5):
        prepare.convert(PARAMS, raw, tmp_path / str(workers), workers)
    reasons = rejected(tmp_path / "1")
    assert list(load_notes(tmp_path / "1" / "notes.npz")) == sorted(good)
    assert list(reasons) == [*sorted(files), "copy.mid"]
    for file, (_, reason) in zip(sorted(files), REJECTED.values(), strict=True):
        assert reasons[file].startswith(reason)
    for name in ("notes.npz", "rejected.csv"):
        one, *others = ((tmp_path / str(w) / name).read_bytes() for w in (1, 2, 5))
        assert others == [one, one]


def test_a_file_that_hangs_or_ends_its_reader_is_rejected(tmp_path, monkeypatch):
    names = ["a.mid", "b.mid", "c.mid", "d.mid"]
    raw = corpus(tmp_path, dict.fromkeys(names, midi(NOTE + END)))
    monkeypatch.setattr(prepare, "read_packed", bad_reader.read_packed)
    monkeypatch.setattr(prepare, "SECONDS_A_FILE", 1)
    prepare.convert(PARAMS, raw, tmp_path / "out", 2)
    assert list(load_notes(tmp_path / "out" / "notes.npz")) == ["d.mid"]
    assert rejected(tmp_path / "out") == {
        "a.mid": "took longer than 1 seconds",
        "b.mid": "ended the process that read it (code -6)",
        "c.mid": "failed (PermissionError: not yours)",
    }
    (raw / "d.mid").write_bytes(bytes(len(midi(NOTE + END))))
    with pytest.raises(InputError, match="no file of mine can be used"):
        prepare.convert(PARAMS, raw, tmp_path / "none", 1)
    (raw / "d.mid").unlink()
    with pytest.raises(InputError, match=r"manifest\.csv is damaged: 'd\.mid' is not there"):
        prepare.convert(PARAMS, raw, tmp_path / "gone", 1)


PEAK = """
import pathlib, re, sys
from benchmarks import fuzz_midi, midi_mutants
from neuralmusic import prepare
if __name__ == "__main__":
    params = {"dataset": "mine", "time": "seconds", "sustain_pedal": True}
    prepare.convert(params, *map(pathlib.Path, sys.argv[1:]), workers=2)
    status = pathlib.Path("/proc/self/status").read_text()
    print(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no peak of memory is told")
def test_memory_does_not_grow_with_the_number_of_files(tmp_path):
    """800 more files of 5,000 notes would be 80 MB of notes in memory."""
    track = b"".join(on(1, 21 + i % 88) + off(1, 21 + i % 88) for i in range(5000)) + END
    (tmp_path / "peak.py").write_text(PEAK)
    peaks = []
    for count in (100, 900):
        folder = tmp_path / str(count)
        raw = corpus(
            folder, {f"{i}.mid": midi(on(i, 60) + off(1, 60) + track) for i in range(count)}
        )
        command = [sys.executable, str(tmp_path / "peak.py"), str(raw), str(folder / "out")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
        assert len(load_notes(folder / "out" / "notes.npz")) == count
    assert peaks[1] < peaks[0] + 20_000


# Damage by chance: benchmarks/fuzz_midi.py does the same to 20,000 files.


def test_undamaged_files_are_read(read):
    """But for what the seeds make empty or days long."""
    for index in range(100):
        content = midi_mutants.whole_file(Random(index))
        try:
            assert fuzz_midi.fault_of(read(content)) is None
        except MidiError as error:
            assert str(error).startswith(("no notes", "only drums", "lasts "))


def test_damaged_files_are_read_or_rejected(tmp_path):
    contents = list(midi_mutants.mutants(300, seed=3))
    assert contents == list(midi_mutants.mutants(300, seed=3))
    names = [f"{index:03}.mid" for index in range(len(contents))]
    for name, content in zip(names, contents, strict=True):
        (tmp_path / name).write_bytes(content)
    assert fuzz_midi.read_here(tmp_path, names, 5.0) == {}
    assert fuzz_midi.convert_all(tmp_path, names, tmp_path / "out") == {}
    assert len(load_notes(tmp_path / "out" / "notes.npz")) > 30


def test_fuzzing_says_what_fails(tmp_path, monkeypatch, capsys):
    good = NoteList.of([(0, 1, 60, 64), (1, 2, 62, 64)])
    assert fuzz_midi.fault_of(good) is None
    for fault, changed in {
        "times that are not finite": {"onset_seconds": np.array([0, np.nan])},
        "a negative onset": {"onset_seconds": np.array([-1.0, 1])},
        "a note that ends before it begins": {"offset_seconds": np.array([1, 0.5])},
        "a note after the end": {"length_seconds": 1.5},
        "notes out of order": {"onset_seconds": np.array([0.7, 0.5])},
        "a pitch": {"pitch": np.array([60, 128])},
        "a velocity": {"velocity": np.array([0, 64])},
    }.items():
        assert fuzz_midi.fault_of(replace(good, **changed)) == fault
    monkeypatch.setattr(fuzz_midi, "read_midi", lambda *_: 1 / 0)
    out = tmp_path / "failures"
    assert fuzz_midi.main(["--files", "60", "--out", str(out)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert [path.name for path in sorted(out.iterdir())] == [f"{i:06}.mid" for i in range(60)]
