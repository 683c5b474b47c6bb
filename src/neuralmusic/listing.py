"""Lists on a terminal: columns with long cells on several lines, and paragraphs with a label."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence


def paragraph(label: str, text: str) -> str:
    """A text after its label, its lines below each other."""
    indent = " " * 12
    # Addresses, sums and paths are copied from here: they stay in one piece.
    return textwrap.fill(
        text,
        width=100,
        initial_indent=f"  {label:<10}",
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def aligned(rows: Sequence[Sequence[str]], most: Sequence[int]) -> str:
    """Rows of cells below each other, long cells on several lines.

    `most` are the characters that the lines of a column have at most.
    """
    wrapped = [
        [textwrap.wrap(cell, width) for cell, width in zip(row, most, strict=True)] for row in rows
    ]
    widths = [max(len(line) for row in wrapped for line in row[i]) for i in range(len(most))]
    lines = []
    for row in wrapped:
        for index in range(max(map(len, row))):
            cells = [cell[index] if index < len(cell) else "" for cell in row]
            padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)]
            lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)
