"""Every measure of one piece by name: the only place where a new one is entered."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuralmusic.bars import Bars
from neuralmusic.measures import bars, dynamics, pitch, polyphony, rhythm, structure, transitions
from neuralmusic.notes import NoteList

UNBOUNDED = math.inf
CLASSES, PAIRS = (12,), (144,)
# What music may differ in and be the same music, and a measure of it not the same value.
KEY, TEMPO, VELOCITY = "key", "tempo", "velocity"


@dataclass(frozen=True)
class Measure:
    """A measure of one piece: how it is computed, what it can be, and how it is printed.

    `function` takes the note list, and its bars where `needs_bars`; `limits` are the smallest and
    the largest value, or element; `shape` is that of its result, () for a number; `depends_on` says
    whether the value is another one of the same music in another key, tempo or velocity.
    """

    function: Callable[..., float | np.ndarray | None]
    limits: tuple[float, float]
    heading: str
    decimals: int = 2
    shape: tuple[int, ...] = ()
    needs_bars: bool = False
    depends_on: tuple[str, ...] = (KEY, TEMPO, VELOCITY)


@dataclass(frozen=True)
class Description:
    """What the docstring of a measure says: its first paragraph, its keys, and all between."""

    summary: str
    formula: str
    unit: str
    range: str
    direction: str
    source: str
    details: str = ""


KEYS = ("formula", "unit", "range", "direction", "source")

MEASURES: dict[str, Measure] = {
    # Pitch.
    "used_pitches": Measure(pitch.used_pitches, (0, 128), "used pitches", 1, depends_on=()),
    "lowest_pitch": Measure(pitch.lowest_pitch, (0, 127), "lowest pitch", 1, depends_on=(KEY,)),
    "highest_pitch": Measure(pitch.highest_pitch, (0, 127), "highest pitch", 1, depends_on=(KEY,)),
    "pitch_range_semitones": Measure(
        pitch.pitch_range_semitones, (0, 127), "pitch range, semitones", 1, depends_on=()
    ),
    "mean_interval_semitones": Measure(
        transitions.mean_interval_semitones, (0, 127), "mean interval, semitones", depends_on=()
    ),
    "repeated_notes": Measure(
        transitions.repeated_notes, (0, 1), "repeated notes", 3, depends_on=()
    ),
    "pitch_class_entropy_bits": Measure(
        pitch.pitch_class_entropy_bits,
        (0, math.log2(12)),
        "pitch-class entropy, bits",
        depends_on=(),
    ),
    "scale_consistency": Measure(
        pitch.scale_consistency, (7 / 12, 1), "scale consistency", 3, depends_on=()
    ),
    "pitch_class_shares": Measure(
        pitch.pitch_class_shares, (0, 1), "pitch-class histogram", 3, CLASSES, depends_on=(KEY,)
    ),
    "pitch_class_transition_shares": Measure(
        transitions.pitch_class_transition_shares,
        (0, 1),
        "pitch-class transitions",
        3,
        PAIRS,
        depends_on=(KEY,),
    ),
    # Time.
    "notes": Measure(rhythm.note_count, (0, UNBOUNDED), "notes", 1, depends_on=()),
    "notes_per_minute": Measure(
        rhythm.notes_per_minute, (0, UNBOUNDED), "notes a minute", 1, depends_on=(TEMPO,)
    ),
    "mean_ioi_seconds": Measure(
        rhythm.mean_ioi_seconds, (0, UNBOUNDED), "mean IOI, s", 3, depends_on=(TEMPO,)
    ),
    "median_ioi_seconds": Measure(
        rhythm.median_ioi_seconds, (0, UNBOUNDED), "median IOI, s", 3, depends_on=(TEMPO,)
    ),
    "mean_note_seconds": Measure(
        rhythm.mean_note_seconds, (0, UNBOUNDED), "mean note, s", 3, depends_on=(TEMPO,)
    ),
    "longest_note_seconds": Measure(
        rhythm.longest_note_seconds, (0, UNBOUNDED), "longest note, s", depends_on=(TEMPO,)
    ),
    "note_length_shares": Measure(
        rhythm.note_length_shares, (0, 1), "note-length histogram", 3, CLASSES, depends_on=(TEMPO,)
    ),
    "note_length_transition_shares": Measure(
        rhythm.note_length_transition_shares,
        (0, 1),
        "note-length transitions",
        3,
        PAIRS,
        depends_on=(TEMPO,),
    ),
    # Polyphony and loudness.
    "mean_polyphony": Measure(
        polyphony.mean_polyphony, (1, UNBOUNDED), "notes at once", depends_on=()
    ),
    "polyphony_rate": Measure(polyphony.polyphony_rate, (0, 1), "polyphony rate", 3, depends_on=()),
    "mean_velocity": Measure(
        dynamics.mean_velocity, (0, 127), "mean velocity", 1, depends_on=(VELOCITY,)
    ),
    "velocity_spread": Measure(
        dynamics.velocity_spread, (0, 90), "velocity spread", 1, depends_on=(VELOCITY,)
    ),
    # Structure.
    "short_self_similarity": Measure(
        structure.short_self_similarity, (-1, 1), "self-similarity, 2-4 s", 3, depends_on=(TEMPO,)
    ),
    "middle_self_similarity": Measure(
        structure.middle_self_similarity, (-1, 1), "self-similarity, 4-15 s", 3, depends_on=(TEMPO,)
    ),
    "long_self_similarity": Measure(
        structure.long_self_similarity, (-1, 1), "self-similarity, 15-30 s", 3, depends_on=(TEMPO,)
    ),
    "short_repetition": Measure(
        structure.short_repetition, (0, 1), "repeated, 4 notes", 3, depends_on=()
    ),
    "middle_repetition": Measure(
        structure.middle_repetition, (0, 1), "repeated, 8 notes", 3, depends_on=()
    ),
    "long_repetition": Measure(
        structure.long_repetition, (0, 1), "repeated, 16 notes", 3, depends_on=()
    ),
    # Bars and beats.
    "notes_per_bar": Measure(
        bars.notes_per_bar, (0, UNBOUNDED), "notes a bar", 1, needs_bars=True, depends_on=(TEMPO,)
    ),
    "pitches_per_bar": Measure(
        bars.pitches_per_bar, (0, 128), "pitches a bar", 1, needs_bars=True, depends_on=(TEMPO,)
    ),
    "bar_pitch_class_shares": Measure(
        bars.bar_pitch_class_shares,
        (0, 1),
        "pitch classes of a bar",
        3,
        CLASSES,
        needs_bars=True,
        depends_on=(KEY, TEMPO),
    ),
    "grooving_similarity": Measure(
        bars.grooving_similarity,
        (0, 1),
        "grooving similarity",
        3,
        needs_bars=True,
        depends_on=(TEMPO,),
    ),
    "empty_beat_rate": Measure(
        bars.empty_beat_rate, (0, 1), "empty beats", 3, needs_bars=True, depends_on=(TEMPO,)
    ),
}


def measure_piece(notes: NoteList, bars: Bars | None = None) -> dict[str, float | np.ndarray]:
    """Every measure of a piece; NaN, or an array of it, where undefined.

    `bars` are those of a piece whose times are beats; without them what needs bars is undefined.
    """
    found: dict[str, float | np.ndarray] = {}
    for name, measure in MEASURES.items():
        if measure.needs_bars:
            value = None if bars is None else measure.function(notes, bars)
        else:
            value = measure.function(notes)
        if measure.shape:
            found[name] = np.full(measure.shape, np.nan) if value is None else np.asarray(value)
        else:
            found[name] = math.nan if value is None else float(value)
    return found


def described(measure: Measure) -> Description:
    """What is said of a measure where it is defined."""
    return description_of(measure.function)


def description_of(function: Callable[..., object]) -> Description:
    """What a docstring says in its first paragraph, and on lines such as `Unit: seconds`.

    A line without a key goes on with the one before, up to an empty line. Raises ValueError, naming
    the function, where a key is missing.
    """
    said: dict[str, str] = {}
    details = []
    first, *others = (inspect.getdoc(function) or "").split("\n\n")
    for paragraph in others:
        key = "details"
        for line in paragraph.splitlines():
            name, colon, text = line.partition(": ")
            if colon and name.lower() in KEYS and name.istitle():
                key, line = name.lower(), text
            if key == "details":
                details.append(line.strip())
            else:
                said[key] = f"{said[key]} {line.strip()}" if key in said else line.strip()
    missing = [key for key in KEYS if not said.get(key)]
    if missing:
        name = getattr(function, "__name__", repr(function))
        raise ValueError(f"the docstring of {name} does not state: {', '.join(missing)}")
    return Description(summary=" ".join(first.split()), details=" ".join(details), **said)
