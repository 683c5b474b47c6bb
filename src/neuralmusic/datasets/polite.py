"""HTTP with manners: robots.txt, one host, a delay, limits of size and time."""

from __future__ import annotations

import asyncio
import functools
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import httpx
import urllib3
from protego import Protego
from tqdm import tqdm

from neuralmusic import __version__
from neuralmusic.datasets.links import FetchError, absolute, plain, site
from neuralmusic.files import InputError
from neuralmusic.midi_bytes import MAX_FILE_BYTES

AGENT = "neuralmusic"  # as robots.txt names it
USER_AGENT = f"{AGENT}/{__version__} (a reproducible laboratory for neural music generation)"
MAX_REDIRECTS = 5
MAX_ROBOTS_BYTES = 512_000  # RFC 9309 asks for 500 KiB at least
DEAD = {404, 410}
# What may be otherwise a little later. All but 500, which is often one broken page, say that the
# server as a whole is busy.
BUSY = {408, 425, 429, 502, 503, 504}
PASSING = {*BUSY, 500}
TOLD_SECONDS = 10  # a longer pause is announced


class Refused(FetchError):
    """The server gives nothing at this address (status 4xx)."""


class DeadAddress(Refused):
    """What is asked for is not there, and may be at another address."""


class Passing(FetchError):
    """What may be otherwise a little later, so that the address may be asked for again."""


class ServerGone(InputError):
    """No crawl is possible at present; the message says why."""


@dataclass(frozen=True)
class Manners:
    """How a crawl treats the server, and how much it lets the server take."""

    delay_seconds: float  # from the end of one request to the next; robots.txt may ask for more
    max_delay_seconds: float = 60  # that robots.txt may ask for
    timeout_seconds: float = 30  # for a connection, and for every piece of an answer
    answer_seconds: float = 60  # for a whole answer, from the connection to its last byte
    max_file_bytes: int = MAX_FILE_BYTES
    tries: int = 3  # of one address
    backoff_seconds: float = 2  # after an answer that did not come, doubled for every other in turn
    max_wait_seconds: float = 120  # between two requests, whatever Retry-After says
    max_unanswered: int = (
        6  # requests in turn, after which it is looked whether the server is there
    )


@dataclass(frozen=True)
class Answer:
    """What an address had to give."""

    content: bytes
    final_address: str  # behind the redirects
    content_type: str
    time: str  # UTC, ISO 8601, to the second


tls = functools.cache(httpx.create_ssl_context)  # slow to make


class Client:
    """Asks one host, one request at a time."""

    def __init__(self, address: str, manners: Manners) -> None:
        """`address`: any of the host; every other one is held against it."""
        self.home = address
        self.host = urlsplit(address).hostname
        self.robots_address = urljoin(address, "/robots.txt")
        self.manners = manners
        self.delay_seconds = manners.delay_seconds
        self.robots: Protego | None = None  # read before the first request
        self.last = -math.inf  # when the last request ended, monotonic seconds
        self.unanswered = 0  # requests in turn without a whole answer
        self.retry_after = 0.0  # seconds that the last answer asked to wait
        self.reason = ""  # why there was no answer

    def get(self, address: str) -> Answer:
        """What is at an absolute address, behind redirects that stay on the host.

        Asks once; raises FetchError with the reason, Passing where asking again may help, and
        ServerGone where it cannot be known what robots.txt says.
        """
        if self.robots is None:
            self.robots = self._read_robots()
        return self._follow(address)

    def look(self) -> None:
        """Raises ServerGone unless the server answers when asked for robots.txt."""
        try:
            self._follow(self.robots_address)
        except Passing as error:
            raise ServerGone(f"{self.host} has stopped answering: {error}") from error
        except FetchError:
            pass
        self.unanswered = 0

    def _follow(self, address: str) -> Answer:
        at = address
        for _ in range(MAX_REDIRECTS + 1):
            moved = "" if at == address else f"redirected to {at}, which is "
            if site(at) != site(self.home):
                raise FetchError(f"{moved}on another host than {self.host}")
            if self.robots and not self.robots.can_fetch(at, AGENT):
                raise FetchError(f"{moved}closed to crawlers by robots.txt")
            response, content = self._ask(at, is_cut=address == self.robots_address)
            if response.has_redirect_location and (target := response.headers["Location"]):
                at = absolute(at, target)
                continue
            status = response.status_code
            if status != 200:
                dead = DeadAddress if status in DEAD else Refused
                raise (dead if 400 <= status < 500 else FetchError)(_named(status))
            now = datetime.now(UTC).isoformat(timespec="seconds")
            return Answer(content, at, plain(response.headers.get("Content-Type", "")), now)
        raise FetchError(f"more than {MAX_REDIRECTS} redirects, the last to {at}")

    def _ask(self, address: str, is_cut: bool) -> tuple[httpx.Response, bytes]:
        """One answer and its content, after the pause that is due.

        Raises Passing where there was none, or where it may be another one later.
        """
        self._pause()
        self.retry_after = 0.0
        try:
            response, content = asyncio.run(self._once(address, is_cut))
        except (httpx.InvalidURL, UnicodeError) as error:
            raise FetchError(f"no valid address: {plain(str(error))}") from error
        except (httpx.HTTPError, OSError) as error:
            told = plain(str(error)) or "nothing more came in time"
            reason = f"no whole answer ({type(error).__name__}: {told})"
            raise self._no_answer(reason) from error
        finally:
            self.last = time.monotonic()
        status = response.status_code
        if status in BUSY:
            self.retry_after = _retry_after(response.headers)
            raise self._no_answer(_named(status))
        self.unanswered = 0
        if status in PASSING:
            raise Passing(_named(status))
        return response, content

    def _no_answer(self, reason: str) -> Passing:
        self.unanswered += 1
        self.reason = reason
        return Passing(reason)

    def _pause(self) -> None:
        """Waits until the next request may begin."""
        wait = self.retry_after
        if self.unanswered:
            wait = max(wait, self.manners.backoff_seconds * 2 ** (self.unanswered - 1))
        wait = min(wait, self.manners.max_wait_seconds)
        if wait > max(TOLD_SECONDS, self.delay_seconds):
            _tell(f"{self.host}: {self.reason}; waiting {wait:.0f} s")
        wait = max(wait, self.delay_seconds)
        time.sleep(max(0.0, self.last + wait - time.monotonic()))

    async def _once(self, address: str, is_cut: bool) -> tuple[httpx.Response, bytes]:
        most = MAX_ROBOTS_BYTES if is_cut else self.manners.max_file_bytes
        seconds = self.manners.answer_seconds
        # Names and sizes are those of the files themselves.
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        try:
            async with (
                asyncio.timeout(seconds),
                httpx.AsyncClient(verify=tls(), timeout=self.manners.timeout_seconds) as client,
                client.stream("GET", address, headers=headers) as response,
            ):
                content = bytearray()
                if response.status_code != 200:  # whose bodies may be endless
                    return response, b""
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > most:
                        if is_cut:
                            break
                        raise FetchError(f"over the limit of {most} bytes")
                return response, bytes(content[:most])
        except TimeoutError as error:
            raise TimeoutError(f"not whole after {seconds:g} s") from error

    def _read_robots(self) -> Protego:
        """The rules of the host, as RFC 9309 has it: none where it refuses to give them.

        A server that cannot say what it forbids is taken to forbid everything.
        """
        address = self.robots_address
        for left in reversed(range(self.manners.tries)):
            try:
                content = self._follow(address).content
            except Refused:
                content = b""
            except FetchError as error:
                if left and isinstance(error, Passing):
                    continue
                raise ServerGone(
                    f"{address} cannot be read ({error}), so that it is not known what may be"
                    " fetched from there; run again later"
                ) from error
            break
        robots = Protego.parse(content.decode("utf-8-sig", "replace"))
        self._slow_down(robots)
        return robots

    def _slow_down(self, robots: Protego) -> None:
        """Takes over the delay that robots.txt asks for, up to the cap, and says so."""
        asked = robots.crawl_delay(AGENT) or 0.0
        if rate := robots.request_rate(AGENT):
            asked = max(asked, min(rate.seconds, 10**9) / rate.requests)
        most = self.manners.max_delay_seconds
        if asked > self.delay_seconds:
            self.delay_seconds = max(self.delay_seconds, min(asked, most))
            text = f"robots.txt of {self.host} asks for {asked:g} s between two requests"
            if asked > most:
                text += f"; {self.delay_seconds:g} s are kept (delay_seconds can be set to more)"
            _tell(text)


def _tell(text: str) -> None:
    tqdm.write(text, file=sys.stderr)


def _retry_after(headers: Mapping[str, str]) -> float:
    """The seconds that the server asks to wait, 0 where it does not say or cannot be understood."""
    try:
        return urllib3.Retry().parse_retry_after(headers.get("Retry-After", "0"))
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0.0


def _named(status: int) -> str:
    return f"status {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
