"""What a corpus is, in words: the same table for the terminal, for Markdown and for the report."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from neuralmusic.description import ALL, PARTS
from neuralmusic.pitch_names import pitch_name
from neuralmusic.safe_names import in_markdown, shown

LINE = 100  # characters of a terminal
SHOWN_GROUPS = 5
NOTHING = "–"  # what an undefined number is shown as
IN_BEATS = (
    "Times are those of the score: a quarter lasts half a second, and the tempo that a file states"
    " is not used."
)
IN_SECONDS = "Times follow the tempo that each file states."
ABOUT = (
    "Rates are of a part as a whole, so that longer pieces count for more. Notes at once is the"
    " mean number of notes that sound while any does, weighted by time, and the time with several"
    " is a share of the same; two voices in unison are two notes. Onsets that fall together are"
    " one where the time between them is taken."
)
CAPTION = (
    "In a histogram each piece counts once, and the line is the median. Above it is the spread of"
    " each part of the split: about the same in all where pieces were drawn for them by chance. Far"
    " pieces, at most one in a hundred at either end, lie beyond an axis and are counted in its"
    " corner. By key each note counts once, however long it is."
)


def how_timed(time: str | None) -> str:
    """What the times of a dataset are, by its parameter `time`."""
    return {"beats": IN_BEATS, "seconds": IN_SECONDS}.get(time or "", "")


def summary_table(summary: pd.DataFrame) -> list[list[str]]:
    """The summary as cells: a head, then one row a measure and one column a part."""
    rows = summary.set_index("part").loc[[*PARTS, ALL]]
    table = [["", *PARTS, ALL]]
    table += [[name, *(told(row) for _, row in rows.iterrows())] for name, told in MEASURES]
    for name, column in TOLD_WHERE_ANY:
        if rows.loc[ALL, column]:
            shares = [
                _with_share(n, of) for n, of in zip(rows[column], rows["pieces"], strict=True)
            ]
            table.append([name, *shares])
    return table


def in_a_sentence(
    summary: pd.DataFrame, rejected: pd.DataFrame | None, groups: pd.DataFrame | None = None
) -> str:
    """The size of a corpus, of its parts, of what belongs together and of what was rejected."""
    rows = summary.set_index("part")
    whole = rows.loc[ALL]
    parts = ", ".join(f"{rows.loc[part, 'pieces']:,.0f} {part}" for part in PARTS)
    told = (
        f"{whole['pieces']:,.0f} pieces ({parts}), {whole['hours']:,.1f} hours and"
        f" {whole['notes']:,.0f} notes"
    )
    if groups is not None and len(groups):
        count = groups["group"].nunique()
        told += f"; {len(groups):,} pieces belong with others, in {count:,} groups"
    if rejected is None:
        return f"{told}."
    return f"{told}; {rejected_title(rejected, int(whole['pieces']))}."


def rejected_title(rejected: pd.DataFrame, pieces: int) -> str:
    """How many files were rejected, of how many, as a sentence without its end."""
    count = int(rejected["files"].sum())
    of = f"of {count + pieces:,} file{'' if count + pieces == 1 else 's'}"
    if not count:
        return f"none {of} was rejected"
    verb = "was" if count == 1 else "were"
    return f"{count:,} {of} {verb} rejected ({percent(count / (count + pieces))})"


@dataclass(frozen=True)
class Section:
    """A sentence, and what it is about as cells: a head, then rows; no rows where nothing is."""

    title: str
    table: Sequence[Sequence[str]]


def groups_section(groups: pd.DataFrame) -> Section:
    """The pieces that belong together, by `groups.group_table`."""
    sizes = groups.groupby("group").size().sort_values(ascending=False, kind="stable")
    if not len(sizes):
        return Section("No piece is a near copy of another, or belongs with another.", [])
    is_copy = groups["near_copy_of"] != ""
    title = (
        f"{len(groups):,} pieces belong with others, in {len(sizes):,}"
        f" group{'' if len(sizes) == 1 else 's'}:"
        f" {'all' if is_copy.all() else format(is_copy.sum(), ',')} are near copies, which share"
        " much of a line, in whatever key and tempo."
    )
    across = groups[is_copy].groupby("group")["split"].agg(set)
    in_both = groups[is_copy & groups["group"].isin(across[across.map(len) > 1].index)]
    if len(in_both):
        counts = in_both.groupby("split").size()
        told = ", ".join(f"{counts[part]:,} {part}" for part in PARTS if part in counts)
        title += (
            f" The source's own split has near copies in more parts than one: {told} pieces are"
            " in such groups, so that held-out figures are of pieces partly learned."
        )
    else:
        title += " Each group lies in one part of the split."
    table = [["the largest groups", "pieces", "of a line shared", "part"]]
    for group, size in sizes.head(SHOWN_GROUPS).items():
        rows = groups[groups["group"] == group]
        shares = rows["share"].dropna()
        low, high = shares.min(), shares.max()
        told = "" if not len(shares) else percent(low)
        if len(shares) and low < high:
            told = f"{percent(low)} to {percent(high)}"
        names = shortened(", ".join(rows["piece"]), 56)
        parts = ", ".join(part for part in PARTS if part in set(rows["split"]))
        table.append([names, f"{size:,}", told, parts])
    return Section(title, table)


def losses_section(losses: pd.DataFrame, pieces: int) -> Section:
    """What becomes of the notes, by `representation_losses`."""
    if not len(losses):
        return Section("No experiment reads this dataset in a representation.", [])
    title = (
        "What becomes of the notes in a representation: moved, they begin more than a hundredth of"
        " a second from where they were; merged, another of their pitch sounds on in their place;"
        " lost, nothing stands for them."
    )
    if losses["pieces"].max() < pieces:
        title += f" Counted in {losses['pieces'].max():,} of {pieces:,} pieces, evenly from all."
    table = [["representation", "notes", "moved", "merged", "lost", "pieces left out"]]
    for row in losses.to_dict("records"):
        counts = [_with_share(row[of], row["notes"]) for of in ("moved", "merged", "lost")]
        name = f"{row['representation']}, {row['steps_per_second']:g} steps a second"
        table.append([name, f"{row['notes']:,}", *counts, f"{row['pieces_left_out']:,}"])
    return Section(title, table)


@dataclass(frozen=True)
class Told:
    """What there is to say of a corpus: its summary, a remark on its times, and the sections."""

    title: str
    summary: pd.DataFrame
    rejected: pd.DataFrame
    remark: str
    sections: Sequence[Section] = ()


def as_terminal(of: Told) -> str:
    """All of it as aligned lines."""
    pieces = int(of.summary.set_index("part").loc[ALL, "pieces"])
    lines = [of.title, "", *aligned(summary_table(of.summary)), ""]
    lines += [*textwrap.wrap(of.remark, LINE), ""]
    for section in of.sections:
        lines += [*textwrap.wrap(section.title, LINE), ""]
        if section.table:
            lines += [*aligned(section.table), ""]
    lines.append(
        _sentence(rejected_title(of.rejected, pieces)) + (":" if len(of.rejected) else ".")
    )
    for kind, files, example, reason in of.rejected.itertuples(index=False):
        such = f"{shortened(example)}: {shortened(reason)}"
        lines += [f"  {files:>6,}  {shown(kind)}", f"{'':10}such as {shown(such)}"]
    return "\n".join(lines) + "\n"


def as_markdown(of: Told) -> str:
    """All of it as a page, with the figure beside it."""
    pieces = int(of.summary.set_index("part").loc[ALL, "pieces"])
    lines = [f"# {of.title}", "", *_markdown_table(summary_table(of.summary)), ""]
    lines += [f"{of.remark} {ABOUT}", ""]
    lines += ["![Histograms of the pieces, pitches and rejected files](description.png)", ""]
    for section in of.sections:
        lines += [section.title, ""]
        if section.table:
            lines += [*_markdown_table(section.table), ""]
    lines.append(
        _sentence(rejected_title(of.rejected, pieces)) + (":" if len(of.rejected) else ".")
    )
    if len(of.rejected):
        lines += ["", "| files | reason | such as |", "|---:|---|---|"]
        for kind, files, example, reason in of.rejected.itertuples(index=False):
            such = f"{shortened(example)}: {shortened(reason)}"
            lines.append(_row([f"{files:,}", kind, such]))
    return "\n".join(lines) + "\n"


def _markdown_table(table: Sequence[Sequence[str]]) -> list[str]:
    head, *rows = table
    return [_row(head), "|---" + "|---:" * (len(head) - 1) + "|", *map(_row, rows)]


def aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """Cells as lines of columns, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for first, *others in table:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([f"{first:<{widths[0]}}", *cells]).rstrip())
    return lines


def percent(share: float) -> str:
    """A share in percent; 0 % and 100 % are said only where it is none or all."""
    if pd.isna(share):
        return NOTHING
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    return f"{min(max(100 * share, 0.1), 99.9):.1f} %"


def shortened(text: str, longest: int = 100) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(str(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _number(column: str, form: str) -> Callable[[pd.Series], str]:
    return lambda row: NOTHING if pd.isna(row[column]) else format(row[column], form)


def _with_share(count: float, whole: float, form: str = ",.0f") -> str:
    share = count / whole if whole > 0 else float("nan")
    return f"{count:{form}} ({percent(share)})" if share == share else f"{count:{form}}"


def _amount(column: str, form: str) -> Callable[[pd.Series], str]:
    def told(row: pd.Series) -> str:
        share = row[f"{column}_share"]
        return f"{row[column]:{form}}" + ("" if pd.isna(share) else f" ({percent(share)})")

    return told


def _pitch(column: str) -> Callable[[pd.Series], str]:
    def told(row: pd.Series) -> str:
        if pd.isna(row[column]):
            return NOTHING
        return f"{pitch_name(int(row[column]))} ({row[column]:.0f})"

    return told


def _middle_half(row: pd.Series) -> str:
    low, high = row["length_q25_seconds"], row["length_q75_seconds"]
    return NOTHING if pd.isna(low) else f"{low:,.1f} to {high:,.1f}"


def _tempo(row: pd.Series) -> str:
    if pd.isna(row["tempo_median"]):
        return NOTHING
    low, median, high = (f"{row[f'tempo_{of}']:.0f}" for of in ("low", "median", "high"))
    return median if low == high else f"{median} ({low} to {high})"


MEASURES: tuple[tuple[str, Callable[[pd.Series], str]], ...] = (
    ("pieces", _amount("pieces", ",.0f")),
    ("hours", _amount("hours", ",.2f")),
    ("seconds a piece, median", _number("length_median_seconds", ",.1f")),
    ("seconds a piece, middle half", _middle_half),
    ("notes", _number("notes", ",.0f")),
    ("notes a second", _number("notes_per_second", ".2f")),
    ("lowest pitch", _pitch("lowest_pitch")),
    ("highest pitch", _pitch("highest_pitch")),
    ("notes at once", _number("polyphony", ".2f")),
    ("time with several at once", lambda row: percent(row["several_share"])),
    ("seconds between onsets, median", _number("median_ioi_seconds", ".3g")),
    ("quarters a minute, median (range)", _tempo),
)
TOLD_WHERE_ANY = (
    ("pieces whose tempo changes", "tempo_changing"),
    ("pieces without a stated tempo (120)", "tempo_unstated"),
    ("pieces whose tempo cannot be read", "tempo_unknown"),
)


def _row(cells: Sequence[str]) -> str:
    """A row of a Markdown table, whose cells are text alone."""
    return "| " + " | ".join(map(in_markdown, cells)) + " |"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
