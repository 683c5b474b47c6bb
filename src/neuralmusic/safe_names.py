r"""Names that others chose, as files, tables and terminals can hold them.

A backslash and every control or format character, byte that is no UTF-8, or line separator is
written as in a Python string: `a<newline>b` is `a\nb`, and `a\nb` with a backslash is `a\\nb`. So
two names are never one, and ordinary names stay what they are.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath

LONGEST_PART_BYTES = 255  # of one folder's or file's name: what file systems hold
LONGEST_NAME_BYTES = 1000
DEEPEST = 32  # folders above a file
ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # categories of Unicode
DIGEST_LETTERS = 32
# What the project itself writes beside the files of a dataset.
OWN = re.compile(
    r"manifest\.csv|rejected\.csv|groups\.csv|official_split\.csv|crawl\.csv|params\.json|\..*\.part",
    re.IGNORECASE,
)
# What Markdown, as GitHub reads it, takes for more than text; within a word `_` is only itself.
MARKDOWN = re.compile(r"[\\`*\[\]<>&|~@]|(?<![^\W_])_|_(?![^\W_])|(?<=:)/(?=/)|(?<=www)\.", re.I)


class UnsafeName(Exception):
    """Why a file cannot be held under its name."""


def printable(name: str) -> str:
    """A name as a line of UTF-8 can hold it, another for every other name."""
    return "".join(_escaped(c) if c == "\\" or _is_odd(c) else c for c in name)


def shown(text: str) -> str:
    """A text as a terminal may show it: lines stay, other odd characters are escaped."""
    return "".join(_escaped(c) if c not in "\n\t" and _is_odd(c) else c for c in text)


def safe_name(name: str) -> str:
    """The relative name, as `printable`, under which a file of any name is held.

    A part longer than file systems hold is cut, and ends in a hash of all of it. What is called
    like a table of the project's own has its first letter escaped.
    Raises UnsafeName where the whole is too long or too deep.
    """
    parts = PurePosixPath(name).parts
    if not parts:
        raise UnsafeName("its name is empty")
    if len(parts) > DEEPEST + 1:
        raise UnsafeName(f"it lies more than {DEEPEST} folders deep")
    first, *others = [_cut(part) for part in parts]
    if OWN.fullmatch(first):
        first = f"\\x{ord(first[0]):02x}{first[1:]}"
    held = "/".join([first, *others])
    if len(held.encode()) > LONGEST_NAME_BYTES:
        raise UnsafeName("its name is too long")
    return held


def in_markdown(text: str) -> str:
    """A text of which Markdown shows every letter as it is."""
    return MARKDOWN.sub(lambda found: "\\" + found[0], text)


def _cut(part: str) -> str:
    text = printable(part)
    if len(text.encode()) <= LONGEST_PART_BYTES:
        return text
    digest = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_LETTERS]
    suffix = PurePosixPath(text).suffix
    end = f"~{digest}{suffix if len(suffix.encode()) <= 10 else ''}"
    head = text.encode()[: LONGEST_PART_BYTES - len(end.encode())]
    return head.decode("utf-8", "ignore") + end


def _is_odd(character: str) -> bool:
    return unicodedata.category(character) in ESCAPED


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
