"""The tables of the experiments: a CSV for programs and a Markdown page for people each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.compare import (
    FLOOR,
    REAL,
    load_comparison,
    pooled,
)
from neuralmusic.distance_table import distance_to_real
from neuralmusic.files import InputError, write_csv, write_text
from neuralmusic.grammar_table import grammar
from neuralmusic.losses import load_heldout
from neuralmusic.measures_table import measures
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.set_tables import (
    inter_onset,
    inter_set,
    intra_set,
    set_table,
    transitions,
    used_pitches,
)
from neuralmusic.stored import read_csv
from neuralmusic.table_text import (
    CHARACTER_HEADINGS,
    EMPTY,
    Page,
    Table,
    empty_footnote,
    floor_footnote,
    folders_footnote,
    interval_footnote,
    no_likelihood_footnote,
    number,
    rank,
    seeds_footnote,
    sizes_footnote,
    source_row_footnote,
    stuck_footnote,
    with_interval,
)
from neuralmusic.training_table import training


def tabulate(name: str, params: Mapping[str, Any], results: Path) -> None:
    """Writes results/tables/{name}.csv and {name}.md, of all experiments of the parameters."""
    if name not in TABLES:
        raise InputError(f"no table {name!r}; there are {', '.join(TABLES)}")
    if not params["experiments"]:
        raise InputError(f"params.yaml has no experiment that {name} is of")
    table = TABLES[name](params, Path(results))
    folder = Path(results) / "tables"
    write_csv(folder / f"{name}.csv", table.frame)
    write_text(folder / f"{name}.md", "\n".join(page.markdown() for page in table.pages))


def read_table(results: Path, name: str) -> pd.DataFrame:
    """The CSV of a table that `tabulate` wrote; names are text, empty cells of numbers NaN."""
    text = ["experiment", "base", "model", "measure", "beats_floor"]
    frame = read_csv(Path(results) / "tables" / f"{name}.csv", text)
    return frame.assign(**{c: frame[c].fillna("") for c in text if c in frame.columns})


def heldout_nll(params: Mapping[str, Any], results: Path) -> Table:
    """Held-out NLL of every experiment's models on its test pieces, and against the floor."""
    columns = "experiment,model,value,ci_low,ci_high,seeds,seeds_sd,nats_per_second,pieces,"
    columns += "floor_difference,"
    columns += "floor_ci_low,floor_ci_high,beats_floor"
    rows: list[list] = []
    pages = []
    for experiment, own in params["experiments"].items():
        if own["weights_of"]:  # the same models, and so the same loss
            continue
        representation = REPRESENTATIONS[own["representation"]["name"]]
        unit = f"nats per {representation.STEP}"
        if hasattr(representation, "BITS"):
            unit += f" (summed over {representation.BITS} keys)"
        heldout = load_heldout(experiment, params, results)
        folders = own.get("folders", [])
        losses = {model: heldout.per_step(model) for model in heldout.runs}
        ranking = rank(losses)
        lines = []
        for model in own["models"]:
            if model in folders:
                rows.append([experiment, model, *[EMPTY] * 10, ""])
                lines.append([model, "", "", "", ""])
                continue
            loss = losses[model]
            per_second = heldout.per_second(model).value
            difference = None
            if model != FLOOR and FLOOR in losses:
                difference = loss - losses[FLOOR]
            floor = (EMPTY, EMPTY, EMPTY)
            beats = ""
            if difference is not None and np.isfinite(difference.value):
                floor = (difference.value, *difference.interval())
                beats = "no" if model in (ranking.not_beating or []) else "yes"
            row = [experiment, model, loss.value, *loss.interval()]
            row += [len(heldout.runs[model]), loss.seeds_sd, per_second]
            rows.append([*row, len(heldout.pieces), *floor, beats])
            told = with_interval(difference, 4) if difference is not None else ""
            shown = ranking.mark(model, with_interval(loss, 4)) if np.isfinite(loss.value) else ""
            lines.append([model, shown, number(per_second, 3), told, beats])
        lost = [m for m, loss in losses.items() if not np.isfinite(loss.value)]
        pages.append(
            Page(
                title=f"Held-out loss, {experiment} experiment",
                about=(
                    f"Negative log-likelihood of the test pieces in {unit}, every position"
                    " once, and per second of music. Less is better."
                ),
                header=[
                    "model",
                    f"nats per {representation.STEP}",
                    "nats per second",
                    f"less {FLOOR}",
                    "beats it",
                ],
                rows=lines,
                footnotes=[
                    interval_footnote(own["resamples"]).replace("the real", "the test"),
                    seeds_footnote(heldout.runs),
                    floor_footnote(ranking.not_beating),
                    no_likelihood_footnote(folders),
                    f"Test pieces: {len(heldout.pieces)}, whole, of any length."
                    if heldout.runs
                    else "",
                    f"Empty cells: no finite loss on the test pieces of {', '.join(lost)}."
                    if lost
                    else "",
                    "With fewer than two test pieces there are no intervals, and nothing is said"
                    " to beat the floor."
                    if heldout.runs and len(heldout.pieces) < 2
                    else "",
                ],
            )
        )
    return Table(pd.DataFrame(rows, columns=columns.split(",")), pages)


def sample_character(params: Mapping[str, Any], results: Path) -> Table:
    """What the samples of every experiment are like, and which model is nearest to `real`."""
    rows, pages = [], []
    for experiment, own in params["experiments"].items():
        comparison = load_comparison(experiment, params, results)
        of_sets = {name: comparison.character(name) for name in comparison.names}
        estimates = {
            measure: {name: of[measure] for name, of in of_sets.items()}
            for measure in CHARACTER_HEADINGS
        }
        # Nearest to the real pieces is best, whatever the measure.
        rankings = {
            measure: rank({n: abs(e - of[REAL]) for n, e in of.items()})
            for measure, of in estimates.items()
        }
        lines = []
        for name in comparison.names:
            metrics = pooled([pieces.metrics for pieces in comparison.sets_of(name)])
            row: dict[str, Any] = {"experiment": experiment, "model": name}
            row |= {"seeds": len(comparison.sets_of(name))}
            row |= {"pieces": len(metrics), "left_out": metrics.left_out}
            line = [name]
            for measure, of in estimates.items():
                low, high = of[name].interval()
                row |= {measure: of[name].value}
                row |= {f"{measure}_ci_low": low, f"{measure}_ci_high": high}
                row |= {f"{measure}_seeds_sd": of[name].seeds_sd}
                text = with_interval(of[name], CHARACTER_HEADINGS[measure][1])
                line.append(rankings[measure].mark(name, text) if text else "")
            rows.append(row | {"under_two_notes": metrics.under_two_notes})
            lines.append([*line, str(metrics.under_two_notes)])
        headings = [heading for heading, _ in CHARACTER_HEADINGS.values()]
        pages.append(
            Page(
                title=f"Character of the samples, {experiment} experiment",
                about="Means over pieces. Nearer to `real` is better.",
                header=["model", *headings, "pieces under two notes"],
                rows=lines,
                footnotes=[
                    interval_footnote(own["resamples"]),
                    seeds_footnote(comparison.trainings),
                    folders_footnote(comparison.folders),
                    source_row_footnote(comparison.beside),
                    sizes_footnote(comparison),
                    stuck_footnote(own["max_note_seconds"]),
                    "A piece without a note has no lowest or highest pitch and no mean note, one"
                    " of a single onset no inter-onset interval: they are not in those means.",
                    *[
                        f"{heading}: {floor_footnote(rankings[measure].not_beating)}"
                        for measure, (heading, _) in CHARACTER_HEADINGS.items()
                    ],
                    *dict.fromkeys(
                        empty_footnote(comparison, of, False) for of in estimates.values()
                    ),
                ],
            )
        )
    return Table(pd.DataFrame(rows), pages)


TABLES: dict[str, Callable[[Mapping[str, Any], Path], Table]] = {
    "table_5_1": partial(set_table, "table_5_1", transitions),
    "table_5_2": partial(set_table, "table_5_2", intra_set),
    "table_5_3": partial(set_table, "table_5_3", inter_set),
    "table_5_4": partial(set_table, "table_5_4", inter_set),
    "table_5_5": partial(set_table, "table_5_5", intra_set),
    "table_5_6": partial(set_table, "table_5_6", inter_onset),
    "table_5_7": partial(set_table, "table_5_7", inter_set),
    "table_5_8": partial(set_table, "table_5_8", used_pitches),
    "table_5_9": distance_to_real,
    "grammar": grammar,
    "measures": measures,
    "heldout_nll": heldout_nll,
    "sample_character": sample_character,
    "training": training,
}
