"""A crawl of index pages: every MIDI file that they link to, each fetched once.

What is fetched is kept in a folder that outlives the job, with a journal of one line a finished
address, so that a crawl that was killed goes on and asks for nothing that it has.
"""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import pandas as pd
from tqdm import tqdm

from neuralmusic.datasets.kept import Fetched, Store
from neuralmusic.datasets.polite import (
    Answer,
    Client,
    DeadAddress,
    FetchError,
    Manners,
    NoAnswer,
    NotAsked,
    ServerGone,
    absolute,
    site,
)
from neuralmusic.files import InputError, write_csv

MANIFEST = "crawl.csv"
ENDINGS = (".mid", ".midi")
MAX_NAME_BYTES = 150  # of each part of a path; file systems take 255
UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


@dataclass(frozen=True)
class Link:
    """A link of an index page, and where else its file may be if it is not there."""

    address: str
    others: tuple[str, ...]


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
    if not (address and site(address)[0]):
        raise InputError(
            f"{address!r} is no address of a site; set datasets.*.address in params.yaml to one,"
            f" such as {example}"
        )
    return [absolute(address.rstrip("/") + "/", name) for name in names]


@dataclass
class _Crawl:
    client: Client
    store: Store

    def __post_init__(self) -> None:
        self.failed: dict[str, FetchError] = {}  # of this crawl; the next one tries them again
        self.unanswered = 0  # addresses in a row

    def walk(self, pages: list[str]) -> tuple[dict[str, Fetched], dict[str, str]]:
        """What the pages link to, by address, and what could not be had, with the reason."""
        reasons: dict[str, str] = {}
        links: dict[str, Link] = {}
        for page in pages:
            try:
                record = self.visit(page, _check_page)
                content = self.store.read(record)
                for link in _links(content, record.final_address, record.content_type):
                    links.setdefault(link.address, link)
            except FetchError as error:
                reasons[page] = f"index page: {error}"
        found: dict[str, Fetched] = {}
        host = urlsplit(pages[0]).netloc
        for link in tqdm(links.values(), desc=f"fetching {host}", disable=None):
            try:
                record = self.bring(link)
                found[record.address] = record
            except FetchError as error:
                reasons[link.address] = str(error)
        if not found:
            examples = "; ".join(f"{at}: {reason}" for at, reason in list(reasons.items())[:3])
            raise InputError(
                f"no MIDI file could be fetched from {len(pages)} index pages, such as {pages[0]}:"
                f" {examples}"
            )
        return found, reasons

    def visit(self, address: str, check: Callable[[Answer], None]) -> Fetched:
        """What is at an address, asked for once at most; `check` raises where it is of no use."""
        if record := self.store.known.get(address):
            return record
        if error := self.failed.get(address):
            raise error
        try:
            answer = self.client.get(address)
            self.unanswered = 0
            check(answer)
        except FetchError as error:
            self.failed[address] = error
            self._count(error)
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

    def _count(self, error: FetchError) -> None:
        """Ends the crawl of a server that has gone: the rest of the links would fail likewise."""
        if not isinstance(error, NotAsked):
            self.unanswered = self.unanswered + 1 if isinstance(error, NoAnswer) else 0
        if self.unanswered >= self.client.manners.max_unanswered:
            raise ServerGone(
                f"{urlsplit(self.client.home).netloc} has stopped answering: {error}. What was"
                f" fetched is kept in {self.store.folder}; run again later to go on"
            ) from error


def _check_midi(answer: Answer) -> None:
    if not answer.content.startswith(b"MThd"):
        kind = answer.content_type.partition(";")[0] or "no type"
        raise DeadAddress(f"no MIDI file but {len(answer.content)} bytes ({kind})")


def _check_page(answer: Answer) -> None:
    # One of no links may be a message of the day: kept, it would be there for all later crawls.
    if not _links(answer.content, answer.final_address, answer.content_type):
        raise FetchError("links to no MIDI file")


class _References(HTMLParser):
    """The targets of a page's links, in order, and what they are relative to."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href") or ""
        if tag == "base":
            self.base = self.base or target
        elif tag in ("a", "area") and target:
            self.found.append(target)


def _links(content: bytes, page: str, content_type: str) -> list[Link]:
    """The links to MIDI files of the index page at an address.

    Raises FetchError where it cannot be read.
    """
    parser = _References()
    try:
        parser.feed(_text(content, content_type))
        parser.close()
    except AssertionError as error:  # how the parser tells of a malformed declaration
        raise FetchError(f"no readable HTML: {error}") from error
    base = absolute(page, parser.base)
    found = []
    for target in parser.found:
        if target.strip().lower().endswith(ENDINGS):
            target = target.replace("#", "%23")  # in a name, since nothing can come after it
        try:
            address = absolute(base, target)
        except FetchError:
            continue
        path, _, query = address.partition("?")
        if not (path if path.lower().endswith(ENDINGS) else query).lower().endswith(ENDINGS):
            continue
        others = [address]
        if "://" not in target and not target.strip().startswith(("/", "\\", "?")):
            others.append(absolute(urljoin(base, "/"), target))  # the first slash was forgotten
        if query:  # a question mark in a name
            others += [other.replace("?", "%3F") for other in others]
        others += [_other_case(other) for other in others]
        others = [other for other in dict.fromkeys(others) if other != address]
        found.append(Link(address, tuple(others)))
    return found


def _other_case(address: str) -> str:
    """The address with its ending in capitals, or in small letters if it has any capital."""
    stem, dot, ending = address.rpartition(".")
    return stem + dot + (ending.upper() if ending.islower() else ending.lower())


def _text(content: bytes, content_type: str) -> str:
    """A page's text in the encoding that it names, else UTF-8, else that of old Windows pages."""
    named = re.search(r"charset=[\"']?([\w-]+)", content_type, re.IGNORECASE)
    inside = re.search(rb"charset\s*=\s*[\"']?([\w-]+)", content[:4096], re.IGNORECASE)
    encodings = [named[1]] if named else []
    encodings += [inside[1].decode("ascii", "replace")] if inside else []
    for encoding in [*encodings, "utf-8-sig", "cp1252"]:
        try:
            return content.decode(encoding)
        except (LookupError, UnicodeError):
            continue
    return content.decode("latin-1")


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
            name = f"{stem}~{_digest(address)}{dot}{ending}"
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
    # A folder called like a MIDI file would be in the way of one.
    folders = [f"{part}_" if part.lower().endswith(ENDINGS) else part for part in folders]
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
        text = f"{short}~{_digest(text)}{dot}{ending[:8]}"
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
