"""What a comparison of sets says on a terminal."""

from __future__ import annotations

from collections import Counter

import numpy as np

from neuralmusic.comparison_frames import decimals, heading, rejected_frame
from neuralmusic.estimate import Estimate
from neuralmusic.listing import aligned
from neuralmusic.piece_sets import PieceSet
from neuralmusic.rejected import by_kind
from neuralmusic.set_comparison import SetComparison
from neuralmusic.significance import LEVEL

SIGNIFICANT = "*"
EVEN_LENGTHS = 1.25  # how many times as long pieces may be without a warning


def as_terminal(found: SetComparison) -> str:
    """The comparison in words and aligned columns."""
    reference = found.reference
    parts = [_sizes(found), _lengths(found), _ranking(found)]
    for name in found.sets:
        parts.append(_measures(found, name))
    parts.append(
        f"{SIGNIFICANT}: differs from {reference.name} (p below {LEVEL:g}, corrected for all"
        " measures and sets after Benjamini and Yekutieli). Difference: of the means, in standard"
        f" deviations of the pieces of {reference.name}. Overlap and KL: of the distances within"
        f" {reference.name} and between both sets; overlap 1 and KL 0 are best. In brackets: 95 %"
        f" intervals from {found.resamples} resamples of pieces."
    )
    parts += [_against_each_other(found), _undefined(found), _rejected(found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sizes(found: SetComparison) -> str:
    lines = [("reference", found.reference.name, f"{len(found.reference)} pieces")]
    lines += [
        ("compared", name, " + ".join(str(len(of)) for of in runs) + " pieces")
        for name, runs in found.sets.items()
    ]
    return aligned(lines, (10, 60, 30))


def _lengths(found: SetComparison) -> str:
    """A warning of each set whose pieces are not about as long as those of the reference."""
    reference = _median_length(found.reference)
    lines = []
    for name, runs in found.sets.items():
        ratios = [_median_length(run) / reference for run in runs] if reference else []
        if ratios and not 1 / EVEN_LENGTHS <= np.median(ratios) <= EVEN_LENGTHS:
            lines.append(
                f"{name}: pieces {np.median(ratios):.2g} times as long as those of"
                f" {found.reference.name} (medians). What grows with length, such as notes, used"
                " pitches and repetition, differs for that alone: --seconds cuts all pieces."
            )
    return "\n".join(lines)


def _median_length(pieces: PieceSet) -> float:
    return float(np.median([piece.length_seconds for piece in pieces.pieces] or [0.0]))


def _ranking(found: SetComparison) -> str:
    rows = [("set", "place", "95 %", "Fréchet distance", "diversity")]
    for standing in found.standings:
        is_ceiling = standing.name == found.reference.name
        rows.append(
            (
                f"{standing.name}, half against half" if is_ceiling else standing.name,
                "" if standing.place is None else str(standing.place),
                "" if standing.places is None else "{}-{}".format(*standing.places),
                told(standing.frechet, 2),
                told(standing.diversity, 2),
            )
        )
    return (
        f"Fréchet distance to {found.reference.name} over {len(found.in_frechet)} measures: less is"
        " nearer. Diversity: mean distance between two pieces of a set.\n"
        + aligned(rows, (60, 6, 9, 30, 30))
    )


def _measures(found: SetComparison, name: str) -> str:
    reference, own = found.of(found.reference.name), found.of(name)
    rows = [("measure", found.reference.name, name, "difference", "overlap", "KL, nats")]
    for measure, row in own.items():
        if not row.pieces and not reference[measure].pieces:
            continue
        places = decimals(measure)
        rows.append(
            (
                heading(measure),
                plain(reference[measure].mean.value, places),
                told(row.mean, places),
                f"{plain(row.difference.value, 2, sign=True)}{SIGNIFICANT * row.is_significant}",
                told(row.overlap, 2),
                told(row.kl, 3),
            )
        )
    return aligned(rows, (34, 24, 34, 12, 24, 24))


def _against_each_other(found: SetComparison) -> str:
    names = list(found.sets)
    if len(names) < 2:
        return ""
    lines = []
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            counts: Counter[str] = Counter()
            for pair in found.pairs:
                if (pair.first, pair.second) == (first, second):
                    is_told = pair.p_corrected < LEVEL
                    counts["nearer" if pair.difference.value < 0 else "farther"] += is_told
                    counts["even"] += not is_told and bool(np.isfinite(pair.difference.value))
            lines.append(
                f"{first} is significantly nearer to {found.reference.name} than {second} by"
                f" {counts['nearer']} measures, farther by {counts['farther']}, and not told from"
                f" it by {counts['even']}."
            )
    return "\n".join(lines)


def _undefined(found: SetComparison) -> str:
    """Which measures have no overlap, and why; each reason once."""
    names = [found.reference.name, *found.sets]
    by_reason: dict[str, list[str]] = {}
    for row in found.rows:
        if row.reason and row.name in names[1:]:
            by_reason.setdefault(f"{row.name}: {row.reason}", []).append(heading(row.measure))
    return "\n".join(f"{reason}: {', '.join(of)}." for reason, of in by_reason.items())


def _rejected(found: SetComparison) -> str:
    frame = rejected_frame(found)
    if frame.empty:
        return ""
    lines = [f"{len(frame)} files could not be read:"]
    for kind in by_kind(frame).itertuples():
        lines.append(f"  {kind.files} {kind.kind}, such as {kind.example_file}")
    return "\n".join(lines)


def told(estimate: Estimate, places: int) -> str:
    """A number with its interval, nothing where it is undefined."""
    value = plain(estimate.value, places)
    low, high = estimate.interval()
    if not np.isfinite(low):
        return value
    return f"{value} [{low:.{places}f}, {high:.{places}f}]"


def plain(value: float, places: int, sign: bool = False) -> str:
    """A number, nothing where it is undefined."""
    if not np.isfinite(value):
        return ""
    return f"{value:+.{places}f}" if sign else f"{value:.{places}f}"
