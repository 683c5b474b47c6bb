"""What `neuralmusic measures` prints: every measure, in what it is said where it is defined."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from neuralmusic.compare import stuck_note_rate
from neuralmusic.files import InputError
from neuralmusic.listing import aligned, paragraph
from neuralmusic.losses import Heldout
from neuralmusic.measures.densities import overlap
from neuralmusic.measures.distances import (
    kl_divergence,
    mean_inter_distance,
    mean_intra_distance,
)
from neuralmusic.measures.frechet import frechet_distance
from neuralmusic.measures.originality import longest_matches
from neuralmusic.measures.pitch import pitch_class_histogram, pitch_histogram
from neuralmusic.measures.registry import MEASURES, Description, described, description_of
from neuralmusic.measures.transitions import transition_counts

# Beside MEASURES, which are numbers and shares of one piece: what else is measured, and of what.
OTHERS: Mapping[str, Mapping[str, Callable[..., object]]] = {
    "one piece, as counts": {
        "pitch_histogram": pitch_histogram,
        "pitch_class_histogram": pitch_class_histogram,
        "transition_counts": transition_counts,
    },
    "pieces against a training set": {"longest_matches": longest_matches},
    "a set of pieces against real ones": {
        "kl_divergence": kl_divergence,
        "mean_intra_distance": mean_intra_distance,
        "mean_inter_distance": mean_inter_distance,
        "overlap": overlap,
        "frechet_distance": frechet_distance,
    },
    "a model": {"heldout_nll": Heldout.per_step, "stuck_note_rate": stuck_note_rate},
}
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
        "of": next((of for of, functions in OTHERS.items() if name in functions), ""),
    }
    if name in MEASURES:
        measure = MEASURES[name]
        beats = ", whose times are beats, and its bars" if measure.needs_bars else ""
        shown["of"] = f"one piece{beats}"
        if measure.shape:
            shown["values"] = str(measure.shape[0])
        shown["changes with"] = ", ".join(measure.depends_on) or "no other key, tempo or velocity"
    lines = [name, *(paragraph(label, text) for label, text in shown.items() if text)]
    return "\n".join(lines) + "\n"


def _all() -> dict[str, Description]:
    own = {name: described(measure) for name, measure in MEASURES.items()}
    others = {name: of for functions in OTHERS.values() for name, of in functions.items()}
    return own | {name: description_of(function) for name, function in others.items()}
