"""A folder of MIDI files that another system made, which stands in an experiment as a model.

Which of its files count, and what they are. The workflow asks at every start: nothing here needs
pandas or PyTorch.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from neuralmusic.datasets.brought import is_midi
from neuralmusic.files import InputError
from neuralmusic.folders import files_below
from neuralmusic.midi_bytes import MAX_FILE_BYTES
from neuralmusic.seeds import order_by_hash

FOLDER = "folder"  # the family of such a model, which is in no registry: it is not built
WHAT_TO_DO = "Set it to a folder that holds the .mid or .midi files of the system to compare."


def files_of(path: str, pieces: int, seed: int) -> list[Path]:
    """The MIDI files below a folder, sorted by path: all, or of more than `pieces` a draw of these.

    Symbolic links are followed, see `files_below`.
    Raises InputError where it is no folder that can be read, or holds no MIDI file.
    """
    folder = Path(path).expanduser()
    try:
        if not folder.is_dir():
            what = "is no folder" if folder.exists() else "does not exist"
            raise InputError(f"{path!r} {what}. {WHAT_TO_DO}")
        next(folder.iterdir(), None)  # which tells whether it can be read
        found = files_below(folder, is_midi).files
    except OSError as error:
        raise InputError(f"{path!r} cannot be read: {error.strerror}. {WHAT_TO_DO}") from error
    if not found:
        raise InputError(f"{path!r} holds no MIDI file. {WHAT_TO_DO}")
    if len(found) <= pieces:
        return found
    # By the names within the folder: the same files in another place give the same draw.
    drawn = order_by_hash(found, lambda file: f"{seed} {_name(file, folder)}")
    return sorted(drawn[:pieces])


def fingerprint(path: str, pieces: int, seed: int) -> dict[str, str]:
    """A hash of names, sizes and contents of the files that count.

    Contents and not times, so that a copy of the folder is the same one. A file that is not drawn
    may change: nothing is made of it.
    """
    folder = Path(path).expanduser()
    hasher = hashlib.sha256()
    for file in files_of(path, pieces, seed):
        hasher.update(f"{_name(file, folder)}\0{_content(file)}\n".encode())
    return {"files_sha256": hasher.hexdigest()}


def _name(file: Path, folder: Path) -> str:
    """A file's name within the folder as ASCII, which holds what is no UTF-8 too."""
    return ascii(file.relative_to(folder).as_posix())


def _content(file: Path) -> str:
    """Size and hash of a file, as far as it can be had: what cannot be read is rejected later."""
    try:
        size = file.stat().st_size
        is_read = size <= MAX_FILE_BYTES
        return f"{size}\0{hashlib.sha256(file.read_bytes()).hexdigest() if is_read else ''}"
    except OSError as error:
        return f"unreadable\0{error.errno}"
