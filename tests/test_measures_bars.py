"""The bars of scores, and what is measured in them, by hand."""

from __future__ import annotations

import io
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest

from neuralmusic.bars import Bars
from neuralmusic.bars import bars_of as of_parsed
from neuralmusic.measures import bars as measures
from neuralmusic.midi import read_midi
from neuralmusic.midi_bytes import read_bytes
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList

FOUR_FOUR = Bars.of([])
# Bars of 2 s. The first: C4 E4 C4 on its first three quarters; the second: G4 on the first and the
# third; the third is silent; the fourth: C5 on the second. Every note is a quarter, 0.5 s.
TUNE = NoteList.of(
    [(t, t + 0.5, p, 80) for t, p in [(0, 60), (0.5, 64), (1, 60), (2, 67), (3, 67), (6.5, 72)]],
    8.0,
)
SILENCE = NoteList.of([], 8.0)
NOTHING = NoteList.of([])


def file_of(*tracks: list[tuple[int, int, int]], kind: int = 1, end: int = 0) -> bytes:
    """A MIDI file of signatures (delta ticks, numerator, denominator), a track a list."""
    made = mido.MidiFile(ticks_per_beat=480, type=kind)
    for signatures in tracks:
        track = mido.MidiTrack()
        made.tracks.append(track)
        for delta, numerator, denominator in signatures:
            said = {"numerator": numerator, "denominator": denominator}
            track.append(mido.MetaMessage("time_signature", time=delta, **said))
        track.append(mido.Message("note_on", note=60, velocity=80, time=0))
        track.append(mido.Message("note_off", note=60, time=end))
    stream = io.BytesIO()
    made.save(file=stream)
    return stream.getvalue()


def bars_of(content: bytes) -> Bars | None:
    return of_parsed(read_bytes(content))


def edges(content: bytes, length_seconds: float) -> list[float]:
    found = bars_of(content)
    assert found is not None
    return found.edges_seconds(length_seconds).tolist()


# Where bars are.


def test_bars_of_one_metre():
    assert edges(file_of([(0, 3, 4)]), 4.0) == [0, 1.5, 3, 4.5]
    assert edges(file_of([(0, 6, 8)]), 3.0) == [0, 1.5, 3]
    assert edges(file_of([(0, 2, 2)]), 2.0) == [0, 2]


def test_a_file_that_states_none_is_in_4_4():
    assert edges(file_of([]), 8.0) == [0, 2, 4, 6, 8]
    assert FOUR_FOUR.edges_seconds(8.1).tolist() == [0, 2, 4, 6, 8, 10]
    assert FOUR_FOUR.edges_seconds(0.0).tolist() == [0]


def test_the_metre_changes():
    # Two bars of 3/4, which are 3 s, then 4/4; at the beginning of what is no bar line too
    assert edges(file_of([(0, 3, 4), (6 * 480, 4, 4)]), 7.0) == [0, 1.5, 3, 5, 7]
    assert edges(file_of([(0, 4, 4), (5 * 480, 3, 4)]), 4.0) == [0, 2, 2.5, 4]


def test_an_upbeat_is_a_bar_and_4_4_holds_before_the_first_signature():
    assert edges(file_of([(0, 1, 4), (480, 4, 4)]), 4.5) == [0, 0.5, 2.5, 4.5]
    assert edges(file_of([(480, 4, 4)]), 4.5) == [0, 0.5, 2.5, 4.5]


def test_signatures_are_of_all_tracks_and_the_last_of_a_time_counts():
    assert edges(file_of([(0, 4, 4)], [(0, 3, 4)]), 3.0) == [0, 1.5, 3]
    assert edges(file_of([(0, 4, 4)], [(4 * 480, 3, 4)]), 3.5) == [0, 2, 3.5]


def test_tracks_of_format_2_follow_each_other():
    # A track of three quarters in 3/4, then one in 2/4
    content = file_of([(0, 3, 4)], [(0, 2, 4)], kind=2, end=3 * 480)
    assert edges(content, 3.0) == [0, 1.5, 2.5, 3.5]


def test_what_is_no_metre_is_passed_over():
    content = bytearray(file_of([(0, 3, 4)]))
    at = content.index(b"\xff\x58\x04") + 3
    content[at + 1] = 200  # a bar of 3 / 2 ** 200 would be without end
    assert edges(bytes(content), 4.0) == [0, 2, 4]
    content[at : at + 2] = 0, 2
    assert edges(bytes(content), 4.0) == [0, 2, 4]
    in_frames = bytes(content[:12]) + b"\xe7\x28" + bytes(content[14:])
    assert bars_of(in_frames) is None


def test_a_clock_byte_before_another_metre_ends_no_reading():
    content = file_of([(0, 4, 4), (4 * 480, 3, 4)])
    at = content.index(b"\xff\x58\x04\x03") - 2
    longer = content[:18] + (len(content) - 22 + 2).to_bytes(4, "big")
    assert edges(longer + content[22:at] + b"\x00\xf8" + content[at:], 5.0) == [0, 2, 3.5, 5]


def test_bars_of_any_metres_are_increasing():
    generator = np.random.default_rng(1)
    for _ in range(20):
        seconds = np.append(0, np.sort(generator.uniform(0, 20, 50)))
        bars = Bars.of(list(zip(seconds, generator.uniform(0.03, 3, 51), strict=True)))
        for length in generator.uniform(0, 25, 5):
            found = bars.edges_seconds(length)
            assert (np.diff(found) > 0).all()
            assert found[-1] >= length - 1e-6 or found[-1] in seconds
            assert set(seconds[seconds < length - 1e-6]) <= set(found)


def test_bars_are_those_of_pretty_midi(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(file_of([(0, 3, 4), (6 * 480, 4, 4), (8 * 480, 6, 8)], end=20 * 480))
    notes, found = read_midi(path, time="beats"), bars_of(path.read_bytes())
    assert found is not None
    theirs = pretty_midi.PrettyMIDI(str(path)).get_downbeats()
    # A file without a tempo is at 120, so that its seconds are those of beats.
    assert found.edges_seconds(notes.length_seconds)[:-1] == pytest.approx(
        theirs[theirs < notes.length_seconds - 1e-6]
    )


def test_the_files_of_the_project_are_in_4_4():
    assert FOUR_FOUR.signature_seconds.tolist() == [0.0]
    assert FOUR_FOUR.bar_seconds.tolist() == [2.0]


# What is measured in them.


def test_notes_and_pitches_of_a_bar():
    # 3 + 2 + 0 + 1 notes and 2 + 1 + 0 + 1 pitches in 4 bars
    assert measures.notes_per_bar(TUNE, FOUR_FOUR) == 6 / 4
    assert measures.pitches_per_bar(TUNE, FOUR_FOUR) == 4 / 4
    assert measures.notes_per_bar(SILENCE, FOUR_FOUR) == 0.0
    assert measures.notes_per_bar(NOTHING, FOUR_FOUR) is None
    assert measures.pitches_per_bar(NOTHING, FOUR_FOUR) is None


def test_a_bar_that_the_end_cuts_is_a_bar():
    assert measures.notes_per_bar(TUNE, Bars.of([(0, 3.0)])) == 6 / 3  # 3 + 3 + 2 s


def test_pitch_classes_of_a_bar():
    # C 2/3, E 1/3; G 1; C 1: the mean of three bars, the silent one left out
    found = measures.bar_pitch_class_shares(TUNE, FOUR_FOUR)
    assert found[[0, 4, 7]] == pytest.approx([5 / 9, 1 / 9, 3 / 9])
    assert found.sum() == pytest.approx(1.0)
    assert np.isnan(measures.bar_pitch_class_shares(SILENCE, FOUR_FOUR)).all()


def test_grooving_similarity():
    patterns = measures.onset_patterns(TUNE, FOUR_FOUR)
    assert [np.flatnonzero(row).tolist() for row in patterns] == [[0, 4, 8], [0, 8], [], [4]]
    # Pairs differ in 1, 3, 2 (of the first), 2, 3 (of the second) and 1 position: 12 of 6 * 16
    assert measures.grooving_similarity(TUNE, FOUR_FOUR) == pytest.approx(1 - 12 / 96)
    assert measures.grooving_similarity(TUNE, Bars.of([(0, 8.0)])) is None
    assert measures.grooving_similarity(SILENCE, FOUR_FOUR) is None
    same = NoteList.of([(t, t + 1, 60, 80) for t in (0, 0.75, 2, 2.75)], 4.0)
    assert measures.grooving_similarity(same, FOUR_FOUR) == 1.0


def test_positions_are_parts_of_the_bar_in_every_metre():
    waltz = NoteList.of([(t, t + 0.5, 60, 80) for t in (0, 0.5, 1.0)], 1.5)
    patterns = measures.onset_patterns(waltz, Bars.of([(0, 1.5)]))
    assert np.flatnonzero(patterns[0]).tolist() == [0, 5, 10]  # 16/3 and 32/3, rounded down
    # The twelve sixteenths of a bar in 3/4 have positions of their own.
    sixteenths = NoteList.of([(i / 8, i / 8 + 0.1, 60, 80) for i in range(12)], 1.5)
    assert measures.onset_patterns(sixteenths, Bars.of([(0, 1.5)])).sum() == 12


def test_empty_beats():
    # 16 quarters, of which 0, 1, 2, 4, 6 and 13 sound; a note that ends with a beat is not in the
    # next one
    assert measures.empty_beat_rate(TUNE, FOUR_FOUR) == 10 / 16
    over = NoteList.of([(0.25, 1.25, 60, 80)], 4.0)  # sounds in the first three of eight
    assert measures.empty_beat_rate(over, FOUR_FOUR) == 5 / 8
    brief = NoteList.of([(1.0, 1.0, 60, 80)], 4.0)
    assert measures.empty_beat_rate(brief, FOUR_FOUR) == 7 / 8
    assert measures.empty_beat_rate(SILENCE, FOUR_FOUR) == 1.0
    assert measures.empty_beat_rate(NOTHING, FOUR_FOUR) is None


def test_what_lies_a_rounding_before_a_bar_lies_in_it():
    early = 2.0 - 1e-9
    notes = NoteList.of([(early, 2.5, 60, 80), (early + 2, 4.5, 60, 80)], 6.0)
    assert measures.onset_patterns(notes, FOUR_FOUR)[:, 0].tolist() == [False, True, True]
    assert measures.empty_beat_rate(notes, FOUR_FOUR) == 10 / 12


def test_a_note_at_the_very_end_is_in_the_last_bar():
    notes = NoteList.of([(4.0, 4.0, 60, 80)], 4.0)
    assert measures.onset_patterns(notes, FOUR_FOUR).shape == (2, 16)
    assert measures.pitches_per_bar(notes, FOUR_FOUR) == 1 / 2


def test_from_a_file_to_its_bars(tmp_path):
    write_midi(Path(tmp_path / "tune.mid"), TUNE)
    path = tmp_path / "tune.mid"
    notes, found = read_midi(path, time="beats"), bars_of(path.read_bytes())
    assert found is not None
    assert measures.notes_per_bar(notes, found) == 6 / 4
    assert measures.grooving_similarity(notes, found) == pytest.approx(1 - 12 / 96)
