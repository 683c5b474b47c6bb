"""What a set of samples is on disk: one MIDI file a piece, and what each of them is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from neuralmusic.files import write_csv
from neuralmusic.midi_writing import write_midi
from neuralmusic.representations import REPRESENTATIONS

REAL = "real"
COLUMNS = ["file", "primer_piece", "primer_start_step", "steps", "notes", "stuck_notes"]
# Of every note: which it is, its age when the steps ended it, whether decoding had to, whether they
# ever did. A MIDI file may have fewer: what begins at once on one key is one note there.
END_COLUMNS = ["file", "onset_seconds", "pitch", "age_steps", "stuck", "turned_off"]


def length_steps(params: dict) -> int:
    """How long each piece is, in steps of the representation's time grid."""
    return round(params["sampling"]["seconds"] * params["representation"]["steps_per_second"])


def write_sampled(
    params: dict,
    sampled: Iterable[tuple[np.ndarray, np.ndarray | None, tuple[str, int]]],
    out: Path,
) -> None:
    """Writes 0000.mid, 0001.mid, ..., pieces.csv, which says what each one is, and note_ends.csv.

    `sampled` has of each piece its encoded steps, which are cut to length, those of the primer
    that it continues, if any, and which piece that is from which step on.
    """
    representation = REPRESENTATIONS[params["representation"]["name"]]
    rate = params["representation"]["steps_per_second"]
    longest = params["sampling"]["max_note_seconds"]
    rows, ends = [], []
    for index, (steps, primer, source) in enumerate(sampled):
        file = f"{index:04d}.mid"
        steps = representation.cut(steps, length_steps(params))
        decoded = representation.decode(steps, rate, longest, primer)
        write_midi(out / file, decoded.notes)
        rows.append([file, *source, len(steps), len(decoded.notes), int(decoded.stuck.sum())])
        which = (file, decoded.notes.onset_seconds, decoded.notes.pitch)
        how = (decoded.age_steps, decoded.stuck.astype(int), decoded.turned_off.astype(int))
        ends.append(pd.DataFrame(dict(zip(END_COLUMNS, (*which, *how), strict=True))))
    write_csv(out / "pieces.csv", pd.DataFrame(rows, columns=COLUMNS))
    write_csv(out / "note_ends.csv", pd.concat(ends))
