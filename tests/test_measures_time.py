"""Measures of lengths, density and polyphony, by hand."""

import numpy as np
import pytest

from neuralmusic.measures import polyphony, rhythm
from neuralmusic.notes import NoteList
from tests.constructed import melody

CHORD = NoteList.of(
    [(0, 0.5, 60, 80), (1, 2, 67, 80), (1, 3, 64, 80), (2, 2.5, 72, 80), (4, 4.5, 72, 80)], 30.0
)
SILENCE = NoteList.of([], 60.0)
LENGTHS = list(rhythm.NOTE_LENGTHS)


def lasting(*seconds: float) -> NoteList:
    """Notes of these lengths, a second apart."""
    return NoteList.of([(i, i + s, 60, 80) for i, s in enumerate(seconds)])


def shares_of(*seconds: float) -> dict[str, float]:
    found = rhythm.note_length_shares(lasting(*seconds))
    return {LENGTHS[at]: float(found[at]) for at in np.flatnonzero(found)}


def test_density():
    assert rhythm.note_count(CHORD) == 5
    assert rhythm.notes_per_minute(CHORD) == 10.0  # 5 in half a minute
    assert rhythm.notes_per_minute(SILENCE) == 0.0
    assert rhythm.notes_per_minute(NoteList.of([(0, 0, 60, 80)])) is None


def test_note_lengths_by_hand():
    # C4 0.5 s, E4 2 s, G4 1 s, C5 0.5 s twice; a quarter is 0.5 s
    found = rhythm.note_length_shares(CHORD)
    assert found.tolist() == [0.2, 0.2, 0.6, 0, 0, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("name", LENGTHS)
def test_every_length_is_of_its_own_class(name):
    seconds = rhythm.NOTE_LENGTHS[name] * 0.5
    assert shares_of(seconds) == shares_of(seconds * 1.02) == shares_of(seconds / 1.02) == {name: 1}


def test_the_classes_are_in_the_order_of_yang_and_lerch():
    assert len(LENGTHS) == 12
    assert LENGTHS[:5] == ["whole", "half", "quarter", "eighth", "sixteenth"]
    quarters = list(rhythm.NOTE_LENGTHS.values())
    assert quarters[5:9] == [1.5 * length for length in quarters[1:5]]  # dotted
    assert quarters[9:] == pytest.approx([length * 2 / 3 for length in quarters[1:4]])  # triplets


def test_the_nearest_length_is_that_of_the_nearest_logarithm():
    # Between a quarter, 0.5 s, and a triplet of halves, 0.667 s, lies sqrt(0.5 * 0.667) = 0.5774 s
    assert shares_of(0.577) == {"quarter": 1.0}
    assert shares_of(0.578) == {"half triplet": 1.0}
    assert shares_of(0.001) == {"sixteenth": 1.0}
    assert shares_of(100.0) == {"whole": 1.0}


def test_a_note_without_length_has_no_class():
    assert shares_of(0.5, 0.0, 1.0, 0.0) == {"quarter": 0.5, "half": 0.5}
    assert np.isnan(rhythm.note_length_shares(lasting(0.0))).all()
    # The pair is of the two that last.
    found = rhythm.note_length_transition_shares(lasting(0.5, 0.0, 1.0))
    assert np.flatnonzero(found).tolist() == [2 * 12 + 1]
    assert np.isnan(rhythm.note_length_transition_shares(lasting(0.5, 0.0))).all()


def test_note_length_transitions_by_hand():
    # quarter, whole, half, quarter, quarter, in the order of (onset, pitch)
    found = rhythm.note_length_transition_shares(CHORD)
    assert {int(at): found[at] for at in np.flatnonzero(found)} == {
        2 * 12 + 0: 0.25,
        0 * 12 + 1: 0.25,
        1 * 12 + 2: 0.25,
        2 * 12 + 2: 0.25,
    }


def test_polyphony_by_hand():
    # Two sound from 1 to 2 (E4 and G4) and from 2 to 2.5 (E4 and C5): 1.5 s of 30
    assert polyphony.polyphony_rate(CHORD) == pytest.approx(0.05)
    # 0.5 + 2 + 1 + 0.5 + 0.5 = 4.5 s of notes in 0.5 + 2 + 0.5 = 3 s of sound
    assert polyphony.mean_polyphony(CHORD) == pytest.approx(1.5)


def test_a_melody_and_silence_have_no_polyphony():
    assert polyphony.polyphony_rate(melody([60, 62, 64])) == 0.0
    assert polyphony.mean_polyphony(melody([60, 62, 64])) == 1.0
    assert polyphony.polyphony_rate(SILENCE) == 0.0
    assert polyphony.mean_polyphony(SILENCE) is None
    assert polyphony.polyphony_rate(NoteList.of([(0, 0, 60, 80)])) is None


@pytest.mark.parametrize(
    "rows",
    [
        # Two notes of C4 overlap; E4 joins for the last half second of four.
        [(0, 2, 60, 80), (1, 3, 60, 80), (2.5, 3, 64, 80), (3, 4, 72, 80)],
        # Notes within a longer one of the same pitch do not end it.
        [(0, 4, 60, 80), (1, 2, 60, 80), (3, 3.25, 60, 80), (3.5, 4, 64, 80)],
        # Three voices in unison, and a third above them.
        [(0, 4, 60, 80), (0, 4, 60, 80), (0, 2, 60, 80), (0, 0.5, 64, 80)],
    ],
)
def test_the_rate_counts_pitches_not_notes(rows):
    assert polyphony.polyphony_rate(NoteList.of(rows)) == pytest.approx(0.5 / 4)


def test_all_the_time_is_at_most_the_whole():
    onset = np.arange(1000) * 0.1
    rows = [(t, t + 0.1, p, 80) for t in onset for p in (60, 64)]
    rate = polyphony.polyphony_rate(NoteList.of(rows))
    assert rate == pytest.approx(1.0)
    assert rate is not None and rate <= 1.0
