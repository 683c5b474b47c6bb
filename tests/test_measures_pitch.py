"""Measures of pitch, of what follows what, and of loudness, by hand."""

import numpy as np
import pytest

from neuralmusic.measures import dynamics, pitch, transitions
from neuralmusic.notes import NoteList
from tests.constructed import melody

# C4, then the chord E4 G4, then C5 twice; half a minute.
CHORD = NoteList.of(
    [(0, 0.5, 60, 70), (1, 2, 67, 80), (1, 3, 64, 80), (2, 2.5, 72, 80), (4, 4.5, 72, 90)], 30.0
)
SILENCE = NoteList.of([], 60.0)


def test_pitch_classes_are_shares_of_onsets_whatever_their_length_and_velocity():
    # C three times of five, E and G once.
    assert pitch.pitch_class_shares(CHORD).tolist() == [0.6, 0, 0, 0, 0.2, 0, 0, 0.2, 0, 0, 0, 0]
    assert np.isnan(pitch.pitch_class_shares(SILENCE)).all()


def test_pitch_range():
    assert pitch.pitch_range_semitones(CHORD) == 72 - 60
    assert pitch.pitch_range_semitones(melody([61])) == 0
    assert pitch.pitch_range_semitones(melody([0, 127])) == 127  # no small type overflows
    assert pitch.pitch_range_semitones(SILENCE) is None


def test_entropy_of_pitch_classes_is_in_bits():
    # 0.6 log2(1/0.6) + 2 * 0.2 log2(5) = 0.44218 + 0.92877
    assert pitch.pitch_class_entropy_bits(CHORD) == pytest.approx(1.37095, abs=1e-5)
    assert pitch.pitch_class_entropy_bits(melody([60, 72, 48])) == 0.0
    assert pitch.pitch_class_entropy_bits(melody([60, 66])) == pytest.approx(1.0)
    assert pitch.pitch_class_entropy_bits(melody(range(60, 72))) == pytest.approx(np.log2(12))
    assert pitch.pitch_class_entropy_bits(SILENCE) is None


@pytest.mark.parametrize(
    "pitches, wanted",
    [
        ([60, 62, 64, 65, 67, 69, 71], 1.0),  # C major
        ([62, 64, 66, 67, 69, 71, 73], 1.0),  # D major
        ([57, 59, 60, 62, 64, 65, 67], 1.0),  # A natural minor, which is C major's notes
        ([57, 59, 60, 62, 64, 65, 68], 6 / 7),  # A harmonic minor: its G sharp is in no such scale
        ([60, 62, 64, 65, 66, 67, 69, 71], 7 / 8),  # C major and F sharp
        (range(60, 72), 7 / 12),  # all twelve: the least there is
        ([60, 60, 60, 61, 62], 4 / 5),  # D flat major has the first four
    ],
)
def test_scale_consistency(pitches, wanted):
    assert pitch.scale_consistency(melody(pitches)) == pytest.approx(wanted)


def test_scales_are_the_major_and_natural_minor_ones():
    minor = (0, 2, 3, 5, 7, 8, 10)
    sets = {tuple(np.flatnonzero(row)) for row in pitch.SCALES}
    assert len(sets) == 12
    assert sets == {tuple(sorted((root + step) % 12 for step in minor)) for root in range(12)}


def test_transitions_are_shares_of_pairs():
    shares = transitions.pitch_class_transition_shares(CHORD)
    # C4-E4, E4-G4 within the chord, G4-C5, C5-C5: a quarter each, at 12 * first + second
    assert {int(at): shares[at] for at in np.flatnonzero(shares)} == {
        0 * 12 + 4: 0.25,
        4 * 12 + 7: 0.25,
        7 * 12 + 0: 0.25,
        0 * 12 + 0: 0.25,
    }
    assert np.isnan(transitions.pitch_class_transition_shares(melody([60]))).all()


def test_mean_interval_is_of_absolute_intervals():
    # 4, 3, 5 and 0 semitones
    assert transitions.mean_interval_semitones(CHORD) == 3.0
    assert transitions.mean_interval_semitones(melody([60, 67, 60])) == 7.0
    assert transitions.mean_interval_semitones(melody([0, 127, 0])) == 127.0
    assert transitions.mean_interval_semitones(melody([60])) is None


def test_loudness():
    # 70, 80, 80, 80, 90: the squares of the deviations sum to 200, of four degrees of freedom
    assert dynamics.mean_velocity(CHORD) == 80.0
    assert dynamics.velocity_spread(CHORD) == pytest.approx(np.sqrt(200 / 4))
    assert dynamics.velocity_spread(melody([60, 62, 64])) == 0.0
    assert dynamics.velocity_spread(melody([60])) is None
    assert dynamics.mean_velocity(SILENCE) is None
