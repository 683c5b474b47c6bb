"""A corpus at a glance: how long, fast and thick its pieces are, its keys, what was rejected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from neuralmusic.description import PARTS, Description
from neuralmusic.description_text import percent, rejected_title, shortened
from neuralmusic.measures.pitch import CLASSES
from neuralmusic.pitch_names import pitch_name
from neuralmusic.plots.run import REMARK, say

# In inches: the width of all, where the first column begins, of one column, and between two.
WIDTH, LEFT, COLUMN, GAP = 10.4, 0.88, 2.7, 0.6
STRIP, HISTOGRAM = 0.42, 1.5  # heights, in inches, as those of what follows
TOP, MIDDLE, BARS_TOP, BAR_HEIGHT = 0.55, 3.5, 6.3, 0.22  # where the rows begin, and a bar
LETTER = 0.055  # of a reason, about
LOWEST_KEY, HIGHEST_KEY = 21, 108  # of a piano
BLACK = (1, 3, 6, 8, 10)  # pitch classes
BAR, BAR_OF_BLACK, DARK = "#7fa8c9", "#1f4e79", "#222222"
PART_COLOURS = {"train": "#1f4e79", "valid": "#c1440e", "test": "#117733"}
LEAST_BINS, MOST_BINS = 20, 40
FENCE = 3  # interquartile ranges beyond the quartiles, where values are far
CORNER: dict[str, Any] = {"ha": "right", "va": "top", "fontsize": 7.5, "color": REMARK}
SPREAD = (
    "above each histogram, by part of the split: the middle half of the pieces (thick), 5 to 95 %"
    " of them (thin), and the median (dot)"
)
MOST_KINDS = 8  # of rejected files, with a bar of their own
LONGEST = 62  # characters of a reason
LEAST_FILES = 5  # that the axis of rejected files has room for, so that one file is no long bar


def corpus(description: Description) -> Figure:
    """The figure of a corpus: four histograms over pieces, notes by key, rejected files by kind."""
    bars = min(len(description.rejected), MOST_KINDS + 1)
    # Laid out by hand, in inches: constrained layout, whose solver orders what it is given by where
    # it lies in memory, moves panels by their last digits from one drawing to the next.
    figure = Figure(figsize=(WIDTH, BARS_TOP + (BAR_HEIGHT * bars + 0.5 if bars else 0.1)))
    figure.set_layout_engine("none")
    pieces, in_beats = description.pieces, description.is_in_beats
    unit = " (a quarter is 0.5 s)" if in_beats else ""
    for column, measure, title, of in (
        (0, "length_seconds", "Length", f"seconds{unit}"),
        (1, "notes_per_second", "Density", f"notes a second{unit}"),
        (2, "polyphony", "Polyphony", "mean notes at once, while any sounds"),
    ):
        strip, axes = _two_panels(figure, column, TOP)
        _histogram(strip, axes, pieces, measure, title, of, named=column == 0)
    below = 1 - (MIDDLE - 0.42) / figure.get_figheight()
    figure.text(0.5, below, SPREAD, ha="center", va="center", fontsize=7.5, color=REMARK)
    width = 2 * COLUMN + GAP
    _keys(_panel(figure, LEFT, MIDDLE, width, STRIP + HISTOGRAM), description.pitch_counts)
    title = "Tempo (not used)" if in_beats else "Tempo"
    _histogram(*_two_panels(figure, 2, MIDDLE), pieces, "tempo", title, "quarters a minute")
    _rejected(figure, description)
    hours = pieces["length_seconds"].sum() / 3600
    figure.suptitle(
        f"{description.dataset}: {len(pieces):,} pieces, {hours:,.1f} hours,"
        f" {pieces['notes'].sum():,} notes",
        x=0.01,
        y=1 - 0.08 / figure.get_figheight(),
        ha="left",
        va="top",
    )
    return figure


def _panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """A panel by its place in inches, from the left and from the top."""
    whole = figure.get_figheight()
    at = (left / WIDTH, 1 - (top + height) / whole, width / WIDTH, height / whole)
    return figure.add_axes(at)


def _two_panels(figure: Figure, column: int, top: float) -> tuple[Axes, Axes]:
    """A histogram's panel and the strip above it, in one of the three columns."""
    left = LEFT + column * (COLUMN + GAP)
    strip = _panel(figure, left, top, COLUMN, STRIP)
    return strip, _panel(figure, left, top + STRIP, COLUMN, HISTOGRAM)


def limits(values: np.ndarray) -> tuple[float, float]:
    """The range of an axis: of all values but, of at most one in a hundred at an end, far ones."""
    first, low, high, last = np.quantile(values, [0.01, 0.25, 0.75, 0.99])
    fence = FENCE * (high - low)
    lower, upper = min(low - fence, first), max(high + fence, last)
    if high == low:  # where the middle half is all the same, nothing says what is far
        lower, upper = values.min(), values.max()
    shown = values[(values >= lower) & (values <= upper)]
    return float(shown.min()), float(shown.max())


def _histogram(
    strip: Axes,
    axes: Axes,
    pieces: pd.DataFrame,
    column: str,
    title: str,
    unit: str,
    named: bool = False,
) -> None:
    """How many pieces have which value; above it the spread of each part of the split."""
    known = pieces[pieces[column].notna()]
    values = known[column].to_numpy(dtype=float)
    axes.set(xlabel=unit, ylabel="pieces")
    strip.set_axis_off()
    if not len(values):
        strip.set_title(title)
        say(axes, "not known of any piece")
        return
    median = float(np.median(values))
    strip.set_title(f"{title}, median {_number(median)}")
    low, high = limits(values)
    remarks = []
    for side, end, beyond in (
        ("below", values.min(), int((values < low).sum())),
        ("above", values.max(), int((values > high).sum())),
    ):
        remarks += [f"{beyond:,} {side}, to {_number(end)}"] if beyond else []
    if missing := len(pieces) - len(known):
        remarks.append(f"{missing:,} not known")
    axes.text(1, 0.99, "; ".join(remarks), transform=axes.transAxes, **CORNER)
    shown = values[(values >= low) & (values <= high)]
    if high - low <= 1e-6 * max(1.0, abs(high)):  # all alike: one bar, in the middle
        axes.set_xticks([median], [_number(median)])
        half = 0.5 * max(1.0, 0.02 * abs(median))
        edges, low, high = np.array([-0.2, 0.2]) * half + median, median - half, median + half
    else:
        bins = len(np.histogram_bin_edges(shown, "fd")) - 1
        edges = np.linspace(low, high, min(max(bins, LEAST_BINS), MOST_BINS) + 1)
    counts, _ = np.histogram(shown, edges)
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=BAR, edgecolor="white", lw=0.3)
    axes.axvline(median, ymax=0.87, color=DARK, linewidth=0.9)
    margin = 0.02 * (high - low)
    axes.set(xlim=(low - margin, high + margin), ylim=(0, counts.max() * 1.15))
    strip.set_xlim(axes.get_xlim())
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(axis="x", visible=False)
    _spreads(strip, known, column, (low, high), named)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _spreads(
    axes: Axes, known: pd.DataFrame, column: str, within: tuple[float, float], named: bool
) -> None:
    """A line a part: 5 to 95 % of its pieces, thick the middle half, a dot at the median."""
    axes.set_ylim(len(PARTS) - 0.4, -0.6)
    for row, part in enumerate(PARTS):
        values = known.loc[known["split"] == part, column].to_numpy(dtype=float)
        colour = PART_COLOURS[part]
        if named:
            name = f"{part} ({len(values):,})"
            axes.annotate(
                name,
                xy=(0, row),
                xycoords=("axes fraction", "data"),
                xytext=(-3, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=7,
                color=colour,
            )
        if not len(values):
            continue
        ends = np.clip(np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]), *within)
        axes.hlines(row, ends[0], ends[4], color=colour, linewidth=0.9)
        axes.hlines(row, ends[1], ends[3], color=colour, linewidth=3.4)
        axes.plot(ends[2], row, "o", color="white", markeredgecolor=colour, markersize=4)


def _keys(axes: Axes, counts: np.ndarray) -> None:
    """The share of notes on each of the 88 keys of a piano."""
    total = int(counts.sum())
    keys = np.arange(LOWEST_KEY, HIGHEST_KEY + 1)
    shares = 100 * counts[LOWEST_KEY : HIGHEST_KEY + 1] / max(total, 1)
    colours = [BAR_OF_BLACK if key % CLASSES in BLACK else BAR for key in keys]
    axes.bar(keys, shares, 0.9, color=colours)
    axes.set_title("Notes by piano key")
    ticks = [int(key) for key in keys if key % CLASSES == 0]
    axes.set_xticks(ticks, [f"{pitch_name(key)}\n{key}" for key in ticks])
    axes.set(
        xlim=(LOWEST_KEY - 1, HIGHEST_KEY + 1), xlabel="pitch (C4 is middle C)", ylabel="% of notes"
    )
    axes.grid(axis="x", visible=False)
    axes.legend(
        handles=[
            Patch(color=BAR, label="white keys"),
            Patch(color=BAR_OF_BLACK, label="black keys"),
        ],
        loc="upper left",
    )
    played = np.flatnonzero(counts)
    if not total:
        axes.set_title("no note", loc="right", color=REMARK)
        return
    low, high = (f"{pitch_name(int(pitch))} ({pitch})" for pitch in (played[0], played[-1]))
    told = f"{low} to {high}"
    if beyond := total - int(counts[LOWEST_KEY : HIGHEST_KEY + 1].sum()):
        told += f"; {percent(beyond / total)} of notes beyond a piano"
    axes.set_title(told, loc="right", color=REMARK)


def _rejected(figure: Figure, description: Description) -> None:
    """A bar a kind of reason, the most frequent at the top."""
    rows = list(description.rejected[["kind", "files"]].itertuples(index=False, name=None))
    if len(rows) > MOST_KINDS + 1:
        rest = rows[MOST_KINDS:]
        rows = [*rows[:MOST_KINDS], (f"{len(rest)} other reasons", sum(n for _, n in rest))]
    names, counts = [shortened(name, LONGEST) for name, _ in rows], [count for _, count in rows]
    left = max(LEFT, 0.25 + LETTER * max(map(len, names), default=0))
    height = max(0.01, BAR_HEIGHT * len(rows))
    axes = _panel(figure, left, BARS_TOP, LEFT + 3 * COLUMN + 2 * GAP - left, height)
    title = rejected_title(description.rejected, len(description.pieces))
    axes.set_title(title[:1].upper() + title[1:])
    if not rows:
        axes.set_axis_off()
        return
    at = np.arange(len(rows))
    bars = axes.barh(at, counts, 0.7, color=BAR)
    axes.bar_label(bars, [f"{count:,}" for count in counts], padding=3, fontsize=7.5)
    axes.set_yticks(at, names)
    axes.set(
        ylim=(len(rows) - 0.4, -0.6), xlim=(0, max(LEAST_FILES, *counts) * 1.08), xlabel="files"
    )
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
