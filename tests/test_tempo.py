"""The tempo maps of MIDI files: means worked by hand, and files that are broken."""

from __future__ import annotations

from pathlib import Path

import mido
import pytest

from neuralmusic.midi_bytes import read_bytes
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList
from neuralmusic.tempo import Tempo, read_tempo
from neuralmusic.tempo import tempo_of as of_parsed
from tests.bytes_made import END, off, on, tempo
from tests.bytes_made import midi as made
from tests.described import midi

CHORD = NoteList.of([(0, 4, 60, 80), (1, 3, 64, 80)], 8.0)


def tempo_of(content: bytes) -> Tempo | None:
    return of_parsed(read_bytes(content))


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tempo_is_the_mean_over_time_not_over_quarters(here):
    # Four quarters at 60, which are 4 s, and four at 120, which are 2 s: 8 quarters in 6 s.
    content = midi([(0, 60), (4 * 480, 120), (4 * 480, None)])
    assert tempo_of(content) == Tempo(80.0, 1, True)


def test_tempos_are_of_all_tracks_and_a_repeated_one_is_no_change(here):
    # 60 from the start, said again after a quarter; another track is at 120 after two.
    content = midi([(0, 60), (480, 60)], [(2 * 480, 120), (2 * 480, None)])
    assert tempo_of(content) == Tempo(pytest.approx(4 / 3 * 60), 1, True)
    later = midi([(480, 60), (480, None)])  # at MIDI's 120 before: two quarters in 1.5 s
    assert tempo_of(later) == Tempo(pytest.approx(80.0), 1, True)


def test_a_file_without_a_tempo_is_at_120_and_one_without_time_at_its_own(here):
    assert tempo_of(midi([(480, None)])) == Tempo(120.0, 0, False)
    assert tempo_of(midi([(0, 75)])) == Tempo(75.0, 0, True)


def test_files_of_the_project_say_120(here):
    write_midi(Path("a.mid"), CHORD)
    assert read_tempo(Path("a.mid")) == Tempo(120.0, 0, True)


def test_tempo_among_all_kinds_of_events(here):
    track = mido.MidiTrack(
        [
            mido.MetaMessage("track_name", name="x" * 200, time=3),  # a length of two bytes
            mido.Message("sysex", data=range(100), time=2),
            mido.Message("program_change", program=3, time=1),
            mido.Message("pitchwheel", pitch=5, time=4),
            mido.Message("note_on", note=1, velocity=1, time=5),
            mido.Message("note_on", note=2, velocity=1, time=400),  # of running status
            mido.MetaMessage("set_tempo", tempo=1_000_000, time=65),
            mido.Message("aftertouch", value=7, time=480),
        ]
    )
    file = mido.MidiFile(tracks=[track], ticks_per_beat=480)
    file.save("a.mid")
    assert read_tempo(Path("a.mid")) == Tempo(pytest.approx(2 * 480 * 60 / 480 / 1.5), 1, True)
    assert file.length == pytest.approx(1.5)


def test_tracks_of_format_2_follow_each_other(here):
    # Four quarters at 60, then two at 120 that the second track does not state.
    content = bytearray(midi([(0, 60), (4 * 480, None)], [(2 * 480, None)]))
    content[9] = 2
    assert tempo_of(bytes(content)) == Tempo(pytest.approx(6 / 5 * 60), 0, True)


def test_what_cannot_be_read_has_no_tempo(here):
    content = midi([(0, 60), (480, None), (480, 120), (480, None)])
    Path("a.mid").write_bytes(content)
    assert read_tempo(Path("a.mid")) == Tempo(pytest.approx(72.0), 1, True)
    Path("a.mid").write_bytes(content[:-9])
    assert read_tempo(Path("a.mid")) is None
    assert read_tempo(Path("none.mid")) is None
    in_frames = content[:12] + b"\xe7\x28" + content[14:]
    assert tempo_of(in_frames) is None


def test_a_clock_byte_and_an_empty_tempo_end_nothing(here):
    track = tempo(0, 500_000) + b"\x00\xf8" + b"\x00\xff\x51\x00" + tempo(480, 1_000_000)
    assert tempo_of(made(track + on(0, 60) + off(480, 60) + END)) == Tempo(
        pytest.approx(80.0), 1, True
    )
