"""Pieces as pianorolls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from neuralmusic.compare import REAL, read_csv
from neuralmusic.files import InputError
from neuralmusic.midi import read_midi
from neuralmusic.notes import NoteList
from neuralmusic.plots.run import Run, pitch_name, say

LONGEST_NAME = 80  # characters of a piece's name that fit above a panel


def pianorolls(run: Run) -> Figure:
    """A real piece above one piece of each model: seconds across, pitch up (thesis figure 5.3)."""
    names = [REAL, *run.models]
    pieces = {name: _first_piece(run.folder("samples", name)) for name in names}
    pitches = np.concatenate([notes.pitch for _, notes in pieces.values()]).astype(int)
    low, high = (pitches.min() - 2, pitches.max() + 2) if len(pitches) else (58, 74)
    figure = Figure(figsize=(9.6, 0.9 + 1.3 * len(names)))
    column = figure.subplots(len(names), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (name, (title, notes)) in zip(column, pieces.items(), strict=True):
        for pitch in np.unique(notes.pitch):
            of = notes.pitch == pitch
            onset, offset = notes.onset_seconds[of], notes.offset_seconds[of]
            axes.broken_barh(
                list(zip(onset, offset - onset, strict=True)),
                (pitch - 0.45, 0.9),
                facecolor=run.colours[name],
                # An edge of its own colour keeps a note visible that is thinner than a pixel.
                edgecolor=run.colours[name],
                linewidth=0.6,
            )
        end = min(notes.length_seconds, run.params["sample_seconds"])
        if end < run.params["sample_seconds"]:
            axes.axvspan(end, run.params["sample_seconds"], color="#f2f2f2", linewidth=0, zorder=0)
        if not len(notes):
            say(axes, "no notes")
        axes.set_title(title)
        axes.set_ylabel("pitch")
    spread = high - low
    ticks = [p for p in range(low, high + 1) if p % 12 == 0 or (p % 12 == 7 and spread <= 30)]
    column[0].set(xlim=(0, run.params["sample_seconds"]), ylim=(low, high))
    column[0].set_yticks(ticks or [low, high], [pitch_name(p) for p in ticks or [low, high]])
    column[-1].set_xlabel("time (seconds)")
    figure.suptitle(
        f"A real piece and the first sample of each model, {run.experiment} experiment",
        x=0.01,
        ha="left",
    )
    return figure


def _first_piece(folder: Path) -> tuple[str, NoteList]:
    """What the first piece of a set is, in words, and its notes."""
    path = min(folder.glob("*.mid"), default=None)
    if path is None:
        raise InputError(f"{folder} holds no *.mid file: sample the model first")
    sources = read_csv(folder / "pieces.csv", ["file", "primer_piece"]).set_index("file")
    source = str(sources["primer_piece"].get(path.name, "an unknown piece"))
    source = source if len(source) <= LONGEST_NAME else f"…{source[-LONGEST_NAME:]}"
    told = f"test piece {source}" if folder.name == REAL else f"sampled, primed with {source}"
    return f"{folder.name}: {told}", read_midi(path, time="seconds", allow_empty=True)
