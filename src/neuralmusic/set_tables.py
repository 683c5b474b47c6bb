"""The tables of one number a set of pieces: the thesis's tables 5.1 to 5.8."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.compare import (
    REAL,
    Comparison,
    experiment_params,
    inter_set_distance,
    intra_set_distance,
    load_comparison,
    transition_kl,
)
from neuralmusic.estimate import Estimate
from neuralmusic.table_text import (
    EMPTY,
    Page,
    Table,
    empty_footnote,
    floor_footnote,
    folders_footnote,
    interval_footnote,
    number,
    rank,
    seeds_footnote,
    sizes_footnote,
    source_row_footnote,
    with_interval,
)
from neuralmusic.thesis import THESIS

COLUMNS = ["experiment", "model", "value", "ci_low", "ci_high", "seeds", "seeds_sd", "mean"]
COLUMNS += ["thesis"]


@dataclass(frozen=True)
class SetMeasure:
    """One number of every set of an experiment, and what is said of it."""

    title: str
    about: str  # unit and direction
    heading: str
    decimals: int
    estimates: Mapping[str, Estimate]  # of the models and `real`
    scores: Mapping[str, Estimate]  # by which they are ranked: less is better
    needs_real: bool = True  # whether the estimates do, not only their ranking
    scale: int | None = None  # pieces by which the mean is multiplied: the thesis's sums
    notes: Sequence[str] = ()


def set_table(
    name: str,
    measure: Callable[[Comparison], SetMeasure],
    params: Mapping[str, Any],
    results: Path,
) -> Table:
    """One page an experiment.

    `value` of the CSV is what the thesis prints, `mean` the mean over pieces or pairs: the same
    number where the thesis prints no sum.
    """
    rows, pages = [], []
    for experiment in params["experiments"]:
        comparison = load_comparison(experiment, params, results)
        measured = measure(comparison)
        thesis = printed_by_thesis(name, experiment, measured.estimates)
        for model, mean in measured.estimates.items():
            value = mean * (measured.scale or 1)
            row = [experiment, model, value.value, *value.interval()]
            row += [len(comparison.sets_of(model)), value.seeds_sd, mean.value, thesis[model]]
            rows.append(row)
        pages.append(_page(name, measured, comparison, params, thesis))
    return Table(pd.DataFrame(rows, columns=COLUMNS), pages)


def printed_by_thesis(name: str, experiment: str, sets: Iterable[str]) -> dict[str, str]:
    """The thesis's number of every set, as text, since it has more digits than we write of ours."""
    printed = THESIS.get(name)
    if printed is None or printed.experiment != experiment:
        return dict.fromkeys(sets, "")
    numbers = {model: printed.numbers.get(model, EMPTY) for model in sets}
    return {model: f"{n:.10g}" if np.isfinite(n) else "" for model, n in numbers.items()}


def source_footnote(name: str, experiment: str) -> str:
    """Where the thesis's numbers of a table are from, nothing where it has none."""
    printed = THESIS.get(name)
    if printed is None or printed.experiment != experiment:
        return ""
    return f"Thesis: §{printed.section}, other data. {printed.remark}".strip()


def _page(
    name: str,
    measured: SetMeasure,
    comparison: Comparison,
    params: Mapping[str, Any],
    thesis: Mapping[str, str],
) -> Page:
    ranking = rank(measured.scores)
    is_sum = measured.scale is not None
    lines = []
    for model, mean in measured.estimates.items():
        value = with_interval(mean * (measured.scale or 1), measured.decimals)
        line = [model, ranking.mark(model, value)]
        lines.append(line + [number(mean.value, 3)] * is_sum + [thesis[model]])
    return Page(
        title=f"Table {name.removeprefix('table_').replace('_', '.')}: {measured.title},"
        f" {comparison.experiment} experiment",
        about=measured.about,
        header=["model", measured.heading] + ["mean"] * is_sum + ["thesis"],
        rows=lines,
        footnotes=[
            interval_footnote(experiment_params(params, comparison.experiment)["resamples"]),
            seeds_footnote(comparison.trainings),
            folders_footnote(comparison.folders),
            source_row_footnote(comparison.beside),
            floor_footnote(ranking.not_beating),
            *measured.notes,
            sizes_footnote(comparison),
            source_footnote(name, comparison.experiment),
            empty_footnote(comparison, measured.estimates, measured.needs_real),
        ],
    )


def transitions(comparison: Comparison) -> SetMeasure:
    """KL divergence of transitions."""
    estimates = kl_estimates(comparison)
    parts = ", ".join(
        f"{name} {number(estimate.finite_pieces_part(), 4)}"
        for name, estimate in estimates.items()
        if np.isfinite(estimate.interval()[0])
    )
    return SetMeasure(
        title="KL divergence of transitions",
        about=(
            "KL(real ‖ model) in nats of the pooled 12 x 12 pitch-class transition counts, one"
            " added to every cell. Less is better: 0 is the same distribution."
        ),
        heading="KL, nats",
        decimals=4,
        estimates=estimates,
        scores=estimates,
        notes=[
            half_against_half(comparison),
            parts
            and "The divergence of few pieces is above that of many. By resampling, the number of"
            f" pieces contributes about this much to a value: {parts}. An interval tells where"
            " the value would lie were as many pieces drawn again.",
        ],
    )


def intra_set(comparison: Comparison) -> SetMeasure:
    """Intra-set distances: how different the pieces of one set are."""
    estimates = intra_estimates(comparison)
    real = estimates[REAL]
    return SetMeasure(
        title="Sum of intra-set distances",
        about=(
            "Euclidean distance between the pitch histograms (onsets per pitch and minute) of two"
            f" different pieces of a set: mean, and the mean times {comparison.pieces} pieces."
            " Nearer to `real` is better: as varied as real music. The thesis reads less as better."
        ),
        heading="sum",
        decimals=1,
        estimates=estimates,
        scores={name: abs(estimate - real) for name, estimate in estimates.items()},
        needs_real=False,
        scale=comparison.pieces,
        notes=["`real` is the intra-set distance of all real pieces."],
    )


def inter_set(comparison: Comparison) -> SetMeasure:
    """Inter-set distances: how far a model's pieces are from the real ones."""
    estimates = inter_estimates(comparison)
    return SetMeasure(
        title="Sum of inter-set distances",
        about=(
            "Euclidean distance between the pitch histograms (onsets per pitch and minute) of a"
            f" piece of the model and a real one: mean, and the mean times {comparison.pieces}"
            " pieces. Less is better; below `real`, pieces lie nearer to the middle of the real"
            " ones than real ones do."
        ),
        heading="sum",
        decimals=1,
        estimates=estimates,
        scores=estimates,
        scale=comparison.pieces,
        notes=[half_against_half(comparison)],
    )


def inter_onset(comparison: Comparison) -> SetMeasure:
    """Average inter-onset intervals: how fast the notes follow each other."""
    return _nearest_to_real(
        comparison,
        "mean_ioi_seconds",
        title="Average inter-onset interval",
        about=(
            "Mean time between consecutive distinct onsets of a piece in seconds, the notes of a"
            " chord being one onset; then the mean over pieces. Nearer to `real` is better."
        ),
        heading="interval, s",
        decimals=4,
        note="A piece with a single onset or none is in no mean.",
    )


def used_pitches(comparison: Comparison) -> SetMeasure:
    """Used pitches: how many different ones a piece has."""
    return _nearest_to_real(
        comparison,
        "used_pitches",
        title="Mean of the used pitches",
        about=(
            "Number of different MIDI pitches in a piece, mean over pieces. Nearer to `real` is"
            " better; the thesis reads less as better, where all its models have more."
        ),
        heading="used pitches",
        decimals=2,
    )


def _nearest_to_real(
    comparison: Comparison,
    measure: str,
    title: str,
    about: str,
    heading: str,
    decimals: int,
    note: str = "",
) -> SetMeasure:
    """A mean over pieces of which nearer to that of the real pieces is better."""
    estimates = {name: comparison.character(name)[measure] for name in comparison.names}
    real = estimates[REAL]
    return SetMeasure(
        title=title,
        about=about,
        heading=heading,
        decimals=decimals,
        estimates=estimates,
        scores={name: abs(estimate - real) for name, estimate in estimates.items()},
        needs_real=False,
        notes=[f"`real` is the mean of all real pieces. {note}".strip()],
    )


def kl_estimates(comparison: Comparison) -> dict[str, Estimate]:
    """KL of transitions of every model, and of one half of the real pieces from the other."""
    estimates = {name: comparison.kl(name) for name in comparison.names if name != REAL}
    return estimates | {REAL: transition_kl(*comparison.halves(REAL))}


def intra_estimates(comparison: Comparison) -> dict[str, Estimate]:
    """Mean intra-set distance of every set."""
    return {name: comparison.estimate(name, intra_set_distance) for name in comparison.names}


def inter_estimates(comparison: Comparison, folded: bool = False) -> dict[str, Estimate]:
    """Mean inter-set distance of every model, and of one half of the real from the other."""
    estimates = {n: comparison.inter(n, folded) for n in comparison.names if n != REAL}
    return estimates | {REAL: inter_set_distance(*comparison.halves(REAL), folded)}


def half_against_half(comparison: Comparison) -> str:
    sizes = " and ".join(str(len(half.metrics)) for half in comparison.halves(REAL))
    return f"`real`: one half of the real pieces against the other ({sizes} pieces)."
