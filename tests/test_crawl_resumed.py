"""Crawls that are killed, resumed and repeated, the names of files, and the sources that crawl."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from neuralmusic import prepare
from neuralmusic.code import code_of
from neuralmusic.datasets import DATASETS
from neuralmusic.datasets.crawl import crawl, file_names
from neuralmusic.datasets.kept import JOURNAL
from neuralmusic.datasets.polite import Manners
from neuralmusic.datasets.source import KEPT
from neuralmusic.fetch import fetch
from neuralmusic.files import InputError
from neuralmusic.midi_writing import write_midi
from tests.constructed import drawn
from tests.crawl_site import SMALL_SITE, Site, hang_up, in_turn, index, midi, missing
from tests.tiny import contents

ROOT = Path(__file__).parent.parent
FAST = {"delay_seconds": 0, "timeout_seconds": 5, "tries": 2, "backoff_seconds": 0.01}
PAGE = "/midi_2002.asp"
FILES = [path for path in SMALL_SITE if path != PAGE]
EXPECTED = {path[1:]: SMALL_SITE[path] for path in FILES}
LIMIT_SECONDS = 20  # of every wait, for what takes a moment


@pytest.fixture(autouse=True)
def directly(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


def crawled(address, tmp_path, name="out", **manners) -> dict[str, str]:
    (tmp_path / name).mkdir()
    settings = Manners(**{**FAST, **manners})
    pages = [address.rstrip("/") + PAGE]
    return crawl(pages, tmp_path / name, tmp_path / "kept", settings)


def music(folder) -> dict[str, bytes]:
    return {name: content for name, content in contents(folder).items() if name != "crawl.csv"}


# Kills.


@contextmanager
def crawler(address: str, tmp_path, name="out", **manners):
    """A crawl in a process of its own, killed at the end if it still runs."""
    (tmp_path / name).mkdir(exist_ok=True)
    settings = {**FAST, **manners}
    pages = [address.rstrip("/") + PAGE]
    code = (
        "from pathlib import Path; from neuralmusic.datasets.crawl import crawl;"
        " from neuralmusic.datasets.polite import Manners;"
        f" print(crawl({pages!r}, Path({name!r}), Path('kept'), Manners(**{settings!r})))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(process) -> str:
    out, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 0
    return out.decode().strip()


def test_a_killed_crawl_goes_on_and_asks_for_nothing_that_it_has(tmp_path):
    """Killed at the page and at files, each time while it waits for the answer."""
    with Site(dict(SMALL_SITE)) as site:
        for held in (PAGE, FILES[1], FILES[6]):
            arrived, killed = threading.Event(), threading.Event()

            def hold(handler, arrived=arrived, killed=killed):
                arrived.set()
                killed.wait(LIMIT_SECONDS)

            site.replies[held] = hold
            with crawler(site.address, tmp_path) as process:
                assert arrived.wait(LIMIT_SECONDS)
                process.send_signal(signal.SIGKILL)
                process.wait(LIMIT_SECONDS)
            killed.set()
            site.replies[held] = SMALL_SITE[held]
        assert not music(tmp_path / "out")
        (tmp_path / "out").rmdir()
        assert crawled(site.address, tmp_path) == {}
    asked = {path: site.paths().count(path) for path in SMALL_SITE}
    unanswered = (PAGE, FILES[1], FILES[6])
    assert asked == {path: 2 if path in unanswered else 1 for path in SMALL_SITE}
    assert music(tmp_path / "out") == EXPECTED


def test_kills_at_any_moment_cost_one_request_each_at_most(tmp_path):
    kills = 3
    draw = random.Random(1)
    with Site(dict(SMALL_SITE)) as site:
        for kill in range(kills):
            before = len(site.log)
            with crawler(site.address, tmp_path, delay_seconds=0.03):
                until = time.monotonic() + LIMIT_SECONDS
                while len(site.log) < before + 2 + kill and time.monotonic() < until:
                    time.sleep(0.002)
                time.sleep(draw.random() * 0.04)
        (tmp_path / "out").rmdir()
        assert crawled(site.address, tmp_path) == {}
    asked = site.paths()
    assert set(asked) == set(SMALL_SITE)
    assert len(asked) <= len(SMALL_SITE) + kills
    assert music(tmp_path / "out") == EXPECTED


@contextmanager
def served(port: int, log: Path):
    """The small site in a process of its own, killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crawl_site", str(port), str(log)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    ready = log.read_text().count("ready") if log.exists() else 0
    try:
        until = time.monotonic() + LIMIT_SECONDS
        while not log.exists() or log.read_text().count("ready") == ready:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        yield
    finally:
        process.kill()
        process.wait()


def test_a_server_that_is_killed_and_comes_back_is_asked_on(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "log"
    patient = {"tries": 8, "backoff_seconds": 0.2, "delay_seconds": 0.05}
    with served(port, log):
        client = crawler(f"http://127.0.0.1:{port}", tmp_path, **patient)
        process = client.__enter__()
        until = time.monotonic() + LIMIT_SECONDS
        while "/MIDIFiles/2.MID" not in log.read_text() and time.monotonic() < until:
            time.sleep(0.005)
    try:
        time.sleep(0.3)  # in which it meets a closed door
        with served(port, log):
            assert finish(process) == "{}"
    finally:
        client.__exit__(None, None, None)
    asked = log.read_text().split()
    assert music(tmp_path / "out") == EXPECTED
    assert asked.count("ready") == 2
    assert len(asked) <= 2 + 1 + len(SMALL_SITE) + 1  # the one whose answer was cut


def test_a_server_that_has_gone_ends_the_crawl_which_can_be_resumed(tmp_path):
    """The links that are left are not tried one by one for hours."""
    gone = {**dict.fromkeys(FILES[3:], hang_up), "/robots.txt": in_turn(missing(), hang_up)}
    with Site({**SMALL_SITE, **gone}) as site:
        with pytest.raises(InputError, match=r"stopped answering: .*kept in .*kept; run again"):
            crawled(site.address, tmp_path)
        assert site.paths() == [PAGE, *FILES, FILES[3]]
        assert not music(tmp_path / "out")
        site.replies.update({**SMALL_SITE, "/robots.txt": missing()})
        site.log.clear()
        assert crawled(site.address, tmp_path, "again") == {}
    assert site.paths() == FILES[3:]
    assert music(tmp_path / "again") == EXPECTED


def test_failures_here_and_there_do_not_end_a_crawl(tmp_path):
    bad = dict.fromkeys(FILES[::2], hang_up)
    bad |= {FILES[5]: missing(500), FILES[7]: missing(500)}  # pages that are broken, not the server
    with Site({**SMALL_SITE, **bad}) as site:
        reasons = crawled(site.address, tmp_path)
    assert set(reasons) == {site.address.rstrip("/") + path for path in bad}
    assert set(music(tmp_path / "out")) == set(EXPECTED) - {path[1:] for path in bad}


# Repeated crawls.


def test_a_second_crawl_asks_nothing_and_brings_the_same_bytes(tmp_path):
    with Site(dict(SMALL_SITE)) as site:
        crawled(site.address, tmp_path)
    assert crawled(site.address, tmp_path, "again") == {}  # with nobody there to ask
    assert contents(tmp_path / "again") == contents(tmp_path / "out")
    table = pd.read_csv(tmp_path / "out/crawl.csv")
    columns = ["address", "final_address", "file", "bytes", "sha256", "time"]
    assert table.columns.tolist() == columns
    assert table["address"].tolist() == [site.address.rstrip("/") + path for path in FILES]
    assert pd.to_datetime(table["time"]).dt.tz is not None


def test_what_failed_is_tried_again_by_the_next_crawl(tmp_path):
    with Site({**SMALL_SITE, FILES[2]: in_turn(missing(), missing(), midi(2))}) as site:
        assert list(crawled(site.address, tmp_path).values()) == ["status 404 Not Found"]
        site.replies[FILES[2]] = midi(2)
        site.log.clear()
        assert crawled(site.address, tmp_path, "again") == {}
    assert site.paths() == [FILES[2]]


def test_what_a_whole_crawl_brought_is_there_when_the_site_has_gone(tmp_path):
    """Dead links and all, as long as the same is asked for and nothing of it is lost."""
    with Site({**SMALL_SITE, FILES[2]: missing()}) as site:
        reasons = crawled(site.address, tmp_path)
    assert list(reasons.values()) == ["status 404 Not Found"]
    assert crawled(site.address, tmp_path, "again") == reasons
    assert contents(tmp_path / "again") == contents(tmp_path / "out")
    next(p for p in (tmp_path / "kept").iterdir() if p.read_bytes() == midi(3)).unlink()
    with pytest.raises(InputError, match=r"robots\.txt cannot be read"):
        crawled(site.address, tmp_path, "third")


def test_an_index_page_without_links_is_not_kept(tmp_path):
    """Such as one that says that the site is being looked after."""
    with Site({**SMALL_SITE, PAGE: index("/soon.html")}) as site:
        with pytest.raises(InputError, match="links to no MIDI file"):
            crawled(site.address, tmp_path)
        site.replies[PAGE] = SMALL_SITE[PAGE]
        assert crawled(site.address, tmp_path, "again") == {}
    assert music(tmp_path / "again") == EXPECTED


def damaged(journal: bytes, kind: str) -> bytes:
    lines = journal.splitlines(keepends=True)
    at = next(index for index, line in enumerate(lines) if b"/3.MID" in line)
    if kind == "torn":  # as by a kill while the last line is written
        last = lines.pop(at)
        return b"".join([*lines, last[: len(last) // 2]])
    if kind == "no newline":
        last = lines.pop(at)
        return b"".join([*lines, last.rstrip()])
    lines[at] = {"zeros": b"\0" * 50 + b"\n", "other": b'{"address": 3}\n', "gone": b""}[kind]
    return b"".join(lines)


@pytest.mark.parametrize("kind", ["torn", "no newline", "zeros", "other", "gone"])
def test_a_damaged_journal_costs_the_damaged_line(kind, tmp_path):
    with Site(dict(SMALL_SITE)) as site:
        crawled(site.address, tmp_path)
        journal = tmp_path / "kept" / JOURNAL
        journal.write_bytes(damaged(journal.read_bytes(), kind))
        for name, asked in (("again", [FILES[3]]), ("third", [])):
            site.log.clear()
            crawled(site.address, tmp_path, name)
            assert site.paths() == asked
            assert music(tmp_path / name) == EXPECTED
    lines = journal.read_text("utf-8", "replace").splitlines()
    assert sum("/3.MID" in line and json.loads(line)["bytes"] == 40 for line in lines) == 1


@pytest.mark.parametrize("content", [None, b"", b"MThd"])
def test_a_kept_file_that_is_damaged_is_fetched_again(content, tmp_path):
    with Site(dict(SMALL_SITE)) as site:
        crawled(site.address, tmp_path)
        kept = next(p for p in (tmp_path / "kept").iterdir() if p.read_bytes() == midi(3))
        kept.unlink()
        if content is not None:
            kept.write_bytes(content)
        site.log.clear()
        crawled(site.address, tmp_path, "again")
    assert site.paths() == [FILES[3]]
    assert music(tmp_path / "again") == EXPECTED


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(InputError, match=r"cannot use .*kept"):
        crawled("http://127.0.0.1:9/", tmp_path)


# Names.


def names(*paths: str) -> list[str]:
    found = file_names([f"http://a.org{path}" for path in paths])
    return [found[f"http://a.org{path}"] for path in paths]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/MIDIFiles/2002/Bach01.MID", "MIDIFiles/2002/Bach01.MID"),
        ("/a%20b/C.mid", "a b/C.mid"),
        ("/%2e%2e/%2E%2e%2fetc/a.mid", ".._etc/a.mid"),
        ("/..%5c..%5ca.mid", "_.._.._a.mid"),
        ("//x///a.mid", "x/a.mid"),
        ("/%00a:b*c%0a.mid", "_a_b_c_.mid"),
        ("/a%FCb.mid", "aüb.mid"),
        ("/a%9B2J.mid", "a_2J.mid"),
        ("/a%C3%BCb.mid", "aüb.mid"),
        ("/.mid", "_.mid"),
        ("/x/%20.mid", "x/_.mid"),
        ("/get.asp?f=a/b.mid", "get.asp_f=a/b.mid"),
        ("/CON. /a.mid.", "CON/a.mid"),
    ],
)
def test_names_stay_in_the_folder_and_fit_every_file_system(path, name):
    assert names(path) == [name]


def test_names_that_would_be_one_file_somewhere_are_apart():
    paths = ["/A.MID", "/a.mid", "/a.MID", "/a%C3%BC.mid", "/au%CC%88.mid", "/a%FC.mid", "/b.mid"]
    paths += ["/b.mid/c.mid", "/" + "x" * 300 + "1.mid", "/" + "x" * 300 + "2.mid"]
    found = names(*paths)
    assert len({name.casefold() for name in found}) == len(paths)
    assert found[0] == "A.MID"
    assert found[1].startswith("a~") and found[1].endswith(".mid")
    assert found[7] == "b.mid_/c.mid"
    assert names("/crawl.csv/a.mid", "/manifest.CSV/a.mid") == [
        "crawl.csv_/a.mid",
        "manifest.CSV_/a.mid",
    ]
    assert all(len(part.encode()) < 200 for name in found for part in name.split("/"))
    assert names(*paths[::-1]) == found[::-1]
    assert names(*paths[2:3]) == ["a.MID"]


# The sources.

SOURCES = {  # settings, the pages that they are
    "piano_e_competition": ({"years": [2002, 2018]}, ["midi_2002.asp", "midi_2018.asp"]),
    "bhs_minor9": ({"pages": ["", "midi/jazz/"]}, ["", "midi/jazz/"]),
}


@pytest.mark.parametrize("below", ["", "copies/site"])
@pytest.mark.parametrize("source", SOURCES)
def test_a_source_is_crawled_into_its_folder(source, below, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own, pages = SOURCES[source]
    replies = {}
    at = f"/{below}/".replace("//", "/")
    for number, (page, tune) in enumerate(zip(pages, drawn(1, 2), strict=True)):
        write_midi(tmp_path / "tune.mid", tune)
        base = page.rpartition("/")[0]
        path = f"{at}{base}/m/{number}.MID".replace("//", "/")
        replies[at + page] = index(f"m/{number}.MID", "gone.mid")
        replies[path] = (tmp_path / "tune.mid").read_bytes()
    with Site(replies) as site:
        address = site.address + below
        settings = {"dataset": "mine", "source": source, "delay_seconds": 0, **own}
        settings["address"] = address
        assert DATASETS[source].fingerprint(settings) == {}
        (tmp_path / "raw").mkdir()
        fetch(settings, tmp_path / "raw", 1)
    manifest = pd.read_csv(tmp_path / "raw/manifest.csv")
    crawl_csv = pd.read_csv(tmp_path / "raw/crawl.csv")
    assert manifest["file"].tolist() == crawl_csv["file"].tolist()
    assert manifest["sha256"].tolist() == crawl_csv["sha256"].tolist()
    assert len(manifest) == 2
    rejected = pd.read_csv(tmp_path / "raw/rejected.csv")
    assert set(rejected["reason"]) == {"status 404 Not Found"}
    assert (tmp_path / KEPT / "mine" / JOURNAL).is_file()
    settings = {"dataset": "mine", "time": "seconds", "sustain_pedal": True}
    (tmp_path / "notes").mkdir()
    prepare.convert(settings, tmp_path / "raw", tmp_path / "notes", 1)
    assert (tmp_path / "notes/notes.npz").is_file()


@pytest.mark.parametrize("address", ["", "www.site.org", "ftp://site.org", "http://"])
@pytest.mark.parametrize("source", SOURCES)
def test_an_address_that_is_none_is_an_error_that_says_what_to_set(source, address, tmp_path):
    settings = {"dataset": "mine", "address": address, "delay_seconds": 0, **SOURCES[source][0]}
    about = DATASETS[source].ABOUT.address
    with pytest.raises(InputError, match=rf"datasets\.\*\.address .*such as {about}"):
        DATASETS[source].fetch(settings, tmp_path, 1)


def test_the_crawler_is_code_of_the_sources_that_crawl():
    crawlers = {"crawl.py", "kept.py", "links.py", "polite.py"}
    for source in DATASETS:
        files = {file.name for file in code_of("fetch", source=source)}
        assert files & crawlers in (set(), crawlers)
        assert source not in SOURCES or crawlers <= files
