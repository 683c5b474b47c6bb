"""Performances of the International Piano-e-Competition, from the pages of each year."""

from __future__ import annotations

from pathlib import Path

from neuralmusic.datasets.source import DOWNLOADED, FINISHED, KEPT, Source

ABOUT = Source(
    title="Performances of the International Piano-e-Competition, played on a Disklavier",
    address="https://www.piano-e-competition.com/",
    licence="not stated in the sources of this project; the performances are their players'",
    citation="International Piano-e-Competition, https://www.piano-e-competition.com/",
    size="some 2,000 performances of eleven years; not stated",
    obtained=DOWNLOADED,
    instructions=(
        "nothing: the pages of each year are crawled, one request at a time; where the site no"
        " longer answers, set address to a copy of it"
    ),
)


def fingerprint(settings: dict) -> dict:
    """Nothing: asking the site would be a crawl. `make clean` forgets what was fetched."""
    return {}


def cached(settings: dict) -> bool:
    """Whether one whole crawl has been made."""
    return (KEPT / settings["dataset"] / FINISHED).exists()


def fetch(settings: dict, folder: Path, workers: int) -> dict[str, str]:
    """Crawls `midi_{year}.asp` of `settings["years"]`, one request at a time.

    Raises InputError where the address is none or nothing can be fetched from it.
    """
    # Here, since the workflow reads this file at every start and these are slow to load.
    from neuralmusic.datasets.crawl import crawl, index_pages
    from neuralmusic.datasets.polite import Manners

    names = [f"midi_{year}.asp" for year in settings["years"]]
    pages = index_pages(settings["address"], names, ABOUT.address)
    manners = Manners(delay_seconds=settings["delay_seconds"])
    return crawl(pages, folder, KEPT / settings["dataset"], manners)
