"""Performance events by hand, and what may follow."""

import numpy as np
import pytest

from neuralmusic.notes import NoteList, one_per_key
from neuralmusic.representations import events
from neuralmusic.representations.decoded import Decoded
from tests.constructed import random_piece


def off(pitch: int) -> int:
    return 128 + pitch


def shift(steps: int) -> int:
    return 255 + steps


def loud(velocity: int) -> int:
    return 356 + (velocity - 1) // 4


# Pieces at 100 steps a second, and their events; note-ons are their pitch.
BY_HAND = {
    "a chord, by pitch": (
        [(0, 1, 67, 80), (0, 1, 60, 80), (0, 1, 64, 80)],
        1,
        [loud(80), 60, 64, 67, shift(100), off(60), off(64), off(67)],
    ),
    "a chord that begins one by one and ends one by one": (
        [(0, 0.3, 60, 80), (0.1, 0.5, 64, 80), (0.2, 0.4, 67, 80)],
        0.5,
        [
            *(loud(80), 60, shift(10), 64, shift(10), 67, shift(10)),
            *(off(60), shift(10), off(67), shift(10), off(64)),
        ],
    ),
    "a velocity where it changes its bin, and not elsewhere": (
        [(0, 0.1, 60, 61), (0.1, 0.2, 62, 64), (0.2, 0.3, 64, 65), (0.3, 0.4, 65, 61)],
        0.4,
        [
            *(loud(61), 60, shift(10), off(60), 62, shift(10), off(62)),
            *(loud(65), 64, shift(10), off(64), loud(61), 65, shift(10), off(65)),
        ],
    ),
    "velocities within a chord": (
        [(0, 0.1, 60, 20), (0, 0.1, 64, 100), (0, 0.1, 67, 100)],
        0.1,
        [loud(20), 60, loud(100), 64, 67, shift(10), off(60), off(64), off(67)],
    ),
    "gaps of more than a second, the longest shift first": (
        [(1.01, 3.01, 60, 80), (6.51, 6.52, 62, 80)],
        6.52,
        [
            *(shift(100), shift(1), loud(80), 60, shift(100), shift(100), off(60)),
            *(shift(100), shift(100), shift(100), shift(50), 62, shift(1), off(62)),
        ],
    ),
    "silence at the end": (
        [(0, 0.5, 60, 80)],
        2.75,
        [loud(80), 60, shift(50), off(60), shift(100), shift(100), shift(25)],
    ),
    "nothing but silence": ([], 1.25, [shift(100), shift(25)]),
    "a key struck again at once: the note-off first": (
        [(0, 0.25, 60, 80), (0.25, 0.5, 60, 80)],
        0.5,
        [loud(80), 60, shift(25), off(60), 60, shift(25), off(60)],
    ),
    "a key struck again while it sounds ends the first": (
        [(0, 0.4, 60, 80), (0.25, 0.5, 60, 80)],
        0.5,
        [loud(80), 60, shift(25), off(60), 60, shift(25), off(60)],
    ),
    "a note shorter than a step ends where it began": (
        [(0, 0.1, 60, 80), (0.1, 0.102, 62, 80), (0.1, 0.2, 64, 80)],
        0.2,
        [loud(80), 60, shift(10), off(60), 62, off(62), 64, shift(10), off(64)],
    ),
    "two voices in unison are one note, the longest and loudest": (
        [(0, 0.1, 60, 100), (0, 0.3, 60, 40), (0, 0.2, 64, 40)],
        0.3,
        [loud(100), 60, loud(40), 64, shift(20), off(64), shift(10), off(60)],
    ),
    "two notes of a key that begin in one step": (
        [(0.1, 0.3, 60, 80), (0.102, 0.5, 60, 80)],
        0.5,
        [shift(10), loud(80), 60, off(60), 60, shift(40), off(60)],
    ),
    "a note that ends in the step where another of its key begins and ends": (
        [(0, 0.1, 60, 80), (0.1, 0.101, 60, 80), (0.103, 0.104, 60, 80)],
        0.2,
        [loud(80), 60, shift(10), off(60), 60, off(60), 60, off(60), shift(10)],
    ),
    "times between two steps": (
        [(0.004, 0.096, 60, 80), (0.106, 0.114, 62, 80)],
        0.126,
        [loud(80), 60, shift(10), off(60), shift(1), 62, off(62), shift(2)],
    ),
    "the first and the last of everything": (
        [(0, 1, 0, 1), (0.01, 1, 127, 127)],
        1,
        [356, 0, 256, 387, 127, shift(99), 128, 255],
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_events_by_hand(case):
    rows, seconds, expected = BY_HAND[case]
    assert events.encode(NoteList.of(rows, seconds), 100).tolist() == expected


def test_where_each_kind_of_event_is():
    assert (events.NOTE_ON, events.NOTE_OFF, events.TIME_SHIFT, events.VELOCITY) == (
        0,
        128,
        256,
        356,
    )
    assert events.CLASSES == 388
    assert events.durations(np.arange(388)).tolist() == [0] * 256 + [*range(1, 101)] + [0] * 32


def test_every_velocity_comes_back_within_two():
    rows = [(i, i + 1, 60, velocity) for i, velocity in enumerate(range(1, 128))]
    back = events.decode(events.encode(NoteList.of(rows), 100), 100).notes
    assert np.abs(back.velocity - np.arange(1, 128)).max() == 2
    again = events.decode(events.encode(back, 100), 100).notes
    assert np.array_equal(again.velocity, back.velocity)


def in_order(notes: NoteList) -> np.ndarray:
    """By key and time, (notes, 4)."""
    order = np.lexsort((notes.offset_seconds, notes.onset_seconds, notes.pitch))
    columns = (notes.onset_seconds, notes.offset_seconds, notes.pitch, notes.velocity)
    return np.stack(columns, axis=1)[order]


@pytest.mark.parametrize("seed", range(5))
def test_a_performance_comes_back_to_within_five_milliseconds(seed):
    """All that one keyboard can play: dense, with keys struck again and again."""
    piece = random_piece(seed, notes=[60, 400, 2000][seed % 3], low=50, high=80)
    expected = in_order(one_per_key(piece))
    decoded = events.decode(events.encode(piece, 100), 100, 10)
    found = in_order(decoded.notes)
    assert found.shape == expected.shape
    assert np.array_equal(found[:, 2], expected[:, 2])
    assert np.abs(found[:, :2] - expected[:, :2]).max() <= 0.005 + 1e-9
    assert np.abs(found[:, 3] - expected[:, 3]).max() <= 2
    assert abs(decoded.notes.length_seconds - piece.length_seconds) <= 0.005 + 1e-9
    assert not decoded.stuck.any()


@pytest.mark.parametrize("seed", range(3))
def test_what_is_encoded_says_nothing_that_cannot_follow(seed):
    """Nor a velocity that is in force already, nor two shifts where one would do."""
    steps = events.encode(random_piece(seed, notes=500, low=50, high=80), 100)
    grammar = events.Grammar(np.zeros((1, 0), dtype=np.int64))
    for event in steps.tolist():
        assert grammar.allowed()[0, event]
        grammar.follow(np.array([event]))
    assert not grammar.down.any()
    assert (steps[-1] < events.VELOCITY) and not grammar.after_velocity.any()
    velocities = steps[steps >= events.VELOCITY]
    assert (np.diff(velocities) != 0).all()
    is_shift = events.durations(steps) > 0
    followed = is_shift[:-1] & is_shift[1:]
    assert (steps[:-1][followed] == shift(100)).all()


def decoded_events(*steps: int, **options) -> Decoded:
    return events.decode(np.array(steps, dtype=np.int16), 100, **options)


def told(decoded: Decoded) -> list[tuple]:
    """(onset, offset, pitch, stuck, turned_off, age) of each note."""
    notes = decoded.notes
    columns = (notes.onset_seconds, notes.offset_seconds, notes.pitch)
    columns += (decoded.stuck, decoded.turned_off, decoded.age_steps)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_a_note_still_on_at_the_end_is_stuck():
    decoded = decoded_events(60, shift(50), 64, shift(50), off(60), shift(100))
    assert told(decoded) == [(0, 1, 60, False, True, 4), (0.5, 2, 64, True, False, 3)]
    assert told(decoded_events(shift(10), 60)) == [(0.1, 0.1, 60, True, False, 0)]


def test_a_note_too_long_is_closed_though_it_is_turned_off_later():
    """Its age is what it took the events to end it; one never ended is no older for that."""
    three = [shift(100)] * 3
    decoded = decoded_events(60, 62, 64, shift(100), off(62), *three, off(60), max_note_seconds=2)
    assert told(decoded) == [
        (0, 2, 60, True, True, 8),
        (0, 1, 62, False, True, 3),
        (0, 2, 64, True, False, 6),
    ]
    assert decoded.notes.length_seconds == 4
    closed = decoded_events(60, *three, 60, shift(100), off(60), max_note_seconds=2)
    assert told(closed) == [(0, 2, 60, True, False, 4), (3, 4, 60, False, True, 2)]


def test_a_note_struck_again_ends_and_another_begins():
    """It was not turned off, and it is not stuck: the events ended it."""
    decoded = decoded_events(60, shift(50), 60, shift(50), off(60))
    assert told(decoded) == [(0, 0.5, 60, False, False, 2), (0.5, 1, 60, False, True, 2)]


def test_a_note_off_of_a_key_that_is_not_down_says_nothing():
    plain = decoded_events(60, shift(50), off(60), shift(50))
    more = decoded_events(off(7), 60, off(61), shift(50), off(60), off(60), shift(50), off(60))
    assert told(plain) == [(0, 0.5, 60, False, True, 2)]
    assert told(more) == [(0, 0.5, 60, False, True, 3)]
    assert more.notes.length_seconds == 1


def test_a_velocity_holds_until_the_next():
    steps = [60, loud(20), 61, shift(9), 62, loud(90), loud(120), 63, shift(1)]
    decoded = decoded_events(*steps, *map(off, range(60, 64)))
    assert decoded.notes.velocity.tolist() == [80, 19, 19, 119]


def test_what_was_before_sets_the_velocity_and_its_notes_do_not_count():
    """A primer's note that is turned off in the piece is none of the piece's."""
    primer = np.array([events.CLASSES, loud(20), 50, loud(33), 60, shift(10), 64, off(50)])
    decoded = decoded_events(off(60), 62, shift(50), off(62), off(64), before=primer)
    assert told(decoded) == [(0, 0.5, 62, False, True, 2)]
    assert decoded.notes.velocity.tolist() == [35]
    # A key that is down from the primer is struck anew.
    assert told(decoded_events(60, shift(50), off(60), before=primer)) == [
        (0, 0.5, 60, False, True, 2)
    ]
    for silent in (None, np.array([events.CLASSES, 60, shift(3)]), np.zeros(0, dtype=np.int64)):
        assert decoded_events(60, shift(1), off(60), before=silent).notes.velocity.tolist() == [80]


def test_a_cut_of_events_by_hand():
    steps = np.array([loud(80), 60, shift(100), 62, shift(50), off(60), off(62), shift(25), 64])
    steps = steps.astype(np.int16)
    for length, expected in {
        30: [*steps[:2], shift(30)],
        100: steps[:3],
        101: [*steps[:4], shift(1)],
        149: [*steps[:4], shift(49)],
        150: steps[:7],  # what ends there has ended
        151: [*steps[:7], shift(1)],
        175: steps[:8],  # what begins there does not begin
        176: steps,
    }.items():
        assert events.cut(steps, length).tolist() == list(expected), length
    assert events.cut(steps[:0], 5).tolist() == []


# What may follow.


def test_the_grammar_by_hand():
    primers = np.array([[events.CLASSES, 60, off(61), 62], [60, off(60), 64, loud(80)]])
    grammar = events.GRAMMAR(primers)

    def not_allowed() -> list[list[int]]:
        """Of each sequence what cannot follow, but for note-offs of keys that are up."""
        allowed = grammar.allowed()
        assert (allowed.dtype, allowed.shape) == (np.bool_, (2, events.CLASSES))
        assert allowed[:, 256:356].all()
        assert np.array_equal(allowed[:, :128], ~allowed[:, 128:256])
        found = [np.flatnonzero(~row).tolist() for row in allowed]
        return [[event for event in row if not 128 <= event < 256] for row in found]

    every_velocity = [*range(356, 388)]
    assert not_allowed() == [[60, 62], [64, *every_velocity]]
    grammar.follow(np.array([off(60), 65]))
    assert not_allowed() == [[62], [64, 65]]
    grammar.follow(np.array([loud(3), shift(100)]))
    assert not_allowed() == [[62, *every_velocity], [64, 65]]
    grammar.follow(np.array([shift(1), loud(3)]))
    assert not_allowed() == [[62], [64, 65, *every_velocity]]


def naive_allowed(sequence: list[int]) -> set[int]:
    """What may follow some events, read anew from the first of them."""
    down = set()
    for event in sequence:
        if event < 128:
            down.add(event)
        elif event < 256:
            down.discard(event - 128)
    last_is_velocity = bool(sequence) and 356 <= sequence[-1] < 388
    forbidden = set(down) | {off(pitch) for pitch in range(128) if pitch not in down}
    return set(range(388)) - forbidden - (set(range(356, 388)) if last_is_velocity else set())


@pytest.mark.parametrize("primer_steps", [0, 1, 30])
def test_the_grammar_is_what_reading_anew_gives(primer_steps):
    """Of any events, grammatical or not, each sequence by itself."""
    generator = np.random.default_rng(primer_steps)
    written = generator.integers(0, 388, (8, primer_steps + 60))
    written = np.where(generator.random(written.shape) < 0.6, written % 12, written)  # few keys
    written[::2] += np.where(
        written[::2] < 12, 128 * generator.integers(0, 2, written[::2].shape), 0
    )
    if primer_steps:
        written[:4, 0] = events.CLASSES
    grammar = events.Grammar(written[:, :primer_steps])
    for step in range(primer_steps, written.shape[1]):
        allowed = grammar.allowed()
        for row in range(8):
            assert set(np.flatnonzero(allowed[row])) == naive_allowed(written[row, :step].tolist())
        grammar.follow(written[:, step])
