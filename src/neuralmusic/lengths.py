"""One policy of lengths for all that is measured of an experiment.

Real pieces are often shorter than samples, and what grows with length (notes, used pitches, range,
repetition) would differ by that alone. So a sample is measured up to the length of a real piece:
the first sample of a run up to that of the first real piece, the second up to the second's, and
when all real pieces have had their turn, from the first again. The files stay whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd

from neuralmusic.files import InputError
from neuralmusic.midi import MidiError, read_midi
from neuralmusic.midi_writing import TICKS_PER_BEAT
from neuralmusic.notes import SECONDS_PER_BEAT, NoteList
from neuralmusic.stored import read_csv

WHOLE = (np.inf,)  # the lengths where nothing is cut
NOTE_ENDS = ["onset_seconds", "pitch", "age_steps", "stuck", "turned_off"]  # numbers of a note


def read_samples(folder: Path) -> dict[str, NoteList]:
    """The whole pieces of a folder of samples, by file, which may be silent, sorted by name.

    Raises InputError naming each file that cannot be read.
    """
    paths = sorted(Path(folder).glob("*.mid"))
    if not paths:
        raise InputError(f"{folder} holds no *.mid file: sample the model first")
    pieces, unreadable = {}, []
    for path in paths:
        try:
            pieces[path.name] = read_midi(path, time="seconds", allow_empty=True)
        except (MidiError, OSError) as error:
            unreadable.append(f"{path}: {error}")
    if unreadable:
        raise InputError(f"{len(unreadable)} unreadable samples:\n" + "\n".join(unreadable))
    return pieces


def real_lengths(folder: Path, min_seconds: float) -> tuple[float, ...]:
    """The lengths in seconds of the real pieces in a folder that are long enough to count.

    In an order that the notes alone decide, so that a few samples have the lengths of any pieces
    and not of those whose names come first. `WHOLE` where no piece is long enough.
    """
    pieces = sorted(read_samples(folder).values(), key=NoteList.digest)
    lengths = (piece.length_seconds for piece in pieces)
    return tuple(length for length in lengths if length >= min_seconds) or WHOLE


def in_turn(files: Iterable[str], lengths: Sequence[float]) -> dict[str, float]:
    """How many seconds of each file of a run are measured: the lengths in turn, by file name."""
    return dict(zip(sorted(files), cycle(lengths), strict=False))


def note_ends(folder: Path, lengths: Sequence[float] = WHOLE) -> pd.DataFrame:
    """How the notes of a run's samples ended, one row a note: `file` and NOTE_ENDS.

    Of a sample that is measured up to a length, those that begin before it. How such a note ended,
    be it later, is told as the whole sample has it: that a note sounds across the cut says nothing
    of whether the model ended it. Raises InputError where the table is missing or damaged.
    """
    frame = read_csv(Path(folder) / "note_ends.csv", ["file"], NOTE_ENDS)
    files = {file.name for file in Path(folder).glob("*.mid")} | set(frame["file"])
    ends = frame["file"].map(in_turn(files, lengths)).to_numpy(np.float64)
    return frame[_ticks(frame["onset_seconds"].to_numpy(np.float64)) < _ticks(ends)]


def _ticks(seconds: np.ndarray) -> np.ndarray:
    """Times as MIDI files have them, in which a note and a piece's end may be at one tick."""
    return np.round(seconds * TICKS_PER_BEAT / SECONDS_PER_BEAT)
