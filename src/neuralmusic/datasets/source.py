"""What every source says about itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """What a source is, for people: printed in the report and in README.md."""

    title: str
    address: str
    licence: str
    citation: str
