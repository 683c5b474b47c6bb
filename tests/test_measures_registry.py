"""All measures alike: what they say of themselves, of pieces with too little in them, and under
changes of known effect; and the verb that lists them."""

import math
import time

import numpy as np
import pytest

from neuralmusic.__main__ import main
from neuralmusic.bars import Bars
from neuralmusic.measure_catalogue import OTHERS
from neuralmusic.measures.registry import (
    KEY,
    KEYS,
    MEASURES,
    TEMPO,
    VELOCITY,
    Measure,
    described,
    description_of,
    measure_piece,
)
from neuralmusic.notes import NoteList

FOUR_FOUR = Bars.of([])
OF_MORE = {name: of for functions in OTHERS.values() for name, of in functions.items()}
BY_BARS = {name for name, measure in MEASURES.items() if measure.needs_bars}
BY_CLASS = {"pitch_class_shares", "pitch_class_transition_shares", "bar_pitch_class_shares"}


def depending_on(what: str) -> set[str]:
    """The measures that say of themselves that they depend on the key, tempo or velocity."""
    return {name for name, measure in MEASURES.items() if what in measure.depends_on}


POOR = {
    "nothing": NoteList.of([]),
    "silence": NoteList.of([], 60.0),
    "one note": NoteList.of([(1, 1.5, 60, 80)], 60.0),
    "one note without length": NoteList.of([(0, 0, 60, 80)]),
    "notes without length": NoteList.of([(0, 0, 60, 80), (0, 0, 64, 80), (1, 1, 60, 80)]),
    "one chord": NoteList.of([(0, 1, 60, 80), (0, 1, 64, 80)]),
    "unison": NoteList.of([(0, 1, 60, 80), (0, 2, 60, 90)]),
    "extremes": NoteList.of([(0, 1, 0, 1), (0, 1, 127, 127), (1000, 1000.001, 0, 1)], 4000.0),
}


def drawn_rows(seed: int, notes: int = 200) -> np.ndarray:
    """Rows of notes in mid range, with chords, unisons and rests, on a grid of sixteenths."""
    generator = np.random.default_rng(seed)
    onset = generator.integers(0, 60 * 8, notes) / 8
    lasts = generator.choice([0, 1, 2, 3, 4, 8], notes) / 8
    pitch = generator.integers(40, 80, notes)
    return np.column_stack([onset, onset + lasts, pitch, generator.integers(1, 128, notes)])


def drawn(seed: int, notes: int = 200) -> NoteList:
    """A piece of such notes; the first third of it comes again, so that something repeats."""
    rows = drawn_rows(seed, notes)
    first = rows[rows[:, 0] < 20]
    return NoteList.of(
        np.concatenate([rows[rows[:, 0] < 40], first + np.array([40, 40, 0, 0])]), 64.0
    )


def changed(one: dict, other: dict) -> set[str]:
    return {
        name
        for name in MEASURES
        if not np.allclose(one[name], other[name], rtol=1e-9, atol=1e-9, equal_nan=True)
    }


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_says_all_of_itself(name):
    said = described(MEASURES[name])
    assert all(getattr(said, key) for key in KEYS)
    assert said.summary.endswith(".") and said.summary[0].isupper()
    assert said.summary.count(". ") <= 1  # two sentences
    assert not any(key.title() + ":" in said.summary + said.details for key in KEYS)
    assert MEASURES[name].heading and MEASURES[name].decimals >= 0


def test_a_docstring_is_read_by_its_keys():
    def example() -> None:
        """What it is,
        in two lines.

        And more: Unit is no key here.

        Formula: a
          over b
        Unit: seconds
        Range: 0 to 1
        Direction: higher
        Source: us: and others

        After the keys.
        """

    said = description_of(example)
    assert said.summary == "What it is, in two lines."
    assert said.details == "And more: Unit is no key here. After the keys."
    assert (said.formula, said.unit, said.source) == ("a over b", "seconds", "us: and others")


def test_a_missing_key_is_named():
    def example() -> None:
        """What it is.

        Formula: a
        Unit: seconds
        Direction: higher
        """

    with pytest.raises(ValueError, match="docstring of example does not state: range, source"):
        description_of(example)


@pytest.mark.parametrize("name", POOR)
@pytest.mark.parametrize("bars", [FOUR_FOUR, None])
def test_every_measure_answers_of_poor_pieces(name, bars):
    found = measure_piece(POOR[name], bars)
    assert list(found) == list(MEASURES)
    for key, value in found.items():
        within(MEASURES[key], value)
    if not len(POOR[name]):
        known = {key for key, value in found.items() if not np.isnan(value).any()}
        assert {"notes", "used_pitches"} <= known
        # There is no share, extreme or mean of nothing.
        assert not known & {key for key, measure in MEASURES.items() if measure.shape}
        assert not known & {"lowest_pitch", "highest_pitch", "mean_velocity", "mean_note_seconds"}


def within(measure: Measure, value: float | np.ndarray) -> None:
    """A value has its shape, and is undefined or within its limits."""
    assert np.shape(value) == measure.shape
    if not measure.shape:
        assert type(value) is float
    elif not np.isnan(value).any():
        assert np.sum(value) == pytest.approx(1)
    values = np.atleast_1d(value)
    low, high = measure.limits
    assert np.isnan(values).all() or ((values >= low) & (values <= high)).all()


def test_limits_hold_of_drawn_pieces_and_all_is_defined():
    for seed in range(20):
        for name, value in measure_piece(drawn(seed), FOUR_FOUR).items():
            assert not np.isnan(value).any(), name
            within(MEASURES[name], value)


def test_without_bars_just_what_needs_them_is_undefined():
    with_bars, without = measure_piece(drawn(0), FOUR_FOUR), measure_piece(drawn(0))
    assert changed(with_bars, without) == BY_BARS
    assert all(np.isnan(without[name]).all() for name in BY_BARS)
    assert BY_BARS


@pytest.mark.parametrize("semitones", [-12, -5, 1, 7, 12])
def test_transposition_changes_where_pitches_lie_and_nothing_else(semitones):
    for seed in range(5):
        piece = drawn(seed)
        moved = NoteList(
            piece.onset_seconds,
            piece.offset_seconds,
            (piece.pitch + semitones).astype(np.int16),
            piece.velocity,
            piece.length_seconds,
        )
        before, after = measure_piece(piece, FOUR_FOUR), measure_piece(moved, FOUR_FOUR)
        wanted = {"lowest_pitch", "highest_pitch"}
        if semitones % 12:
            wanted |= BY_CLASS
        assert wanted <= changed(before, after) <= depending_on(KEY)
        for name in ("lowest_pitch", "highest_pitch"):
            assert after[name] == before[name] + semitones
        for name in ("pitch_class_shares", "bar_pitch_class_shares"):
            assert after[name] == pytest.approx(np.roll(before[name], semitones))
        pairs = np.reshape(before["pitch_class_transition_shares"], (12, 12))
        moved_pairs = np.roll(pairs, (semitones, semitones), axis=(0, 1)).ravel()
        assert after["pitch_class_transition_shares"] == pytest.approx(moved_pairs)


def test_the_order_of_the_notes_in_a_file_does_not_matter():
    generator = np.random.default_rng(0)
    for seed in range(5):
        rows = drawn_rows(seed)
        one, other = (
            measure_piece(NoteList.of(order, 64.0), FOUR_FOUR)
            for order in (rows, generator.permutation(rows))
        )
        assert not changed(one, other)


def test_time_stretched_by_two():
    doubled = {"mean_ioi_seconds", "median_ioi_seconds", "mean_note_seconds"}
    doubled |= {"longest_note_seconds"}
    for seed in range(5):
        piece = drawn(seed)
        before = measure_piece(piece, FOUR_FOUR)
        after = measure_piece(piece.stretched(2.0), FOUR_FOUR)
        for name in doubled:
            assert after[name] == pytest.approx(2 * before[name])
        assert after["notes_per_minute"] == pytest.approx(before["notes_per_minute"] / 2)
        assert doubled <= changed(before, after) <= depending_on(TEMPO)
        # Bars that last twice as long have in them what they had.
        slow = measure_piece(piece.stretched(2.0), Bars.of([(0, 4.0)]))
        assert not changed(before, slow) & (BY_BARS - {"empty_beat_rate"})


def test_the_velocity_concerns_loudness_only():
    piece = drawn(1)
    louder = NoteList(
        piece.onset_seconds,
        piece.offset_seconds,
        piece.pitch,
        np.minimum(piece.velocity + 20, 127).astype(np.int16),
        piece.length_seconds,
    )
    before, after = measure_piece(piece, FOUR_FOUR), measure_piece(louder, FOUR_FOUR)
    assert {"mean_velocity", "velocity_spread"} <= changed(before, after) <= depending_on(VELOCITY)


def test_a_piece_is_measured_in_milliseconds():
    pieces = [drawn(seed, 400) for seed in range(10)]
    begin = time.process_time()
    for piece in pieces:
        measure_piece(piece, FOUR_FOUR)
    assert time.process_time() - begin < 0.3  # 0.03 s where nothing else runs


# The verb.


def test_the_list_has_every_measure(capsys):
    assert main(["measures"]) == 0
    said = capsys.readouterr().out
    named = {line.split()[0] for line in said.splitlines() if line and line[0] != " "}
    assert set(MEASURES) | set(OF_MORE) <= named
    assert all(len(line) <= 145 for line in said.splitlines())
    row = next(line for line in said.splitlines() if line.startswith("pitch_range_semitones "))
    assert "  semitones  " in row and "How far the highest pitch lies above" in row


@pytest.mark.parametrize("name", [*MEASURES, *OF_MORE])
def test_the_details_of_a_measure_are_whole(name, capsys):
    assert main(["measures", name]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    function = MEASURES[name].function if name in MEASURES else OF_MORE[name]
    said = description_of(function)
    assert all(text in printed for text in vars(said).values())
    assert ("and its bars" in printed) == (name in BY_BARS)


def test_a_measure_that_there_is_not_is_told_what_there_is(capsys):
    assert main(["measures", "beauty"]) == 1
    assert "no measure 'beauty'; there are used_pitches, " in capsys.readouterr().err


def test_limits_are_those_that_are_printed():
    for name, measure in MEASURES.items():
        low, high = measure.limits
        assert low < high, name
        assert ("upwards" in described(measure).range or "above 0" in described(measure).range) == (
            math.isinf(high)
        )
