"""HTML pages from templates, and what is in them: optional files, numbers, times and marks."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from neuralmusic.stored import read_csv

TEMPLATES = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """A page of this package's template; raises jinja2's error where it lacks a value."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"inline": inline, "cell": cell, "number": number, "time": duration}
    return environment.get_template(template).render(**values)


def optional_csv(path: Path, names: Sequence[str]) -> pd.DataFrame | None:
    """A CSV of an earlier verb, see `read_csv`; None where it is not there."""
    return read_csv(path, names) if path.is_file() else None


def embedded(path: Path) -> str | None:
    """A file in the letters that a page can hold; None where it is not there."""
    return base64.b64encode(path.read_bytes()).decode("ascii") if path.is_file() else None


def inline(text: str) -> Markup:
    """Markdown's `code` and **bold** as HTML, all else escaped."""
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html))


def cell(text: str) -> Markup:
    """A table's cell `**1.2 [1.1, 1.3] ± 0.1** †`: number, interval, and marks apart."""
    bold = text.startswith("**")
    shown = re.fullmatch(
        r"([^\[±≠]*?)\s*((?:\[[^\]]*\])?(?:\s*± [^\s†≠]+)?)\s*((?:≠\s*)?†?)", text.replace("**", "")
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
