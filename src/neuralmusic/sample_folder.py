"""The samples of a model that is a folder of MIDI files: read, encoded and decoded as real ones."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from tqdm import tqdm

from neuralmusic.files import InputError, write_csv
from neuralmusic.isolated import Failure, isolated_map
from neuralmusic.midi import read_midi
from neuralmusic.midi_folder import files_of
from neuralmusic.notes import PackedPiece, writing_notes
from neuralmusic.prepare import PIECE_COLUMNS, SECONDS_A_FILE, encode, read_rejected
from neuralmusic.safe_names import printable
from neuralmusic.sample_real import sample_real
from neuralmusic.stored import read_exact_csv

PART = "test"  # the part of a split that the sampler takes for the pieces to be written


def sample_folder(params: dict, out: Path) -> None:
    """Writes 0000.mid, ..., pieces.csv and note_ends.csv as `sample` does, and rejected.csv.

    The files become a corpus whose pieces are all test pieces, and go where the real ones go, so
    that no difference between the two comes from reading, cutting or the representation.
    `primer_piece` of pieces.csv names the file that a piece is. Unlike in a dataset, copies count,
    and so do files without notes: both are what the system made.
    Raises InputError where no file can be used.
    """
    with TemporaryDirectory() as made:
        corpus = Path(made)
        reasons = _read(params, corpus)
        encode(params, corpus, corpus, corpus)
        if (corpus / "rejected.csv").exists():
            reasons |= read_rejected(corpus)
        if read_exact_csv(corpus / "pieces.csv", PIECE_COLUMNS).empty:
            examples = "; ".join(f"{file}: {why}" for file, why in list(reasons.items())[:3])
            raise InputError(f"no MIDI file of {params['path']!r} can be used: {examples}")
        sample_real(params, corpus, out)
    rejected = pd.DataFrame(sorted(reasons.items()), columns=["file", "reason"])
    write_csv(out / "rejected.csv", rejected)


def _read(params: dict, corpus: Path) -> dict[str, str]:
    """Writes the note lists and the split of a corpus; returns what cannot be read, and why.

    The files are not trusted: see `prepare.convert`.
    """
    folder = Path(params["path"]).expanduser()
    files = files_of(params["path"], params["sampling"]["pieces"], params["seed"])
    read = partial(_packed, time=params["time"], sustain_pedal=params["sustain_pedal"])
    answers = isolated_map(read, files, 1, SECONDS_A_FILE)
    progress = tqdm(answers, total=len(files), desc="reading MIDI", disable=None, leave=False)
    names, reasons = [], {}
    with writing_notes(corpus / "notes.npz") as append:
        for file, answer in zip(files, progress, strict=True):
            name = printable(file.relative_to(folder).as_posix())
            if isinstance(answer, Failure):
                reasons[name] = answer.reason
            else:
                append(name, answer)
                names.append(name)
    write_csv(corpus / "split.csv", pd.DataFrame({"piece": names, "split": PART}))
    return reasons


def _packed(file: Path, time: str, sustain_pedal: bool) -> PackedPiece:
    """A file as it is stored. Silence is a piece, as it is of a model that sampled it."""
    return PackedPiece.of(read_midi(file, time, sustain_pedal, allow_empty=True))
