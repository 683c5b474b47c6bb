"""From the sampled MIDI files of one model to one row of numbers a piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.files import write_csv
from neuralmusic.lengths import WHOLE, in_turn, note_ends, read_samples
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
from neuralmusic.notes import NoteList
from neuralmusic.stored import read_csv

PITCH_COLUMNS = [f"pitch_{pitch}" for pitch in range(PITCHES)]
TRANSITION_COLUMNS = [f"transition_{a}_{b}" for a in range(CLASSES) for b in range(CLASSES)]


def evaluate(samples_folder: Path, out_folder: Path, lengths: Sequence[float] = WHOLE) -> None:
    """Measures every *.mid of a folder and writes `pieces.csv`, one row a piece, sorted by name.

    Pieces are measured up to `lengths` in seconds, in turn; a note that sounds across the cut ends
    there. `pitch_*` and `transition_*` are raw counts; undefined values are empty cells. A piece
    without notes has a row too: silence is what the model made. Raises InputError naming each file
    that cannot be read.
    """
    folder = Path(samples_folder)
    pieces = read_samples(folder)
    cut = in_turn(pieces, lengths)
    stuck = stuck_notes(folder, pieces, lengths)
    frame = pd.DataFrame([piece_row(file, of.cut(cut[file])) for file, of in pieces.items()])
    counts = pd.array([stuck.get(file) for file in pieces], dtype="Int64")
    frame.insert(list(frame.columns).index("notes") + 1, "stuck_notes", counts)
    for column in ("lowest_pitch", "highest_pitch"):
        frame[column] = frame[column].astype("Int64")  # whole numbers that may be missing
    write_csv(Path(out_folder) / "pieces.csv", frame)


def stuck_notes(
    folder: Path, pieces: Mapping[str, NoteList], lengths: Sequence[float]
) -> dict[str, int]:
    """How many notes of each piece decoding had to end; of what is cut, see `note_ends`.

    A MIDI file does not tell: it is what the folder's own pieces.csv says, and of cut pieces its
    note_ends.csv. Pieces of which neither says it are left out.
    """
    if not (folder / "pieces.csv").is_file():
        return {}
    frame = read_csv(folder / "pieces.csv", ["file"])
    if not {"file", "stuck_notes"} <= set(frame.columns):  # another's, beside another's music
        return {}
    counts = pd.to_numeric(frame["stuck_notes"], errors="coerce")
    known = {
        file: int(count)
        for file, count in zip(frame["file"], counts, strict=True)
        if 0 <= count < np.inf
    }
    cut = in_turn(pieces, lengths)
    is_cut = [file for file, piece in pieces.items() if cut[file] < piece.length_seconds]
    if not is_cut:
        return known
    if not (folder / "note_ends.csv").is_file():
        return {file: count for file, count in known.items() if file not in is_cut}
    ends = note_ends(folder, lengths)
    within = ends.groupby("file")["stuck"].sum().to_dict()
    return known | {file: int(within.get(file, 0)) for file in is_cut if file in known}


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
