"""The samples of the pseudo-model `source`: the pieces of `real` as they are before encoding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from neuralmusic.files import write_csv
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import load_notes
from neuralmusic.prepare import load_encoded
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.sampled import COLUMNS, length_steps


def sample_source(params: dict, encoded: Path, notes: Path, out: Path) -> None:
    """Writes the test pieces of a corpus as `convert` read them, and pieces.csv.

    Each has the name and the length of the same piece in `real`, so that the two differ by what
    encoding and decoding lose alone, and by nothing that writing a MIDI file does. No note is
    decoded, so that pieces.csv counts none as stuck.
    """
    representation = REPRESENTATIONS[params["representation"]["name"]]
    rate = params["representation"]["steps_per_second"]
    test = load_encoded(encoded, "test")
    stored = load_notes(notes / "notes.npz")
    rows = []
    for index, (steps, name) in enumerate(zip(test.pieces, test.names, strict=True)):
        file = f"{index:04d}.mid"
        steps = representation.cut(steps, length_steps(params))
        decoded = representation.decode(steps, rate, params["sampling"]["max_note_seconds"], None)
        seconds = decoded.notes.length_seconds
        piece = replace(stored[name].cut(seconds), length_seconds=seconds)
        write_midi(out / file, piece)
        rows.append([file, name, 0, len(steps), len(piece), None])
    write_csv(out / "pieces.csv", pd.DataFrame(rows, columns=COLUMNS))
