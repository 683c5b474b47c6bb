"""Pieces that are music enough for every measure, and what can be done to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuralmusic.notes import NoteList

MAJOR = (0, 2, 4, 5, 7, 9, 11)
SECONDS = 60.0


def composed(seed: int, pieces: int) -> list[NoteList]:
    """Tunes over a bass, a minute each: motifs that walk in a scale, come back, and move on."""
    return [_composed(np.random.default_rng([seed, piece])) for piece in range(pieces)]


def _composed(generator: np.random.Generator) -> NoteList:
    key = int(generator.choice([0, 2, 7], p=[0.8, 0.1, 0.1]))
    beat = generator.uniform(0.44, 0.52)
    loudness, spread = generator.uniform(55, 95), generator.uniform(4, 12)
    held, bass_share = generator.uniform(0.6, 1.0), generator.uniform(0.5, 1.0)
    motifs = [_motif(generator) for _ in range(int(generator.integers(3, 6)))]
    rows = []
    now, degree = 0.0, int(generator.integers(12, 18))
    while now < SECONDS - 8 * beat:
        steps, beats = motifs[int(generator.integers(len(motifs)))]
        if generator.random() < bass_share:
            low = _pitch(key, degree // 7 * 7 - 7 + int(generator.integers(0, 5)))
            rows.append((now, now + held * beats.sum() * beat, low))
        degree = int(np.clip(degree + generator.integers(-2, 3), 10, 20))
        for step, length in zip(steps, beats * beat, strict=True):
            # One note in twenty is no note of the scale.
            pitch = _pitch(key, degree + step) + int(generator.random() < 0.05)
            rows.append((now, now + held * length, pitch))
            now += length
    velocity = np.clip(generator.normal(loudness, spread, len(rows)), 1, 127).astype(int)
    table = [(*row, v) for row, v in zip(rows, velocity, strict=True)]
    return NoteList.of(table, SECONDS)


def _motif(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Steps in the scale from where it begins, and beats."""
    notes = int(generator.integers(4, 9))
    steps = np.concatenate([[0], generator.choice([-2, -1, -1, 0, 1, 1, 2], notes - 1).cumsum()])
    return steps, generator.choice([0.25, 0.5, 0.5, 1.0], notes)


def _pitch(key: int, degree: int) -> int:
    return 36 + key + 12 * (degree // 7) + MAJOR[degree % 7]


def shuffled(pieces: Sequence[NoteList]) -> list[NoteList]:
    """The pitches of each piece dealt out anew to its notes."""
    found = []
    for at, piece in enumerate(pieces):
        dealt = np.random.default_rng([1, at]).permutation(piece.pitch)
        found.append(_made(piece, pitch=dealt))
    return found


def repeated(pieces: Sequence[NoteList]) -> list[NoteList]:
    """The first piece, as often as there are pieces."""
    return [pieces[0]] * len(pieces)


def transposed(pieces: Sequence[NoteList], semitones: int = 5) -> list[NoteList]:
    return [_made(piece, pitch=piece.pitch + semitones) for piece in pieces]


def dropped(pieces: Sequence[NoteList], every: int) -> list[NoteList]:
    """Without every tenth note, or other number."""
    found = []
    for piece in pieces:
        kept = np.arange(len(piece)) % every != every - 1
        rows = _table(piece, piece.pitch)[kept]
        found.append(NoteList.of(rows, piece.length_seconds))
    return found


def _made(piece: NoteList, pitch: np.ndarray) -> NoteList:
    return NoteList.of(_table(piece, pitch), piece.length_seconds)


def _table(piece: NoteList, pitch: np.ndarray) -> np.ndarray:
    return np.column_stack([piece.onset_seconds, piece.offset_seconds, pitch, piece.velocity])
