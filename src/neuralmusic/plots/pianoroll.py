"""Pieces as pianorolls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from neuralmusic.compare import REAL
from neuralmusic.files import InputError
from neuralmusic.measures.pitch import CLASSES
from neuralmusic.midi import read_midi
from neuralmusic.notes import NoteList
from neuralmusic.pitch_names import pitch_name
from neuralmusic.plots.run import Run, say

LONGEST_NAME = 80  # characters of a piece's name that fit above a panel
ENDED = "#f2f2f2"
RARE = 0.01  # the share of a model's lowest and highest notes that a panel need not hold
SLITS, DOTS = 1100, 1400  # of which a panel is as wide: the gap after a note, the shortest note


def pianorolls(run: Run) -> Figure:
    """A real piece above one piece of each model: seconds across, pitch up (thesis figure 5.3)."""
    names = [REAL, *run.models]
    files = {name: first_file(run.folder("samples", name)) for name in names}
    pieces = {name: read_sample(path) for name, path in files.items()}
    seconds = run.params["sample_seconds"]
    low, high = pitch_range(pieces)
    # A wide range of pitches needs room, or the bars become hairlines.
    height = 1.3 + 0.012 * max(0, high - low - 40)
    figure = Figure(figsize=(9.6, 0.9 + height * len(names)))
    column = figure.subplots(len(names), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (name, notes) in zip(column, pieces.items(), strict=True):
        draw_notes(axes, notes, run.colours[name], seconds)
        source = source_of(run, name, files[name].name)
        told = f"sampled, primed with {source}"
        if name not in run.trained:
            told = f"test piece {source}" if name == REAL else f"file {source}"
        axes.set_title(f"{name}: {told}{outside(notes, low, high)}")
    pitch_axis(list(column), low, high)
    column[0].set(xlim=(0, seconds))
    column[-1].set_xlabel("time (seconds)")
    figure.suptitle(
        f"A real piece and the first sample of each model, {run.experiment} experiment",
        x=0.01,
        ha="left",
    )
    return figure


def bars(
    axes: Axes,
    starts: np.ndarray,
    ends: np.ndarray,
    pitches: np.ndarray,
    colour: str,
    height: float = 0.9,
) -> None:
    """One rectangle from start to end at each pitch."""
    low, high = pitches - height / 2, pitches + height / 2
    corners = [(starts, low), (ends, low), (ends, high), (starts, high)]
    rectangles = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
    axes.add_collection(PolyCollection(list(rectangles), facecolors=colour, linewidths=0))


def draw_notes(axes: Axes, notes: NoteList, colour: str, seconds: float) -> None:
    """The notes of a piece in a panel of so many seconds, grey where the piece has ended."""
    draw_bars_of(axes, notes, np.ones(len(notes), dtype=bool), colour, seconds)
    if notes.length_seconds < seconds:
        axes.axvspan(notes.length_seconds, seconds, color=ENDED, linewidth=0, zorder=0)
    if not len(notes):
        say(axes, "no notes")


def draw_bars_of(
    axes: Axes, notes: NoteList, chosen: np.ndarray, colour: str, seconds: float
) -> None:
    """Some notes of a piece, each a little shorter than it sounds: repeated ones stay apart."""
    onset, length = (
        notes.onset_seconds[chosen],
        (notes.offset_seconds - notes.onset_seconds)[chosen],
    )
    shown = np.maximum(length - np.minimum(seconds / SLITS, length / 3), seconds / DOTS)
    bars(axes, onset, onset + shown, notes.pitch[chosen].astype(float), colour)


def pitch_range(pieces: Mapping[str, NoteList]) -> tuple[int, int]:
    """The pitches that panels of these pieces show: all real ones, of a model nearly all.

    A few stray notes of one model would make hairlines of the bars of all.
    """
    ends = []
    for name, notes in pieces.items():
        if len(notes):
            rare = 0.0 if name == REAL else RARE
            ends += np.quantile(notes.pitch, [rare, 1 - rare], method="nearest").tolist()
    return (int(min(ends)) - 2, int(max(ends)) + 2) if ends else (58, 74)


def outside(notes: NoteList, low: int, high: int) -> str:
    """Says how many notes of a piece lie outside a panel's pitches, if any do."""
    count = int(((notes.pitch < low) | (notes.pitch > high)).sum())
    return f"; {count} of {len(notes)} notes lie outside" if count else ""


def pitch_axis(column: Sequence[Axes], low: int, high: int, label: str = "pitch") -> None:
    """Names every C, and in a narrow range every G, of panels that share the axis of pitches."""
    narrow = high - low <= 30
    ticks = [p for p in range(low, high + 1) if p % CLASSES == 0 or (p % CLASSES == 7 and narrow)]
    column[0].set_ylim(low - 0.5, high + 0.5)
    column[0].set_yticks(ticks or [low, high], [pitch_name(p) for p in ticks or [low, high]])
    for axes in column:
        axes.set_ylabel(label)


def first_file(folder: Path) -> Path:
    """The first MIDI file of a folder of samples."""
    path = min(folder.glob("*.mid"), default=None)
    if path is None:
        raise InputError(f"{folder} holds no *.mid file: sample the model first")
    return path


def read_sample(path: Path) -> NoteList:
    """The notes of a sample, which may be silent."""
    return read_midi(path, time="seconds", allow_empty=True)


def source_of(run: Run, name: str, file: str) -> str:
    """The piece that a sample was primed with, or that a real one or a file is, cut to fit."""
    sources = run.sampled(name).set_index("file")["primer_piece"]
    source = str(sources.get(file, "an unknown piece"))
    return source if len(source) <= LONGEST_NAME else f"…{source[-LONGEST_NAME:]}"
