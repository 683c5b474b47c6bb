"""A crawl of index pages: every MIDI file that they link to, each fetched once.

What is fetched is kept in a folder that outlives the job, with a journal of one line a finished
address, so that a crawl that was killed goes on and asks for nothing that it has.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

import pandas as pd
from tqdm import tqdm

from neuralmusic.datasets.kept import Fetched, Store
from neuralmusic.datasets.links import ENDINGS, FetchError, Link, absolute, digest, midi_links, site
from neuralmusic.datasets.polite import (
    Answer,
    Client,
    DeadAddress,
    Manners,
    Passing,
    ServerGone,
)
from neuralmusic.files import InputError, write_csv

Item = TypeVar("Item")

MANIFEST = "crawl.csv"
MAX_NAME_BYTES = 150  # of each part of a path; file systems take 255
UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\\]')


def crawl(pages: list[str], folder: Path, kept: Path, manners: Manners) -> dict[str, str]:
    """Fills `folder` with the MIDI files that the index pages link to, and crawl.csv.

    `pages`: absolute addresses on one host, which no request leaves.
    `kept`: the folder of what is fetched; a second crawl asks only for what is not in it.
    crawl.csv says of each file where it came from, its bytes, its SHA-256 and when it was fetched.

    Returns {address: reason} of what could not be had. Raises InputError where that is everything,
    or where the server stops answering; what was fetched is kept. A server that has gone for good
    does not matter where an earlier crawl of these pages came to its end.
    """
    session = _Crawl(Client(pages[0], manners), Store(kept))
    try:
        found, reasons = session.walk(pages)
        session.store.finish(pages, list(found), reasons)
    except ServerGone as error:
        finished = session.store.finished(pages)
        if finished is None:
            raise
        tqdm.write(f"{error}; what the last whole crawl fetched is used", file=sys.stderr)
        found, reasons = finished
    _fill(folder, found, session.store)
    return reasons


def index_pages(address: str, names: list[str], example: str) -> list[str]:
    """The addresses of index pages below a site's address.

    Raises InputError where `address` is none; `example` is the one that it says to set.
    """
    try:
        if site(address)[0]:
            return [absolute(address.rstrip("/") + "/", name) for name in names]
    except (FetchError, ValueError):
        pass
    raise InputError(
        f"{address!r} is no address of a site; set datasets.*.address in params.yaml to one,"
        f" such as {example}"
    )


@dataclass
class _Crawl:
    client: Client
    store: Store

    def __post_init__(self) -> None:
        self.tries: Counter[str] = Counter()  # without success, of addresses
        self.failed: dict[str, FetchError] = {}  # of this crawl; the next one tries them again

    def walk(self, pages: list[str]) -> tuple[dict[str, Fetched], dict[str, str]]:
        """What the pages link to, by address, and what could not be had, with the reason."""
        read, failed = self.all_of(pages, lambda page: self.visit(page, _check_page), "pages")
        reasons = {page: f"index page: {error}" for page, error in failed.items()}
        links: dict[str, Link] = {}
        for page in filter(read.get, pages):  # in their order, whichever came first
            found, rejected = _links(self.store.read(read[page]), read[page])
            reasons |= rejected
            for link in found:
                links.setdefault(link.address, link)
        brought, missing = self.all_of(list(links.values()), self.bring, "files")
        reasons |= {link.address: str(error) for link, error in missing.items()}
        if not brought:
            examples = "; ".join(f"{at}: {reason}" for at, reason in list(reasons.items())[:3])
            raise InputError(
                f"no MIDI file could be fetched from {len(pages)} index pages, such as {pages[0]}:"
                f" {examples}"
            )
        return {
            brought[link].address: brought[link] for link in links.values() if link in brought
        }, reasons

    def all_of(
        self, items: list[Item], bring: Callable[[Item], Fetched], name: str
    ) -> tuple[dict[Item, Fetched], dict[Item, FetchError]]:
        """What `bring` has for each item, and why there is nothing for the others.

        What may be had later goes to the end of the queue, and the others are fetched meanwhile.
        """
        done: dict[Item, Fetched] = {}
        failed: dict[Item, FetchError] = {}
        queue = deque(items)
        with tqdm(total=len(items), desc=f"{name} of {self.client.host}", disable=None) as bar:
            while queue:
                item = queue.popleft()
                try:
                    done[item] = bring(item)
                except Passing:
                    queue.append(item)
                    continue
                except FetchError as error:
                    failed[item] = error
                bar.update()
        return done, failed

    def visit(self, address: str, check: Callable[[Answer], None]) -> Fetched:
        """What is at an address; `check` raises FetchError where it is of no use.

        Raises Passing where it is to be asked for again.
        """
        if record := self.store.known.get(address):
            return record
        if error := self.failed.get(address):
            raise error
        try:
            answer = self.client.get(address)
            check(answer)
        except Passing as error:
            self.tries[address] += 1
            is_last = self.tries[address] >= self.client.manners.tries
            self._look(is_last)
            if not is_last:
                raise
            self.failed[address] = FetchError(f"{error}, {self.tries[address]} times")
            raise self.failed[address] from error
        except FetchError as error:
            self.failed[address] = error
            raise
        return self.store.put(address, answer)

    def bring(self, link: Link) -> Fetched:
        """The file that a link means: where it says, or else at one of the other addresses."""
        addresses = [link.address, *link.others]
        for address in addresses:
            if record := self.store.known.get(address):
                return record
        reasons = []
        for address in addresses:
            try:
                return self.visit(address, _check_midi)
            except DeadAddress as error:
                reasons.append(error)
        raise reasons[0]

    def _look(self, is_last: bool) -> None:
        """Ends the crawl of a server that has gone, rather than that of one file after another."""
        unanswered = self.client.unanswered
        if unanswered >= self.client.manners.max_unanswered or (is_last and unanswered > 1):
            try:
                self.client.look()
            except ServerGone as error:
                raise ServerGone(
                    f"{error}. What was fetched is kept in {self.store.folder}; run again later to"
                    " go on"
                ) from error


def _links(content: bytes, record: Fetched | Answer) -> tuple[list[Link], dict[str, str]]:
    return midi_links(content, record.final_address, record.content_type)


def _check_midi(answer: Answer) -> None:
    if not answer.content.startswith(b"MThd"):
        kind = answer.content_type.partition(";")[0] or "no type"
        raise DeadAddress(f"no MIDI file but {len(answer.content)} bytes ({kind})")


def _check_page(answer: Answer) -> None:
    # One of no links may be a message of the day: kept, it would be there for all later crawls.
    if not any(_links(answer.content, answer)):
        raise FetchError("links to no MIDI file")


def _fill(folder: Path, found: dict[str, Fetched], store: Store) -> None:
    names = file_names(list(found))
    rows = []
    for address, name in names.items():
        record = found[address]
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(store.read(record))
        row = [address, record.final_address, name, record.bytes, record.sha256, record.time]
        rows.append(row)
    columns = ["address", "final_address", "file", "bytes", "sha256", "time"]
    write_csv(folder / MANIFEST, pd.DataFrame(rows, columns=columns).sort_values("file"))


def file_names(addresses: list[str]) -> dict[str, str]:
    """A file's name for each address: its path, fit for every file system.

    Names that differ in case only are one file on some systems: all but the first get a suffix.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for address in sorted(addresses):
        name = _file_name(address)
        if _as_stored(name) in taken:
            stem, dot, ending = name.rpartition(".")
            name = f"{stem}~{digest(address)}{dot}{ending}"
        taken.add(_as_stored(name))
        names[address] = name
    return names


def _as_stored(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _file_name(address: str) -> str:
    parts = urlsplit(address)
    text = parts.path + (f"_{parts.query}" if parts.query else "")
    raw = [unquote_to_bytes(part) for part in text.split("/")]
    *folders, file = [part for part in map(_safe, raw) if part]
    # A folder called like a MIDI file, or like a table beside them, would be in the way of one.
    taken = (*ENDINGS, ".csv")
    folders = [f"{part}_" if part.lower().endswith(taken) else part for part in folders]
    # One that is only an ending, or hidden, would be taken for no MIDI file.
    return "/".join([*folders, f"_{file}" if file.startswith(".") else file])


def _safe(raw: bytes) -> str:
    """One part of a path, of an address's; "" for one that names no folder."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = UNSAFE.sub("_", text.replace("/", "_")).strip().rstrip(". ")
    if len(text.encode()) > MAX_NAME_BYTES:
        stem, dot, ending = text.rpartition(".")
        short = stem.encode()[: MAX_NAME_BYTES - 20].decode("utf-8", "ignore")
        text = f"{short}~{digest(text)}{dot}{ending[:8]}"
    return text
