"""The links of an index page, read as browsers read them, in time linear in the page's length."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

ENDINGS = (".mid", ".midi")
MAX_ADDRESS_CHARACTERS = 2000  # what servers take
MAX_FOLDERS = 30
MAX_LINKS = 50_000  # of a page, whatever they lead to: half a day of one request a second
MAX_SHOWN_CHARACTERS = 200
# Parsers of HTML take quadratic time, each for another kind of page that ends in the midst of a
# tag, or nests deeply. Each alternative here takes all up to the end where nothing ends it before,
# and none is tried twice, so that the search goes on behind what it has seen.
MARKUP = re.compile(
    r"""<!--(?:-?>|.*?(?:-->|\Z))
    | <(script|style)\b.*?(?:</\1|\Z)
    | <(?P<tag>base|area|a)(?=[\s/])(?P<attributes>
        (?: [^>=]++ | =\s*+(?: "[^"]*+"?+ | '[^']*+'?+ )?+ )*+
      )(?P<end>>?)""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
ATTRIBUTE = re.compile(
    r"""([^\s/=]++)\s*+ (?: =\s*+(?: "([^"]*+)"?+ | '([^']*+)'?+ | (\S*+) ) )?+""", re.VERBOSE
)


class FetchError(Exception):
    """An address that cannot be had; the message is the reason, without the address."""


@dataclass(frozen=True)
class Link:
    """A link of an index page, and where else its file may be if it is not there."""

    address: str
    others: tuple[str, ...]


def midi_links(content: bytes, page: str, content_type: str) -> tuple[list[Link], dict[str, str]]:
    """The links to MIDI files of the index page at an address.

    Returns them in order, and {what is written: reason} of those that can be no address.
    """
    base = page
    found: dict[str, Link] = {}
    rejected: dict[str, str] = {}
    targets = list(dict.fromkeys(_targets(_text(content, content_type))))
    if named := next((target for tag, target in targets if tag == "base"), ""):
        try:
            base = absolute(page, named)
        except FetchError:
            base = page
    if len(targets) > MAX_LINKS:
        rejected[page] = f"only the first {MAX_LINKS} of {len(targets)} links are followed"
    for tag, target in targets[:MAX_LINKS]:
        if tag == "base":
            continue
        if is_file := target.strip().lower().endswith(ENDINGS):
            target = target.replace("#", "%23")  # in a name, since nothing can come after it
        try:
            link = _link(base, target)
        except FetchError as error:
            if is_file:
                rejected[_shown(target)] = str(error)
            continue
        if link:
            found.setdefault(link.address, link)
    return list(found.values()), rejected


def _targets(text: str) -> Iterator[tuple[str, str]]:
    """(tag, where it leads) of every tag of a link, and of what links are relative to."""
    for tag in MARKUP.finditer(text):
        if not tag["end"]:
            continue
        for name, *values in ATTRIBUTE.findall(tag["attributes"]):
            if name.lower() == "href":
                target = "".join(values)
                with suppress(ValueError):  # a reference to a character of thousands of digits
                    target = html.unescape(target)
                yield tag["tag"].lower(), target
                break


def _link(base: str, target: str) -> Link | None:
    address = absolute(base, target)
    path, _, query = address.partition("?")
    if not (path if path.lower().endswith(ENDINGS) else query).lower().endswith(ENDINGS):
        return None
    others = [address]
    if "://" not in target and not target.strip().startswith(("/", "\\", "?")):
        others.append(absolute(urljoin(base, "/"), target))  # the first slash was forgotten
    if query:  # a question mark in a name
        others += [other.replace("?", "%3F") for other in others]
    others += [_other_case(other) for other in others]
    return Link(address, tuple(other for other in dict.fromkeys(others) if other != address))


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
        if encoding.lower() in ("idna", "punycode"):  # of names, in quadratic time
            continue
        try:
            return content.decode(encoding)
        except (LookupError, UnicodeError):
            continue
    return content.decode("latin-1")


def absolute(base: str, reference: str) -> str:
    """The address that a link on the page `base` means, as it is sent: ASCII, no fragment.

    Takes what browsers take: spaces, backslashes, letters that are not percent-encoded, single %.
    Raises FetchError where it is no address, or one that no server or file system would take.
    """
    reference = re.sub(r"[\t\r\n]", "", reference).strip().replace("\\", "/")
    _check_length(reference)
    try:
        parts = urlsplit(urljoin(base, reference))
        host = parts.netloc.lower()
        if not host.isascii():
            host = host.encode("idna").decode()
        parts.port  # noqa: B018  (raises where it is no number)
        if re.search(r"[\x00-\x20\x7f]", host):
            raise ValueError("a host of spaces or control characters")
        encoded = [
            quote(
                re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", part),
                safe="/%:@!$&'()*+,;=~?",
                errors="surrogateescape",  # bytes of headers
            )
            for part in (parts.path or "/", parts.query)
        ]
    except ValueError as error:
        raise FetchError(f"no valid address: {plain(str(error))}") from error
    address = urlunsplit((parts.scheme, host, *encoded, ""))
    _check_length(address)
    if encoded[0].count("/") > MAX_FOLDERS:
        raise FetchError(f"no valid address: more than {MAX_FOLDERS} folders deep")
    return address


def _check_length(address: str) -> None:
    if len(address) > MAX_ADDRESS_CHARACTERS:
        raise FetchError(f"no valid address: longer than {MAX_ADDRESS_CHARACTERS} characters")


def _shown(target: str) -> str:
    """A link that is no address, short and printable, another for another link."""
    text = quote(target.strip(), safe="/%:@!$&'()*+,;=~?[]# ", errors="replace")
    if len(text) > MAX_SHOWN_CHARACTERS:
        text = f"{text[:MAX_SHOWN_CHARACTERS]}~{digest(target)}"
    return text


def plain(text: str) -> str:
    """What a server sent, fit for a table and a terminal."""
    return re.sub(r"[^!-~]+", " ", text).strip()[:MAX_SHOWN_CHARACTERS]


def digest(text: str) -> str:
    """Eight characters that tell texts apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def site(address: str) -> tuple[str | None, int | None]:
    """The host and port that an address is of; http and https of one host are the same."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https"):
        return None, None
    return parts.hostname, None if parts.port in (80, 443) else parts.port
