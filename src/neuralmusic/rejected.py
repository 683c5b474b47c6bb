"""Why files were rejected, by kind of reason."""

from __future__ import annotations

import re

import pandas as pd

COPY_OF = "the same notes as"  # how `convert` begins to say that a piece is a copy
COLUMNS = ["kind", "files", "example_file", "example_reason"]


def kind_of_reason(reason: str) -> str:
    """A reason without what it says of one file alone: numbers, names, and what an error told."""
    if not isinstance(reason, str):
        return "no reason given"
    if reason.startswith(COPY_OF):
        return f"{COPY_OF} another piece"
    kind = re.sub(r"\d[\d,.]*", "…", re.split(r" \(|: ", reason, maxsplit=1)[0])
    if re.fullmatch(r"\w+(Error|Exception)", kind):  # a library's, whose name alone says little
        return f"an error of the reading library ({kind})"
    return kind


def by_kind(rejected: pd.DataFrame) -> pd.DataFrame:
    """The rejected files (file, reason) by kind, the most frequent first, each with an example."""
    examples: dict[str, tuple[str, str]] = {}
    counts: dict[str, int] = {}
    for file, reason in zip(rejected["file"], rejected["reason"], strict=True):
        kind = kind_of_reason(reason)
        counts[kind] = counts.get(kind, 0) + 1
        examples.setdefault(kind, (file, reason if isinstance(reason, str) else ""))
    order = sorted(counts, key=lambda kind: (-counts[kind], kind))
    return pd.DataFrame([(kind, counts[kind], *examples[kind]) for kind in order], columns=COLUMNS)
