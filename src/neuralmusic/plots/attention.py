"""What each head of each model attends to, as images: of the probes and of a real piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from neuralmusic.files import InputError
from neuralmusic.jobs import PROBES
from neuralmusic.pitch_names import pitch_name
from neuralmusic.plots.events import COLOURS, OFF, ON, kinds_of
from neuralmusic.plots.pianoroll import LONGEST_NAME
from neuralmusic.plots.run import Run, say
from neuralmusic.probe_steps import PIECE, parts_of, steps_of
from neuralmusic.representations import events
from neuralmusic.stored import read_json, read_packed_array

SCORES = (np.dtype(np.float32), 4)  # of each probe: (S, H, T, T)
START = "start of the piece"
STRIP = {START: "#222222"} | {kind: face for kind, (face, _) in COLOURS.items()}
MAP, MASKED = "inferno", "#c9c9c9"
LOWEST = 1e-4  # what is below has no colour of its own: a hundredth of an even share of 100 steps
RARE = 0.01  # the share of all scores that may be below the scale
ACROSS = 4  # panels beside each other
DOTS = 160  # the style's dots an inch; a cell of an image is a whole number of them
SMALL, PROBE_SIDE, PIECE_SIDE = 1.28, 1.7, 2.6  # about how wide a panel is, in inches
# Around panels, in inches.
LEFT, BETWEEN, RIGHT, TOP, HEADING, HEADER, TITLE = 0.66, 0.12, 0.16, 0.42, 0.3, 0.24, 0.19
TICKS, LABEL, BOTTOM, NARROWEST = 0.26, 0.16, 0.96, 8.8


@dataclass(frozen=True)
class Panel:
    """What one head attends to in one sequence."""

    title: str
    scores: np.ndarray  # (T, T): the step that attends, the step attended to
    kinds: np.ndarray  # (T,): of each step
    marked: list[range]  # the steps that stand out, of a probe


@dataclass(frozen=True)
class Row:
    """The panels of a model, or of several."""

    header: str
    panels: list[Panel]


@dataclass(frozen=True)
class Half:
    """Rows below each other, all of one sequence."""

    heading: str
    rows: list[Row]


def scores_of_one_event(run: Run) -> Figure:
    """Attention on a note-on beside that on a note-off (thesis figure 5.15)."""
    return _probes(run, ["note_on", "note_off"], "Attention on a note-on and on a note-off", SMALL)


def scores_of_two_events(run: Run) -> Figure:
    """Attention on a note-on and the note-off that answers it (thesis figure 5.16)."""
    return _probes(run, ["both"], "Attention on a note-on with its note-off", PROBE_SIDE)


def scores_of_early_layer(run: Run) -> Figure:
    """What the first block of each model attends to in a real piece (thesis figure 5.17)."""
    return _piece(run, "first", dict.fromkeys(run.params["probed"], 0))


def scores_of_late_layer(run: Run) -> Figure:
    """What the last block of each model with several does (thesis figure 5.18)."""
    last = {model: len(read_scores(run, model, PIECE)) - 1 for model in run.params["probed"]}
    return _piece(run, "last", {model: block for model, block in last.items() if block})


def read_scores(run: Run, model: str, name: str) -> np.ndarray:
    """The scores (S, H, T, T) of a probe or of the piece."""
    path = run.folder(PROBES, model) / "scores.npz"
    scores = read_packed_array(path, name, SCORES)
    if scores.shape[2] != scores.shape[3] or not scores.size:
        raise InputError(f"{path}: {name} has the shape {scores.shape}, not (S, H, T, T)")
    return scores


def read_told(run: Run, model: str, file: str) -> dict[str, Any]:
    """What `probe` told of a model in one of its JSON files."""
    return read_json(run.folder(PROBES, model) / file)


def counted(number: int, what: str) -> str:
    """`1 head`, `2 heads`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _probes(run: Run, names: Sequence[str], title: str, side: float) -> Figure:
    """A row a model, a panel for every head of every block; probes beside each other."""
    halves = [_half(run, name) for name in names if run.params["probed"]]
    return _draw(f"{title}, {run.experiment} experiment", halves, side)


def _half(run: Run, name: str) -> Half:
    """All models on one probe; its heading is what the first of them read."""
    heading, rows = "", []
    for model in run.params["probed"]:
        scores = read_scores(run, model, name)
        blocks, heads, length, _ = scores.shape
        told = read_told(run, model, "probe.json")
        steps = steps_of(name, events.TIME_SHIFT + int(told["rest_steps"]) - 1, length)
        parts = parts_of(name, length)
        marked = [where for _, where in parts]
        panels = [
            Panel(f"block {b + 1}, head {h + 1}", scores[b, h], kinds_of(steps), marked)
            for b in range(blocks)
            for h in range(heads)
        ]
        header = f"{model}: {counted(blocks, 'block')} of {counted(heads, 'head')}"
        rows += _rows(header, panels)
        heading = heading or _heading(parts, told, run.steps_per_second)
    return Half(heading, rows)


def _heading(parts: Sequence[tuple[int, range]], told: dict[str, Any], rate: float) -> str:
    """What a probe has at which steps."""
    shifts = f"shifts of {1000 * told['rest_steps'] / rate:g} ms"
    if not parts:
        return f"only {shifts}"
    words = {ON: "note-ons", OFF: "note-offs"}
    kinds = kinds_of(np.array([event for event, _ in parts]))
    at = [f"{words[str(k)]} at steps {_span(w)}" for k, (_, w) in zip(kinds, parts, strict=True)]
    pitch = int(told["pitch"])
    return f"{' and '.join(at)}, pitch {pitch} ({pitch_name(pitch)}); else {shifts}"


def _span(where: range) -> str:
    return f"{where[0]}–{where[-1]}" if len(where) > 1 else str(where[0])


def _piece(run: Run, which: str, blocks: dict[str, int]) -> Figure:
    """A panel for every head of one block of each model, model after model."""
    panels, names = [], []
    for model, block in blocks.items():
        told = read_told(run, model, "probe.json")
        steps = np.asarray(told["events"])
        kinds = np.where(steps < events.CLASSES, kinds_of(steps), START)
        names.append(str(told["piece"]))
        for head, scores in enumerate(read_scores(run, model, PIECE)[block]):
            title = f"{model}: block {block + 1}, head {head + 1}"
            panels.append(Panel(title, scores, kinds, []))
    name = names[0] if names else "a piece"
    name = name if len(name) <= LONGEST_NAME else f"…{name[-LONGEST_NAME:]}"
    half = Half(f"the beginning of {name}", _rows("", panels))
    title = f"Attention of the {which} block on a real piece, {run.experiment} experiment"
    return _draw(title, [half] if panels else [], PIECE_SIDE)


def _rows(header: str, panels: Sequence[Panel]) -> list[Row]:
    """No row wider than the figure."""
    return [
        Row(header if first == 0 else "", list(panels[first : first + ACROSS]))
        for first in range(0, len(panels), ACROSS)
    ]


def _draw(title: str, halves: Sequence[Half], side: float) -> Figure:
    """Panels of whole dots a cell, below each half's heading; one scale for all."""
    panels = [panel for half in halves for row in half.rows for panel in row.panels]
    if not panels:
        figure = Figure(figsize=(NARROWEST, 2.0))
        axes = figure.subplots()
        axes.set_axis_off()
        say(axes, "no model has such attention to show")
        figure.suptitle(title, x=0.01, ha="left")
        return figure
    cells = max(sum(_cells(len(panel.scores))) for panel in panels)
    side = cells * max(1, round(side * DOTS / cells)) / DOTS
    scale, is_cut = _scale(panels)
    widths = [max(len(row.panels) for row in half.rows) * (side + BETWEEN) for half in halves]
    heights = [TITLE + side + TICKS + (HEADER if row.header else 0) for row in halves[0].rows]
    top = TOP + (HEADING if halves[0].heading else 0)
    width = max(NARROWEST, sum(widths) + LEFT * len(halves) + RIGHT)
    height = top + sum(heights) + LABEL + BOTTOM
    figure = Figure(figsize=(round(width * DOTS) / DOTS, round(height * DOTS) / DOTS))
    figure.set_layout_engine("none")  # would not keep cells whole
    width, height = figure.get_size_inches()
    left = LEFT
    for half, of_half in zip(halves, widths, strict=True):
        figure.text(left / width, 1 - (TOP + 0.16) / height, half.heading, fontsize=9)
        y = top
        for number, row in enumerate(half.rows):
            if row.header:
                at = 1 - (y + HEADER - 0.08) / height
                figure.text(left / width, at, row.header, fontsize=8.5, fontweight="bold")
            below = half.rows[number + 1].panels if number + 1 < len(half.rows) else []
            y += heights[number]
            for column, panel in enumerate(row.panels):
                x = round((left + column * (side + BETWEEN)) * DOTS) / DOTS
                bottom = round((height - y + TICKS) * DOTS) / DOTS
                box = (x / width, bottom / height, side / width, side / height)
                axes = figure.add_axes(box)
                _draw_panel(axes, panel, scale)
                if column >= len(below):
                    axes.set_xlabel("attended step", labelpad=2)
                if column == 0:
                    axes.set_ylabel("attending step", labelpad=3)
                else:
                    axes.tick_params(which="both", left=False, labelleft=False)
        left += of_half + LEFT
    _draw_keys(figure, panels, scale, is_cut)
    figure.suptitle(title, x=0.1 / width, y=1 - 0.1 / height, ha="left", va="top")
    return figure


def _cells(length: int) -> tuple[int, int, int]:
    """Steps, the gap below and beside them, and the strip beyond it, in cells."""
    return length, max(1, round(0.02 * length)), max(1, round(0.045 * length))


def _scale(panels: Sequence[Panel]) -> tuple[LogNorm, bool]:
    """From the power of ten below nearly all scores up to one; whether some are below it."""
    seen = np.concatenate([p.scores[np.tril_indices(len(p.scores))] for p in panels])
    least = max(float(np.quantile(seen, RARE)), LOWEST)
    low = min(10.0 ** np.floor(np.log10(least) + 1e-9), 0.1)
    return LogNorm(low, 1, clip=True), bool((seen < low).any())  # clipped: zero has a colour too


def _draw_panel(axes: Axes, panel: Panel, scale: LogNorm) -> None:
    """The scores, grey above the diagonal, and along two edges the kind of each step."""
    length, gap, strip = _cells(len(panel.scores))
    later = np.triu(np.ones((length, length), dtype=bool), 1)
    axes.set_facecolor("none")
    colours = colormaps[MAP].with_extremes(bad=MASKED)
    end = length - 0.5
    axes.imshow(
        np.ma.masked_array(panel.scores, later),
        cmap=colours,
        norm=scale,
        interpolation="nearest",
    )
    faces = np.array([to_rgb(STRIP[str(kind)]) for kind in panel.kinds])
    edges = (end + gap, end + gap + strip), (-0.5 - gap - strip, -0.5 - gap)
    below, beside = (-0.5, end, edges[0][1], edges[0][0]), (*edges[1], end, -0.5)
    axes.imshow(faces[None], extent=below, interpolation="nearest")
    axes.imshow(faces[:, None], extent=beside, interpolation="nearest")
    axes.set(xlim=(edges[1][0], end), ylim=(edges[0][1], -0.5), aspect="auto")
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(labelsize=6.5, pad=1.5)
    axes.set_title(panel.title, fontsize=7.5, pad=3)
    for axis in (axes.xaxis, axes.yaxis):
        if panel.marked:
            ends = [step for where in panel.marked for step in (where[0], where[-1])]
            axis.set_ticks(ends, minor=True)
            named = {(w[0] + w[-1]) / 2: _span(w) for w in panel.marked}
            named |= {0.0: "0", length - 1.0: str(length - 1)}
            axis.set_ticks(list(named), list(named.values()))
            axis.set_tick_params(which="major", length=0, pad=4)
            axis.set_tick_params(which="minor", length=2.5, width=0.6)
        else:
            inside = MaxNLocator(5, integer=True).tick_values(0, length - 1)
            axis.set_ticks([tick for tick in inside if 0 <= tick < length])


def _draw_keys(figure: Figure, panels: Sequence[Panel], scale: LogNorm, is_cut: bool) -> None:
    """Below the panels the legend of the strips, and below that the colour bar."""
    width, height = figure.get_size_inches()
    shown = {str(kind) for panel in panels for kind in panel.kinds}
    handles = [Patch(color=face, label=kind) for kind, face in STRIP.items() if kind in shown]
    handles.append(Patch(color=MASKED, label="in the image: later steps, hidden from the model"))
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(LEFT / width, 0.64 / height),
        borderaxespad=0,
        borderpad=0,
        ncols=len(handles),
        handlelength=1.2,
    )
    bar = figure.add_axes((LEFT / width, 0.42 / height, 3.6 / width, 0.1 / height))
    figure.colorbar(
        ScalarMappable(scale, MAP),
        cax=bar,
        orientation="horizontal",
        extend="min" if is_cut else "neither",
        ticks=LogLocator(),
        format=FuncFormatter(lambda value, _: f"{value:g}"),
    )
    bar.xaxis.set_minor_formatter(NullFormatter())
    told = "share of attention, logarithmic; each row of an image adds up to 1"
    bar.set_xlabel(told, loc="left", labelpad=3)
