"""`read_midi` with the faults that a reader of files could have; imports little, as it does."""

import os
from pathlib import Path

from neuralmusic import midi
from neuralmusic.notes import NoteList


def read_midi(path: Path, **settings) -> NoteList:
    while path.name == "a.mid":
        pass
    if path.name == "b.mid":
        os.abort()
    if path.name == "c.mid":
        raise PermissionError("not yours")
    return midi.read_midi(path, **settings)
