"""Our pianoroll of a MIDI file beside that of an established library."""

from __future__ import annotations

import importlib.metadata
import warnings
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from neuralmusic.files import InputError
from neuralmusic.midi import MidiError, read_midi
from neuralmusic.notes import NoteList
from neuralmusic.plots.pianoroll import LONGEST_NAME, bars, pitch_axis
from neuralmusic.plots.run import Run, say
from neuralmusic.prepare import MANIFEST_COLUMNS
from neuralmusic.representations import pianoroll
from neuralmusic.representations.decoded import HIGHEST_KEY, LOWEST_KEY
from neuralmusic.stored import read_exact_csv

LIBRARY = "pretty_midi"
SHOWN_SECONDS = 16
SOUNDING, AGREED, ONLY_OURS, ONLY_THEIRS = "#333333", "#cfcfcf", "#0072b2", "#d55e00"


@dataclass(frozen=True)
class Rolls:
    """Two pianorolls of one file, bool (steps, 88) of the same length."""

    file: str
    ours: np.ndarray
    theirs: np.ndarray
    cut_down: np.ndarray  # ours, had we cut times down to the grid as the library does


def pianoroll_of_library(run: Run) -> Figure:
    """Our pianoroll of a file, the library's, and where they differ (thesis figure 5.1)."""
    rolls = _rolls_of_first_file(run)
    ours, theirs, rate = rolls.ours, rolls.theirs, run.steps_per_second
    differ = ours != theirs
    start = _step_with_most(differ, round(SHOWN_SECONDS * rate))
    end = start + round(SHOWN_SECONDS * rate)
    figure = Figure(figsize=(9.6, 7.2))
    column = figure.subplots(3, 1, sharex=True, sharey=True)
    version = importlib.metadata.version(LIBRARY)
    column[0].set_title(f"ours: {ours.sum():,} cells sound")
    column[1].set_title(f"{LIBRARY} {version}: {theirs.sum():,} cells sound")
    only_ours, only_theirs = ours & ~theirs, theirs & ~ours
    column[2].set_title(
        f"{_count(differ)} differ, {only_ours.sum():,} only ours and {only_theirs.sum():,} only"
        f" theirs; {_count(ours & theirs)} sound in both; {_percent(~differ)} of all"
        f" {differ.size:,} agree"
    )
    for axes, roll in zip(column, (ours, theirs, ours & theirs), strict=True):
        _draw_cells(axes, roll, rate, AGREED if axes is column[2] else SOUNDING)
        if not (ours | theirs).any():
            say(axes, "no key sounds")
    _draw_cells(column[2], only_ours, rate, ONLY_OURS)
    _draw_cells(column[2], only_theirs, rate, ONLY_THEIRS)
    keys = np.flatnonzero((ours | theirs)[start:end].any(axis=0)) + LOWEST_KEY
    low, high = (int(keys.min()), int(keys.max())) if len(keys) else (60, 72)
    pitch_axis(list(column), low - 2, high + 2, label="key")
    column[0].set_xlim(start / rate, end / rate)
    column[2].set_xlabel("time (seconds)")
    handles = [
        Patch(color=AGREED, label="sounds in both"),
        Patch(color=ONLY_OURS, label="only ours"),
        Patch(color=ONLY_THEIRS, label=f"only {LIBRARY}'s"),
    ]
    still = _count(rolls.cut_down != theirs)
    told = f"Had we cut times down to the grid, as {LIBRARY} does, {still} would differ."
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3,
        title=told if differ.any() else None,
        title_fontsize=8.5,
    )
    file = rolls.file if len(rolls.file) <= LONGEST_NAME else f"…{rolls.file[-LONGEST_NAME:]}"
    title = f"Pianorolls of {file} at {rate:g} steps a second"
    figure.suptitle(title, x=0.01, ha="left", parse_math=False)  # a name may have dollars
    return figure


def _rolls_of_first_file(run: Run) -> Rolls:
    """The first file of the dataset that both can read.

    Not the first of the note lists: what is drawn depends on the raw files alone.
    """
    import pretty_midi

    folder = run.data / "raw" / str(run.params["dataset"])
    for file in read_exact_csv(folder / "manifest.csv", MANIFEST_COLUMNS)["file"]:
        try:
            # Without the pedal on both sides: what it lengthens is the dataset's choice.
            notes = read_midi(folder / file, time="seconds", sustain_pedal=False)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read = pretty_midi.PrettyMIDI(str(folder / file))
                theirs = read.get_piano_roll(fs=run.steps_per_second, pedal_threshold=None)
        except MidiError:
            continue
        # The library answers unusual files with many kinds of exceptions; the next may do.
        except Exception:
            continue
        return _rolls(file, notes, theirs, run.steps_per_second)
    raise InputError(f"{folder} holds no MIDI file that both we and {LIBRARY} can read")


def _rolls(file: str, notes: NoteList, theirs: np.ndarray, rate: float) -> Rolls:
    """All as arrays of one length, `theirs` from (128 pitches, steps) velocities."""
    times = (notes.onset_seconds, notes.offset_seconds)
    starts, ends = ((seconds * rate).astype(int) for seconds in times)
    cut_down = np.zeros((int(ends.max(initial=0)), pianoroll.BITS), dtype=bool)
    for start, end, pitch in zip(starts, ends, notes.pitch.tolist(), strict=True):
        if LOWEST_KEY <= pitch <= HIGHEST_KEY:
            cut_down[start:end, pitch - LOWEST_KEY] = True
    rolls = [
        pianoroll.encode(notes, rate) > 0,
        (theirs[LOWEST_KEY : HIGHEST_KEY + 1] > 0).T,
        cut_down,
    ]
    steps = max(map(len, rolls))
    padded = [np.pad(roll, ((0, steps - len(roll)), (0, 0))) for roll in rolls]
    return Rolls(file, *padded)


def _step_with_most(cells: np.ndarray, width: int) -> int:
    """Where the first excerpt of so many steps begins that holds the most of some cells."""
    sums = np.concatenate([[0], np.cumsum(cells.sum(axis=1))])
    if len(sums) <= width:
        return 0
    return int(np.argmax(sums[width:] - sums[:-width]))


def _draw_cells(axes: Axes, roll: np.ndarray, rate: float, colour: str) -> None:
    """Every run of cells of a key as one bar."""
    silence = np.zeros((1, roll.shape[1]), dtype=np.int8)
    changes = np.diff(np.concatenate([silence, roll.astype(np.int8), silence]), axis=0).T
    keys, starts = np.nonzero(changes == 1)
    ends = np.nonzero(changes == -1)[1]
    bars(axes, starts / rate, ends / rate, (keys + LOWEST_KEY).astype(float), colour, height=1.0)


def _count(cells: np.ndarray) -> str:
    count = int(cells.sum())
    return "1 cell" if count == 1 else f"{count:,} cells"


def _percent(cells: np.ndarray) -> str:
    """The share of cells, which is 100 % only where it is all of them."""
    if cells.all():
        return "100 %"
    return f"{min(100 * cells.mean(), 99.99):.2f} %"
