"""What a corpus is, in words: the same table for the terminal, for Markdown and for the report."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

import pandas as pd

from neuralmusic.description import ALL, PARTS
from neuralmusic.pitch_names import pitch_name

LINE = 100  # characters of a terminal
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


def in_a_sentence(summary: pd.DataFrame, rejected: pd.DataFrame | None) -> str:
    """The size of a corpus, of its parts, and of what was rejected."""
    rows = summary.set_index("part")
    whole = rows.loc[ALL]
    parts = ", ".join(f"{rows.loc[part, 'pieces']:,.0f} {part}" for part in PARTS)
    told = (
        f"{whole['pieces']:,.0f} pieces ({parts}), {whole['hours']:,.1f} hours and"
        f" {whole['notes']:,.0f} notes"
    )
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


def as_terminal(title: str, summary: pd.DataFrame, rejected: pd.DataFrame, remark: str) -> str:
    """All of it as aligned lines."""
    pieces = int(summary.set_index("part").loc[ALL, "pieces"])
    lines = [title, "", *aligned(summary_table(summary)), ""]
    lines += [*textwrap.wrap(remark, LINE), ""]
    lines.append(_sentence(rejected_title(rejected, pieces)) + (":" if len(rejected) else "."))
    for kind, files, example, reason in rejected.itertuples(index=False):
        lines += [f"  {files:>6,}  {kind}", f"{'':10}such as {example}: {shortened(reason)}"]
    return "\n".join(lines) + "\n"


def as_markdown(title: str, summary: pd.DataFrame, rejected: pd.DataFrame, remark: str) -> str:
    """All of it as a page, with the figure beside it."""
    pieces = int(summary.set_index("part").loc[ALL, "pieces"])
    head, *rows = summary_table(summary)
    lines = [f"# {title}", "", _row(head), "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += [*map(_row, rows), "", f"{remark} {ABOUT}", ""]
    lines += ["![Histograms of the pieces, pitches and rejected files](description.png)", ""]
    lines.append(_sentence(rejected_title(rejected, pieces)) + (":" if len(rejected) else "."))
    if len(rejected):
        lines += ["", "| files | reason | such as |", "|---:|---|---|"]
        for kind, files, example, reason in rejected.itertuples(index=False):
            lines.append(_row([f"{files:,}", kind, f"{example}: {shortened(reason)}"]))
    return "\n".join(lines) + "\n"


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
    """A row of a Markdown table, in which a bar would end a cell."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
