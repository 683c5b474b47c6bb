"""The note list: the one in-memory form of a piece.

Everything that is read becomes a note list, and everything that is measured is one, whatever
representation a model works in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuralmusic.files import writing


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
        table = table[np.lexsort((table[:, 2], table[:, 0]))]
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
            hasher.update(np.round(seconds * 1000).astype("<i8").tobytes())
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


def save_notes(path: Path, pieces: dict[str, NoteList]) -> None:
    """Writes many pieces, by name, as one compressed NumPy archive that needs no pickle."""
    lists = list(pieces.values())
    columns = {
        name: np.concatenate([getattr(piece, name) for piece in lists])
        if lists
        else np.zeros(0, dtype=dtype)
        for name, dtype in (
            ("onset_seconds", np.float64),
            ("offset_seconds", np.float64),
            ("pitch", np.int16),
            ("velocity", np.int16),
        )
    }
    with writing(path, binary=True) as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            names=np.array(list(pieces), dtype=str),
            counts=np.array([len(piece) for piece in lists], dtype=np.int64),
            length_seconds=np.array([piece.length_seconds for piece in lists]),
            **columns,
        )


def load_notes(path: Path) -> dict[str, NoteList]:
    """Reads what `save_notes` wrote, in the same order."""
    with np.load(path, allow_pickle=False) as archive:
        stored = {name: archive[name] for name in archive.files}
    ends = np.cumsum(stored["counts"])
    pieces = {}
    for name, count, end, length in zip(
        stored["names"], stored["counts"], ends, stored["length_seconds"], strict=True
    ):
        part = slice(int(end - count), int(end))
        pieces[str(name)] = NoteList(
            onset_seconds=stored["onset_seconds"][part],
            offset_seconds=stored["offset_seconds"][part],
            pitch=stored["pitch"][part],
            velocity=stored["velocity"][part],
            length_seconds=float(length),
        )
    return pieces
