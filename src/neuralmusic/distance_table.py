"""Table 5.9: how far the models' pitches and pitch classes are from those of the real pieces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from neuralmusic.compare import experiment_params, load_comparison
from neuralmusic.set_tables import (
    half_against_half,
    inter_estimates,
    printed_by_thesis,
    source_footnote,
)
from neuralmusic.table_text import (
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

HISTOGRAMS = {"raw": False, "transposed": True}  # whether pitches are folded to their classes


def distance_to_real(params: Mapping[str, Any], results: Path) -> Table:
    """Table 5.9: inter-set distances of the 128 pitches and of the 12 pitch classes.

    One row a model; of each histogram the sum (the mean times the number of pieces), its interval,
    the deviation between seeds, the mean, and the thesis's number.
    """
    rows, pages = [], []
    for experiment in params["experiments"]:
        comparison = load_comparison(experiment, params, results)
        found = {name: inter_estimates(comparison, folded) for name, folded in HISTOGRAMS.items()}
        rankings = {name: rank(of) for name, of in found.items()}
        thesis = {
            name: printed_by_thesis(f"table_5_9_{name}", experiment, comparison.names)
            for name in HISTOGRAMS
        }
        lines = []
        for model in comparison.names:
            row: dict[str, Any] = {"experiment": experiment, "model": model}
            row |= {"seeds": len(comparison.sets_of(model))}
            line = [model]
            for name in HISTOGRAMS:
                mean = found[name][model]
                total = mean * comparison.pieces
                low, high = total.interval()
                row |= {name: total.value, f"{name}_ci_low": low, f"{name}_ci_high": high}
                row |= {f"{name}_seeds_sd": total.seeds_sd, f"{name}_mean": mean.value}
                row |= {f"thesis_{name}": thesis[name][model]}
                shown = rankings[name].mark(model, with_interval(total, 1))
                line += [shown, number(mean.value, 3), thesis[name][model]]
            rows.append(row)
            lines.append(line)
        pages.append(
            Page(
                title=f"Table 5.9: Euclidean distance to the real dataset, {experiment} experiment",
                about=(
                    "Euclidean distance between the histograms of a piece of the model and a real"
                    f" one, onsets per minute: mean, and the mean times {comparison.pieces} pieces."
                    " Raw: of the 128 pitches, as in table 5.7; transposed: of the 12 pitch"
                    " classes, whatever the octave. Less is better; below `real`, pieces lie"
                    " nearer to the middle of the real ones than real ones do."
                ),
                header=["model"]
                + [f"{name}, {of}" for name in HISTOGRAMS for of in ("sum", "mean", "thesis")],
                rows=lines,
                footnotes=[
                    interval_footnote(experiment_params(params, experiment)["resamples"]),
                    seeds_footnote(comparison.trainings),
                    folders_footnote(comparison.folders),
                    source_row_footnote(comparison.beside),
                    *(f"{name}: {floor_footnote(of.not_beating)}" for name, of in rankings.items()),
                    half_against_half(comparison),
                    sizes_footnote(comparison),
                    *(
                        f"{name}: {source}"
                        for name in HISTOGRAMS
                        if (source := source_footnote(f"table_5_9_{name}", experiment))
                    ),
                    *dict.fromkeys(empty_footnote(comparison, of) for of in found.values()),
                ],
            )
        )
    return Table(pd.DataFrame(rows), pages)
