"""MIDI files of bhs.minor9.com (thesis §5.2.1), from its pages of links."""

from __future__ import annotations

from pathlib import Path

from neuralmusic.datasets.source import DOWNLOADED, FINISHED, KEPT, Source

ABOUT = Source(
    title="MIDI files that bhs.minor9.com links to, such as jazz standards",
    address="https://bhs.minor9.com/",
    licence="not stated in the sources of this project; the files are their makers'",
    citation="https://bhs.minor9.com/",
    size="not stated",
    obtained=DOWNLOADED,
    instructions=(
        "nothing: the pages are crawled, one request at a time; where the site no longer answers,"
        " set address to a copy of it"
    ),
)


def fingerprint(settings: dict) -> dict:
    """Nothing: asking the site would be a crawl. `make clean` forgets what was fetched."""
    return {}


def cached(settings: dict) -> bool:
    """Whether one whole crawl has been made."""
    return (KEPT / settings["dataset"] / FINISHED).exists()


def fetch(settings: dict, folder: Path, workers: int) -> dict[str, str]:
    """Crawls `settings["pages"]`, one request at a time.

    Raises InputError where the address is none or nothing can be fetched from it.
    """
    # Here, since the workflow reads this file at every start and these are slow to load.
    from neuralmusic.datasets.crawl import crawl, index_pages
    from neuralmusic.datasets.polite import Manners

    pages = index_pages(settings["address"], settings["pages"], ABOUT.address)
    manners = Manners(delay_seconds=settings["delay_seconds"])
    return crawl(pages, folder, KEPT / settings["dataset"], manners)
