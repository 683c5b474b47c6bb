"""HTTP with manners: robots.txt, one host, a delay, limits of size and time, retries."""

from __future__ import annotations

import http
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

import requests
import urllib3

from neuralmusic import __version__
from neuralmusic.files import InputError
from neuralmusic.midi_bytes import MAX_FILE_BYTES

USER_AGENT = f"neuralmusic/{__version__} (a reproducible laboratory for neural music generation)"
MAX_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}
DEAD = {404, 410}
# What may be otherwise a little later. All but 500, which is often one broken page, say that the
# server as a whole is busy.
BUSY = {408, 425, 429, 502, 503, 504}
PASSING = {*BUSY, 500}
PIECE_BYTES = 65536


class FetchError(Exception):
    """An address that cannot be had; the message is the reason, without the address."""


class DeadAddress(FetchError):
    """What is asked for is not there, and may be at another address."""


class NotAsked(FetchError):
    """An address that the manners forbid to ask for."""


class NoAnswer(FetchError):
    """The server as a whole cannot be reached, or is busy, however often it was asked."""


class ServerGone(InputError):
    """No crawl is possible at present; the message says why."""


@dataclass(frozen=True)
class Manners:
    """How a crawl treats the server."""

    delay_seconds: float  # from the end of one request to the next; robots.txt may ask for more
    timeout_seconds: float = 30  # for a connection, and for every piece of an answer
    answer_seconds: float = 300  # for a whole answer
    max_file_bytes: int = MAX_FILE_BYTES
    tries: int = 5
    backoff_seconds: float = 2  # before the second try, doubled before every other
    max_wait_seconds: float = 120  # before a try, whatever Retry-After says
    max_unanswered: int = 3  # addresses in a row without an answer that end a crawl


@dataclass(frozen=True)
class Answer:
    """What an address had to give."""

    content: bytes
    final_address: str  # behind the redirects
    content_type: str
    time: str  # UTC, ISO 8601, to the second


@dataclass(frozen=True)
class _Reply:
    """One answer of the server, of which the content is read where the status is 200."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: Client follows redirects, and checks each before it does."""


class Client:
    """Asks one host, one request at a time."""

    def __init__(self, address: str, manners: Manners) -> None:
        """`address`: any of the host; every other one is held against it."""
        self.home = address
        self.manners = manners
        self.delay_seconds = manners.delay_seconds
        self.robots: RobotFileParser | None = None  # read before the first request
        self.last = -math.inf  # when the last request ended, monotonic seconds
        self.session = _Session()
        # Names and sizes are those of the files themselves.
        self.session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})

    def get(self, address: str) -> Answer:
        """What is at an absolute address, behind redirects that stay on the host.

        Raises FetchError with the reason; ServerGone where it cannot be known what robots.txt says.
        """
        if self.robots is None:
            self.robots = self._read_robots()
        return self._follow(address)

    def _follow(self, address: str) -> Answer:
        at = address
        for _ in range(MAX_REDIRECTS + 1):
            moved = "" if at == address else f"redirected to {at}, which is "
            if site(at) != site(self.home):
                raise NotAsked(f"{moved}on another host than {urlsplit(self.home).hostname}")
            if self.robots and not self.robots.can_fetch(USER_AGENT, at):
                raise NotAsked(f"{moved}closed to crawlers by robots.txt")
            reply = self._ask(at)
            target = reply.headers.get("Location", "")
            if reply.status in REDIRECTS and target:
                at = absolute(at, _utf8(target))
                continue
            if reply.status in DEAD:
                raise DeadAddress(_named(reply.status))
            if reply.status != 200:
                raise FetchError(_named(reply.status))
            now = datetime.now(UTC).isoformat(timespec="seconds")
            return Answer(reply.content, at, reply.headers.get("Content-Type", ""), now)
        raise FetchError(f"more than {MAX_REDIRECTS} redirects, the last to {at}")

    def _ask(self, address: str) -> _Reply:
        """One answer, tried again while that may help."""
        wait = 0.0
        for attempt in range(self.manners.tries):
            self._pause(wait)
            asked = 0.0
            try:
                reply = self._once(address)
                if reply.status not in PASSING:
                    return reply
                reason, is_busy = _named(reply.status), reply.status in BUSY
                asked = _retry_after(reply.headers)
            except requests.exceptions.InvalidURL as error:
                raise FetchError(f"no valid address: {error}") from error
            except (OSError, urllib3.exceptions.HTTPError) as error:
                reason, is_busy = _in_words(error), True
            finally:
                self.last = time.monotonic()
            wait = max(self.manners.backoff_seconds * 2**attempt, asked)
        kind = NoAnswer if is_busy else FetchError
        raise kind(f"{reason}, {self.manners.tries} times")

    def _pause(self, wait: float) -> None:
        """Waits until the next request may begin, at least `wait` seconds after the last."""
        wait = max(min(wait, self.manners.max_wait_seconds), self.delay_seconds)
        time.sleep(max(0.0, self.last + wait - time.monotonic()))

    def _once(self, address: str) -> _Reply:
        timeout = self.manners.timeout_seconds
        with self.session.get(
            address, timeout=timeout, stream=True, allow_redirects=False
        ) as response:
            # The bodies of other answers are left unread, so that none can be endless.
            content = self._body(response) if response.status_code == 200 else b""
            return _Reply(response.status_code, response.headers, content)

    def _body(self, response: requests.Response) -> bytes:
        """All of an answer; urllib3 raises where it is shorter than its Content-Length."""
        most, seconds = self.manners.max_file_bytes, self.manners.answer_seconds
        deadline = time.monotonic() + seconds
        content = bytearray()
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > most:
            raise FetchError(f"{length} bytes, over the limit of {most}")
        while piece := response.raw.read1(PIECE_BYTES, decode_content=True):
            content += piece
            if len(content) > most:
                raise FetchError(f"over the limit of {most} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not whole after {seconds:g} s")
        return bytes(content)

    def _read_robots(self) -> RobotFileParser:
        """The rules of the host: none where it has no robots.txt.

        A server that cannot say what it forbids is taken to forbid everything.
        """
        address = urljoin(self.home, "/robots.txt")
        try:
            text = self._follow(address).content.decode("utf-8-sig", "replace")
        except DeadAddress:
            text = ""
        except FetchError as error:
            raise ServerGone(
                f"{address} cannot be read ({error}), so that it is not known what may be fetched"
                " from there; run again later"
            ) from error
        robots = RobotFileParser(address)
        # The parser knows whole seconds only and would pass over others.
        pattern = r"(?im)^(\s*crawl-delay\s*:\s*)(\d*\.\d+)"
        text = re.sub(pattern, lambda found: f"{found[1]}{math.ceil(float(found[2]))}", text)
        robots.parse(text.splitlines())
        asked = [float(robots.crawl_delay(USER_AGENT) or 0)]
        if (rate := robots.request_rate(USER_AGENT)) and rate.requests:
            asked.append(rate.seconds / rate.requests)
        self.delay_seconds = max(self.delay_seconds, *asked)
        return robots


def absolute(base: str, reference: str) -> str:
    """The address that a link on the page `base` means, as it is sent: ASCII, no fragment.

    Takes what browsers take: spaces, backslashes, letters that are not percent-encoded, single %.
    Raises FetchError where it is no address.
    """
    reference = re.sub(r"[\t\r\n]", "", reference).strip().replace("\\", "/")
    try:
        parts = urlsplit(urljoin(base, reference))
        host = parts.netloc.lower()
        parts.port  # noqa: B018  (raises where it is no number)
    except ValueError as error:
        raise FetchError(f"no valid address: {error}") from error
    encoded = [
        quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", part), safe="/%:@!$&'()*+,;=~?")
        for part in (parts.path or "/", parts.query)
    ]
    return urlunsplit((parts.scheme, host, *encoded, ""))


def site(address: str) -> tuple[str | None, int | None]:
    """The host and port that an address is of; http and https of one host are the same."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https"):
        return None, None
    return parts.hostname, None if parts.port in (80, 443) else parts.port


def _utf8(header: str) -> str:
    """A header's text: it comes as Latin-1 and is mostly UTF-8."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def _retry_after(headers: Mapping[str, str]) -> float:
    """The seconds that the server asks to wait, 0 where it does not say or cannot be understood."""
    try:
        return urllib3.Retry().parse_retry_after(headers.get("Retry-After", "0"))
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0.0


def _named(status: int) -> str:
    try:
        return f"status {status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return f"status {status}"


def _in_words(error: Exception) -> str:
    """The innermost cause of a failed connection: what wraps it repeats addresses and objects."""
    while cause := (error.__cause__ or error.__context__):
        if not isinstance(cause, Exception):
            break
        error = cause
    return f"no whole answer ({type(error).__name__}: {error})"
