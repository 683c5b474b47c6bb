"""One seed drives everything: each use derives its own number from it and from what it is for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def derive(seed: int, *purpose: str | int) -> int:
    """A seed of 63 bits for one purpose, so that a new model or piece moves no other's numbers."""
    text = "\0".join([str(seed), *map(str, purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def share(seed: int, *purpose: str | int) -> float:
    """A number in [0, 1) that depends on the seed and the purpose alone."""
    return derive(seed, *purpose) / 2**63


def order_by_hash(items: Iterable[Item], key: Callable[[Item], str]) -> list[Item]:
    """The items in an order that each item's key decides by itself."""
    return sorted(items, key=lambda item: (share(0, key(item)), key(item)))
