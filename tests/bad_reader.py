"""`read_packed` with the faults that a reader of files could have; imports little, as it does."""

import os
from pathlib import Path

from neuralmusic import midi
from neuralmusic.notes import PackedPiece


def read_packed(folder: Path, file: str, **settings) -> PackedPiece:
    while file == "a.mid":
        pass
    if file == "b.mid":
        os.abort()
    if file == "c.mid":
        raise PermissionError("not yours")
    return midi.read_packed(folder, file, **settings)
