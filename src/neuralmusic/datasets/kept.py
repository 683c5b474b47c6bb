"""What crawls have fetched, on disk, so that a kill at any time costs one request at most."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from neuralmusic.datasets.polite import Answer
from neuralmusic.datasets.source import FINISHED
from neuralmusic.files import InputError, to_json, write_text, writing

JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Fetched:
    """A line of the journal: what an address had to give, whole and in the kept folder."""

    address: str
    final_address: str
    bytes: int
    sha256: str
    time: str  # UTC, ISO 8601
    content_type: str


class Store:
    """What a crawl has fetched, by address, on disk at once."""

    def __init__(self, folder: Path) -> None:
        """Reads the journal of `folder`, which is made where it is not there.

        What a kill left behind, half a line or a file without one, counts as not fetched.
        Raises InputError where the folder cannot be read or written.
        """
        self.folder = folder
        self.journal = folder / JOURNAL
        self.known: dict[str, Fetched] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self.journal.open("a+b") as file:
                file.seek(0)
                lines = file.read().splitlines(keepends=True)
                if lines and not lines[-1].endswith(b"\n"):
                    lines.pop()
                    file.truncate(sum(map(len, lines)))
        except OSError as error:
            raise InputError(f"cannot use {folder}: {error.strerror or error}") from error
        for line in lines:
            try:
                record = Fetched(**json.loads(line))
            except (ValueError, TypeError):  # torn or damaged: the address is fetched again
                continue
            if self._read(record) is not None:
                self.known[record.address] = record

    def read(self, record: Fetched) -> bytes:
        """The content that `record` is of. Raises InputError where it has gone or changed."""
        content = self._read(record)
        if content is None:
            raise InputError(f"{self._path(record.address)} was changed while it was in use")
        return content

    def put(self, address: str, answer: Answer) -> Fetched:
        """Keeps an answer, for good when this returns. Raises InputError where the disk is full."""
        record = Fetched(
            address=address,
            final_address=answer.final_address,
            bytes=len(answer.content),
            sha256=hashlib.sha256(answer.content).hexdigest(),
            time=answer.time,
            content_type=answer.content_type,
        )
        with writing(self._path(address), binary=True) as file:
            file.write(answer.content)
            file.flush()
            os.fsync(file.fileno())
        line = json.dumps(asdict(record), sort_keys=True) + "\n"
        try:
            with self.journal.open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"cannot write {self.journal}: {error.strerror or error}") from error
        self.known[address] = record
        return record

    def finish(self, pages: list[str], found: list[str], reasons: dict[str, str]) -> None:
        """Notes that a crawl of some pages came to its end, and to which."""
        whole = {"pages": pages, "found": found, "reasons": reasons}
        write_text(self.folder / FINISHED, to_json(whole))

    def finished(self, pages: list[str]) -> tuple[dict[str, Fetched], dict[str, str]] | None:
        """What the last crawl of these pages found, and its reasons; None where there was none."""
        try:
            whole = json.loads((self.folder / FINISHED).read_text(encoding="utf-8"))
            if whole["pages"] != pages:
                return None
            return {at: self.known[at] for at in whole["found"]}, dict(whole["reasons"])
        except (OSError, ValueError, TypeError, KeyError):  # not there, damaged, or not all kept
            return None

    def _path(self, address: str) -> Path:
        return self.folder / hashlib.sha256(address.encode()).hexdigest()

    def _read(self, record: Fetched) -> bytes | None:
        try:
            content = self._path(record.address).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == record.sha256 else None
