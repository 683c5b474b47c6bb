"""Sets of measured pieces: from note lists, from folders of MIDI files, from datasets."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from pathlib import Path

import numpy as np

from neuralmusic.bars import Bars, bars_of
from neuralmusic.datasets.brought import is_midi
from neuralmusic.files import InputError
from neuralmusic.folders import Found, files_below
from neuralmusic.isolated import Failure, isolated_map
from neuralmusic.measures.originality import longest_matches
from neuralmusic.measures.registry import MEASURES, measure_piece
from neuralmusic.midi import notes_of
from neuralmusic.midi_bytes import MidiBytes, MidiError, read_path
from neuralmusic.notes import NoteList, load_notes
from neuralmusic.safe_names import printable, shown

SECONDS_A_FILE = 60
# What is measured of a piece against the training set, beside MEASURES: see `with_originality`.
COPIED = {
    "longest_copied_notes": "longest match in the training set by intervals, notes",
    "longest_copied_rhythm_notes": "the same by intervals and rhythm, notes",
}


@dataclass(frozen=True, repr=False)
class PieceSet:
    """The pieces of a set with every measure of each, in an order that the notes alone decide.

    `length_seconds` is (N,); `values` has of every measure an array (N,) or (N, K), NaN where it is
    undefined. `pieces` are None where only the measures were asked for: many note lists take much
    memory. `rejected` says of files that could not be read why, `silent` of pieces without notes.
    """

    name: str
    files: tuple[str, ...]
    digests: tuple[str, ...]  # of the notes, equal for copies
    length_seconds: np.ndarray
    values: Mapping[str, np.ndarray]
    pieces: tuple[NoteList, ...] | None = None
    rejected: Mapping[str, str] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        more = f", {len(self.silent)} of them silent" if self.silent else ""
        more += f", {len(self.rejected)} files rejected" if self.rejected else ""
        return f"<PieceSet {self.name!r}: {len(self)} pieces{more}>"

    def select(self, chosen: Sequence[int]) -> PieceSet:
        """The pieces at these positions, in this order."""
        chosen = list(chosen)
        files = tuple(self.files[at] for at in chosen)
        return replace(
            self,
            files=files,
            digests=tuple(self.digests[at] for at in chosen),
            length_seconds=self.length_seconds[chosen],
            values={name: of[chosen] for name, of in self.values.items()},
            pieces=None if self.pieces is None else tuple(self.pieces[at] for at in chosen),
            silent={file: self.silent[file] for file in files if file in self.silent},
        )


def piece_set(
    name: str,
    pieces: Mapping[str, NoteList] | Sequence[NoteList],
    bars: Mapping[str, Bars] | None = None,
) -> PieceSet:
    """Measures note lists, by file name or numbered; see `read_midi` and `load_notes` for where
    these come from.

    `bars`, by file name too, are those of pieces whose times are beats; without them what needs
    bars is undefined.
    """
    named = (
        pieces
        if isinstance(pieces, Mapping)
        else {f"{number:04d}": piece for number, piece in enumerate(pieces)}
    )
    of_bars = bars or {}
    found = _Gathered(name, len(named))
    for file, piece in named.items():
        found.add(file, _measured(piece, of_bars.get(file), keep_notes=True))
    return found.as_set()


@dataclass(frozen=True)
class Reading:
    """How files are read: see `read_midi`; with beats what needs bars is measured too."""

    time: str = "seconds"  # or "beats"
    sustain_pedal: bool = False
    cut_seconds: Sequence[float] = (np.inf,)  # lengths that the files are cut to, in turn
    keep_notes: bool = True  # whether the sets have their `pieces`


def read_sets(
    folders: Mapping[str, Path], reading: Reading, workers: int = 1
) -> dict[str, PieceSet]:
    """Reads and measures every MIDI file below folders, none of which can end or hang the run.

    Symbolic links are followed, see `files_below`. A file that cannot be read is in its set's
    `rejected`, with why. Raises InputError where a folder is none or no file in it can be read.
    """
    found = {name: _files_of(Path(folder)) for name, folder in folders.items()}
    # All in one go, since starting processes takes as long as reading hundreds of files.
    items = (
        (path, cut)
        for of in found.values()
        for path, cut in zip(of.files, cycle(reading.cut_seconds), strict=False)
    )
    answers = isolated_map(partial(_read, reading), items, workers, SECONDS_A_FILE)
    sets = {}
    for name, of in found.items():
        folder = Path(folders[name])
        rejected = {_name(path, folder): why for path, why in of.unreadable.items()}
        gathered = _Gathered(name, len(of.files))
        for path, answer in zip(of.files, answers, strict=False):
            if isinstance(answer, Failure):
                rejected[_name(path, folder)] = shown(answer.reason)
            else:
                gathered.add(_name(path, folder), answer)
        if not gathered.files:
            file, reason = next(iter(rejected.items()))
            raise InputError(
                f"none of the {len(of.files)} MIDI files below {printable(str(folder))} can be"
                f" read, such as {file}: {reason}"
            )
        sets[name] = gathered.as_set(rejected)
        del gathered  # which is as large as the set
    return sets


def _files_of(folder: Path) -> Found:
    """The MIDI files below a folder."""
    if not folder.is_dir():
        raise InputError(f"{printable(str(folder))} is no folder: name one with MIDI files")
    found = files_below(folder, is_midi)
    if not found.files:
        raise InputError(f"{printable(str(folder))} holds no .mid or .midi file")
    return found


def _name(path: Path, folder: Path) -> str:
    """What a file is called in tables and messages: its place in the folder, as UTF-8 can hold."""
    return printable(path.relative_to(folder).as_posix())


def stored_set(name: str, notes: Path, reading: Reading) -> PieceSet:
    """The set of a dataset that the workflow has converted; in beats its bars are taken as 4/4."""
    stored = load_notes(notes)
    bars = Bars.of([]) if reading.time == "beats" else None
    found = _Gathered(name, len(stored))
    for (file, piece), cut in zip(stored.items(), cycle(reading.cut_seconds), strict=False):
        found.add(file, _measured(piece.cut(cut), bars, reading.keep_notes))
    return found.as_set()


def with_originality(pieces: PieceSet, training: PieceSet) -> PieceSet:
    """The set with the measures COPIED: how long a stretch each piece shares with the training set.

    Held against what real pieces that were not trained on share with it, they show memorising.
    Raises ValueError where a set has no note lists.
    """
    if pieces.pieces is None or training.pieces is None:
        raise ValueError(f"the notes of {pieces.name} or {training.name} were not kept")
    found = longest_matches(pieces.pieces, training.pieces)
    copied = dict(zip(COPIED, (found.pitch.notes, found.rhythm.notes), strict=True))
    return replace(pieces, values={**pieces.values, **copied})


@dataclass(frozen=True)
class _Measured:
    """A piece as it passes between processes: all its measures as one row of numbers."""

    digest: str
    length_seconds: float
    row: np.ndarray
    notes: NoteList | None
    silence: str = ""  # why there is no note, where there is none


def _measured(
    piece: NoteList, bars: Bars | None, keep_notes: bool, silence: str = "no notes"
) -> _Measured:
    found = measure_piece(piece, bars)
    return _Measured(
        digest=piece.digest(),
        length_seconds=piece.length_seconds,
        row=np.concatenate([np.ravel(found[measure]) for measure in MEASURES]),
        notes=piece if keep_notes else None,
        silence="" if len(piece) else silence,
    )


def _read(reading: Reading, item: tuple[Path, float]) -> _Measured:
    """One file, read and measured in a process of its own."""
    path, cut_seconds = item
    parsed = read_path(path)
    whole = notes_of(parsed, reading.time, reading.sustain_pedal, allow_empty=True)
    bars = bars_of(parsed) if reading.time == "beats" else None
    silence = f"no notes in the first {cut_seconds:g} seconds" if len(whole) else _silence(parsed)
    return _measured(whole.cut(cut_seconds), bars, reading.keep_notes, silence)


def _silence(parsed: MidiBytes) -> str:
    """Why a file that can be read has no notes."""
    try:
        notes_of(parsed)
    except MidiError as error:
        return str(error)
    return "no notes"


class _Gathered:
    """The pieces of a set as they come, with room for so many: one row of measures each."""

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.files: list[str] = []
        self.digests: list[str] = []
        self.notes: list[NoteList | None] = []
        self.lengths = array("d")
        self.rows = np.empty((most, sum(math.prod(of.shape) for of in MEASURES.values())))
        self.silent: dict[str, str] = {}

    def add(self, file: str, of: _Measured) -> None:
        self.rows[len(self.files)] = of.row
        self.files.append(file)
        self.digests.append(of.digest)
        self.notes.append(of.notes)
        self.lengths.append(of.length_seconds)
        if of.silence:
            self.silent[file] = of.silence

    def as_set(self, rejected: Mapping[str, str] | None = None) -> PieceSet:
        # Resamples draw pieces by their place: sorted, so that a name or an order changes nothing.
        order = sorted(range(len(self.files)), key=lambda at: (self.digests[at], self.files[at]))
        values, begin = {}, 0
        for name, measure in MEASURES.items():
            end = begin + math.prod(measure.shape)
            columns = np.ascontiguousarray(self.rows[order, begin:end])
            values[name] = columns.reshape(len(order), *measure.shape)
            begin = end
        notes = tuple(note for at in order if (note := self.notes[at]) is not None)
        return PieceSet(
            name=self.name,
            files=tuple(self.files[at] for at in order),
            digests=tuple(self.digests[at] for at in order),
            length_seconds=np.array([self.lengths[at] for at in order]),
            values=values,
            pieces=notes if len(notes) == len(order) else None,
            rejected=dict(rejected or {}),
            silent=dict(sorted(self.silent.items())),
        )
