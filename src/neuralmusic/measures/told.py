"""What `neuralmusic measures` prints: every measure, in what it is said where it is defined."""

from __future__ import annotations

from neuralmusic.files import InputError
from neuralmusic.listing import aligned, paragraph
from neuralmusic.measures.registry import (
    AGAINST_TRAINING,
    BETWEEN_SETS,
    MEASURES,
    Description,
    described,
    description_of,
)

HEADER = ("name", "unit", "range", "direction", "what")
WIDTHS = (29, 16, 26, 26, 40)  # at most, in characters


def listing() -> str:
    """A table of all measures, one or more lines each."""
    rows = [HEADER]
    for name, said in _all().items():
        first, stop, _ = said.summary.partition(". ")
        rows.append((name, said.unit, said.range, said.direction, first + stop.strip()))
    more = "What is known of one of them: python -m neuralmusic measures NAME"
    return f"{aligned(rows, WIDTHS)}\n\n{more}\n"


def details(name: str) -> str:
    """All that is known of one measure. Raises InputError where there is none of that name."""
    every = _all()
    if name not in every:
        raise InputError(f"there is no measure {name!r}; there are {', '.join(every)}")
    said = every[name]
    shown = {
        "what": said.summary,
        "more": said.details,
        "formula": said.formula,
        "unit": said.unit,
        "range": said.range,
        "direction": said.direction,
        "source": said.source,
        "of": "pieces against a training set" if name in AGAINST_TRAINING else "two sets",
    }
    if name in MEASURES:
        measure = MEASURES[name]
        beats = ", whose times are beats, and its bars" if measure.needs_bars else ""
        shown["of"] = f"one piece{beats}"
        if measure.shape:
            shown["values"] = str(measure.shape[0])
    lines = [name, *(paragraph(label, text) for label, text in shown.items() if text)]
    return "\n".join(lines) + "\n"


def _all() -> dict[str, Description]:
    own = {name: described(measure) for name, measure in MEASURES.items()}
    others = AGAINST_TRAINING | BETWEEN_SETS
    return own | {name: description_of(measure) for name, measure in others.items()}
