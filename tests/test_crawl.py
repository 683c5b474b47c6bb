"""The crawler against a real server on loopback that does all that real ones do."""

import gzip
import random
import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pandas as pd
import pytest

from neuralmusic.datasets import polite
from neuralmusic.datasets.crawl import crawl
from neuralmusic.datasets.links import midi_links
from neuralmusic.datasets.polite import Manners
from neuralmusic.files import InputError
from tests.crawl_site import (
    Site,
    cut,
    cut_chunk,
    drip,
    endless,
    hang_up,
    in_turn,
    index,
    midi,
    missing,
    moved,
    plain,
    repeated,
    silence,
)
from tests.tiny import contents

FAST = {"delay_seconds": 0, "timeout_seconds": 5, "answer_seconds": 5, "tries": 3}
HASTY = {"timeout_seconds": 0.4, "answer_seconds": 0.3}  # where an answer is too slow
FAST |= {"backoff_seconds": 0.02, "max_wait_seconds": 2, "max_file_bytes": 5000}


@pytest.fixture(autouse=True)
def directly(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


def crawled(site, tmp_path, pages=("index.asp",), name="out", **manners) -> dict[str, str]:
    """The reasons of a crawl, by path; the files are in tmp_path/out, what is kept in kept."""
    (tmp_path / name).mkdir()
    addresses = [site.address + page for page in pages]
    settings = Manners(**{**FAST, **manners})
    reasons = crawl(addresses, tmp_path / name, tmp_path / "kept", settings)
    return {address.replace(site.address, "/"): reason for address, reason in reasons.items()}


def expect_error(site, tmp_path, match: str) -> None:
    with pytest.raises(InputError, match=match):
        crawled(site, tmp_path)


def files(folder) -> dict[str, bytes]:
    """name -> content of the MIDI files, which are those that crawl.csv has."""
    found = contents(folder)
    del found["crawl.csv"]
    table = pd.read_csv(folder / "crawl.csv", keep_default_na=False)
    assert table["file"].tolist() == sorted(found)
    assert table["bytes"].tolist() == [len(found[name]) for name in sorted(found)]
    return found


def one(tmp_path, reply, link="/a.mid", others=None, **manners):
    """A crawl of one link beside a good one: (the reason or the content, the site after it)."""
    replies = {"/index.asp": index(link, "/good.mid"), "/good.mid": midi(99)}
    with Site({**replies, link: reply, **(others or {})}) as site:
        reasons = crawled(site, tmp_path, **manners)
    found = files(tmp_path / "out")
    assert found.pop("good.mid") == midi(99)
    assert len(found) + len(reasons) == 1
    return (found or reasons).popitem()[1], site


# Links.

LINKS = {  # page, link as written, path as the server has it, the file's name
    "capitals": ("index.asp", "/MIDIFiles/2002/Bach01.MID", "/MIDIFiles/2002/Bach01.MID", None),
    "small": ("index.asp", "/MIDIFiles/2002/bach01.mid", "/MIDIFiles/2002/bach01.mid", None),
    "mixed": ("index.asp", "/m/Bach.MidI", "/m/Bach.MidI", None),
    "no first slash": ("index.asp", "m/a.MID", "/m/a.MID", None),
    "no first slash, deeper": ("years/2002.asp", "m/a.MID", "/m/a.MID", None),
    "relative": ("years/2002.asp", "m/a.MID", "/years/m/a.MID", None),
    "upwards": ("years/2002.asp", "../m/a.MID", "/m/a.MID", None),
    "spaces": ("index.asp", " /m/a b  c.MID ", "/m/a%20b%20%20c.MID", "m/a b  c.MID"),
    "newline": ("index.asp", "/m/a\n.mid", "/m/a.mid", None),
    "backslashes": ("index.asp", "\\m\\a.MID", "/m/a.MID", None),
    "letters": ("index.asp", "/m/Dvořák.mid", "/m/Dvo%C5%99%C3%A1k.mid", "m/Dvořák.mid"),
    "encoded": ("index.asp", "/m/a%20b.mid", "/m/a%20b.mid", "m/a b.mid"),
    "percent": ("index.asp", "/m/100%.mid", "/m/100%25.mid", "m/100%.mid"),
    "sharp": ("index.asp", "/m/in C#.mid", "/m/in%20C%23.mid", "m/in C#.mid"),
    "question": ("index.asp", "/m/Why?.mid", "/m/Why%3F.mid", "m/Why_.mid"),
    "query": ("index.asp", "/get.asp?f=a.mid", "/get.asp?f=a.mid", "get.asp_f=a.mid"),
    "absolute": ("index.asp", "{site}m/a.mid", "/m/a.mid", None),
    "wrong case": ("index.asp", "/m/a.mid", "/m/a.MID", None),
    "wrong case, other": ("index.asp", "/m/a.Mid", "/m/a.mid", None),
}


@pytest.mark.parametrize("name", LINKS)
def test_links_are_followed_as_they_are_written(name, tmp_path):
    page, link, path, file = LINKS[name]
    site = Site({path: midi(1)})
    with site:
        site.replies["/" + page] = index(link.replace("{site}", site.address), "a.html", "mailto:x")
        assert crawled(site, tmp_path, [page]) == {}
    assert files(tmp_path / "out") == {file or path[1:]: midi(1)}
    assert site.paths()[0] == "/" + page
    assert len(site.paths()) <= 4
    assert "/a.html" not in site.paths()


def test_a_page_may_name_its_base_and_its_encoding(tmp_path):
    page = '<base href="/m/"><meta charset="windows-1252"><a href="Dvo\xf8ak.mid">'
    for number, text in enumerate([page, page.replace("<meta", "<beta")]):
        replies = {"/index.asp": plain(text.encode("cp1252")), "/m/Dvo%C3%B8ak.mid": midi()}
        (tmp_path / str(number)).mkdir()
        with Site(replies) as site:
            assert crawled(site, tmp_path / str(number)) == {}


@pytest.mark.parametrize("text", ["", "<a href=", "<![x[<a>", "<a href='http://[x/a.mid'>", "\0"])
def test_a_page_of_no_links_is_an_error_that_names_it(text, tmp_path):
    with Site({"/index.asp": plain(text.encode())}) as site:
        expect_error(site, tmp_path, r"no MIDI file .*index\.asp")


BAD_LINKS = {
    "/" + "x" * 3000 + ".mid": "longer than 2000 characters",
    "/" + "ü" * 1500 + ".mid": "longer than 2000 characters",
    "/x" * 900 + ".mid": "more than 30 folders deep",
    "http://[x/a.mid": "Invalid IPv6 URL",
    "http://a:b/a.mid": "Port could not be cast",
    f"http://{'ü' * 300}/a.mid": "label",
    "http://a\x1bb/a.mid": "control characters",
}


def test_a_link_that_can_be_no_address_is_rejected_with_its_reason(tmp_path):
    odd = ["javascript:x", "/" + "y" * 3000, f"/&#{'9' * 5000};.mid"]
    page = "".join(f'<a href="{link}">' for link in [*BAD_LINKS, *odd, "/good.mid"])
    replies = {"/index.asp": plain(page.encode()), "/good.mid": midi()}
    with Site(replies) as site:
        reasons = crawled(site, tmp_path, max_file_bytes=100_000)
    assert list(files(tmp_path / "out")) == ["good.mid"]
    assert len(reasons) == len(BAD_LINKS) + 1  # and the reference to a character of 5000 digits
    for expected in BAD_LINKS.values():
        assert any(expected in reason for reason in reasons.values())
    for text in [*reasons, *reasons.values()]:
        assert text.isascii() and text.isprintable() and len(text) < 250
    assert set(site.paths()) == {"/index.asp", "/good.mid"}


MARKUP = [
    "\n",
    "<a>",
    "<a href=x>",
    "<b><p>",
    "<div>",
    "<a",
    "<a ",
    "<a href=",
    "<a href='",
    "<a x",
]
MARKUP += ['<a x="', "<a =", "<a b='c'd=", "<", "</", "</a", "<!--", "<!--a--", "<![CDATA[", "<?"]
MARKUP += ["<script>", "<style", "&", "&#", "a ", "a= ", "'", "<b>" * 9 + "</i>", "<base href=x>"]


@pytest.mark.parametrize("piece", MARKUP)
def test_pages_of_any_markup_are_read_in_linear_time(piece):
    """A tenth of a second; a parser of quadratic time takes minutes."""
    began = time.monotonic()
    for start in ("", "<a ", '<a href="'):
        midi_links((start + piece * (200_000 // len(piece))).encode(), "http://a.org/", "")
    assert time.monotonic() - began < 20


def test_a_page_of_very_many_links_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr("neuralmusic.datasets.links.MAX_LINKS", 2)
    page = "".join(f"<a href=/{number}.mid>" for number in (0, 0, 1, 2))
    links, rejected = midi_links(page.encode(), "http://a.org/x/", "text/html")
    assert [link.address for link in links] == ["http://a.org/0.mid", "http://a.org/1.mid"]
    assert rejected == {"http://a.org/x/": "only the first 2 of 3 links are followed"}


PAGES = {  # a page, the paths it links to
    "<a href=/a.mid>": ["/a.mid"],
    "<A\nclass=x HREF = '/a b.mid' title='>'>x</A>": ["/a%20b.mid"],
    "<a title=Bob's href=/a.mid><a href=/b.mid>'": ["/a.mid", "/b.mid"],
    "<!-- <a href=/a.mid> --><a href=/b.mid>": ["/b.mid"],
    "<script>'<a href=/a.mid>'</script><area href=/b.mid>": ["/b.mid"],
    "<a data-href=/a.mid href=/b.mid href=/c.mid><abbr href=/d.mid>": ["/b.mid"],
    "<a href=/a.mid/><a/href=/b.mid>": ["/b.mid"],
    "<a href='/a&amp;b.mid'>": ["/a&b.mid"],
    "<!--><a href=/a.mid>": ["/a.mid"],
    "<a href=/a.mid": [],
    "<a href=>/a.mid": [],
}


@pytest.mark.parametrize("page", PAGES)
def test_markup_is_read_as_browsers_read_it(page):
    links, rejected = midi_links(page.encode(), "http://a.org/x/", "text/html")
    assert [link.address for link in links] == ["http://a.org" + path for path in PAGES[page]]
    assert rejected == {}


def test_what_is_linked_twice_is_fetched_once(tmp_path):
    links = ["/m/a b.mid", "m/a b.mid", "/m/a%20b.mid", "/m/a b.mid#top", "/m/../m/a%20b.mid"]
    replies = {f"/{page}": index(*links) for page in ("one.asp", "two.asp", "x/three.asp")}
    with Site({**replies, "/m/a%20b.mid": midi()}) as site:
        assert crawled(site, tmp_path, ["one.asp", "two.asp", "x/three.asp"]) == {}
    assert site.paths().count("/m/a%20b.mid") == 1
    assert len(site.paths()) == len(set(site.paths()))
    assert list(files(tmp_path / "out")) == ["m/a b.mid"]


def test_what_is_dead_is_asked_for_once(tmp_path):
    """Both links mean the same file at the root, if their first slash was forgotten."""
    replies = {"/x/one.asp": index("m/a.mid", "/b.mid"), "/y/two.asp": index("m/a.mid")}
    with Site({**replies, "/b.mid": midi()}) as site:
        reasons = crawled(site, tmp_path, ["x/one.asp", "y/two.asp"])
    assert sorted(reasons) == ["/x/m/a.mid", "/y/m/a.mid"]
    assert "/m/a.mid" in site.paths()
    assert len(site.paths()) == len(set(site.paths()))


def test_links_off_the_host_hide_no_server_that_has_gone(tmp_path):
    gone = dict.fromkeys([f"/{n}.mid" for n in range(9)], hang_up)
    gone["/robots.txt"] = in_turn(missing(), hang_up)
    links = [link for n in range(9) for link in (f"/{n}.mid", f"http://localhost/{n}.mid")]
    with Site({"/index.asp": index(*links), **gone}) as site:
        expect_error(site, tmp_path, "stopped answering")


def test_a_page_that_fails_costs_that_page_only(tmp_path):
    replies = {"/b.asp": index("/a.mid"), "/a.mid": midi(), "/c.asp": midi()}
    with Site(replies) as site:
        reasons = crawled(site, tmp_path, ["a.asp", "b.asp", "c.asp"])
    assert reasons["/a.asp"] == "index page: status 404 Not Found"
    assert reasons["/c.asp"] == "index page: links to no MIDI file"
    assert list(files(tmp_path / "out")) == ["a.mid"]


# What is no file.


@pytest.mark.parametrize("status", [404, 410, 403, 400, 401, 204, 206, 304, 501, 999])
def test_a_dead_link_has_its_status_as_the_reason(status, tmp_path):
    reason, site = one(tmp_path, missing(status))
    assert f"status {status}" in reason
    assert site.paths().count("/a.mid") == 1


@pytest.mark.parametrize("content", [b"<html>Sorry!</html>", b"", b"RIFF", b"MTh", b" MThd"])
def test_an_error_page_with_status_200_is_no_file(content, tmp_path):
    reason, site = one(tmp_path, plain(content, Content_Type="text/html; charset=x"))
    assert reason == f"no MIDI file but {len(content)} bytes (text/html)"
    assert site.paths().count("/a.mid") == 1


def test_what_a_server_says_of_itself_is_fit_for_a_table(tmp_path):
    reason, _ = one(tmp_path, plain(b"", Content_Type="te\x1b[2Jxt\xe9" + "x" * 3000))
    assert reason == f"no MIDI file but 0 bytes ({'te [2Jxt ' + 'x' * 191})"


def test_an_error_page_is_a_dead_address_too(tmp_path):
    """With a first slash that is missing on a site that answers everything with a page."""
    page = plain(b"<html>Sorry!", Content_Type="text/html")
    with Site({"/x/index.asp": index("m/a.MID"), "/x/m/a.MID": page, "/m/a.MID": midi()}) as site:
        assert crawled(site, tmp_path, ["x/index.asp"]) == {}
    assert list(files(tmp_path / "out")) == ["m/a.MID"]
    assert site.paths() == ["/x/index.asp", "/x/m/a.MID", "/m/a.MID"]


# The one host.


def test_only_the_index_host_is_asked(tmp_path):
    with Site({"/b.mid": midi()}) as other, Site({"/a.mid": midi()}) as site:
        at_home = site.address.replace("127.0.0.1", "localhost")
        abroad = [other.address + "b.mid", at_home + "a.mid", "ftp://127.0.0.1/c.mid"]
        abroad += [f"//127.0.0.1:{other.port}/d.mid", "file:///etc/e.mid"]
        site.replies["/index.asp"] = index("/a.mid", *abroad)
        reasons = crawled(site, tmp_path)
    assert other.log == []
    assert site.paths() == ["/index.asp", "/a.mid"]
    assert len(reasons) == len(abroad)
    assert set(reasons.values()) == {"on another host than 127.0.0.1"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_on_the_host_are_followed(status, tmp_path):
    content, site = one(
        tmp_path, moved("/b c.mid", status), others={"/b%20c.mid": moved("d"), "/d": midi(4)}
    )
    assert content == midi(4)
    assert site.server.sent < 20e6  # bodies of redirects are left unread
    table = pd.read_csv(tmp_path / "out/crawl.csv").set_index("file")
    assert table.loc["a.mid", "address"] == site.address + "a.mid"
    assert table.loc["a.mid", "final_address"] == site.address + "d"


def test_redirects_off_the_host_are_refused(tmp_path):
    with Site({"/b.mid": midi()}) as other:
        to = other.address + "b.mid"
        reason, _ = one(tmp_path, moved("/b"), others={"/b": moved(to)})
    assert other.log == []
    assert reason == f"redirected to {to}, which is on another host than 127.0.0.1"


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("/a.mid", "more than 5 redirects"),
        ("file:///etc/passwd", "another host"),
        ("http://[", "no valid address"),
        ("http://127.0.0.1:x/", "Invalid port"),
        ("", "status 302"),
        ("/gone", "status 404"),
        ("/private/a.mid", "closed to crawlers by robots.txt"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_a_reason(to, expected, tmp_path):
    rules = {"/robots.txt": plain(b"User-agent: *\nDisallow: /private/")}
    reason, site = one(tmp_path, moved(to), others={**rules, "/private/a.mid": midi()})
    assert expected in reason
    assert site.paths().count("/a.mid") <= 6
    assert "/private/a.mid" not in site.paths()


# robots.txt


@pytest.mark.parametrize("agent", ["*", "neuralmusic", "NeuralMusic", "x\nUser-agent: neuralmusic"])
def test_what_robots_txt_closes_is_not_asked_for(agent, tmp_path):
    rules = plain(f"User-agent: {agent}\r\nDisallow: /private\r\n".encode("utf-8-sig"))
    reason, site = one(tmp_path, midi(), link="/private/a.mid", others={"/robots.txt": rules})
    assert reason == "closed to crawlers by robots.txt"
    assert site.paths() == ["/index.asp", "/good.mid"]
    assert [request.path for request in site.log].count("/robots.txt") == 1
    assert site.log[0].path == "/robots.txt"
    assert all(request.user_agent.startswith("neuralmusic/") for request in site.log)


ODD_RULES = [
    "Crawl-delay: ²",
    "Crawl-delay: nan",
    "Crawl-delay: 1e999",
    "Crawl-delay: -1",
    f"Crawl-delay: {'9' * 5000}",
    f"Request-rate: 1/{'9' * 4000}",
    f"Request-rate: {'9' * 5000}/1",
    "Request-rate: 0/0",
    "Request-rate: ²/²s",
    "Disallow: http://[",
    "Allow: //[",
    "\n" * 80_000 + "Crawl-delay",
    "Disallow: /" + "*a" * 50_000,
    "#" * 600_000 + "\nDisallow: /",  # behind what is read
]


@pytest.mark.parametrize(
    "rules",
    [
        missing(404),
        plain(b"<html>\nSorry!", Content_Type="text/html"),
        plain(b"User-agent: other\nDisallow: /"),
        plain(b"User-agent: *\nDisallow:"),
        plain(b"\xff\xfe\0Crawl-delay: x"),
        plain(random.Random(1).randbytes(100_000)),
        *(plain(f"User-agent: *\n{rule}".encode()) for rule in ODD_RULES),
        moved("/rules.txt"),
        missing(403),
        in_turn(missing(503), hang_up, missing(404)),
    ],
)
def test_what_robots_txt_leaves_open_is_fetched(rules, tmp_path):
    others = {"/robots.txt": rules, "/rules.txt": missing(410)}
    assert one(tmp_path, midi(1), others=others, max_delay_seconds=0.01)[0] == midi(1)


@pytest.mark.parametrize(
    "rules", [missing(500), missing(503), missing(429), hang_up, moved("http://localhost/")]
)
def test_nothing_is_fetched_where_robots_txt_cannot_be_read(rules, tmp_path):
    with Site({"/robots.txt": rules, "/index.asp": index("/a.mid"), "/a.mid": midi()}) as site:
        expect_error(site, tmp_path, r"robots\.txt cannot be read .*run again later")
    assert site.paths() == []


@pytest.mark.parametrize(
    ("rule", "asked", "most", "kept"),
    [
        ("crawl-delay: 0.2", "0.2", 60, 0.2),
        ("Request-rate: 10/3", "0.3", 60, 0.3),
        ("Crawl-delay: 86400", "86400", 0.2, 0.2),
    ],
)
def test_the_delay_of_robots_txt_is_kept_up_to_the_cap(rule, asked, most, kept, tmp_path, capsys):
    rules = plain(f"User-agent: *\n{rule}\n".encode())
    with Site({"/robots.txt": rules}) as site, pytest.raises(InputError, match="status 404"):
        crawled(site, tmp_path, max_delay_seconds=most)
    assert kept <= site.gaps()[0] < kept + 2
    said = capsys.readouterr().err
    assert f"robots.txt of 127.0.0.1 asks for {asked} s between two requests" in said
    assert (f"; {most} s are kept (delay_seconds can be set to more)" in said) == (asked == "86400")


def test_a_long_wait_is_announced_with_its_reason(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(polite, "TOLD_SECONDS", 0.1)
    busy = in_turn(missing(503, Retry_After="3600"), midi(1))
    assert one(tmp_path, busy, max_wait_seconds=0.2)[0] == midi(1)
    assert "127.0.0.1: status 503 Service Unavailable; waiting" in capsys.readouterr().err


def test_every_request_waits_for_the_delay(tmp_path):
    """Pages, files, redirects, dead links and second tries alike."""
    others = {"/b.mid": in_turn(missing(503), hang_up, midi(1))}
    rules = plain(b"User-agent: *\nCrawl-delay: 0")
    _, site = one(
        tmp_path, moved("/b.mid"), others={**others, "/robots.txt": rules}, delay_seconds=0.15
    )
    assert len(site.log) == 9
    assert min(site.gaps()) >= 0.15


# Tries.


@pytest.mark.parametrize("status", [429, 503, 500, 502, 504, 408])
def test_what_may_pass_is_tried_again(status, tmp_path):
    content, site = one(tmp_path, in_turn(missing(status), missing(status), midi(1)))
    assert content == midi(1)
    assert site.paths().count("/a.mid") == 3


def test_what_does_not_pass_is_given_up_after_longer_and_longer_waits(tmp_path):
    """At the end of the queue, so that the other file comes first."""
    reason, site = one(tmp_path, missing(503), tries=4, backoff_seconds=0.1)
    assert reason == "status 503 Service Unavailable, 4 times"
    assert site.paths() == ["/index.asp", "/a.mid", "/good.mid", *["/a.mid"] * 3]
    for gap, expected in zip(site.gaps("/a.mid")[1:], [0.1, 0.2], strict=True):
        assert expected <= gap < expected + 1


def test_files_that_never_come_are_no_server_that_has_gone(tmp_path):
    """As long as it answers otherwise: each is given up, and what can be had is fetched."""
    slow = [f"/{n}.mid" for n in range(4)]
    replies = dict.fromkeys(slow, hang_up) | {
        "/index.asp": index(*slow, "/z.mid"),
        "/z.mid": midi(),
    }
    with Site(replies) as site:
        reasons = crawled(site, tmp_path, tries=2, max_unanswered=3)
    assert sorted(reasons) == slow
    assert all(reason.endswith(", 2 times") for reason in reasons.values())
    assert list(files(tmp_path / "out")) == ["z.mid"]


def retry_after(tmp_path, status: int, header: str, **manners) -> float:
    """Seconds until the second try."""
    first = missing(status, Retry_After=header)
    content, site = one(tmp_path, in_turn(first, midi(1)), **manners)
    assert content == midi(1)
    return site.gaps("/a.mid")[0]


def test_retry_after_is_kept(tmp_path):
    assert 1 <= retry_after(tmp_path, 429, "1") < 3


def test_retry_after_may_be_a_date(tmp_path):
    then = datetime.now(UTC) + timedelta(seconds=2)
    begun = time.time()
    retry_after(tmp_path, 503, format_datetime(then, usegmt=True))
    assert time.time() >= int(then.timestamp())
    assert time.time() - begun < 5


@pytest.mark.parametrize(
    "header", ["3600", "9" * 30, "Fri, 31 Dec 2100 23:59:59 GMT", "soon", "-5", "", "1e3"]
)
def test_retry_after_is_capped_and_may_be_nonsense(header, tmp_path):
    wait = retry_after(tmp_path, 429, header, max_wait_seconds=0.2)
    is_sensible = header[0:1] in ("3", "9", "F")
    assert (0.2 if is_sensible else 0) <= wait < 2


@pytest.mark.parametrize(
    "reply",
    [cut(midi(1)), cut(b""), cut_chunk(midi(1)), hang_up, silence(0.8), drip(midi(1), 1.0)],
    ids=["cut", "nothing", "chunk", "hang up", "silence", "drip"],
)
def test_an_answer_that_is_not_whole_is_asked_for_again(reply, tmp_path):
    content, site = one(tmp_path, in_turn(reply, midi(1)), **HASTY)
    assert content == midi(1)
    assert site.paths().count("/a.mid") == 2


def test_an_answer_that_is_never_whole_is_given_up(tmp_path):
    reason, site = one(tmp_path, in_turn(cut(midi(1)), hang_up, drip(midi(1), 5, False)), **HASTY)
    assert reason == "no whole answer (TimeoutError: not whole after 0.3 s), 3 times"
    assert site.paths() == ["/index.asp", "/a.mid", "/good.mid", "/a.mid", "/a.mid"]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {  # start, what follows it again and again
    "status": (b"HTTP/1.1 200 ", b"O"),
    "header": (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunk extension": (CHUNKED + b"4;", b"x=y;"),
    "chunks": (CHUNKED, b"1\r\nM\r\n"),
    "trailers": (CHUNKED + b"4\r\nMThd\r\n0\r\n", b"X: y\r\n"),
    "nothing of HTTP": (b"", b"\0"),
}


@pytest.mark.parametrize("seconds", [0, 0.01], ids=["flood", "drip"])
@pytest.mark.parametrize("kind", ENDLESS)
def test_no_part_of_an_answer_can_be_endless(kind, seconds, tmp_path):
    start, piece = ENDLESS[kind]
    piece *= 1 if seconds else 10_000 // len(piece)
    began = time.monotonic()
    reply = repeated(start, piece, seconds)
    reason, site = one(tmp_path, reply, tries=2, answer_seconds=0.4)
    assert re.search(r"no whole answer \(.*\), 2 times|over the limit", reason)
    assert site.paths().count("/a.mid") <= 2
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("length", [None, 10_000_000, 5001])
def test_a_file_over_the_limit_is_not_read_on(length, tmp_path):
    reason, site = one(tmp_path, endless(length))
    assert re.search(r"over the limit of 5000", reason)
    assert site.paths().count("/a.mid") == 1
    assert site.server.sent < 10_000_000  # what fits into the buffers of a connection


def test_a_file_at_the_limit_is_taken(tmp_path):
    assert one(tmp_path, midi(1, 5000))[0] == midi(1, 5000)


def test_a_compressed_answer_is_unpacked_and_its_limit_is_that_of_the_content(tmp_path):
    for name, size, is_taken in (("small", 5000, True), ("bomb", 50_000_000, False)):
        packed = plain(gzip.compress(midi(1, size), 1), Content_Encoding="gzip")
        (tmp_path / name).mkdir()
        answer, _ = one(tmp_path / name, packed, max_file_bytes=300_000)
        assert answer == midi(1, size) if is_taken else "over the limit" in answer
