"""The same measures by MusPy and pretty_midi, where they compute the same."""

from __future__ import annotations

from pathlib import Path

import muspy
import numpy as np
import pretty_midi
import pytest

from neuralmusic.bars import Bars
from neuralmusic.measures import bars, pitch, polyphony, rhythm
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList, one_per_key

TICKS_A_QUARTER = 12
FOUR_FOUR = Bars.of([])


def drawn(seed: int, ticks_a_quarter: int = TICKS_A_QUARTER, notes: int = 80) -> np.ndarray:
    """Rows (onset, offset, pitch, velocity) in ticks, with chords and unisons, for 16 bars.

    No note ends with a beat, see `test_empty_beats`, nor does the piece.
    """
    generator = np.random.default_rng(seed)
    onset = generator.integers(0, 64 * ticks_a_quarter, notes)
    offset = onset + generator.integers(1, 3 * ticks_a_quarter, notes)
    offset += offset % ticks_a_quarter == 0
    scale = generator.choice(12, int(generator.integers(2, 12)), replace=False)
    pitches = generator.choice(scale, notes) + 12 * generator.integers(3, 7, notes)
    return np.column_stack([onset, offset, pitches, generator.integers(1, 128, notes)])


def ours(ticks: np.ndarray, ticks_a_quarter: int = TICKS_A_QUARTER) -> NoteList:
    return NoteList.of(ticks * [0.5 / ticks_a_quarter, 0.5 / ticks_a_quarter, 1, 1])


def theirs(ticks: np.ndarray, ticks_a_quarter: int = TICKS_A_QUARTER) -> muspy.Music:
    notes = [
        muspy.Note(time=int(on), pitch=int(p), duration=int(off - on), velocity=int(v))
        for on, off, p, v in ticks
    ]
    return muspy.Music(resolution=ticks_a_quarter, tracks=[muspy.Track(notes=notes)])


SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_pitch_as_muspy_has_it(seed):
    # Its scale consistency tries all 24 scales, of which two each are the same. It leaves out
    # drums, which no note list has.
    notes, music = ours(drawn(seed)), theirs(drawn(seed))
    assert pitch.pitch_range_semitones(notes) == muspy.pitch_range(music)
    assert pitch.used_pitches(notes) == muspy.n_pitches_used(music)
    assert pitch.pitch_class_entropy_bits(notes) == pytest.approx(muspy.pitch_class_entropy(music))
    assert pitch.scale_consistency(notes) == pytest.approx(muspy.scale_consistency(music))


@pytest.mark.parametrize("seed", SEEDS)
def test_polyphony_as_muspy_has_it(seed):
    # Its threshold is what must be passed: its 2, which is what it takes by itself, is three
    # pitches or more. Its piece ends with its last note.
    notes, music = ours(drawn(seed)), theirs(drawn(seed))
    rate = polyphony.polyphony_rate(notes)
    assert rate == pytest.approx(muspy.polyphony_rate(music, threshold=1))
    assert rate != pytest.approx(muspy.polyphony_rate(music, threshold=2))


@pytest.mark.parametrize("seed", SEEDS)
def test_mean_polyphony_as_muspy_has_it(seed):
    # Its is of pitches: voices in unison are one there.
    notes = one_per_key(ours(drawn(seed)))
    ticks = np.column_stack(
        [
            np.rint(notes.onset_seconds * 2 * TICKS_A_QUARTER),
            np.rint(notes.offset_seconds * 2 * TICKS_A_QUARTER),
            notes.pitch,
            notes.velocity,
        ]
    )
    assert polyphony.mean_polyphony(notes) == pytest.approx(muspy.polyphony(theirs(ticks)))


@pytest.mark.parametrize("seed", SEEDS)
def test_empty_beats_as_muspy_has_them(seed):
    ticks = drawn(seed, notes=15)
    found = bars.empty_beat_rate(ours(ticks), FOUR_FOUR)
    assert found == pytest.approx(muspy.empty_beat_rate(theirs(ticks)))
    assert found is not None and found > 0


def test_empty_beats_that_muspy_counts_otherwise():
    # A note that ends with a beat is in the next one for it, and a piece that does so has a beat
    # more: of the first and the third quarter it says that all of four beats sound.
    ticks = np.array([(0, 12, 60, 80), (24, 36, 60, 80)])
    assert muspy.empty_beat_rate(theirs(ticks)) == 0
    assert bars.empty_beat_rate(ours(ticks), FOUR_FOUR) == pytest.approx(1 / 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_grooves_as_muspy_has_them(seed):
    # It compares neighbouring bars only, we all pairs, as Wu & Yang do. The patterns are the same
    # where a bar has 16 ticks.
    ticks = drawn(seed, ticks_a_quarter=4)
    patterns = bars.onset_patterns(ours(ticks, 4), FOUR_FOUR)
    neighbours = 1 - np.mean(patterns[1:] != patterns[:-1])
    assert neighbours == pytest.approx(muspy.groove_consistency(theirs(ticks, 4), 16))
    every = [
        1 - np.mean(patterns[i] != patterns[j])
        for i in range(len(patterns))
        for j in range(i + 1, len(patterns))
    ]
    assert bars.grooving_similarity(ours(ticks, 4), FOUR_FOUR) == pytest.approx(np.mean(every))


@pytest.mark.parametrize("seed", SEEDS)
def test_pitch_classes_and_lengths_as_pretty_midi_has_them(seed, tmp_path: Path):
    # It weighs neither by length nor by velocity where it is told so.
    notes = one_per_key(ours(drawn(seed)))
    write_midi(tmp_path / "a.mid", notes)
    read = pretty_midi.PrettyMIDI(str(tmp_path / "a.mid"))
    found = read.get_pitch_class_histogram(use_duration=False, use_velocity=False)
    assert pitch.pitch_class_shares(notes) == pytest.approx(found)
    own = [note for instrument in read.instruments for note in instrument.notes]
    assert rhythm.note_count(notes) == len(own)
    assert rhythm.mean_note_seconds(notes) == pytest.approx(
        np.mean([note.end - note.start for note in own]), abs=2e-3
    )
    onsets = np.unique(np.round(read.get_onsets(), 3))
    assert rhythm.mean_ioi_seconds(notes) == pytest.approx(np.diff(onsets).mean(), abs=2e-3)
