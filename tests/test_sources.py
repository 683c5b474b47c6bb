"""The sources one by one, on tiny data: what is fetched, how it is split, what is said."""

import hashlib
import io
import json
import re
import shutil
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest

from neuralmusic import jobs, prepare
from neuralmusic.code import code_of
from neuralmusic.datasets import DATASETS, jsb_chorales, maestro
from neuralmusic.datasets.source import BROUGHT, DOWNLOADED
from neuralmusic.fetch import fetch
from neuralmusic.files import InputError
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import load_notes
from tests.constructed import drawn
from tests.tiny import PARAMS, ROOT, contents

TUNES = drawn(3, 40)
ENTRIES = {entry["source"]: name for name, entry in PARAMS["datasets"].items()}
SHARES = {"train": 0.4, "valid": 0.3, "test": 0.3}  # of few pieces, so that none is empty
BROUGHT_ONES = [name for name, source in DATASETS.items() if source.ABOUT.obtained == BROUGHT]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Downloads are kept in the folder that one is in."""
    monkeypatch.chdir(tmp_path)


def midi_bytes(index: int) -> bytes:
    write_midi(path := Path("made.mid"), TUNES[index])
    content = path.read_bytes()
    path.unlink()
    return content


def line(tmp_path, source: str, **changed) -> dict[str, str]:
    """piece -> part of a source's entry of params.yaml, with some of it changed, after `split`."""
    name = ENTRIES[source]
    params = PARAMS | {"datasets": {name: PARAMS["datasets"][name] | changed}, "split": SHARES}
    raw, notes, splits = (tmp_path / f"line/{folder}" for folder in ("raw", "notes", "splits"))
    shutil.rmtree(tmp_path / "line", ignore_errors=True)
    raw.mkdir(parents=True)
    fetch(jobs.dataset_parameters(params, name, "fetch"), raw, 1)
    prepare.convert(jobs.dataset_parameters(params, name, "convert"), raw, notes, 1)
    prepare.split(jobs.dataset_parameters(params, name, "split"), notes, splits)
    table = pd.read_csv(splits / "split.csv")
    return dict(zip(table["piece"], table["split"], strict=True))


def rejected(tmp_path) -> dict[str, str]:
    table = pd.read_csv(tmp_path / "line/notes/rejected.csv", keep_default_na=False)
    return dict(zip(table["file"], table["reason"], strict=True))


# Every source.


def is_crawled(name: str) -> bool:
    """Whether a source follows the links of pages."""
    return "delay_seconds" in PARAMS["datasets"][ENTRIES[name]]


@pytest.mark.parametrize("name", DATASETS)
def test_every_source_has_an_entry_in_params_and_in_the_readme(name):
    assert name in ENTRIES
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    about = DATASETS[name].ABOUT
    rows = [row for row in readme.splitlines() if row.startswith("| `") and row.count("|") == 7]
    (row,) = (row for row in rows if f"`{ENTRIES[name]}`" in row.split("|")[1])
    assert about.obtained in row
    assert PARAMS["datasets"][ENTRIES[name]]["time"] in row


@pytest.mark.parametrize("name", BROUGHT_ONES)
def test_what_is_to_be_brought_says_what_and_where(name, tmp_path):
    """In the workflow, before any job."""
    params = PARAMS | {"datasets": PARAMS["datasets"]}
    entry = ENTRIES[name]
    with pytest.raises(InputError) as raised:
        jobs.dataset_parameters(params, entry, "fetch")
    said = str(raised.value)
    assert said.startswith(f"datasets.{entry}: ")
    assert DATASETS[name].ABOUT.instructions in said
    assert "params.yaml" in said
    for wrong in ("nowhere.zip", "text.zip"):
        (tmp_path / "text.zip").write_text("no archive")
        with pytest.raises(InputError, match=f"(?s){wrong}.*{re.escape('params.yaml')}"):
            DATASETS[name].fingerprint({"path": wrong})


@pytest.mark.parametrize("name", DATASETS)
def test_a_source_that_downloads_knows_the_checksum_and_whether_it_is_here(name):
    source = DATASETS[name]
    is_downloaded = source.ABOUT.obtained == DOWNLOADED
    assert is_downloaded == hasattr(source, "cached")
    # What many pages lead to has no checksum of its own.
    assert (source.ABOUT.sha256 is not None) == (is_downloaded and not is_crawled(name))
    if is_downloaded:
        assert not source.cached({"dataset": ENTRIES[name], **PARAMS["datasets"][ENTRIES[name]]})


@pytest.mark.parametrize("name", DATASETS)
def test_the_code_of_a_source_is_what_it_imports_and_not_how_it_is_described(name, monkeypatch):
    monkeypatch.chdir(ROOT)  # the code's paths are relative
    names = {file.name for file in code_of("fetch", source=name)}
    if DATASETS[name].ABOUT.obtained != "in a PyPI package":
        assert ("crawl.py" if is_crawled(name) else "archive.py") in names
    assert "source.py" not in names
    assert "__init__.py" not in names


def test_datasets_that_no_experiment_uses_cost_nothing():
    of_datasets = {job for verb, job in jobs.all_jobs(PARAMS) if verb in ("fetch", "convert")}
    assert of_datasets == {e["dataset"] for e in PARAMS["experiments"].values()}
    assert len(PARAMS["datasets"]) > len(of_datasets)
    assert contents(Path()) == {}


# MAESTRO, from a server on this machine.


def maestro_zip(**changed: str) -> bytes:
    rows = [
        (composer, f"title {title}", split, f"2004/{composer}{title}{take}.midi")
        for title in range(4)
        for composer, split in (("Bach", "train"), ("Liszt", "validation"), ("Ravel", "test"))
        for take in range(2)
    ]
    table = pd.DataFrame(
        rows, columns=["canonical_composer", "canonical_title", "split", "midi_filename"]
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("maestro-v3.0.0/LICENSE", "a licence")
        if "table" not in changed:
            made.writestr(f"maestro-v3.0.0/{maestro.TABLE}", table.to_csv(index=False))
        else:
            made.writestr(f"maestro-v3.0.0/{maestro.TABLE}", changed["table"])
        for index, row in enumerate(rows):
            made.writestr(f"maestro-v3.0.0/{row[3]}", midi_bytes(index))
    return buffer.getvalue()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server of a tiny MAESTRO; the value is the list of what it was asked for."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *arguments):
            pass

    home = tmp_path / "server"
    home.mkdir()
    (home / "maestro.zip").write_bytes(content := maestro_zip())
    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(home)))
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{served.server_port}/maestro.zip"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(maestro, "ADDRESS", address)
    monkeypatch.setattr(maestro, "SHA256", hashlib.sha256(content).hexdigest())
    yield asked
    served.shutdown()
    served.server_close()
    thread.join()


def test_maestro_is_fetched_once_and_split_as_it_says(server, tmp_path):
    parts = line(tmp_path, "maestro")
    assert server == ["/maestro.zip"]
    assert len(parts) == 24
    wanted = {"Bach": "train", "Liszt": "valid", "Ravel": "test"}
    for piece, part in parts.items():
        assert piece.startswith("maestro-v3.0.0/2004/")
        assert part == wanted[re.match("[A-Z][a-z]+", piece.split("/")[-1])[0]]
    assert maestro.cached({})
    assert line(tmp_path, "maestro") == parts
    assert server == ["/maestro.zip"]
    assert not [p for p in (tmp_path / ".downloads").iterdir() if p.name != "maestro.zip"]


def test_split_by_hash_keeps_compositions_together(server, tmp_path):
    parts = line(tmp_path, "maestro", split="hash")
    official = line(tmp_path, "maestro")
    assert parts != official
    together = {}
    for piece, part in parts.items():
        together.setdefault(piece.rsplit(".", 1)[0][:-1], set()).add(part)
    assert len(together) == 12
    assert all(len(found) == 1 for found in together.values())


def test_a_file_put_by_hand_is_taken_and_the_network_is_not_asked(server, tmp_path):
    (tmp_path / ".downloads").mkdir()
    shutil.copyfile(tmp_path / "server/maestro.zip", tmp_path / ".downloads/maestro.zip")
    assert len(line(tmp_path, "maestro")) == 24
    assert server == []


def test_a_file_put_by_hand_that_is_another_is_refused_with_both_sums(server, tmp_path):
    (tmp_path / ".downloads").mkdir()
    (tmp_path / ".downloads/maestro.zip").write_bytes(b"half of it")
    found = hashlib.sha256(b"half of it").hexdigest()
    with pytest.raises(InputError, match=rf"maestro\.zip .*{found}.*{maestro.SHA256}"):
        line(tmp_path, "maestro")
    assert server == []


def test_a_download_that_is_another_leaves_nothing_and_names_both_sums(server, tmp_path):
    (tmp_path / "server/maestro.zip").write_bytes(b"an empty file once was")
    found = hashlib.sha256(b"an empty file once was").hexdigest()
    with pytest.raises(InputError, match=rf"(?s)({found}.*{maestro.SHA256})|(expected.*{found})"):
        line(tmp_path, "maestro")
    assert contents(tmp_path / ".downloads") == {}


def test_without_a_network_it_is_said_where_to_put_the_file(server, tmp_path, monkeypatch):
    for address in ("http://127.0.0.1:9/maestro.zip", maestro.ADDRESS + ".gone"):
        monkeypatch.setattr(maestro, "ADDRESS", address)
        with pytest.raises(InputError) as raised:
            line(tmp_path, "maestro")
        name = address.rsplit("/", 1)[-1]
        assert str(tmp_path / ".downloads" / name) in str(raised.value)
        assert maestro.SHA256 in str(raised.value)
        assert address in str(raised.value)


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ("canonical_composer,split\n", "midi_filename"),
        (
            "canonical_composer,canonical_title,split,midi_filename\na,b,dress rehearsal,c\n",
            "rehearsal",
        ),
    ],
)
def test_a_maestro_whose_table_is_another_is_refused(table, word, server, tmp_path, monkeypatch):
    content = maestro_zip(table=table)
    (tmp_path / "server/maestro.zip").write_bytes(content)
    monkeypatch.setattr(maestro, "SHA256", hashlib.sha256(content).hexdigest())
    with pytest.raises(InputError, match=word):
        line(tmp_path, "maestro")


# JSB chorales.

CHORALES = {
    "train": [[[60, 64, 67], [60, 65, 67], [], [60]], [[50]], [[]]],
    "valid": [[[62, 66], [62, 66]]],
    "test": [[[55], [57]], [[59]]],
}


@pytest.fixture
def chorales(tmp_path, monkeypatch):
    """The folder of a copy of both grids."""
    home = tmp_path / "copy"
    home.mkdir()
    for grid, name in (("quarter", "quarter"), ("16th", "16th")):
        path = home / f"jsb-chorales-{name}.json"
        path.write_text(json.dumps(CHORALES))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setitem(jsb_chorales.SHA256, grid, digest)
    return home


@pytest.mark.parametrize(("grid", "step"), [("quarter", 0.5), ("16th", 0.125)])
def test_chords_become_notes_and_a_pitch_in_chords_running_is_held(grid, step, chorales, tmp_path):
    parts = line(tmp_path, "jsb_chorales", path=str(chorales), grid=grid)
    assert parts == {
        "test/000.mid": "test",
        "test/001.mid": "test",
        "train/000.mid": "train",
        "train/001.mid": "train",
        "valid/000.mid": "valid",
    }
    assert rejected(tmp_path) == {"train/002.mid": "no notes"}
    notes = load_notes(tmp_path / "line/notes/notes.npz")["train/000.mid"]
    found = zip(notes.pitch, notes.onset_seconds / step, notes.offset_seconds / step, strict=True)
    wanted = [(60, 0, 2), (64, 0, 1), (67, 0, 2), (65, 1, 2), (60, 3, 4)]
    assert [tuple(map(float, row)) for row in found] == wanted
    assert notes.length_seconds == 4 * step


def test_pitches_may_be_written_as_floats_and_must_be_midis():
    assert jsb_chorales.notes_of([[60.0, 60]], 1).pitch.tolist() == [60]
    for wrong in ([[60.5]], [[128]], [[-1]], [[None]], [[float("nan")]]):
        with pytest.raises((ValueError, TypeError)):
            jsb_chorales.notes_of(wrong, 1)


def test_trailing_rests_are_part_of_a_chorale():
    assert jsb_chorales.notes_of([[60], [], []], 1).length_seconds == 1.5


def test_a_local_copy_may_be_the_file_and_must_be_the_one(chorales, tmp_path):
    path = chorales / "jsb-chorales-quarter.json"
    assert len(line(tmp_path, "jsb_chorales", path=str(path))) == 5
    path.write_text(path.read_text() + " ")
    with pytest.raises(InputError, match=jsb_chorales.SHA256["quarter"]):
        line(tmp_path, "jsb_chorales", path=str(path))
    with pytest.raises(InputError, match=r"nowhere\.json does not exist.*\.downloads"):
        line(tmp_path, "jsb_chorales", path="nowhere.json")


@pytest.mark.parametrize("content", ["[]", "{}", "no", '{"train": [[["a"]]]}', '{"train": 5}'])
def test_a_json_that_is_no_chorales_is_named(content, chorales, tmp_path, monkeypatch):
    path = chorales / "jsb-chorales-quarter.json"
    path.write_text(content)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(jsb_chorales.SHA256, "quarter", digest)
    with pytest.raises(InputError, match="is no JSON of chorales"):
        line(tmp_path, "jsb_chorales", path=str(path))


def test_chorales_in_the_cache_need_no_network(chorales, tmp_path):
    (tmp_path / ".downloads").mkdir()
    shutil.copy(chorales / "jsb-chorales-quarter.json", tmp_path / ".downloads")
    assert len(line(tmp_path, "jsb_chorales")) == 5


# ASAP.


def asap(tmp_path):
    """A checkout: twelve compositions of three performances, one of them without its repeat."""
    home = tmp_path / "asap-dataset"
    rows, index = [], 0
    for title in range(12):
        for suffix in ("", "", "_no_repeat"):
            file = f"Bach/Fugue/{title}{suffix}/Player{index}M.mid"
            write_midi(home / file, TUNES[index])
            index += 1
            if title:  # the table does not have the first
                rows.append(("Bach", f"Fugue_{title}", file))
    columns = ["composer", "title", "midi_performance"]
    pd.DataFrame(rows, columns=columns).to_csv(home / "metadata.csv", index=False)
    write_midi(home / "Bach/Fugue/1/midi_score.mid", TUNES[index])
    (home / "Bach/Fugue/1/xml_score.musicxml").write_text("<score/>")
    return home


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_asap_is_performances_whose_compositions_straddle_no_split(kind, tmp_path):
    home = asap(tmp_path)
    if kind == "zip":
        home = shutil.make_archive(tmp_path / "asap", "zip", tmp_path, "asap-dataset")
    parts = line(tmp_path, "asap", path=str(home))
    assert len(parts) == 36
    assert not [piece for piece in parts if "score" in piece]
    together = {}
    for piece, part in parts.items():
        title = re.search(r"Fugue/(\d+)", piece)[1]
        together.setdefault(title, set()).add(part)
    assert len(together) == 12
    assert all(len(found) == 1 for found in together.values())


# What is brought as an archive or folder.


@pytest.mark.parametrize("source", ["giantmidi", "largest_midi_collection", "folder"])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "gztar"])
def test_a_collection_is_taken_as_folder_zip_or_tar(source, kind, tmp_path):
    home = tmp_path / "music"
    for index in range(36):
        write_midi(home / f"A/{index}.MID", TUNES[index])
    (home / "A/broken.mid").write_bytes(b"MThd")
    (home / "A/list.txt").write_text("a list")
    path = home if kind == "folder" else shutil.make_archive(tmp_path / "made", kind, home)
    parts = line(tmp_path, source, path=str(path))
    assert set(parts) == {f"A/{index}.MID" for index in range(36)}
    assert list(rejected(tmp_path)) == ["A/broken.mid"]
    assert not (tmp_path / "line/notes/groups.csv").exists()


@pytest.mark.parametrize("source", ["giantmidi", "largest_midi_collection", "folder"])
def test_half_an_archive_is_not_taken_for_a_whole_one(source, tmp_path):
    write_midi(tmp_path / "music/a.mid", TUNES[0])
    path = Path(shutil.make_archive(tmp_path / "made", "gztar", tmp_path / "music"))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=re.escape(str(path))):
        line(tmp_path, source, path=str(path))
    assert contents(tmp_path / "line/raw") == {}
