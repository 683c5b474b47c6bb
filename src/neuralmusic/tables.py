"""The tables of the experiments: a CSV for programs and a Markdown page for people each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.compare import (
    CHARACTER,
    FLOOR,
    REAL,
    Comparison,
    Estimate,
    experiment_params,
    inter_set_distance,
    intra_set_distance,
    load_comparison,
    mean_over_pieces,
    read_csv,
    transition_kl,
)
from neuralmusic.files import InputError, write_csv, write_text
from neuralmusic.losses import load_heldout
from neuralmusic.table_text import (
    Page,
    empty_footnote,
    floor_footnote,
    interval_footnote,
    number,
    rank,
    sizes_footnote,
    with_interval,
)
from neuralmusic.thesis import THESIS

MONOPHONIC = "monophonic"
EMPTY = float("nan")  # written as an empty cell


@dataclass(frozen=True)
class Table:
    """One table in its two forms."""

    frame: pd.DataFrame
    pages: list[Page]


def tabulate(name: str, params: Mapping[str, Any], results: Path) -> None:
    """Writes results/tables/{name}.csv and {name}.md."""
    if name not in TABLES:
        raise InputError(f"no table {name!r}; there are {', '.join(TABLES)}")
    table = TABLES[name](params, Path(results))
    folder = Path(results) / "tables"
    write_csv(folder / f"{name}.csv", table.frame)
    write_text(folder / f"{name}.md", "\n".join(page.markdown() for page in table.pages))


def read_table(results: Path, name: str) -> pd.DataFrame:
    """The CSV of a table that `tabulate` wrote; names are text, empty cells of numbers NaN."""
    text = ["experiment", "model", "beats_floor"]
    frame = read_csv(Path(results) / "tables" / f"{name}.csv", text)
    return frame.assign(**{c: frame[c].fillna("") for c in text if c in frame.columns})


def table_5_1(params: Mapping[str, Any], results: Path) -> Table:
    """KL divergence of transitions; `value` and `mean` are the same number, the divergence."""
    comparison = load_comparison(MONOPHONIC, params, results)
    estimates = kl_estimates(comparison)
    parts = ", ".join(
        f"{name} {number(estimate.finite_pieces_part(), 4)}"
        for name, estimate in estimates.items()
        if np.isfinite(estimate.interval()[0])
    )
    return _set_table(
        "table_5_1",
        comparison,
        params,
        estimates,
        scores=estimates,
        scale=None,
        title="KL divergence of transitions",
        about=(
            "KL(real ‖ model) in nats of the pooled 12 x 12 pitch-class transition counts, one"
            " added to every cell. Less is better: 0 is the same distribution."
        ),
        notes=[
            _half_against_half(comparison),
            parts
            and "The divergence of few pieces is above that of many. By resampling, the number of"
            f" pieces contributes about this much to a value: {parts}. An interval tells where"
            " the value would lie were as many pieces drawn again.",
        ],
    )


def table_5_2(params: Mapping[str, Any], results: Path) -> Table:
    """Intra-set distances: how different the pieces of one set are."""
    comparison = load_comparison(MONOPHONIC, params, results)
    estimates = {name: intra_set_distance(pieces) for name, pieces in comparison.sets.items()}
    real = estimates[REAL]
    return _set_table(
        "table_5_2",
        comparison,
        params,
        estimates,
        scores={name: abs(estimate - real) for name, estimate in estimates.items()},
        scale=comparison.pieces,
        title="Sum of intra-set distances",
        about=(
            "Euclidean distance between the pitch histograms (onsets per pitch and minute) of two"
            f" different pieces of a set: mean, and the mean times {comparison.pieces} pieces."
            " Nearer to `real` is better: as varied as real music. The thesis reads less as better."
        ),
        notes=["`real` is the intra-set distance of all real pieces."],
    )


def table_5_3(params: Mapping[str, Any], results: Path) -> Table:
    """Inter-set distances: how far a model's pieces are from the real ones."""
    comparison = load_comparison(MONOPHONIC, params, results)
    estimates = inter_estimates(comparison)
    return _set_table(
        "table_5_3",
        comparison,
        params,
        estimates,
        scores=estimates,
        scale=comparison.pieces,
        title="Sum of inter-set distances",
        about=(
            "Euclidean distance between the pitch histograms (onsets per pitch and minute) of a"
            f" piece of the model and a real one: mean, and the mean times {comparison.pieces}"
            " pieces. Less is better; below `real`, pieces lie nearer to the middle of the real"
            " ones than real ones do."
        ),
        notes=[_half_against_half(comparison)],
    )


def kl_estimates(comparison: Comparison) -> dict[str, Estimate]:
    """KL of transitions of every model, and of one half of the real pieces from the other."""
    estimates = {
        model: transition_kl(comparison.real, comparison.sets[model]) for model in comparison.models
    }
    return estimates | {REAL: transition_kl(*comparison.halves(REAL))}


def inter_estimates(comparison: Comparison) -> dict[str, Estimate]:
    """Mean inter-set distance of every model, and of one half of the real from the other."""
    estimates = {
        model: inter_set_distance(comparison.sets[model], comparison.real)
        for model in comparison.models
    }
    return estimates | {REAL: inter_set_distance(*comparison.halves(REAL))}


def _half_against_half(comparison: Comparison) -> str:
    sizes = " and ".join(str(len(half.metrics)) for half in comparison.halves(REAL))
    return f"`real`: one half of the real pieces against the other ({sizes} pieces)."


def _set_table(
    name: str,
    comparison: Comparison,
    params: Mapping[str, Any],
    estimates: Mapping[str, Estimate],
    scores: Mapping[str, Estimate],
    scale: int | None,
    title: str,
    about: str,
    notes: list[str],
) -> Table:
    """A table of one number a set; `scale` turns the mean into the thesis's sum."""
    printed = THESIS.get(name)
    ranking = rank(scores)
    rows, lines = [], []
    for model, mean in estimates.items():
        value = mean * (scale or 1)
        low, high = value.interval()
        thesis = printed.numbers.get(model, EMPTY) if printed else EMPTY
        # As text, since the thesis prints more digits than we write of our own numbers.
        exact = f"{thesis:.10g}" if np.isfinite(thesis) else ""
        rows.append([model, value.value, low, high, mean.value, exact])
        decimals = 1 if scale else 4
        line = [model, ranking.mark(model, with_interval(value, decimals))]
        lines.append(line + [number(mean.value, 3)] * bool(scale) + [exact])
    page = Page(
        title=f"Table {name.removeprefix('table_').replace('_', '.')}: {title}, "
        f"{comparison.experiment} experiment",
        about=about,
        header=["model", "sum" if scale else "KL, nats"] + ["mean"] * bool(scale) + ["thesis"],
        rows=lines,
        footnotes=[
            interval_footnote(experiment_params(params, comparison.experiment)["resamples"]),
            floor_footnote(ranking),
            *notes,
            sizes_footnote(comparison),
            f"Thesis: §{printed.section}, other data." if printed else "",
            empty_footnote(comparison, estimates, needs_real=name != "table_5_2"),
        ],
    )
    columns = ["model", "value", "ci_low", "ci_high", "mean", "thesis"]
    return Table(pd.DataFrame(rows, columns=columns), [page])


def heldout_nll(params: Mapping[str, Any], results: Path) -> Table:
    """Held-out NLL of every experiment's models on its test pieces, and against the floor."""
    columns = "experiment,model,value,ci_low,ci_high,nats_per_second,pieces,floor_difference,"
    columns += "floor_ci_low,floor_ci_high,beats_floor"
    rows: list[list] = []
    pages = []
    for experiment, own in params["experiments"].items():
        heldout = load_heldout(experiment, params, results)
        losses = {model: heldout.per_step(model) for model in own["models"]}
        ranking = rank(losses)
        lines = []
        for model, loss in losses.items():
            per_second = heldout.per_second(model).value
            difference = None
            if model != FLOOR and FLOOR in losses:
                difference = loss - losses[FLOOR]
            floor = (EMPTY, EMPTY, EMPTY)
            beats = ""
            if difference is not None and np.isfinite(difference.value):
                floor = (difference.value, *difference.interval())
                beats = "no" if model in (ranking.not_beating or []) else "yes"
            row = [experiment, model, loss.value, *loss.interval(), per_second]
            rows.append([*row, len(heldout.pieces), *floor, beats])
            told = with_interval(difference, 4) if difference is not None else ""
            shown = ranking.mark(model, with_interval(loss, 4)) if np.isfinite(loss.value) else ""
            lines.append([model, shown, number(per_second, 3), told, beats])
        lost = [m for m, loss in losses.items() if not np.isfinite(loss.value)]
        pages.append(
            Page(
                title=f"Held-out loss, {experiment} experiment",
                about=(
                    "Negative log-likelihood of the test pieces in nats per step, every position"
                    " once, and per second of music. Less is better."
                ),
                header=["model", "nats per step", "nats per second", f"less {FLOOR}", "beats it"],
                rows=lines,
                footnotes=[
                    interval_footnote(own["resamples"]).replace("the real", "the test"),
                    floor_footnote(ranking),
                    f"Test pieces: {len(heldout.pieces)}, whole, of any length.",
                    f"Empty cells: no finite loss on the test pieces of {', '.join(lost)}."
                    if lost
                    else "",
                    "With fewer than two test pieces there are no intervals, and nothing is said"
                    " to beat the floor."
                    if len(heldout.pieces) < 2
                    else "",
                ],
            )
        )
    return Table(pd.DataFrame(rows, columns=columns.split(",")), pages)


# How sample_character prints its measures: heading and decimals.
CHARACTER_HEADINGS: dict[str, tuple[str, int]] = {
    "notes_per_minute": ("notes a minute", 1),
    "mean_note_seconds": ("mean note, s", 3),
    "used_pitches": ("used pitches", 2),
    "lowest_pitch": ("lowest pitch", 1),
    "highest_pitch": ("highest pitch", 1),
    "repeated_notes": ("repeated notes, share", 3),
    "mean_ioi_seconds": ("mean inter-onset interval, s", 3),
}


def character_estimates(comparison: Comparison, measure: str) -> dict[str, Estimate]:
    """The mean of one measure over the pieces of every set where it is defined."""
    return {
        name: mean_over_pieces(
            pieces.metrics.character[measure], pieces.weights, CHARACTER[measure]
        )
        for name, pieces in comparison.sets.items()
    }


def sample_character(params: Mapping[str, Any], results: Path) -> Table:
    """What the samples of every experiment are like, and which model is nearest to `real`."""
    rows, pages = [], []
    for experiment, own in params["experiments"].items():
        comparison = load_comparison(experiment, params, results)
        estimates = {m: character_estimates(comparison, m) for m in CHARACTER}
        # Nearest to the real pieces is best, whatever the measure.
        rankings = {
            measure: rank({n: abs(e - of[REAL]) for n, e in of.items()})
            for measure, of in estimates.items()
        }
        lines = []
        for name, pieces in comparison.sets.items():
            metrics = pieces.metrics
            row: dict[str, Any] = {"experiment": experiment, "model": name}
            row |= {"pieces": len(metrics), "left_out": metrics.left_out}
            line = [name]
            for measure, of in estimates.items():
                low, high = of[name].interval()
                row |= {measure: of[name].value}
                row |= {f"{measure}_ci_low": low, f"{measure}_ci_high": high}
                text = with_interval(of[name], CHARACTER_HEADINGS[measure][1])
                line.append(rankings[measure].mark(name, text) if text else "")
            rows.append(row | {"under_two_notes": metrics.under_two_notes})
            lines.append([*line, str(metrics.under_two_notes)])
        headings = [CHARACTER_HEADINGS[measure][0] for measure in CHARACTER]
        pages.append(
            Page(
                title=f"Character of the samples, {experiment} experiment",
                about=(
                    "Means over pieces. Nearer to `real` is better; shorter pieces use fewer"
                    " pitches, and real pieces are often shorter than samples."
                ),
                header=["model", *headings, "pieces under two notes"],
                rows=lines,
                footnotes=[
                    interval_footnote(own["resamples"]),
                    sizes_footnote(comparison),
                    "A piece without a note has no lowest or highest pitch and no mean note, one"
                    " of a single onset no inter-onset interval: they are not in those means.",
                    *[
                        f"{CHARACTER_HEADINGS[measure][0]}: {floor_footnote(rankings[measure])}"
                        for measure in CHARACTER
                    ],
                    *dict.fromkeys(
                        empty_footnote(comparison, of, False) for of in estimates.values()
                    ),
                ],
            )
        )
    return Table(pd.DataFrame(rows), pages)


TABLES: dict[str, Callable[[Mapping[str, Any], Path], Table]] = {
    "table_5_1": table_5_1,
    "table_5_2": table_5_2,
    "table_5_3": table_5_3,
    "heldout_nll": heldout_nll,
    "sample_character": sample_character,
}
