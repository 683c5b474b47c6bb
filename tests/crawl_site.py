"""A site of MIDI files on loopback that misbehaves as it is told to, and remembers every request.

`python -m tests.crawl_site PORT LOG` serves `SMALL_SITE` in a process that can be killed.
"""

from __future__ import annotations

import html
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

Reply = Callable[[BaseHTTPRequestHandler], None]
MAX_ENDLESS_BYTES = 30_000_000


def midi(number: int = 0, size: int = 40) -> bytes:
    """Something that begins as a MIDI file does, another for every number."""
    return (b"MThd%06d" % number).ljust(size, b"\0")


def plain(content: bytes, status: int = 200, **headers: str) -> Reply:
    """A whole answer; `Content_Type="text/html"` is a header."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, status, {"Content-Length": str(len(content)), **_named(headers)})
        handler.wfile.write(content)

    return reply


def index(*links: str, encoding: str = "utf-8") -> Reply:
    """An index page of links, written as they are."""
    anchors = "".join(f'<tr><td><A HREF="{html.escape(link)}">a</a>\n' for link in links)
    return plain(f"<html><table>{anchors}".encode(encoding), Content_Type="text/html")


def missing(status: int = 404, **headers: str) -> Reply:
    return plain(b"<html>Sorry!</html>", status, Content_Type="text/html", **headers)


def moved(to: str, status: int = 302) -> Reply:
    """A redirect, with a body that nobody should read."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, status, {"Location": to})
        _endless(handler)

    return reply


def cut(content: bytes) -> Reply:
    """Says that there is more than it sends, and hangs up."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, 200, {"Content-Length": str(len(content) + 100)})
        handler.wfile.write(content)

    return reply


def cut_chunk(content: bytes) -> Reply:
    """Hangs up within a chunk."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, 200, {"Transfer-Encoding": "chunked"})
        handler.wfile.write(b"%x\r\n" % (len(content) + 100) + content)

    return reply


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """No answer at all."""


def silence(seconds: float) -> Reply:
    return lambda handler: time.sleep(seconds)


def drip(content: bytes, seconds: float, is_length_told: bool = True) -> Reply:
    """A byte, a pause, a byte, ..., `seconds` in all."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, 200, {"Content-Length": str(len(content))} if is_length_told else {})
        for index in range(len(content)):
            handler.wfile.write(content[index : index + 1])
            time.sleep(seconds / len(content))

    return reply


def endless(length: int | None) -> Reply:
    """A MIDI file without end, whatever its Content-Length says."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, 200, {} if length is None else {"Content-Length": str(length)})
        _endless(handler)

    return reply


def repeated(start: bytes, piece: bytes, seconds: float) -> Reply:
    """`start` as it is, then `piece` again and again, with pauses, for as long as one listens."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(start)
        for _ in range(MAX_ENDLESS_BYTES // len(piece)):
            handler.wfile.write(piece)
            time.sleep(seconds)

    return reply


def in_turn(*replies: Reply | bytes) -> Reply:
    """One reply a request, the last of them for all that follow."""
    left = [_reply(reply) for reply in replies]

    def reply(handler: BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return reply


def _reply(reply: Reply | bytes) -> Reply:
    return plain(reply) if isinstance(reply, bytes) else reply


def _endless(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(MAX_ENDLESS_BYTES // 100_000):
        handler.wfile.write(b"MThd".ljust(100_000, b"\0"))
        handler.server.sent += 100_000


def _head(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True)
class Request:
    path: str  # as it was sent
    seconds: float  # monotonic
    user_agent: str


class Site:
    """A server in a thread: what each path replies, and what was asked for."""

    def __init__(self, replies: dict[str, Reply | bytes], port: int = 0) -> None:
        self.replies = replies
        self.log: list[Request] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                agent = self.headers.get("User-Agent", "")
                site.log.append(Request(self.path, time.monotonic(), agent))
                site.logged(self.path)
                reply = site.replies.get(self.path, missing())
                with suppress(OSError):  # the crawler hung up
                    _reply(reply)(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.sent = 0  # bytes of endless bodies
        self.port = self.server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}/"

    def logged(self, path: str) -> None:
        """Called with every request."""

    def gaps(self, path: str | None = None) -> list[float]:
        """Seconds from each request, or each of one path, to the next."""
        times = [request.seconds for request in self.log if path in (None, request.path)]
        return [after - before for before, after in pairwise(times)]

    def paths(self) -> list[str]:
        """What was asked for, in order, without robots.txt."""
        return [request.path for request in self.log if request.path != "/robots.txt"]

    def __enter__(self) -> Site:
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()


SMALL_SITE = {
    "/midi_2002.asp": index(*(f"/MIDIFiles/{number}.MID" for number in range(8))),
    **{f"/MIDIFiles/{number}.MID": midi(number) for number in range(8)},
}

if __name__ == "__main__":
    with Site(SMALL_SITE, int(sys.argv[1])) as site, Path(sys.argv[2]).open("a") as log:

        def write(path: str) -> None:
            log.write(path + "\n")
            log.flush()

        site.logged = write
        write("ready")
        time.sleep(60)  # killed long before
