"""A folder or zip of MIDI files, fetched."""

from __future__ import annotations

import pandas as pd

from neuralmusic.fetch import fetch as fetch_dataset
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList


def midi_bytes(tmp_path, tune: NoteList) -> bytes:
    write_midi(tmp_path / "tune.mid", tune)
    return (tmp_path / "tune.mid").read_bytes()


def fetch(path, out, workers=1) -> dict[str, str]:
    """What `fetch` of a folder or zip rejects; the files go to `out`."""
    out.mkdir()
    fetch_dataset({"source": "folder", "path": str(path)}, out, workers)
    return rejected(out)


def rejected(folder) -> dict[str, str]:
    table = pd.read_csv(folder / "rejected.csv", keep_default_na=False)
    return dict(zip(table["file"], table["reason"], strict=True))
