"""The note list: the one in-memory form of a piece.

Everything that is read becomes a note list, and everything that is measured is one, whatever
representation a model works in.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from neuralmusic.files import writing
from neuralmusic.stored import Kind, damaged, open_arrays, reading

SECONDS_PER_BEAT = 0.5  # the scores' common tempo, 120 qpm (thesis §5.3.1)
ROWS = "rows.npy"  # the archive's entry of all notes, piece after piece


@dataclass(frozen=True)
class NoteList:
    """The notes of one piece, sorted by (onset, pitch).

    `onset_seconds` and `offset_seconds` are float64 of shape (notes,), `pitch` and `velocity`
    int16 of shape (notes,) with MIDI values. `length_seconds` is the length of the piece, silence
    at its end included: in a MIDI file the time of its end-of-track event.
    """

    onset_seconds: np.ndarray
    offset_seconds: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    length_seconds: float

    def __len__(self) -> int:
        return len(self.pitch)

    @staticmethod
    def of(
        notes: Sequence[tuple[float, float, int, int]] | np.ndarray,
        length_seconds: float | None = None,
    ) -> NoteList:
        """The note list of rows (onset, offset, pitch, velocity), in any order.

        The length is at least the last offset.
        """
        table = np.asarray(notes, dtype=np.float64).reshape(-1, 4)
        onset, pitch = table[:, 0], table[:, 2]
        is_later = onset[1:] > onset[:-1]
        is_later |= (onset[1:] == onset[:-1]) & (pitch[1:] >= pitch[:-1])
        if not is_later.all():  # what comes from a file is sorted
            table = table[np.lexsort((pitch, onset))]
        last_offset = float(table[:, 1].max()) if len(table) else 0.0
        return NoteList(
            onset_seconds=np.ascontiguousarray(table[:, 0]),
            offset_seconds=np.ascontiguousarray(table[:, 1]),
            pitch=table[:, 2].astype(np.int16),
            velocity=table[:, 3].astype(np.int16),
            length_seconds=max(last_offset, length_seconds or 0.0),
        )

    def cut(self, length_seconds: float) -> NoteList:
        """The part before `length_seconds`; a note that sounds across the cut ends there."""
        if length_seconds >= self.length_seconds:
            return self
        kept = self.onset_seconds < length_seconds
        return NoteList(
            onset_seconds=self.onset_seconds[kept],
            offset_seconds=np.minimum(self.offset_seconds[kept], length_seconds),
            pitch=self.pitch[kept],
            velocity=self.velocity[kept],
            length_seconds=length_seconds,
        )

    def stretched(self, factor: float) -> NoteList:
        """The same notes with all times multiplied: longer than 1 is slower."""
        return NoteList(
            onset_seconds=self.onset_seconds * factor,
            offset_seconds=self.offset_seconds * factor,
            pitch=self.pitch,
            velocity=self.velocity,
            length_seconds=self.length_seconds * factor,
        )

    def digest(self) -> str:
        """A hash of the notes to the millisecond, equal for copies of one piece."""
        hasher = hashlib.sha256()
        for seconds in (self.onset_seconds, self.offset_seconds):
            hasher.update(np.rint(seconds * 1000).astype("<i8").tobytes())
        hasher.update(self.pitch.astype("<i2").tobytes())
        return hasher.hexdigest()


def one_per_key(notes: NoteList) -> NoteList:
    """The notes as one keyboard can play them: no key is struck while it is down.

    Notes of one pitch that begin at once, as of two voices in unison, become the longest and
    loudest of them; a note ends where the same pitch begins again.
    """
    by_key = np.lexsort((notes.onset_seconds, notes.pitch))
    pitch, onset = notes.pitch[by_key], notes.onset_seconds[by_key]
    is_new = np.ones(len(notes), dtype=bool)
    is_new[1:] = (np.diff(pitch) != 0) | (np.diff(onset) != 0)
    if not len(notes):
        return notes
    first = np.flatnonzero(is_new)
    offset = np.maximum.reduceat(notes.offset_seconds[by_key], first)
    velocity = np.maximum.reduceat(notes.velocity[by_key], first)
    pitch, onset = pitch[first], onset[first]
    again = pitch[1:] == pitch[:-1]
    offset[:-1][again] = np.minimum(offset[:-1][again], onset[1:][again])
    in_time = np.lexsort((pitch, onset))
    return NoteList(
        onset_seconds=onset[in_time],
        offset_seconds=offset[in_time],
        pitch=pitch[in_time],
        velocity=velocity[in_time],
        length_seconds=notes.length_seconds,
    )


# A stored note. Little-endian, so that the bytes are the same everywhere.
ROW = np.dtype(
    [("onset_seconds", "<f8"), ("offset_seconds", "<f8"), ("pitch", "<i2"), ("velocity", "<i2")]
)
# What an archive of pieces holds: every array by its name, its dtype and dimensions. The names are
# UTF-8, joined by zero bytes. Those that are small are read at once.
ENTRIES: dict[str, Kind] = {
    "names": (np.dtype(np.uint8), 1),
    "counts": (np.dtype("<i8"), 1),
    "length_seconds": (np.dtype("<f8"), 1),
    "rows": (ROW, 1),
}
SMALL = ("names", "counts", "length_seconds")


@dataclass(frozen=True)
class PackedPiece:
    """A piece as it is stored, which passes between processes at a tenth of a NoteList's cost."""

    rows: bytes  # of ROW
    length_seconds: float
    digest: str  # that of the NoteList

    @staticmethod
    def of(piece: NoteList) -> PackedPiece:
        table = np.empty(len(piece), ROW)
        for column in ROW.names or ():
            table[column] = getattr(piece, column)
        return PackedPiece(table.tobytes(), piece.length_seconds, piece.digest())


@contextmanager
def writing_notes(path: Path) -> Iterator[Callable[[str, PackedPiece], None]]:
    """Yields what appends a piece, by name, to a NumPy archive that needs no pickle.

    Memory holds one piece and the names. The archive is not compressed, so that it can be read
    where it lies. Raises InputError, naming `path`, where it cannot be written.
    """
    names: list[str] = []
    counts, lengths = array("q"), array("d")
    with writing(path, binary=True) as file, TemporaryFile(dir=Path(path).parent) as rows:

        def append(name: str, piece: PackedPiece) -> None:
            rows.write(piece.rows)
            names.append(name)
            counts.append(len(piece.rows) // ROW.itemsize)
            lengths.append(piece.length_seconds)

        yield append
        rows.seek(0)
        text = np.frombuffer("\0".join(names).encode("utf-8"), np.uint8)
        small = {"names": text, "counts": counts, "length_seconds": lengths}
        with zipfile.ZipFile(file, "w") as archive:
            for member, values in small.items():
                with archive.open(f"{member}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asarray(values), allow_pickle=False)
            with archive.open(ROWS, "w", force_zip64=True) as entry:
                descr = np.lib.format.dtype_to_descr(ROW)
                header = {"descr": descr, "fortran_order": False, "shape": (sum(counts),)}
                np.lib.format.write_array_header_1_0(entry, header)
                shutil.copyfileobj(rows, entry)


def save_notes(path: Path, pieces: Mapping[str, NoteList]) -> None:
    """Writes many pieces, by name, as `writing_notes` does."""
    with writing_notes(path) as append:
        for name, piece in pieces.items():
            append(name, PackedPiece.of(piece))


def load_notes(path: Path) -> Mapping[str, NoteList]:
    """What `writing_notes` wrote, in the same order; a piece is read when it is asked for."""
    return StoredNotes(path)


class StoredNotes(Mapping[str, NoteList]):
    """The pieces of an archive by name: names and lengths in memory, the notes in their file.

    Raises InputError, also when a piece is asked for, where the archive is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        *small, self._rows = open_arrays(path, ENTRIES, SMALL)
        text, self._counts, self._lengths = (np.array(array) for array in small)
        with reading(path):
            names = text.tobytes().decode("utf-8").split("\0") if len(self._counts) else []
        self._at = {name: at for at, name in enumerate(names)}
        if not len(self._at) == len(names) == len(self._counts) == len(self._lengths):
            raise damaged(path, "names, counts and lengths are not of the same pieces")
        if "" in self._at:  # the names end within their list
            raise damaged(path, "a piece has no name")
        if (self._counts < 0).any() or self._counts.sum(dtype=np.float64) != len(self._rows):
            raise damaged(path, f"the counts are not those of its {len(self._rows)} notes")
        if not (np.isfinite(self._lengths) & (self._lengths >= 0)).all():
            raise damaged(path, "a length is no number of seconds")
        self._ends = np.cumsum(self._counts)

    def __len__(self) -> int:
        return len(self._at)

    def __iter__(self) -> Iterator[str]:
        return iter(self._at)

    def __getitem__(self, name: str) -> NoteList:
        at = self._at[name]
        end = int(self._ends[at])
        rows = self._rows[end - int(self._counts[at]) : end]
        columns = {column: np.array(rows[column]) for column in ROW.names or ()}
        piece = NoteList(**columns, length_seconds=float(self._lengths[at]))
        if not _are_notes(piece):
            raise damaged(self._path, f"the notes of {name!r} are none")
        return piece


def _are_notes(piece: NoteList) -> bool:
    """Whether times are finite and in order, and pitches and velocities those of MIDI."""
    onset, offset = piece.onset_seconds, piece.offset_seconds
    of_midi = [(values >= 0) & (values < 128) for values in (piece.pitch, piece.velocity)]
    in_time = (onset >= 0) & (offset >= onset) & (offset < np.inf)
    return bool(np.all([*of_midi, in_time]) and (onset[1:] >= onset[:-1]).all())
