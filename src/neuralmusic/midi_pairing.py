"""Which event ends each note of a MIDI file.

Keys are told apart by track, port, channel and pitch. A key may be down several times: its first
note-off ends the note that began first.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import defaultdict, deque
from dataclasses import dataclass

import numpy as np

from neuralmusic.midi_bytes import SUSTAIN, Sequence

DRUM_CHANNEL = 9
NO_PLACE = np.iinfo(np.int64).max  # after every event
SHORT_KEYS = 1 << 16  # NumPy sorts integers of 16 bits the fastest


def paired(sequence: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """The places among the events of all note-ons, and of what ends each: int64 (notes,).

    A note that nothing ends has the place after the last event. At one tick a note-off ends what
    began before that tick; only where it has nothing else to end, and the note that it follows has
    no other end, is a note of no length. Where a key is struck more often than it is let go, the
    notes that are never let go end at the key's next strike: they are those that, were note-offs
    to end the latest note, would be left. A note-off without a note in its own track ends the
    oldest note of its channel and pitch that another track does not let go. Controllers that let
    all notes go end what sounds in their port and channel.
    Drums are left out.
    """
    status = sequence.status
    at = np.flatnonzero((status < 0xA0) & (status & 15 != DRUM_CHANNEL))
    key = (status[at] & 15) << 7 | sequence.first[at]
    if len(sequence.ports) > 1:
        key |= sequence.lane[at] << 11
    if len(sequence.ports) << 11 <= SHORT_KEYS:
        key = key.astype(np.uint16)
    order = np.argsort(key, kind="stable")
    at, key = at[order], key[order]  # all events of a key one after the other
    on = (status[at] >= 0x90) & (sequence.second[at] > 0)
    is_first = np.ones(len(at), dtype=bool)
    is_first[1:] = key[1:] != key[:-1]
    tick = sequence.tick[at]
    is_later = is_first.copy()
    is_later[1:] |= tick[1:] != tick[:-1]
    if (on[:-1] & ~on[1:] & ~is_later[1:]).any():  # at one tick note-offs come first
        order = np.argsort(np.cumsum(is_later) << 1 | on, kind="stable")
        at, on = at[order], on[order]
    silenced = _silenced(sequence, at, on)
    if silenced is not None:
        is_first[1:] |= silenced[1:] != silenced[:-1]
    starts = np.flatnonzero(is_first)
    if not len(starts):
        return at, at
    down = np.cumsum(np.where(on, 1, -1))
    before = np.append(0, down[starts[1:] - 1])
    # Where a key is never let go more often than struck, and in the end as often, its n-th
    # note-off ends its n-th note.
    is_even = np.minimum.reduceat(down, starts) >= before
    is_even &= np.append(before[1:], down[-1]) == before
    if is_even.all():
        return at[on], at[~on]
    counts = np.diff(np.append(starts, len(at)))
    even = np.repeat(is_even, counts)
    loose, pairs = _Loose([], []), []
    for group in np.flatnonzero(~is_even).tolist():
        span = slice(starts[group], starts[group] + counts[group])
        end = len(status) if silenced is None else int(silenced[span][0])
        pairs += _pair_key(sequence, at[span], on[span], end, loose)
    pairs += _across_tracks(sequence, loose)
    others = np.array(pairs, np.int64).reshape(-1, 2)
    return np.append(at[even & on], others[:, 0]), np.append(at[even & ~on], others[:, 1])


def _silenced(sequence: Sequence, at: np.ndarray, on: np.ndarray) -> np.ndarray | None:
    """For each note event the place of the next controller that lets its notes go, or the end's.

    A note-off at the tick of such a controller comes before it, a note-on after it. None where
    there is no such controller.
    """
    is_silence = (sequence.status >= 0xB0) & (sequence.first != SUSTAIN)
    if not is_silence.any():
        return None
    device = devices(sequence)
    tick, never = sequence.tick, len(sequence.tick)
    this, later = (np.searchsorted(tick, tick[at], side=side) for side in ("left", "right"))
    # Devices one after the other, each with room for all places.
    begin = device * (never + 1)
    silences = np.flatnonzero(is_silence)
    silences = np.append(np.sort(begin[silences] + silences), NO_PLACE)
    found = silences[np.searchsorted(silences, begin[at] + np.where(on, later, this))]
    return np.minimum(found - begin[at], never)


def devices(sequence: Sequence) -> np.ndarray:
    """The port and channel of every event as one number, int64 (events,)."""
    channel = sequence.status & 15
    if not any(sequence.ports):
        return channel
    return np.array(sequence.ports, np.int64)[sequence.lane] << 4 | channel


@dataclass
class _Loose:
    """What no event of the same key answers."""

    ons: list[tuple[int, int]]  # places: the note-on's, and the end's unless another track ends it
    offs: list[int]


def _pair_key(
    sequence: Sequence, at: np.ndarray, on: np.ndarray, end: int, loose: _Loose
) -> list[tuple[int, int]]:
    """Pairs (note-on, end) of the places `at` of a key that is not let go as often as it is struck.

    At one tick note-offs come first in `at`; a place tells which event is written before another.
    `end` is the place of what ends all its notes. What is left is added to `loose`.
    """
    events = zip(sequence.tick[at].tolist(), at.tolist(), on.tolist(), strict=True)
    strikes: list[tuple[int, int]] = []  # tick and place
    latest: list[tuple[int, int]] = []  # those of them that are still down, were the latest let go
    lifts: list[int] = []  # the note-offs that end what began before their tick
    instant: dict[int, int] = {}  # the ends of notes that begin and end at one tick
    last_instant: int | None = None  # the key's last note, if it is such a one
    early: set[int] = set()  # notes whose note-off is written before them
    for tick, together in itertools.groupby(events, key=lambda event: event[0]):
        here = list(together)
        struck = deque(place for _, place, is_on in here if is_on)
        strikes += [(tick, place) for place in struck]
        before, last_instant = last_instant, None if struck else last_instant
        unanswered = 0
        for _, place, is_on in here:
            if is_on:
                continue
            if latest:
                latest.pop()
                lifts.append(place)
            elif struck and struck[0] < place:
                last_instant = struck.popleft()
                instant[last_instant] = place
            elif before is not None:  # what ended that note at once was one note-off too many
                instant[before], before = place, None
                last_instant = last_instant if strikes[-1][0] == tick else None
            else:
                loose.offs.append(place)
                unanswered += 1
        if struck:
            last_instant = None
        early.update(itertools.islice(struck, unanswered))
        latest += [(tick, place) for place in struck]
    left = {place for _, place in latest}
    whole = [(tick, place) for tick, place in strikes if place not in left and place not in instant]
    pairs = [(place, lift) for (_, place), lift in zip(whole, lifts, strict=True)]
    twins = {tick: lift for (tick, _), (_, lift) in zip(whole, pairs, strict=True)}
    for tick, place in latest:
        after = bisect_right(strikes, (tick, len(sequence.tick)))
        if tick in twins:
            until = twins[tick]
        elif after < len(strikes):
            until = strikes[after][1]
        else:
            until = place if place in early and end == len(sequence.status) else end
        loose.ons.append((place, until))
    return pairs + list(instant.items())


def _across_tracks(sequence: Sequence, loose: _Loose) -> list[tuple[int, int]]:
    """Pairs (note-on, end) of the notes that their own track does not let go."""
    ends = dict(loose.ons)
    waiting: dict[int, deque[int]] = defaultdict(deque)
    at = np.array([*ends, *loose.offs], np.int64)
    on = np.arange(len(at)) < len(ends)
    order = np.lexsort((at, on, sequence.tick[at]))
    at, on = at[order], on[order]
    keys = (sequence.status[at] & 15) << 7 | sequence.first[at]
    for key, place, is_on in zip(keys.tolist(), at.tolist(), on.tolist(), strict=True):
        if is_on:
            waiting[key].append(place)
            continue
        while waiting[key]:
            struck = waiting[key].popleft()
            if ends[struck] > place:
                ends[struck] = place
                break
    return list(ends.items())
