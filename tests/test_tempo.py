"""The tempo maps of MIDI files: means worked by hand, and files that are broken."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest

from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList
from neuralmusic.tempo import Tempo, read_tempo, tempo_of
from tests.described import midi

CHORD = NoteList.of([(0, 4, 60, 80), (1, 3, 64, 80)], 8.0)


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


def test_broken_files_have_no_tempo_or_that_before_the_damage(here):
    content = midi([(0, 60), (480, None), (480, 120), (480, None)])
    whole = tempo_of(content)
    assert whole is not None and whole.changes == 1
    for end in range(len(content)):
        found = tempo_of(content[:end])
        assert found is None or 60 <= found.quarters_per_minute <= 120
    assert read_tempo(Path("none.mid")) is None
    assert tempo_of(b"no music") is None
    in_frames = content[:12] + b"\xe7\x28" + content[14:]
    assert tempo_of(in_frames) is None
    generator = np.random.default_rng(1)
    for _ in range(300):  # whatever the bytes are, there is an answer
        tempo_of(content[:22] + generator.bytes(60))
