"""The beginning of a piece as a pianoroll and as a sequence of events."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch

from neuralmusic.compare import REAL
from neuralmusic.files import InputError
from neuralmusic.notes import NoteList, load_notes, one_per_key
from neuralmusic.pitch_names import pitch_name
from neuralmusic.plots.pianoroll import LONGEST_NAME, draw_notes, pitch_axis, pitch_range
from neuralmusic.plots.run import REMARK, Run, say
from neuralmusic.prepare import read_parts
from neuralmusic.representations import events

SECONDS = 2.0  # a bar of four quarters at 120 qpm
ACROSS, MOST_DOWN = 12, 8  # boxes in a row, and rows
ON, OFF, SHIFT, LOUDNESS = "note on", "note off", "time shift", "velocity"
# Face and text of a box, by kind.
COLOURS = {
    ON: ("#0072b2", "white"),
    OFF: ("#a6d4ee", "black"),
    SHIFT: ("#e4e4e4", "black"),
    LOUDNESS: ("#f0c75e", "black"),
}


def events_and_pianoroll(run: Run) -> Figure:
    """Two seconds of the first test piece in both representations (thesis figure 5.7)."""
    piece, notes = _beginning_of_first_test_piece(run)
    rate = run.steps_per_second
    sequence = events.encode(notes, rate) if len(notes) else np.zeros(0, dtype=np.int16)
    at = np.concatenate([[0], np.cumsum(events.durations(sequence))])[:-1] / rate
    shown = sequence[: ACROSS * MOST_DOWN]
    down = max(1, -(-len(shown) // ACROSS))
    figure = Figure(figsize=(9.6, 3.1 + 0.62 * down))
    above, below = figure.subplots(2, 1, height_ratios=[2.2, 0.62 * down])
    draw_notes(above, notes, COLOURS[ON][0], SECONDS)
    pitch_axis([above], *pitch_range({REAL: notes}))
    above.set(xlim=(0, SECONDS), xlabel="time (seconds)")
    above.set_title(f"as a pianoroll: {len(notes)} notes")
    times = np.unique(at[np.isin(kinds_of(sequence), (ON, OFF))])
    above.set_xticks(np.arange(0, SECONDS + 0.01, 0.25))
    above.grid(axis="x", visible=False)
    for time in times:
        above.axvline(time, color=REMARK, linewidth=0.6, linestyle=(0, (2, 2)), zorder=0.5)
    more = f", of which the first {len(shown)} are shown" if len(shown) < len(sequence) else ""
    below.set_title(f"as a sequence of {len(sequence)} events, row after row{more}")
    _draw_boxes(below, shown, at[: len(shown)], down, rate)
    name = piece if len(piece) <= LONGEST_NAME else f"…{piece[-LONGEST_NAME:]}"
    title = f"The first {SECONDS:g} seconds of {name}"
    figure.suptitle(title, x=0.01, ha="left", parse_math=False)  # a name may have dollars
    figure.legend(
        handles=[Patch(color=face, label=kind) for kind, (face, _) in COLOURS.items()],
        loc="outside lower center",
        ncols=len(COLOURS),
    )
    return figure


def _beginning_of_first_test_piece(run: Run) -> tuple[str, NoteList]:
    """The name of the first test piece, and its notes for two seconds from the first onset on."""
    dataset = str(run.params["dataset"])
    pieces = load_notes(run.data / "notes" / dataset / "notes.npz")
    parts = read_parts(run.data / "splits" / dataset, pieces)
    piece = next((name for name, part in parts.items() if part == "test"), None)
    if piece is None:
        raise InputError(f"{dataset} has no test piece to draw")
    whole = pieces[piece]
    if not len(whole):
        return piece, whole
    first = whole.onset_seconds[0]
    rows = np.stack(
        [whole.onset_seconds - first, whole.offset_seconds - first, whole.pitch, whole.velocity],
        axis=1,
    )
    moved = NoteList.of(rows, max(SECONDS, whole.length_seconds - first))
    return piece, one_per_key(moved.cut(SECONDS))


def kinds_of(sequence: np.ndarray) -> np.ndarray:
    """The kind of each event, in the words of a legend."""
    bounds = [events.NOTE_OFF, events.TIME_SHIFT, events.VELOCITY]
    return np.array([ON, OFF, SHIFT, LOUDNESS])[np.searchsorted(bounds, sequence, side="right")]


def _meaning(event: int, rate: float) -> str:
    """What an event says, without its kind."""
    if event < events.TIME_SHIFT:
        return pitch_name(event % events.NOTE_OFF)
    if event < events.VELOCITY:
        return f"{(event - events.TIME_SHIFT + 1) * 1000 / rate:g} ms"
    lowest = 4 * (event - events.VELOCITY) + 1
    return f"{lowest}–{min(lowest + 3, 127)}"


def _draw_boxes(axes: Axes, sequence: np.ndarray, at: np.ndarray, down: int, rate: float) -> None:
    """One box an event, from left to right and row by row; above it the time where that changes."""
    axes.set(xlim=(0, ACROSS), ylim=(down, 0))
    axes.set_axis_off()
    if not len(sequence):
        say(axes, "no events")
    words = {ON: "on", OFF: "off", SHIFT: "shift", LOUDNESS: "velocity"}
    for index, (event, kind) in enumerate(zip(sequence.tolist(), kinds_of(sequence), strict=True)):
        row, column = divmod(index, ACROSS)
        face, text = COLOURS[str(kind)]
        axes.add_patch(
            FancyBboxPatch(
                (column + 0.06, row + 0.3),
                0.88,
                0.64,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=face,
                linewidth=0,
            )
        )
        middle = (column + 0.5, row + 0.62)
        label = f"{words[str(kind)]}\n{_meaning(event, rate)}"
        axes.text(*middle, label, color=text, fontsize=7, ha="center", va="center")
        if kind != SHIFT and (index == 0 or at[index] != at[index - 1]):
            axes.text(
                column + 0.06,
                row + 0.26,
                f"{at[index]:g} s",
                color=REMARK,
                fontsize=6.5,
                va="bottom",
            )
