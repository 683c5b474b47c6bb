"""Sets of measured pieces: from note lists, from folders of MIDI files, from datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from pathlib import Path

import numpy as np

from neuralmusic.bars import Bars, bars_of
from neuralmusic.datasets.brought import is_midi
from neuralmusic.files import InputError
from neuralmusic.isolated import Failure, isolated_map
from neuralmusic.measures.originality import longest_matches
from neuralmusic.measures.registry import MEASURES, measure_piece
from neuralmusic.midi import notes_of
from neuralmusic.midi_bytes import read_path
from neuralmusic.notes import NoteList, load_notes

SECONDS_A_FILE = 60
# What is measured of a piece against the training set, beside MEASURES: see `with_originality`.
COPIED = {
    "longest_copied_notes": "longest match in the training set by intervals, notes",
    "longest_copied_rhythm_notes": "the same by intervals and rhythm, notes",
}


@dataclass(frozen=True)
class PieceSet:
    """The pieces of a set with every measure of each, in an order that the notes alone decide.

    `values` has of every measure an array (N,) or (N, K), NaN where it is undefined. `rejected`
    says of files that could not be read why.
    """

    name: str
    files: tuple[str, ...]
    digests: tuple[str, ...]  # of the notes, equal for copies
    values: Mapping[str, np.ndarray]
    pieces: tuple[NoteList, ...]
    rejected: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.files)

    def select(self, chosen: Sequence[int]) -> PieceSet:
        """The pieces at these positions, in this order."""
        chosen = list(chosen)
        return replace(
            self,
            files=tuple(self.files[at] for at in chosen),
            digests=tuple(self.digests[at] for at in chosen),
            values={name: of[chosen] for name, of in self.values.items()},
            pieces=tuple(self.pieces[at] for at in chosen),
        )


def piece_set(
    name: str,
    pieces: Mapping[str, NoteList] | Sequence[NoteList],
    bars: Mapping[str, Bars] | None = None,
) -> PieceSet:
    """Measures note lists, by file name or numbered.

    `bars`, by file name too, are those of pieces whose times are beats; without them what needs
    bars is undefined.
    """
    named = (
        pieces
        if isinstance(pieces, Mapping)
        else {f"{number:04d}": piece for number, piece in enumerate(pieces)}
    )
    of_bars = bars or {}
    found = [
        (file, piece, measure_piece(piece, of_bars.get(file))) for file, piece in named.items()
    ]
    return _of_measured(name, found, {})


@dataclass(frozen=True)
class Reading:
    """How files are read: see `read_midi`; with beats what needs bars is measured too."""

    time: str = "seconds"  # or "beats"
    sustain_pedal: bool = False
    cut_seconds: Sequence[float] = (np.inf,)  # lengths that the files are cut to, in turn


def read_sets(
    folders: Mapping[str, Path], reading: Reading, workers: int = 1
) -> dict[str, PieceSet]:
    """Reads and measures every MIDI file below folders, none of which can end or hang the run.

    A file that cannot be read is in its set's `rejected`, with why. Raises InputError where a
    folder is none or no file in it can be read.
    """
    files = {name: _files_of(Path(folder)) for name, folder in folders.items()}
    # All in one go, since starting processes takes as long as reading hundreds of files.
    items = [
        (folders[name], file, cut)
        for name, of in files.items()
        for file, cut in zip(of, cycle(reading.cut_seconds), strict=False)
    ]
    answers = isolated_map(partial(_read, reading), items, workers, SECONDS_A_FILE)
    sets = {}
    for name, of in files.items():
        found, rejected = [], {}
        for file, answer in zip(of, answers, strict=False):
            if isinstance(answer, Failure):
                rejected[file] = answer.reason
            else:
                found.append((file, *answer))
        if not found:
            file, reason = next(iter(rejected.items()))
            raise InputError(
                f"none of the {len(of)} MIDI files below {folders[name]} can be read,"
                f" such as {file}: {reason}"
            )
        sets[name] = _of_measured(name, found, rejected)
    return sets


def _files_of(folder: Path) -> list[str]:
    """The MIDI files below a folder, by their names within it."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name one with MIDI files")
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and is_midi(path.name)
    )
    if not files:
        raise InputError(f"{folder} holds no .mid or .midi file")
    return files


def stored_set(name: str, notes: Path, reading: Reading) -> PieceSet:
    """The set of a dataset that the workflow has converted; in beats its bars are taken as 4/4."""
    cuts = zip(load_notes(notes).items(), cycle(reading.cut_seconds), strict=False)
    pieces = {file: piece.cut(cut) for (file, piece), cut in cuts}
    bars = {file: Bars.of([]) for file in pieces} if reading.time == "beats" else None
    return piece_set(name, pieces, bars)


def with_originality(pieces: PieceSet, training: PieceSet) -> PieceSet:
    """The set with the measures COPIED: how long a stretch each piece shares with the training set.

    Held against what real pieces that were not trained on share with it, they show memorising.
    """
    found = longest_matches(pieces.pieces, training.pieces)
    copied = dict(zip(COPIED, (found.pitch.notes, found.rhythm.notes), strict=True))
    return replace(pieces, values={**pieces.values, **copied})


def _read(
    reading: Reading, item: tuple[Path, str, float]
) -> tuple[NoteList, dict[str, float | np.ndarray]]:
    """One file, read and measured in a process of its own."""
    folder, file, cut_seconds = item
    parsed = read_path(folder / file)
    piece = notes_of(parsed, reading.time, reading.sustain_pedal, allow_empty=True)
    bars = bars_of(parsed) if reading.time == "beats" else None
    piece = piece.cut(cut_seconds)
    return piece, measure_piece(piece, bars)


def _of_measured(
    name: str,
    found: Sequence[tuple[str, NoteList, Mapping[str, float | np.ndarray]]],
    rejected: Mapping[str, str],
) -> PieceSet:
    digests = [piece.digest() for _, piece, _ in found]
    # Resamples draw pieces by their place: sorted, so that a name or an order changes nothing.
    order = sorted(range(len(found)), key=lambda at: (digests[at], found[at][0]))
    values = {
        measure: np.array([found[at][2][measure] for at in order], np.float64).reshape(
            len(order), *MEASURES[measure].shape
        )
        for measure in MEASURES
    }
    return PieceSet(
        name=name,
        files=tuple(found[at][0] for at in order),
        digests=tuple(digests[at] for at in order),
        values=values,
        pieces=tuple(found[at][1] for at in order),
        rejected=dict(rejected),
    )
