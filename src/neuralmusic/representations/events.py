"""388 performance events (thesis §5.4.1; Simon and Oore, Performance RNN, 2017).

In this order: 128 note-on, 128 note-off, 100 time shifts of 1 to 100 steps of the grid (10 ms to
1 s at 100 steps a second), 32 velocities. A velocity holds until the next one; one is written only
where the bin changes. A longer gap is several shifts, the longest first. At one time note-offs
come before note-ons, each by pitch.
"""

from __future__ import annotations

import numpy as np

from neuralmusic.notes import NoteList, one_per_key
from neuralmusic.representations.decoded import VELOCITY as DEFAULT_VELOCITY
from neuralmusic.representations.decoded import Decoded, longest_steps, transpose_classes

PITCHES = 128
NOTE_ON = 0
NOTE_OFF = 128
TIME_SHIFT = 256
LONGEST_SHIFT = 100
VELOCITY = 356
CLASSES = 388
STEP = "event"


def velocity_bin(velocity: np.ndarray) -> np.ndarray:
    """The bin 0..31 of velocities 1..127."""
    return (velocity - 1) // 4


def bin_velocity(index: int) -> int:
    """The middle of a bin, at most 2 from all that fall into it: 3, 7, ... 123, 126.

    A bin's lowest velocity, which is sometimes decoded instead, would be up to 3 away.
    """
    return min(4 * index + 3, 126)


def encode(notes: NoteList, steps_per_second: float) -> np.ndarray:
    """The events of a piece, int16 of shape (T,), with shifts to its end."""
    notes = one_per_key(notes)
    on = np.round(notes.onset_seconds * steps_per_second).astype(np.int64)
    off = np.maximum(np.round(notes.offset_seconds * steps_per_second).astype(np.int64), on)
    pitch = notes.pitch.astype(np.int64)
    order = np.arange(len(notes))
    # A note without a step of its own ends where it began: after its note-on, not with the others.
    at_once = (off == on).astype(np.int64)
    step = np.concatenate([on, off])
    by = (
        np.concatenate([np.zeros_like(on), np.ones_like(on)]),  # the note-on before its note-off
        np.concatenate([order, order]),
        np.concatenate([pitch, pitch]),
        np.concatenate([np.ones_like(on), at_once]),
        step,
    )
    sequence = np.lexsort(by)
    step = step[sequence]
    event = np.concatenate([NOTE_ON + pitch, NOTE_OFF + pitch])[sequence]
    # The velocity in force after every event: that of the last note-on.
    bins = velocity_bin(np.concatenate([notes.velocity, notes.velocity]).astype(np.int64))[sequence]
    is_on = event < NOTE_OFF
    changed = np.zeros(len(event), dtype=bool)
    changed[is_on] = np.diff(bins[is_on], prepend=-1) != 0
    length = max(round(notes.length_seconds * steps_per_second), int(step.max(initial=0)))
    gaps = np.diff(np.concatenate([[0], step, [length]]))
    shifts = -(-gaps // LONGEST_SHIFT)
    counts = shifts + np.concatenate([1 + changed, [0]])
    ends = np.cumsum(counts)
    # All are longest shifts, until the others are written over them.
    events = np.full(ends[-1], TIME_SHIFT + LONGEST_SHIFT - 1, dtype=np.int16)
    events[ends[:-1] - 1] = event
    events[ends[:-1][changed] - 2] = VELOCITY + bins[changed]
    has_gap = shifts > 0
    last_shift = (ends - counts + shifts - 1)[has_gap]
    rest = gaps - (shifts - 1) * LONGEST_SHIFT
    events[last_shift] = TIME_SHIFT + rest[has_gap] - 1
    return events


def decode(
    steps: np.ndarray,
    steps_per_second: float,
    max_note_seconds: float | None = None,
    before: np.ndarray | None = None,
) -> Decoded:
    """The notes of events (T,).

    A note-off of a key that is not down says nothing; a note-on of one that is ends the note and
    begins another. `before`: the events of a primer, which set the velocity; notes that began in
    it are not part of the piece.
    """
    longest = longest_steps(max_note_seconds, steps_per_second)
    elapsed = np.cumsum(durations(steps))
    velocity = _velocity_after(before)
    down: dict[int, tuple[int, int]] = {}  # pitch -> the event that struck it, and its velocity
    rows = []

    def end(pitch: int, index: int, turned_off: bool = False, left_on: bool = False) -> None:
        struck, loudness = down.pop(pitch)
        onset, offset = elapsed[struck], elapsed[index]
        too_long = offset - onset > longest
        offset = onset + longest if too_long else offset
        times = (onset / steps_per_second, offset / steps_per_second)
        stuck = too_long or left_on
        rows.append((*times, pitch, loudness, stuck, turned_off, index - struck))

    for index, event in enumerate(steps.tolist()):
        if event >= VELOCITY:
            velocity = bin_velocity(event - VELOCITY)
        elif event < TIME_SHIFT:
            pitch = event % PITCHES
            if pitch in down:
                end(pitch, index, turned_off=event >= NOTE_OFF)
            if event < NOTE_OFF:
                down[pitch] = (index, velocity)
    for pitch in list(down):
        end(pitch, len(steps) - 1, left_on=True)
    return Decoded.of(rows, float(elapsed[-1]) / steps_per_second if len(steps) else 0.0)


def _velocity_after(before: np.ndarray | None) -> int:
    """The velocity in force after some events."""
    if before is None:
        return DEFAULT_VELOCITY
    said = before[(before >= VELOCITY) & (before < CLASSES)]
    return bin_velocity(int(said[-1]) - VELOCITY) if len(said) else DEFAULT_VELOCITY


def durations(steps: np.ndarray) -> np.ndarray:
    """How many steps of the grid each event takes: int64 (T,), 0 but for time shifts."""
    is_shift = (steps >= TIME_SHIFT) & (steps < VELOCITY)
    return np.where(is_shift, steps.astype(np.int64) - TIME_SHIFT + 1, 0)


def cut(steps: np.ndarray, length: int) -> np.ndarray:
    """The events of the first `length` steps of the grid, the last shift shortened to end there.

    Note-offs at that very time belong to the piece: its last notes are whole, and not stuck.
    """
    elapsed = np.cumsum(durations(steps))
    last = int(np.searchsorted(elapsed, length))
    if last == len(steps):
        return steps
    end = last + 1
    if elapsed[last] == length:
        while end < len(steps) and NOTE_OFF <= steps[end] < TIME_SHIFT:
            end += 1
    kept = steps[:end].copy()
    kept[last] -= elapsed[last] - length
    return kept


def transpose(steps: np.ndarray, semitones: np.ndarray) -> np.ndarray:
    """Events (B, T) with every note raised by semitones (B,), within the keyboard."""
    return transpose_classes(steps, semitones, steps < TIME_SHIFT, steps % PITCHES)


class Grammar:
    """What cannot follow in N sequences of events: kept up to date event by event.

    A note-off of a key that is not down, a note-on of one that is, a velocity after a velocity.
    """

    def __init__(self, primers: np.ndarray) -> None:
        """`primers` (N, P): the events before the first that is drawn; CLASSES is the start."""
        self.down = np.zeros((len(primers), PITCHES), dtype=bool)
        self.after_velocity = np.zeros(len(primers), dtype=bool)
        for column in primers.T:
            self.follow(column)

    def follow(self, events: np.ndarray) -> None:
        """Takes in the next event (N,) of every sequence."""
        rows = np.arange(len(events))
        on, off = events < NOTE_OFF, (events >= NOTE_OFF) & (events < TIME_SHIFT)
        self.down[rows[on], events[on]] = True
        self.down[rows[off], events[off] - NOTE_OFF] = False
        self.after_velocity = (events >= VELOCITY) & (events < CLASSES)

    def allowed(self) -> np.ndarray:
        """Which events may follow: bool (N, CLASSES). Time may always pass."""
        allowed = np.ones((len(self.down), CLASSES), dtype=bool)
        allowed[:, NOTE_ON:NOTE_OFF] = ~self.down
        allowed[:, NOTE_OFF:TIME_SHIFT] = self.down
        allowed[:, VELOCITY:] = ~self.after_velocity[:, None]
        return allowed


GRAMMAR = Grammar
