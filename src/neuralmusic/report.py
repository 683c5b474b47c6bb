"""The page that shows everything: results/report/index.html, and beside it those of datasets.

Another beside it says what is measured, and which measures agree.

Each stands alone: styles and figures are inside it, and it opens without a network. What is not
there is said in the page; only a results folder that cannot be read ends in an error.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from neuralmusic import jobs
from neuralmusic.captions import CAPTIONS
from neuralmusic.compare import FLOOR, REAL, trained_models
from neuralmusic.dataset_pages import Dataset, write_page
from neuralmusic.files import write_text
from neuralmusic.measures_page import write_measures_page
from neuralmusic.page import duration, embedded, optional_csv, render
from neuralmusic.provenance import commit, machine, read_benchmarks, versions
from neuralmusic.representations import REPRESENTATIONS

TEMPLATE = "report.html"
SHOWN_SAMPLES = 3  # of each model
VERDICTS = ("held", "did not hold", "undecided")
TRAINING = "training"  # the table to which the page adds times


@dataclass(frozen=True)
class TextTable:
    """One table of a Markdown page that `tabulate` wrote."""

    name: str
    title: str
    about: str
    header: list[str]
    rows: list[list[str]]
    footnotes: list[str]


def report(
    params: Mapping[str, Any], results: Path, data: Path, logs: Path, out_folder: Path
) -> None:
    """Writes out_folder/index.html, and datasets/{name}.html of every dataset that is used.

    `params["resolved"]` is what the page prints as parameters.
    """
    results, data, logs = Path(results), Path(data), Path(logs)
    claims = read_claims(results)
    names = dict.fromkeys(own.get("dataset") for own in params["experiments"].values())
    described = {n: write_page(n, params, results, data, Path(out_folder)) for n in names if n}
    experiments = [
        _experiment(name, own, params, claims, described, results, Path(out_folder))
        for name, own in params["experiments"].items()
    ]
    agreement = [name for name, (kind, _) in jobs.FIGURES.items() if kind == "measures_agree"]
    drawn = [n for n in agreement if jobs.FIGURES[n][1] in params["experiments"]]
    write_measures_page([_figure(name, results) for name in drawn], Path(out_folder))
    steps, step_jobs = read_benchmarks(logs, params)
    page = render(
        TEMPLATE,
        experiments=experiments,
        datasets=list(described.values()),
        summary=summary(params, claims, results),
        claims_missing=claims is None,
        other_claims=[c for c in claims or [] if c["experiment"] not in params["experiments"]],
        parameters=yaml.safe_dump(params.get("resolved", {}), sort_keys=False, allow_unicode=True),
        provenance=[*versions(), ("Machine", machine()), ("Commit", commit(results, data))],
        steps=steps,
        step_jobs=step_jobs,
    )
    write_text(Path(out_folder) / "index.html", page)


def _experiment(
    name: str,
    own: Mapping[str, Any],
    params: Mapping[str, Any],
    claims: list[dict] | None,
    described: Mapping[str, Dataset],
    results: Path,
    out_folder: Path,
) -> dict[str, Any]:
    """What the page says of one experiment."""
    tables, missing = [], []
    for table in tables_of(name, own):
        # A table has one page for each of its experiments.
        found = [page for page in read_pages(results, table) if f"{name} exp" in page.title]
        if table == TRAINING:
            found = [with_seconds(page, results / "models" / name) for page in found]
        tables += found
        missing += [] if found else [table]
    return {
        "name": name,
        "settings": own,
        "weights_of": own.get("weights_of"),
        "dataset": described.get(own.get("dataset", "")),
        "tables": tables,
        "missing_tables": missing,
        "figures": [
            _figure(figure, results) for figure, (_, of) in jobs.FIGURES.items() if of == name
        ],
        "claims": [claim for claim in claims or [] if claim["experiment"] == name],
        "samples": _samples(name, [*own.get("beside", ()), *own["models"]], results, out_folder),
    }


def tables_of(experiment: str, own: Mapping[str, Any]) -> list[str]:
    """The tables with a page of an experiment: those of all, and then its own."""
    # The models of another experiment have their training and held-out loss there.
    of_others = {"heldout_nll", "training"} if own.get("weights_of") else set()
    of_all = [name for name, of in jobs.TABLES.items() if not of and name not in of_others]
    return of_all + [name for name, of in jobs.TABLES.items() if experiment in of]


def _samples(
    experiment: str, models: Sequence[str], results: Path, out_folder: Path
) -> list[dict[str, Any]]:
    """A few MIDI files of every model's first run, with addresses relative to the page."""
    found = []
    for model in [REAL, *(model for model in models if model != REAL)]:
        folder = results / "samples" / experiment / model
        files = sorted(folder.glob("*.mid"))
        sources = optional_csv(folder / "pieces.csv", ["file", "primer_piece"])
        named = {} if sources is None else sources.set_index("file")["primer_piece"].dropna()
        shown = [
            {
                "address": Path(os.path.relpath(file, out_folder)).as_posix(),
                "file": file.name,
                "source": named.get(file.name, ""),
            }
            for file in files[:SHOWN_SAMPLES]
        ]
        rejected = optional_csv(folder / "rejected.csv", ["file", "reason"])  # of a folder's files
        found.append(
            {"model": model, "count": len(files), "files": shown}
            | {"rejected": 0 if rejected is None else len(rejected)}
        )
    return found


def _figure(name: str, results: Path) -> dict[str, Any]:
    path = results / "figures" / f"{name}.png"
    kind, experiment = jobs.FIGURES[name]
    title, caption = CAPTIONS[kind]
    return {
        "name": name,
        "title": figure_title(name, experiment, title),
        "caption": caption,
        "image": embedded(path),
    }


def figure_title(name: str, experiment: str, title: str) -> str:
    """With the thesis's number, where the figure's name has one: figure_5_9_events is its 5.9."""
    number = re.match(r"figure_(\d+)_(\d+)", name)
    if number:
        return f"Figure {number[1]}.{number[2]} ({experiment}): {title}"
    return f"{title} ({experiment})"


def read_pages(results: Path, table: str) -> list[TextTable]:
    """The tables of results/tables/{table}.md, none where there is no such file.

    The Markdown and not the CSV, because it is what rounds, marks the best model and those not
    told from it, and explains the marks: in the page as in the repository.
    """
    path = results / "tables" / f"{table}.md"
    if not path.is_file():
        return []
    pages = re.split(r"^# ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [_text_table(table, page.splitlines()) for page in pages]


def with_seconds(table: TextTable, models: Path) -> TextTable:
    """The table of trainings with how long each took, from the logs in the folder `models`.

    The table itself has no times, so that it is the same each time.
    """
    rows = []
    for row in table.rows:
        log = optional_csv(models / row[0] / "log.csv", [])
        told = ["", ""]
        if log is not None and {"tokens", "seconds"} <= set(log.columns) and len(log):
            tokens, seconds = log[["tokens", "seconds"]].iloc[-1]
            told = [duration(seconds), f"{tokens / seconds:,.0f}" if seconds else ""]
        rows.append([*row, *told])
    return replace(table, header=[*table.header, "time", "tokens a second"], rows=rows)


def _text_table(name: str, lines: list[str]) -> TextTable:
    rows = [
        [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        for line in lines
        if line.startswith("|")
    ]
    return TextTable(
        name=name,
        title=lines[0].strip(),
        about=" ".join(line for line in lines[1:] if line and not line.startswith(("|", "- "))),
        header=rows[0] if rows else [],
        rows=rows[2:],  # the second is the rule below the header
        footnotes=[line.removeprefix("- ") for line in lines[1:] if line.startswith("- ")],
    )


def read_claims(results: Path) -> list[dict[str, Any]] | None:
    """The rows of results/claims.csv, None where it is not there."""
    text = ["experiment", "section", "claim", "verdict", "statistic", "numbers"]
    frame = optional_csv(results / "claims.csv", text)
    return None if frame is None else frame.fillna(dict.fromkeys(text, "")).to_dict("records")


def summary(
    params: Mapping[str, Any], claims: list[dict[str, Any]] | None, results: Path
) -> list[str]:
    """The page's first sentences, made from the numbers."""
    said = []
    path = results / "tables" / "heldout_nll.csv"
    table = optional_csv(path, ["experiment", "model", "beats_floor"])
    for name, own in params["experiments"].items():
        if own.get("weights_of"):
            said.append(f"The {name} experiment samples the models of {own['weights_of']}.")
            continue
        rows = pd.DataFrame()
        if table is not None:
            trained = table["model"].isin(trained_models(own))  # a folder predicts nothing
            rows = table[(table["experiment"] == name) & trained]
        if rows.empty or not rows["value"].notna().any():
            said.append(f"There is no held-out loss of the {name} experiment.")
            continue
        best = rows.loc[rows["value"].idxmin()]
        unit = REPRESENTATIONS[own["representation"]["name"]].STEP
        interval = ""
        if np.isfinite(best["ci_low"]):
            interval = f" (95 % interval {best['ci_low']:.3f} to {best['ci_high']:.3f})"
        said.append(
            f"Of the {len(rows)} models of the {name} experiment, {best['model']} predicts held-out"
            f" pieces best: {best['value']:.3f} nats per {unit}{interval}."
        )
        others = rows[rows["model"] != FLOOR]
        if FLOOR in own["models"] and len(others):
            beating = int((others["beats_floor"] == "yes").sum())
            said.append(f"{beating} of {len(others)} beat the floor, a Markov chain.")
    if claims is None:
        said.append("The thesis's claims have not been judged.")
    elif claims:
        counts = Counter(claim["verdict"] for claim in claims)
        told = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if v != "undecided")
        said.append(
            f"Of {len(claims)} claims of the thesis {told} and {counts['undecided']}"
            " could not be decided at this scale."
        )
    return said
