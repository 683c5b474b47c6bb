"""The table of all measures of an experiment, beside the thesis's own tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.compare import FLOOR
from neuralmusic.comparison_frames import DISTANCE, Frames, decimals, heading, read_frames
from neuralmusic.set_comparison import FRECHET
from neuralmusic.significance import LEVEL
from neuralmusic.table_text import (
    LENGTHS,
    TIE,
    Page,
    Table,
    floor_footnote,
    folders_footnote,
    number,
    source_row_footnote,
)

DIFFERS = "≠"  # as `page.cell` knows it
OF_STANDING = {FRECHET: ("Fréchet distance", 2), "diversity_sd": ("diversity, sd", 2)}


def measures(params: Mapping[str, Any], results: Path) -> Table:
    """Every measure of every model of the experiments, from what `rank` wrote of each."""
    frames, pages = [], []
    for experiment in params["experiments"]:
        found = read_frames(Path(results) / "rankings" / experiment)
        frames.append(_frame(experiment, found))
        folders = params["experiments"][experiment].get("folders", [])
        pages.append(_page(experiment, found, folders))
    return Table(pd.concat(frames, ignore_index=True), pages)


def _frame(experiment: str, found: Frames) -> pd.DataFrame:
    """The rows of measures, and those of the ranking as two measures more."""
    more = [
        {
            "set": row["set"],
            "measure": name,
            "pieces": sum(found.sizes[row["set"]]),
            "mean": row[name],
            "mean_ci_low": row[f"{name}_ci_low"],
            "mean_ci_high": row[f"{name}_ci_high"],
        }
        for _, row in found.ranking.iterrows()
        for name in OF_STANDING
    ]
    frame = pd.concat([pd.DataFrame(more), found.measures], ignore_index=True)
    frame = frame.rename(columns={"set": "model"})
    frame.insert(0, "experiment", experiment)
    return frame


def _page(experiment: str, found: Frames, folders: Sequence[str]) -> Page:
    names = [*found.names, *found.beside, found.reference]
    by_set = {name: found.of(name) for name in names}
    rows = []
    for name, (title, places) in OF_STANDING.items():
        cells = [_cell(found.standing(of), name, places) for of in names]
        if name == FRECHET:
            scores = {of: found.standing(of)[name] for of in found.names}
            cells = _marked(cells, scores, found, name)
        rows.append([title, *cells])
    unmeasured = []
    for measure in by_set[found.reference].index:
        own = {name: of.loc[measure] for name, of in by_set.items()}
        is_number = any(np.isfinite(row["mean"]) for row in own.values())
        if not is_number and not any(np.isfinite(row["overlap"]) for row in own.values()):
            unmeasured.append(heading(measure))
            continue
        column, places = ("mean", decimals(measure)) if is_number else ("overlap", 2)
        cells = [
            f"{_cell(row, column, places)} {DIFFERS * bool(row['p_corrected'] < LEVEL)}".strip()
            for row in own.values()
        ]
        scores = {name: own[name][DISTANCE] for name in found.names}
        title = heading(measure) if is_number else f"{heading(measure)}, overlap"
        rows.append([title, *_marked(cells, scores, found, measure)])
    floor = f" Floor: `{FLOOR}`." if FLOOR in found.names else ""
    sizes = ", ".join(f"{n} {' + '.join(map(str, found.sizes[n]))}" for n in names)
    return Page(
        title=f"All measures, {experiment} experiment",
        about=(
            "The mean of every measure over the pieces of each model, and of what is no number"
            " (histograms, transitions) the overlap with the real pieces of the distances between"
            " pieces: 1 is best. What each measure is: `neuralmusic measures`. Nearer to"
            f" `{found.reference}` is better; of the Fréchet distance, over all measures that are"
            f" numbers, less is.{floor}"
        ),
        header=["measure", *names],
        rows=rows,
        footnotes=[
            f"In brackets: 95 % intervals from {found.resamples} resamples of pieces, and over"
            " seeds where a model has several. Bold: the nearest to the real pieces, if any"
            f" is. {TIE}: not significantly farther. {DIFFERS}: differs from the real pieces. Both"
            f" by p values below {LEVEL:g}, corrected for the number of comparisons of the"
            " experiment (Benjamini and Yekutieli).",
            f"`{found.reference}`: the mean of all real pieces; its overlap and Fréchet distance"
            " are those of one half of them against the other.",
            f"By the Fréchet distance: {floor_footnote(_not_beating(found))}",
            folders_footnote(folders),
            source_row_footnote(found.beside),
            f"Pieces measured: {sizes}. {LENGTHS}",
            f"Empty cells: in no piece, or too few, {', '.join(unmeasured)} can be measured."
            if unmeasured
            else "",
        ],
    )


def _not_beating(found: Frames) -> list[str] | None:
    """The models that are not significantly nearer than the floor; None without a floor."""
    if FLOOR not in found.names:
        return None
    of = found.pairs[(found.pairs["measure"] == FRECHET) & (found.pairs["p_corrected"] < LEVEL)]
    beaten_by = {
        *of.loc[(of["second"] == FLOOR) & (of["difference"] < 0), "first"],
        *of.loc[(of["first"] == FLOOR) & (of["difference"] > 0), "second"],
    }
    return [name for name in found.names if name != FLOOR and name not in beaten_by]


def _cell(row: pd.Series, column: str, places: int) -> str:
    """A number with its interval."""
    value, low, high = (row[name] for name in (column, f"{column}_ci_low", f"{column}_ci_high"))
    if not np.isfinite(value):
        return ""
    told = number(value, places)
    return f"{told} [{low:.{places}f}, {high:.{places}f}]" if np.isfinite(low) else told


def _marked(
    cells: list[str], scores: Mapping[str, float], found: Frames, measure: str
) -> list[str]:
    """The cells of a row with the nearest in bold, and those not told from it marked."""
    known = {name: score for name, score in scores.items() if np.isfinite(score)}
    if len(set(known.values())) < 2:  # no model, or none that is nearer than another
        return cells
    best = min(known, key=lambda name: known[name])
    of = found.pairs[found.pairs["measure"] == measure]
    is_with_best = (of["first"] == best) | (of["second"] == best)
    told = of[is_with_best & (of["p_corrected"] < LEVEL)]
    apart = {*told["first"], *told["second"]}
    marked = []
    for name, cell in zip([*scores, *found.beside, found.reference], cells, strict=True):
        if name in known and known[name] == known[best]:
            cell = f"**{cell}**"
        elif name in known and name not in apart:
            cell = f"{cell} {TIE}"
        marked.append(cell)
    return marked
