"""What every source says about itself."""

from dataclasses import dataclass
from pathlib import Path

# How the music of a source is obtained.
IN_PACKAGE = "in a PyPI package"
DOWNLOADED = "downloaded"
BROUGHT = "you bring it"
KEPT = Path(".downloads")  # what is downloaded, beyond the life of a job
FINISHED = "finished.json"  # of a crawl, in its folder there: that all of it was made


@dataclass(frozen=True)
class Source:
    """What a source is, for people: printed by `datasets`, in the report and in README.md."""

    title: str
    address: str
    licence: str
    citation: str
    size: str  # files and bytes
    obtained: str  # IN_PACKAGE, DOWNLOADED or BROUGHT
    instructions: str  # what a user has to do, or what is done without them
    sha256: str | None = None  # of what is downloaded or brought, where it is known
    split: str | None = None  # the official split, where there is one, as people count it
