"""What a comparison of sets says on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

import numpy as np

from neuralmusic.comparison_frames import decimals, heading, rejected_frame
from neuralmusic.estimate import Estimate
from neuralmusic.listing import aligned
from neuralmusic.measures.registry import MEASURES
from neuralmusic.piece_sets import PieceSet
from neuralmusic.rejected import by_kind
from neuralmusic.set_comparison import FRECHET, SetComparison
from neuralmusic.significance import LEVEL

SIGNIFICANT = "*"
EVEN_LENGTHS = 1.25  # how many times as long pieces may be without a warning


def as_terminal(found: SetComparison, warnings: Sequence[str] = ()) -> str:
    """The comparison in words and aligned columns."""
    reference = found.reference.name
    parts = [verdict(found), _sizes(found), *warnings, _silent(found), _lengths(found)]
    parts += [_ranking(found), _not_ranked(found)]
    for name in found.sets:
        parts.append(_measures(found, name))
    parts.append(
        f"{SIGNIFICANT}: differs from {reference}. Difference: of the means, in standard deviations"
        f" of the pieces of {reference}. Overlap and KL: of the distances within {reference} and"
        " between both sets; overlap 1 and KL 0 are best. In brackets: 95 % intervals from"
        f" {found.resamples} resamples of pieces.\n"
        f"One rule everywhere: a difference is certain where its p is below {LEVEL:g}, corrected"
        " for all measures and sets after Benjamini and Yekutieli. The places that a set may have,"
        f" {SIGNIFICANT}, and who is nearer follow from it."
    )
    parts += [_against_each_other(found), _undefined(found), _rejected(found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def verdict(found: SetComparison) -> str:
    """Who is nearest to the reference, and whether that is certain, in a sentence."""
    reference = found.reference.name
    ranked = [standing for standing in found.standings if standing.place is not None]
    if not ranked:
        return f"It cannot be said who is nearest to {reference}: {_reasons(found)}."
    first, *others = ranked
    if not others:
        ceiling = found.standings[-1].frechet
        of_halves = f" (two halves of {reference}: {plain(ceiling.value, 2)})"
        beside = of_halves if np.isfinite(ceiling.value) else ""
        of = [row for row in found.of(first.name).values() if np.isfinite(row.test.p)]
        differs = sum(row.is_significant for row in of)
        certain = (
            f"it differs from {reference} with certainty in {differs} of {len(of)} measures"
            if of
            else "nothing is certain, since there are no intervals"
        )
        return (
            f"{first.name} has a Fréchet distance of {plain(first.frechet.value, 2)} to"
            f" {reference}{beside}; {certain}."
        )
    tests = {of.name: found.test(FRECHET, first.name, of.name) for of in others}
    near = [name for name, test in tests.items() if not test.is_significant]
    if not near:
        largest = max(test.p_corrected for test in tests.values())
        return (
            f"{first.name} is nearest to {reference} by the Fréchet distance, and that is certain"
            f" (p {_p(largest)})."
        )
    p = ", ".join(_p(tests[name].p_corrected) for name in near)
    return (
        f"{first.name} is nearest to {reference} by the Fréchet distance, but that is not certain:"
        f" {_listed(near)} may be as near (p {p})."
    )


def _p(value: float) -> str:
    """A corrected p as people read it."""
    if not np.isfinite(value):
        return "unknown"
    return "below 0.001" if value < 0.001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _reasons(found: SetComparison) -> str:
    """Why sets have no Fréchet distance."""
    by_reason: dict[str, list[str]] = {}
    for standing in found.standings[:-1]:
        if standing.place is None:
            reason = standing.reason or "no measure varies in the reference"
            by_reason.setdefault(reason, []).append(standing.name)
    return "; ".join(f"{_listed(of)}: {reason}" for reason, of in by_reason.items())


def _not_ranked(found: SetComparison) -> str:
    """Which sets have no Fréchet distance, and which measures it is without because of others."""
    lines = []
    if reasons := _reasons(found):
        lines.append(f"Without a Fréchet distance, and no part of that of others: {reasons}.")
    lost: dict[str, list[str]] = {}
    for name in (of.name for of in found.standings if of.place is not None):
        for measure, row in found.of(name).items():
            is_number = measure in MEASURES and not MEASURES[measure].shape
            if is_number and not row.pieces and found.of(found.reference.name)[measure].pieces:
                lost.setdefault(heading(measure), []).append(name)
    for measure, of in lost.items():
        lines.append(f"The Fréchet distance is without {measure}: in no piece of {_listed(of)}.")
    return "\n".join(lines)


def _silent(found: SetComparison) -> str:
    """Which sets have pieces without notes, and why these have none."""
    lines = []
    every = [(found.reference.name, [found.reference]), *found.sets.items()]
    for name, runs in every:
        silent = [item for run in runs for item in run.silent.items()]
        if silent:
            reasons = Counter(reason for _, reason in silent).most_common()
            why = ", ".join(f"{count} {reason}" for reason, count in reasons)
            lines.append(
                f"{name}: {len(silent)} of {sum(map(len, runs))} pieces are silent ({why}), such as"
                f" {silent[0][0]}. They count as pieces without notes; drums are not read."
            )
    return "\n".join(lines)


def summary(found: SetComparison) -> str:
    """The comparison in a sentence and a row a set, as Python shows it."""
    more = 'table() is the ranking, table("measures") every measure as a data frame.'
    return f"{verdict(found)}\n\n{_ranking(found)}\n\n{more}"


def summary_html(found: SetComparison) -> str:
    """The same as a notebook shows it."""
    header, *rows = _ranking_rows(found)
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<p>{escape(verdict(found))}</p><table><tr>{head}</tr>{body}</table>"


def _sizes(found: SetComparison) -> str:
    lines = [("reference", found.reference.name, counted(len(found.reference), "piece"))]
    lines += [
        ("compared", name, " + ".join([*map(str, map(len, most)), counted(len(last), "piece")]))
        for name, (*most, last) in found.sets.items()
    ]
    return aligned(lines, (10, 60, 30))


def _lengths(found: SetComparison) -> str:
    """A warning of each set whose pieces are not about as long as those of the reference."""
    reference = _median_length(found.reference)
    lines = []
    for name, runs in found.sets.items():
        if all(len(run.silent) == len(run) for run in runs):
            continue
        ratios = [_median_length(run) / reference for run in runs] if reference else []
        if ratios and not 1 / EVEN_LENGTHS <= np.median(ratios) <= EVEN_LENGTHS:
            lines.append(
                f"{name}: pieces {np.median(ratios):.2g} times as long as those of"
                f" {found.reference.name} (medians). What grows with length, such as notes, used"
                " pitches and repetition, differs for that alone: --seconds cuts all pieces."
            )
    return "\n".join(lines)


def _median_length(pieces: PieceSet) -> float:
    return float(np.median(pieces.length_seconds) if len(pieces) else 0.0)


def _ranking(found: SetComparison) -> str:
    return (
        f"Fréchet distance to {found.reference.name} over {len(found.in_frechet)} measures: less is"
        " nearer. Diversity: mean distance between two pieces of a set.\n"
        + aligned(_ranking_rows(found), (60, 6, 9, 30, 30))
    )


def _ranking_rows(found: SetComparison) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("set", "place", "may be", "Fréchet distance", "diversity")]
    for standing in found.standings:
        is_ceiling = standing.name == found.reference.name
        rows.append(
            (
                f"{standing.name}, half against half" if is_ceiling else standing.name,
                "" if standing.place is None else str(standing.place),
                "" if standing.places is None else _span(*standing.places),
                with_interval(standing.frechet, 2),
                with_interval(standing.diversity, 2),
            )
        )
    return rows


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


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
                with_interval(row.mean, places),
                f"{plain(row.difference.value, 2, sign=True)}{SIGNIFICANT * row.is_significant}",
                with_interval(row.overlap, 2),
                with_interval(row.kl, 3),
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
                    is_apart = pair.test.is_significant
                    counts["nearer" if pair.difference.value < 0 else "farther"] += is_apart
                    counts["even"] += not is_apart and bool(np.isfinite(pair.difference.value))
            lines.append(
                f"{first} is significantly nearer to {found.reference.name} than {second} by"
                f" {counts['nearer']} measures, farther by {counts['farther']}; by"
                f" {counts['even']} neither is certain."
            )
    return "\n".join(lines)


def _undefined(found: SetComparison) -> str:
    """Which measures have no overlap, and why; each reason once."""
    names = [found.reference.name, *found.sets]
    by_reason: dict[str, list[str]] = {}
    for row in found.rows:
        if row.reason and row.name in names[1:]:
            by_reason.setdefault(f"{row.name}: {row.reason}", []).append(heading(row.measure))
    lines = [f"{reason}: {'; '.join(of)}." for reason, of in by_reason.items()]
    if any("defined in" in reason for reason in by_reason):
        lines.append("When a measure is undefined: `neuralmusic measures NAME`, under range.")
    return "\n".join(lines)


def _rejected(found: SetComparison) -> str:
    frame = rejected_frame(found)
    if frame.empty:
        return ""
    lines = [f"{counted(len(frame), 'file')} could not be read:"]
    for kind in by_kind(frame).itertuples():
        lines.append(f"  {kind.files} {kind.kind}, such as {kind.example_file}")
    return "\n".join(lines)


def counted(number: int, noun: str) -> str:
    """A number of things, in the plural but for one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def with_interval(estimate: Estimate, places: int) -> str:
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
