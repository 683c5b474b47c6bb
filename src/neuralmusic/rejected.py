"""Why files were rejected, by kind of reason."""

from __future__ import annotations

import re

COPY_OF = "the same notes as"  # how `convert` begins to say that a piece is a copy


def kind_of_reason(reason: str) -> str:
    """A reason without what it says of one file alone: numbers, names, and what an error told."""
    if not isinstance(reason, str):
        return "no reason given"
    if reason.startswith(COPY_OF):
        return f"{COPY_OF} another piece"
    return re.sub(r"\d[\d,.]*", "…", re.split(r" \(|: ", reason, maxsplit=1)[0])
