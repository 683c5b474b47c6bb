"""What tables are made of: cells with intervals, marks, and the footnotes that explain them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from neuralmusic.compare import FLOOR, REAL, SOURCE, STUCK, Comparison
from neuralmusic.estimate import Estimate, best_of, excludes_zero

TIE = "†"
EMPTY = float("nan")  # written as an empty cell
LENGTHS = (
    "Each sample is measured up to the length of one of the real pieces, so that nothing differs by"
    " length alone."
)

# How the measures of `compare.character_estimates` are printed: heading and decimals.
CHARACTER_HEADINGS: dict[str, tuple[str, int]] = {
    "notes_per_minute": ("notes a minute", 1),
    "mean_note_seconds": ("mean note, s", 3),
    "used_pitches": ("used pitches", 2),
    "lowest_pitch": ("lowest pitch", 1),
    "highest_pitch": ("highest pitch", 1),
    "repeated_notes": ("repeated notes, share", 3),
    "mean_ioi_seconds": ("mean inter-onset interval, s", 3),
    STUCK: ("stuck notes, share", 4),
}


@dataclass(frozen=True)
class Page:
    """A table for people: what it says, in Markdown."""

    title: str
    about: str  # unit and direction
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    footnotes: Sequence[str] = field(default_factory=list)
    names: int = 1  # the first columns, which hold names; the others hold numbers

    def markdown(self) -> str:
        """The page as text."""
        lines = [f"# {self.title}", "", self.about, ""]
        numbers = len(self.header) - self.names
        lines += [_line(self.header), _line(["---"] * self.names + ["---:"] * numbers)]
        lines += [_line(row) for row in self.rows]
        lines += [""] + [f"- {note}" for note in self.footnotes if note]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Table:
    """One table in its two forms: for programs, and a page an experiment for people."""

    frame: pd.DataFrame
    pages: list[Page]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def number(value: float, decimals: int) -> str:
    """A rounded number, an empty cell where it is undefined."""
    if not np.isfinite(value):
        return ""
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def with_interval(estimate: Estimate, decimals: int) -> str:
    """`1.23 [1.10, 1.35] ± 0.04`: the interval over pieces, the deviation between seeds.

    Without brackets where there is no interval, without ± where there is a single run.
    """
    low, high = estimate.interval()
    text = number(estimate.value, decimals)
    if text and np.isfinite(low):
        text += f" [{number(low, decimals)}, {number(high, decimals)}]"
    if text and np.isfinite(estimate.seeds_sd):
        text += f" ± {number(estimate.seeds_sd, decimals)}"
    return text


@dataclass(frozen=True)
class Ranking:
    """Who is best of the models, who not told from it, who does not beat the floor."""

    best: set[str]  # several where they are equal, none where all are
    ties: set[str]
    not_beating: list[str] | None  # None where the floor was not run or measured

    def mark(self, name: str, text: str) -> str:
        if name in self.best:
            return f"**{text}**"
        return f"{text} {TIE}" if name in self.ties else text


def rank(scores: Mapping[str, Estimate]) -> Ranking:
    """Ranks the models, the floor among them, by a score of which less is better.

    `real` and `source` are no models.
    """
    models = {name: score for name, score in scores.items() if name not in (REAL, SOURCE)}
    first, ties = best_of(models)
    known = {name: score.value for name, score in models.items() if np.isfinite(score.value)}
    best = {name for name, value in known.items() if value == known[first or name]}
    if len(best) == len(known):  # no model is better than another
        best, ties = set(), set()
    ties -= best
    floor = models.get(FLOOR)
    if floor is None or not np.isfinite(floor.value):
        return Ranking(best, ties, None)
    others = [n for n, s in models.items() if n != FLOOR and np.isfinite(s.value)]
    return Ranking(best, ties, [n for n in others if excludes_zero(models[n] - floor) != -1])


def floor_footnote(not_beating: Sequence[str] | None) -> str:
    """Which models do not beat the floor; None where it was not run or measured."""
    if not_beating is None:
        return f"The floor `{FLOOR}` was not run, so that nothing is said about beating it."
    if not not_beating:
        return f"Every model beats the floor `{FLOOR}`."
    names = ", ".join(not_beating)
    return f"Worse than the floor `{FLOOR}` or not told from it, so not beating it: {names}."


def interval_footnote(resamples: int) -> str:
    """What brackets and marks mean."""
    return (
        f"In brackets: 95 % intervals from {resamples} resamples of pieces. Bold: the best of the"
        f" models, if any is. {TIE}: its difference from the best is not significant (the interval"
        " of the difference, paired on the real pieces, holds 0)."
    )


def seeds_footnote(runs: Mapping[str, Sequence[str]]) -> str:
    """What ± is, and what counts it; nothing where every model has one of the `runs`."""
    seeds = max(map(len, runs.values()), default=1)
    if seeds == 1:
        return ""
    once = ", ".join(model for model, of in runs.items() if len(of) == 1)
    return (
        f"A number is the mean over {seeds} trainings with seeds of their own"
        f"{f' (one of {once}, the same each time)' if once else ''}, ± the standard deviation"
        " between them. Brackets are intervals over pieces alone; marks, and what is said to be"
        " better or worse, count pieces and seeds."
    )


def folders_footnote(folders: Sequence[str]) -> str:
    """Which of the models were not trained here; nothing where all were."""
    if not folders:
        return ""
    return (
        f"MIDI files that another system made, measured as all others: {', '.join(folders)}. In"
        " marks and comparisons they count among the trained models."
    )


def source_row_footnote(beside: Sequence[str]) -> str:
    """What the row of the real pieces before encoding is; nothing where it is not there."""
    if SOURCE not in beside:
        return ""
    return (
        f"`{SOURCE}`: the pieces of `{REAL}` before encoding, cut alike: in what it differs from"
        f" `{REAL}` is what the representation loses. It is no model and in no ranking. No piece is"
        " held against itself. Of both, notes that begin at once on one key are one note, as in a"
        " MIDI file of one instrument: what else is lost of them is not shown."
    )


def no_likelihood_footnote(folders: Sequence[str]) -> str:
    """Why models have no loss, where some have none by what they are."""
    return (
        f"Empty cells of {', '.join(folders)}: no likelihood: a folder of MIDI files."
        if folders
        else ""
    )


def stuck_footnote(max_note_seconds: float) -> str:
    """What a stuck note is."""
    return (
        "Stuck notes: those that decoding had to end, since they were longer than"
        f" {max_note_seconds:g} seconds or, of events, still on at the end of the whole piece; over"
        " all notes of the set. A note that is on where a sample is cut is stuck only if it is so"
        " in the whole one."
    )


def sizes_footnote(comparison: Comparison) -> str:
    """How many pieces each run's set has, and how many were too short."""
    parts = []
    for name in comparison.names:
        of_runs = [pieces.metrics for pieces in comparison.sets_of(name)]
        counts = [
            f"{len(of)} ({of.left_out} left out)" if of.left_out else f"{len(of)}" for of in of_runs
        ]
        parts.append(f"{name} {' + '.join(counts)}")
    return (
        f"Pieces measured: {', '.join(parts)}. Left out are those under"
        f" {comparison.min_seconds:g} seconds. {LENGTHS}"
    )


def empty_footnote(
    comparison: Comparison, estimates: Mapping[str, Estimate], needs_real: bool = True
) -> str:
    """Why cells are empty: what the sets lack from which they would be computed."""
    reasons = []
    for name, estimate in estimates.items():
        has_interval = np.isfinite(estimate.interval()[0])
        if np.isfinite(estimate.value) and has_interval:
            continue
        runs = comparison.runs.get(name, [name])
        lacking = [_lack(comparison, run) for run in runs]
        if needs_real and name != REAL:
            lacking.append(_lack(comparison, REAL))
        what = "no interval" if np.isfinite(estimate.value) else "no value"
        why = " and ".join(dict.fromkeys(text for text in lacking if text))
        if name == SOURCE and not why and not np.isfinite(estimate.value):
            why = "nothing of it is decoded"
        reasons.append(f"{name}: {what}, {why or 'too few pieces in which it is defined'}")
    return f"Empty cells: {'; '.join(reasons)}." if reasons else ""


def _lack(comparison: Comparison, name: str) -> str:
    metrics = comparison.sets[name].metrics
    if len(metrics) == 0:
        return f"no piece of {name} is long enough"
    if metrics.pitch_counts.sum() == 0:
        return f"there is no note in the pieces of {name}"
    if metrics.transition_counts.sum() == 0:
        return f"no piece of {name} has two notes"
    if len(metrics) < 4:
        return f"{name} has {len(metrics)} piece{'s' * (len(metrics) > 1)}"
    return ""
