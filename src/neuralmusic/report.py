"""The page that shows everything: results/report/index.html.

It stands alone: styles and figures are inside it, and it opens without a network. What is not
there is said in the page; only a results folder that cannot be read ends in an error.
"""

from __future__ import annotations

import base64
import importlib.metadata
import os
import platform
import re
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import yaml
from markupsafe import Markup, escape

from neuralmusic import datasets, jobs
from neuralmusic.captions import CAPTIONS
from neuralmusic.compare import FLOOR, REAL, read_csv
from neuralmusic.files import write_text
from neuralmusic.representations import REPRESENTATIONS

TEMPLATE = Path(__file__).with_name("report.html")
SHOWN_SAMPLES = 3  # of each model
SHOWN_REJECTED = 200  # files; the rest is counted
PACKAGES = ("torch", "numpy", "snakemake")
VERDICTS = ("held", "did not hold", "undecided")
# Steps in the order of the line; others follow by name. The page's own step has not ended yet.
STEPS = ["fetch", "convert", "split", "encode", "train", "sample", "score", "evaluate"]
STEPS += ["tabulate", "judge", "draw"]
OWN_STEP = "report"
TRAINING = "training"  # the table to which the page adds times
COPY_OF = "the same notes as"  # how `convert` begins to say that a piece is a copy


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
    """Writes out_folder/index.html. `params["resolved"]` is what the page prints as parameters."""
    results, data, logs = Path(results), Path(data), Path(logs)
    claims = read_claims(results)
    experiments = [
        _experiment(name, own, params, claims, results, data, Path(out_folder))
        for name, own in params["experiments"].items()
    ]
    steps, step_jobs = read_benchmarks(logs, params)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"inline": inline, "cell": cell, "number": number, "time": duration}
    page = environment.get_template(TEMPLATE.name).render(
        experiments=experiments,
        summary=summary(params, claims, results),
        claims_missing=claims is None,
        other_claims=[c for c in claims or [] if c["experiment"] not in params["experiments"]],
        parameters=yaml.safe_dump(params.get("resolved", {}), sort_keys=False, allow_unicode=True),
        provenance=[*_versions(), ("Machine", _machine()), ("Commit", commit(results, data))],
        steps=steps,
        step_jobs=step_jobs,
    )
    write_text(Path(out_folder) / "index.html", page)


def _experiment(
    name: str,
    own: Mapping[str, Any],
    params: Mapping[str, Any],
    claims: list[dict] | None,
    results: Path,
    data: Path,
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
    before = list(params["experiments"])[: list(params["experiments"]).index(name)]
    same = [e for e in before if params["experiments"][e].get("dataset") == own.get("dataset")]
    return {
        "name": name,
        "settings": own,
        "weights_of": own.get("weights_of"),
        "data": _data(own.get("dataset"), params, data),
        "data_told_in": same[0] if same else None,
        "tables": tables,
        "missing_tables": missing,
        "figures": [
            _figure(figure, results) for figure, (_, of) in jobs.FIGURES.items() if of == name
        ],
        "claims": [claim for claim in claims or [] if claim["experiment"] == name],
        "samples": _samples(name, own["models"], results, out_folder),
    }


def tables_of(experiment: str, own: Mapping[str, Any]) -> list[str]:
    """The tables with a page of an experiment: those of all, and then its own."""
    # The models of another experiment have their training and held-out loss there.
    of_others = {"heldout_nll", "training"} if own.get("weights_of") else set()
    of_all = [name for name, of in jobs.TABLES.items() if not of and name not in of_others]
    return of_all + [name for name, of in jobs.TABLES.items() if experiment in of]


def _data(dataset: str | None, params: Mapping[str, Any], data: Path) -> dict[str, Any]:
    """The pieces of a dataset by split, and what was rejected, by reason."""
    settings = params.get("resolved", {}).get("datasets", {}).get(dataset, {})
    source = datasets.DATASETS.get(settings.get("source"))
    splits = _optional(data / "splits" / str(dataset) / "split.csv", ["piece", "split"])
    rejected = _optional(data / "notes" / str(dataset) / "rejected.csv", ["file", "reason"])
    kinds = Counter() if rejected is None else Counter(map(kind_of_reason, rejected["reason"]))
    return {
        "name": dataset or "unknown",
        "about": source.ABOUT if source else None,
        "splits": None if splits is None else dict(Counter(splits["split"])),
        "rejected_kinds": None if rejected is None else kinds.most_common(),
        "rejected": [] if rejected is None else rejected.to_numpy().tolist()[:SHOWN_REJECTED],
        "rejected_count": kinds.total(),
    }


def kind_of_reason(reason: str) -> str:
    """A reason without what it says of one file alone: numbers, names, and what an error told."""
    if not isinstance(reason, str):
        return "no reason given"
    if reason.startswith(COPY_OF):
        return f"{COPY_OF} another piece"
    return re.sub(r"\d[\d,.]*", "…", re.split(r" \(|: ", reason, maxsplit=1)[0])


def _samples(
    experiment: str, models: Sequence[str], results: Path, out_folder: Path
) -> list[dict[str, Any]]:
    """A few MIDI files of every model's first run, with addresses relative to the page."""
    found = []
    for model in [REAL, *(model for model in models if model != REAL)]:
        folder = results / "samples" / experiment / model
        files = sorted(folder.glob("*.mid"))
        sources = _optional(folder / "pieces.csv", ["file", "primer_piece"])
        named = {} if sources is None else sources.set_index("file")["primer_piece"].dropna()
        shown = [
            {
                "address": Path(os.path.relpath(file, out_folder)).as_posix(),
                "file": file.name,
                "source": named.get(file.name, ""),
            }
            for file in files[:SHOWN_SAMPLES]
        ]
        found.append({"model": model, "count": len(files), "files": shown})
    return found


def _figure(name: str, results: Path) -> dict[str, Any]:
    path = results / "figures" / f"{name}.png"
    kind, experiment = jobs.FIGURES[name]
    title, caption = CAPTIONS[kind]
    image = base64.b64encode(path.read_bytes()).decode("ascii") if path.is_file() else None
    return {
        "name": name,
        "title": figure_title(name, experiment, title),
        "caption": caption,
        "image": image,
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
        log = _optional(models / row[0] / "log.csv", [])
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
    frame = _optional(results / "claims.csv", text)
    return None if frame is None else frame.fillna(dict.fromkeys(text, "")).to_dict("records")


def summary(
    params: Mapping[str, Any], claims: list[dict[str, Any]] | None, results: Path
) -> list[str]:
    """The page's first sentences, made from the numbers."""
    said = []
    path = results / "tables" / "heldout_nll.csv"
    table = _optional(path, ["experiment", "model", "beats_floor"])
    for name, own in params["experiments"].items():
        if own.get("weights_of"):
            said.append(f"The {name} experiment samples the models of {own['weights_of']}.")
            continue
        rows = table[table["experiment"] == name] if table is not None else pd.DataFrame()
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


def read_benchmarks(
    logs: Path, params: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """How long each step took, by rule and by job, from Snakemake's benchmark files.

    Files of models that the experiments no longer have are left out.
    """
    found = []
    for path in sorted(logs.glob("*/*.tsv")):
        rule, job = path.parent.name, path.stem
        if rule == OWN_STEP or _is_stale(job, params):
            continue
        try:
            rows = pd.read_csv(path, sep="\t")[["s", "max_rss", "cpu_time"]]
        except (pd.errors.ParserError, pd.errors.EmptyDataError, KeyError):
            continue
        # "-" stands for what a job was too short to be measured for.
        row = rows.apply(pd.to_numeric, errors="coerce").sum(min_count=1)
        found.append(
            {"rule": rule, "job": job, "seconds": row["s"], "memory": row["max_rss"]}
            | {"cpu_seconds": row["cpu_time"]}
        )
    order = {step: index for index, step in enumerate(STEPS)}
    found.sort(key=lambda job: (order.get(job["rule"], len(order)), job["rule"], job["job"]))
    rules = []
    for rule in dict.fromkeys(job["rule"] for job in found):
        of = pd.DataFrame([job for job in found if job["rule"] == rule])
        rules.append(
            {"rule": rule, "jobs": len(of), "seconds": of["seconds"].sum()}
            | {"longest": of["seconds"].max(), "memory": of["memory"].max()}
        )
    return rules, found


def _is_stale(job: str, params: Mapping[str, Any]) -> bool:
    experiment, dot, model = job.partition(".")
    own = params["experiments"].get(experiment)
    if not (dot and own):
        return False
    return model not in {REAL, *(run for runs in own["runs"].values() for run in runs)}


def commit(*outputs: Path) -> str:
    """The commit that the code of this run is at, and whether there is more than it says.

    What a run itself writes, the `outputs`, is no change of the code.
    """
    top = _git("rev-parse", "--show-toplevel")
    head = _git("rev-parse", "HEAD")
    if top is None or head is None:
        return "unknown"
    root = Path(top.strip()).resolve()
    inside = [p.resolve() for p in outputs if p.resolve().is_relative_to(root)]
    left_out = [f":(top,exclude){p.relative_to(root).as_posix()}" for p in inside if p != root]
    changed = _git("status", "--porcelain", "--", ":/", *left_out)
    return head.strip() + (" + uncommitted changes" if changed else "")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _versions() -> list[tuple[str, str]]:
    versions = [("Python", platform.python_version())]
    for package in PACKAGES:
        try:
            versions.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            versions.append((package, "not installed"))
    return versions


def _machine() -> str:
    return f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} cores"


def _optional(path: Path, names: Sequence[str]) -> pd.DataFrame | None:
    return read_csv(path, names) if path.is_file() else None


def inline(text: str) -> Markup:
    """Markdown's `code` and **bold** as HTML, all else escaped."""
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html))


def cell(text: str) -> Markup:
    """A table's cell `**1.2 [1.1, 1.3] ± 0.1** †`: number, interval with spread, and mark apart."""
    bold = text.startswith("**")
    shown = re.fullmatch(
        r"([^\[±]*?)\s*((?:\[[^\]]*\])?(?:\s*± [^\s†]+)?)\s*(†?)", text.replace("**", "")
    )
    if not shown:
        return inline(text)
    value, interval, mark = (escape(part or "") for part in shown.groups())
    html = Markup("<strong>{}</strong>").format(value) if bold else value
    if interval or mark:  # an empty mark keeps the numbers of a column below each other
        html += Markup('<sup>{}</sup> <span class="ci">{}</span>').format(mark, interval)
    return html


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, nothing where it is undefined."""
    if not np.isfinite(value):
        return ""
    return np.format_float_positional(value, digits, fractional=False, trim="-")


def duration(seconds: float) -> str:
    """Seconds as a reader says them: 0.4 s, 12 s, 3 min 05 s, 1 h 02 min."""
    if not np.isfinite(seconds):
        return "not measured"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
