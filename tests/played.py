"""Note lists made by chance, and what is compared of them."""

from __future__ import annotations

import numpy as np

from neuralmusic.notes import (
    NoteList,
)


def rows(notes: NoteList) -> list[tuple[float, float, int]]:
    """(onset, offset, pitch) of each note."""
    seconds = (notes.onset_seconds.tolist(), notes.offset_seconds.tolist())
    return list(zip(*seconds, notes.pitch.tolist(), strict=True))


def random_piece(seed: int) -> NoteList:
    """Chords and scales; a pitch sounds once at a time."""
    generator = np.random.default_rng(seed)
    made = []
    for pitch in generator.choice(128, 20, replace=False):
        times = np.cumsum(generator.uniform(0.01, 0.7, 12))
        for onset, offset in times.reshape(-1, 2):
            made.append((onset, offset, pitch, generator.integers(1, 128)))
    return NoteList.of(made, 12.0)


def voices(seed: int) -> NoteList:
    """Few keys, struck again while they are down, and by two voices at once."""
    generator = np.random.default_rng(seed)
    onsets = np.round(generator.uniform(0, 10, 300) * 8) / 8
    lengths = generator.choice([0, 0.001, 0.125, 0.3, 2, 5], 300)
    keys, velocities = generator.integers(60, 66, 300), generator.integers(1, 128, 300)
    return NoteList.of(np.stack([onsets, onsets + lengths, keys, velocities], axis=1), 20.0)
