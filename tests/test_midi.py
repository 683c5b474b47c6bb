"""MIDI files: written and read again, and as other programs write them."""

from functools import partial

import mido
import numpy as np
import pytest

from neuralmusic.midi import MidiError, read_midi
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import (
    NoteList,
    one_per_key,
)
from tests.played import random_piece, rows, voices

HALF_TICK = 0.5 / 960 + 1e-9
on = partial(mido.Message, "note_on", velocity=64)
off = partial(mido.Message, "note_off")
control = partial(mido.Message, "control_change")
pedal = partial(mido.Message, "control_change", control=64)
tempo = partial(mido.MetaMessage, "set_tempo")
end = partial(mido.MetaMessage, "end_of_track")


def midi_file(path, *tracks, ticks_per_beat=480):
    """A file of tracks of (ticks after the message before, message)."""
    made = [mido.MidiTrack(m.copy(time=ticks) for ticks, m in track) for track in tracks]
    file = mido.MidiFile(type=int(len(made) > 1), ticks_per_beat=ticks_per_beat, tracks=made)
    file.save(path)
    return path


@pytest.mark.parametrize("seed", range(3))
def test_midi_round_trip(seed, tmp_path):
    piece = random_piece(seed)
    write_midi(tmp_path / "a.mid", piece)
    back = read_midi(tmp_path / "a.mid")
    # Onsets closer than a tick may change places.
    one, two = (sorted(zip(p.pitch, p.onset_seconds, strict=True)) for p in (piece, back))
    assert [pitch for pitch, _ in one] == [pitch for pitch, _ in two]
    order, order_back = (np.lexsort((p.onset_seconds, p.pitch)) for p in (piece, back))
    for column in ("onset_seconds", "offset_seconds"):
        difference = getattr(piece, column)[order] - getattr(back, column)[order_back]
        assert np.abs(difference).max() <= HALF_TICK
    assert (piece.velocity[order] == back.velocity[order_back]).all()
    assert back.length_seconds == pytest.approx(12.0)  # with the silence at its end
    write_midi(tmp_path / "b.mid", back)
    assert read_midi(tmp_path / "b.mid").digest() == back.digest()
    write_midi(tmp_path / "again.mid", piece)
    assert (tmp_path / "again.mid").read_bytes() == (tmp_path / "a.mid").read_bytes()


def test_a_repeated_pitch_and_the_shortest_note_survive(tmp_path):
    piece = NoteList.of([(0, 0.5, 60, 80), (0.5, 1, 60, 80), (1, 1.0001, 62, 80)], 1.0)
    write_midi(tmp_path / "a.mid", piece)
    back = read_midi(tmp_path / "a.mid")
    assert rows(back)[:2] == [(0, 0.5, 60), (0.5, 1, 60)]
    assert back.pitch.tolist() == [60, 60, 62]
    assert back.offset_seconds[2] > back.onset_seconds[2] == 1


@pytest.mark.parametrize("seed", range(3))
def test_one_keyboard_can_play_what_is_written(seed, tmp_path):
    """Every onset comes back, and every note as long as it can be before its key's next."""
    piece = voices(seed)
    write_midi(tmp_path / "a.mid", piece)
    back, expected = read_midi(tmp_path / "a.mid"), one_per_key(piece)
    assert len(back) < len(piece)
    assert back.pitch.tolist() == expected.pitch.tolist()
    assert back.velocity.tolist() == expected.velocity.tolist()
    assert np.abs(back.onset_seconds - expected.onset_seconds).max() <= HALF_TICK
    later = back.offset_seconds - expected.offset_seconds
    assert later.min() >= -HALF_TICK
    assert later.max() <= 2 * HALF_TICK  # a note of no length has a tick
    assert back.length_seconds == pytest.approx(20)
    write_midi(tmp_path / "b.mid", back)
    assert (tmp_path / "b.mid").read_bytes() == (tmp_path / "a.mid").read_bytes()


def test_written_notes_of_one_pitch_by_hand(tmp_path):
    piece = NoteList.of(
        [
            (0, 2, 60, 80),  # struck again at 1
            (1, 3, 60, 70),
            (0, 1, 64, 50),  # two voices in unison
            (0, 2.5, 64, 40),
            (0, 1.5, 64, 60),
        ]
    )
    write_midi(tmp_path / "a.mid", piece)
    back = read_midi(tmp_path / "a.mid")
    assert rows(back) == [(0, 1, 60), (0, 2.5, 64), (1, 3, 60)]
    assert back.velocity.tolist() == [80, 60, 70]
    strikes = [m for m in mido.MidiFile(tmp_path / "a.mid") if m.type in ("note_on", "note_off")]
    assert [m.type for m in strikes if m.note == 64] == ["note_on", "note_off"]


def test_a_key_struck_twice_within_a_tick_sounds_as_long_as_the_second(tmp_path):
    piece = NoteList.of([(0.0101, 1, 60, 80), (0.0103, 2, 60, 80)])
    write_midi(tmp_path / "a.mid", piece)
    assert read_midi(tmp_path / "a.mid").offset_seconds.max() == 2


def test_other_programs_open_what_is_written(tmp_path):
    write_midi(tmp_path / "a.mid", NoteList.of([(0.25, 1, 60, 80)], 2.5))
    file = mido.MidiFile(tmp_path / "a.mid")
    assert file.length == pytest.approx(2.5)
    assert [m.note for m in file if m.type == "note_on"] == [60]


def test_silence_is_read_where_it_is_allowed(tmp_path):
    write_midi(tmp_path / "a.mid", NoteList.of([], 3.0))
    with pytest.raises(MidiError, match="no notes"):
        read_midi(tmp_path / "a.mid")
    silence = read_midi(tmp_path / "a.mid", allow_empty=True)
    assert (len(silence), silence.length_seconds) == (0, 3.0)


def test_note_on_of_velocity_zero_ends_a_note(tmp_path):
    track = [(0, on(note=60)), (480, on(note=60, velocity=0)), (480, end())]
    piece = read_midi(midi_file(tmp_path / "a.mid", track))
    assert rows(piece) == [(0, 0.5, 60)]
    assert piece.length_seconds == 1


def test_the_first_note_off_ends_the_first_of_two_notes(tmp_path):
    track = [(0, on(note=60)), (480, on(note=60)), (480, off(note=60)), (480, off(note=60))]
    assert rows(read_midi(midi_file(tmp_path / "a.mid", track))) == [(0, 1, 60), (0.5, 1.5, 60)]


def test_notes_never_ended_end_with_the_file(tmp_path):
    track = [(0, on(note=60)), (480, on(note=64)), (480, off(note=64)), (960, end())]
    assert rows(read_midi(midi_file(tmp_path / "a.mid", track))) == [(0, 2, 60), (0.5, 1, 64)]


# A held pedal: 60 is struck again under it, 64 waits for its release; channel 1 has no pedal.
PEDALLED = [
    (0, pedal(value=64)),
    (0, on(note=60)),
    (0, on(note=64)),
    (0, on(note=72, channel=1)),
    (240, off(note=60)),
    (0, off(note=64)),
    (0, off(note=72, channel=1)),
    (240, on(note=60)),  # at 0.5 s
    (480, off(note=60)),  # at 1 s
    (480, pedal(value=63)),  # at 1.5 s
    (480, end()),
]


def test_a_sustain_pedal_lengthens_to_its_release_or_the_next_onset(tmp_path):
    piece = read_midi(midi_file(tmp_path / "a.mid", PEDALLED), sustain_pedal=True)
    assert rows(piece) == [(0, 0.5, 60), (0, 1.5, 64), (0, 0.25, 72), (0.5, 1.5, 60)]


def test_a_sustain_pedal_can_be_ignored(tmp_path):
    piece = read_midi(midi_file(tmp_path / "a.mid", PEDALLED), sustain_pedal=False)
    assert rows(piece) == [(0, 0.25, 60), (0, 0.25, 64), (0, 0.25, 72), (0.5, 1, 60)]


def test_a_pedal_released_ends_no_note_whose_key_is_down(tmp_path):
    track = [(0, pedal(value=127)), (0, on(note=60)), (480, pedal(value=0)), (480, off(note=60))]
    assert rows(read_midi(midi_file(tmp_path / "a.mid", track), sustain_pedal=True)) == [(0, 1, 60)]


def test_a_pedal_released_ends_no_note_struck_again_under_it(tmp_path):
    track = [(0, pedal(value=127)), (0, on(note=60)), (240, off(note=60)), (240, on(note=60))]
    track += [(240, pedal(value=0)), (240, off(note=60))]
    piece = read_midi(midi_file(tmp_path / "a.mid", track), sustain_pedal=True)
    assert rows(piece) == [(0, 0.5, 60), (0.5, 1, 60)]


def test_another_controller_is_no_pedal(tmp_path):
    track = [
        (0, control(control=1, value=127)),
        (0, on(note=60)),
        (480, off(note=60)),
        (480, end()),
    ]
    assert rows(read_midi(midi_file(tmp_path / "a.mid", track), sustain_pedal=True)) == [
        (0, 0.5, 60)
    ]


# 120 qpm for a quarter, then 60 qpm; the tempo stands in a track of its own.
CONDUCTOR = [(480, tempo(tempo=1_000_000)), (0, end())]
PLAYED = [
    (0, on(note=60)),
    (480, off(note=60)),
    (0, on(note=62)),
    (480, off(note=62)),
    (480, end()),
]


def test_the_tempo_map_counts_in_seconds_and_not_in_beats(tmp_path):
    path = midi_file(tmp_path / "a.mid", CONDUCTOR, PLAYED)
    seconds, beats = read_midi(path, time="seconds"), read_midi(path, time="beats")
    assert rows(seconds) == [(0, 0.5, 60), (0.5, 1.5, 62)]
    assert seconds.length_seconds == 2.5
    assert rows(beats) == [(0, 0.5, 60), (0.5, 1, 62)]
    assert beats.length_seconds == 1.5


def test_the_division_of_a_file_counts(tmp_path):
    track = [(0, on(note=60)), (96, off(note=60))]
    path = midi_file(tmp_path / "a.mid", track, ticks_per_beat=96)
    assert rows(read_midi(path)) == [(0, 0.5, 60)]


def test_all_tracks_and_channels_but_the_drums(tmp_path):
    one = [(0, on(note=60)), (480, off(note=60))]
    two = [
        (240, on(note=67, channel=3)),
        (0, on(note=36, channel=9)),
        (240, off(note=67, channel=3)),
    ]
    piece = read_midi(midi_file(tmp_path / "a.mid", one, two))
    assert rows(piece) == [(0, 0.5, 60), (0.25, 0.5, 67)]
    drums = [(0, on(note=36, channel=9)), (480, off(note=36, channel=9))]
    with pytest.raises(MidiError, match="only drums"):
        read_midi(midi_file(tmp_path / "b.mid", drums))


def test_damaged_files_are_rejected_with_a_reason(tmp_path):
    good = midi_file(tmp_path / "good.mid", PLAYED).read_bytes()
    path = tmp_path / "bad.mid"
    for content in (
        b"",
        b"MThd",
        b"dear diary",
        good[:20],
        good[:-4],
        good.replace(b"MTrk", b"XXXX"),
    ):
        path.write_bytes(content)
        with pytest.raises(MidiError) as raised:
            read_midi(path)
        assert len(str(raised.value)) > 10


def test_random_damage_raises_nothing_else(tmp_path):
    good = np.frombuffer(midi_file(tmp_path / "good.mid", CONDUCTOR, PLAYED).read_bytes(), np.uint8)
    generator = np.random.default_rng(1)
    rejected = 0
    for _ in range(200):
        bad = good.copy()
        bad[generator.integers(0, len(bad), 3)] = generator.integers(0, 256, 3)
        (tmp_path / "bad.mid").write_bytes(bad.tobytes())
        try:
            piece = read_midi(tmp_path / "bad.mid", sustain_pedal=True)
        except MidiError:
            rejected += 1
        else:
            assert (piece.offset_seconds >= piece.onset_seconds).all()
            assert piece.length_seconds >= piece.offset_seconds.max()
    assert 0 < rejected < 200


def test_a_file_of_days_or_of_gigabytes_is_rejected(tmp_path, monkeypatch):
    path = midi_file(tmp_path / "a.mid", [(0, on(note=60)), (2**27, off(note=60))])
    with pytest.raises(MidiError, match="hours"):
        read_midi(path)
    monkeypatch.setattr("neuralmusic.midi_bytes.MAX_FILE_BYTES", 10)
    with pytest.raises(MidiError, match="over the limit of 10"):
        read_midi(path)
