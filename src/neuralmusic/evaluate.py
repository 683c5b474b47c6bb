"""From the sampled MIDI files of one model to one row of numbers a piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.files import InputError, writing
from neuralmusic.measures.pitch import (
    CLASSES,
    PITCHES,
    highest_pitch,
    lowest_pitch,
    pitch_counts,
    used_pitches,
)
from neuralmusic.measures.rhythm import longest_note_seconds, mean_ioi_seconds, mean_note_seconds
from neuralmusic.measures.transitions import repeated_notes, transition_counts
from neuralmusic.midi import MidiError, read_midi
from neuralmusic.notes import NoteList
from neuralmusic.stored import read_csv

PITCH_COLUMNS = [f"pitch_{pitch}" for pitch in range(PITCHES)]
TRANSITION_COLUMNS = [f"transition_{a}_{b}" for a in range(CLASSES) for b in range(CLASSES)]


def evaluate(samples_folder: Path, out_folder: Path) -> None:
    """Measures every *.mid of a folder and writes `pieces.csv`, one row a piece, sorted by name.

    `pitch_*` and `transition_*` are raw counts; undefined values are empty cells. A piece without
    notes has a row too: silence is what the model made. `stuck_notes` cannot be told from a MIDI
    file: it is what the folder's own pieces.csv says, empty where there is none. Raises InputError
    naming each file that cannot be read.
    """
    paths = sorted(Path(samples_folder).glob("*.mid"))
    if not paths:
        raise InputError(f"{samples_folder} holds no *.mid file: sample the model first")
    rows, unreadable = [], []
    for path in paths:
        try:
            notes = read_midi(path, time="seconds", allow_empty=True)
        except (MidiError, OSError) as error:
            unreadable.append(f"{path}: {error}")
            continue
        rows.append(piece_row(path.name, notes))
    if unreadable:
        raise InputError(f"{len(unreadable)} unreadable samples:\n" + "\n".join(unreadable))
    frame = pd.DataFrame(rows)
    stuck = pd.array(stuck_notes(Path(samples_folder), list(frame["file"])), dtype="Int64")
    frame.insert(list(frame.columns).index("notes") + 1, "stuck_notes", stuck)
    for column in ("lowest_pitch", "highest_pitch"):
        frame[column] = frame[column].astype("Int64")  # whole numbers that may be missing
    with writing(Path(out_folder) / "pieces.csv") as file:
        frame.to_csv(file, index=False, float_format="%.6g", lineterminator="\n")


def stuck_notes(samples_folder: Path, files: Sequence[str]) -> list[int | None]:
    """How many notes of each file decoding had to end, None where the folder does not say."""
    path = samples_folder / "pieces.csv"
    if not path.is_file():
        return [None] * len(files)
    frame = read_csv(path, ["file"])
    if not {"file", "stuck_notes"} <= set(frame.columns):  # another's, beside another's music
        return [None] * len(files)
    counts = pd.to_numeric(frame["stuck_notes"], errors="coerce")
    known = {
        file: int(count)
        for file, count in zip(frame["file"], counts, strict=True)
        if 0 <= count < np.inf
    }
    return [known.get(file) for file in files]


def piece_row(file: str, notes: NoteList) -> dict[str, Any]:
    """The measures of one piece, by column name; None where undefined."""
    return {
        "file": file,
        "length_seconds": float(notes.length_seconds),
        "notes": len(notes),
        "used_pitches": used_pitches(notes),
        "mean_ioi_seconds": mean_ioi_seconds(notes),
        "mean_note_seconds": mean_note_seconds(notes),
        "repeated_notes": repeated_notes(notes),
        "lowest_pitch": lowest_pitch(notes),
        "highest_pitch": highest_pitch(notes),
        "longest_note_seconds": longest_note_seconds(notes),
        **dict(zip(PITCH_COLUMNS, pitch_counts(notes).tolist(), strict=True)),
        **dict(zip(TRANSITION_COLUMNS, transition_counts(notes).ravel().tolist(), strict=True)),
    }
