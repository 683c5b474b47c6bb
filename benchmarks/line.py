"""One measure: ours against a reference."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """`ratio` is how many times better ours is, in the median of paired rounds where there are."""

    name: str
    ours: float
    reference: float
    unit: str
    ratio: float
