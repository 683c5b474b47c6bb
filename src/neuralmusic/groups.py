"""Pieces that belong together, and so lie in one part of the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

GROUPS = "groups.csv"  # beside split.csv: the pieces that belong with others
TEXTS = ["piece", "split", "group", "named", "near_copy_of"]
NUMBERS = ["share", "semitones"]


@dataclass(frozen=True)
class NearCopy:
    """Two pieces of one tune: `share` of a line of the one is in the other, `semitones` higher."""

    piece: str
    other: str
    share: float
    semitones: int  # 0 to 11, from `piece` up to `other`


class Groups:
    """Items 0 to count - 1 in groups that are joined; each group is known by its first item."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def first(self, item: int) -> int:
        """The first item of the group of an item."""
        while self._above[item] != item:
            self._above[item] = self._above[self._above[item]]
            item = self._above[item]
        return item

    def join(self, one: int, other: int) -> None:
        """Makes one group of those of two items."""
        low, high = sorted((self.first(one), self.first(other)))
        self._above[high] = low


def united(
    names: Sequence[str], named: Sequence[Mapping[str, str]], found: Sequence[NearCopy]
) -> dict[str, str]:
    """piece -> group, where the groups of each table of `named` and near copies are joined.

    A group is called as what comes first of the names that its pieces have: a piece's group in the
    first table that has it, else its own name.
    """
    number = {name: at for at, name in enumerate(names)}
    groups = Groups(len(names))
    for table in named:
        first: dict[str, int] = {}
        for name in names:
            if name in table:
                groups.join(number[name], first.setdefault(table[name], number[name]))
    for pair in found:
        groups.join(number[pair.piece], number[pair.other])
    called: dict[int, str] = {}
    for name in names:
        own = next((table[name] for table in named if name in table), name)
        of = groups.first(number[name])
        called[of] = min(own, called.get(of, own))
    return {name: called[groups.first(number[name])] for name in names}


def group_table(
    parts: Mapping[str, str],
    groups: Mapping[str, str],
    named: Sequence[Mapping[str, str]],
    found: Sequence[NearCopy],
) -> pd.DataFrame:
    """One row for each piece that belongs with others, by group.

    `named` are the groups that the source and `group_by` name, `near_copy_of` is the piece that it
    was found to be a near copy of, with the `share` of a line's notes that both have, and the
    `semitones` up to the other; empty where there is none.
    """
    sizes = Counter(groups.values())
    copies: dict[str, tuple[str, float, int]] = {}
    for pair in sorted(found, key=lambda pair: -pair.share):
        copies.setdefault(pair.piece, (pair.other, pair.share, pair.semitones))
        copies.setdefault(pair.other, (pair.piece, pair.share, -pair.semitones % 12))
    rows = [
        (
            name,
            parts[name],
            group,
            "; ".join(table[name] for table in named if name in table),
            *copies.get(name, ("", None, None)),
        )
        for name, group in groups.items()
        if sizes[group] > 1
    ]
    rows.sort(key=lambda row: (row[2], row[0]))
    return pd.DataFrame(rows, columns=[*TEXTS, *NUMBERS]).astype({"semitones": "Int64"})
