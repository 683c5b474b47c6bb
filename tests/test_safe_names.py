"""Names that others chose: each file under a name of its own, or listed with its reason."""

import zipfile

import pandas as pd
import pytest

from neuralmusic import prepare
from neuralmusic.__main__ import main
from neuralmusic.description_text import Told, as_markdown, as_terminal
from neuralmusic.rejected import by_kind
from neuralmusic.safe_names import UnsafeName, in_markdown, printable, safe_name, shown
from tests.constructed import drawn
from tests.described import PIECES, made
from tests.fetching import fetch, midi_bytes

ORDINARY = ["a.mid", "b/c d.MIDI", "bwv1.6.mid", "é/日本 (1).mid", "a'b,c\"$x$.mid", "~a.mid"]
# Each of them another file.
ODD = [
    "a\nb.mid",
    "a\\nb.mid",
    "a\\\\nb.mid",
    "\x1b[2Ja.mid",
    "\\x1b[2Ja.mid",
    "caf\udce9.mid",
    "caf\\udce9.mid",
    "café.mid",
    "a\u202eb.mid",
    "a\u2028b.mid",
    "manifest.csv/a.mid",
    "\\manifest.csv/a.mid",
    "\\x6danifest.csv/a.mid",
    "rejected.csv/a.mid",
    "groups.csv/a.mid",
    "official_split.csv/a.mid",
    "params.json/a.mid",
    ".manifest.csv.99999999.part/a.mid",
    "x" * 251 + ".mid",
    "\udcff" * 200 + ".mid",
    "\udcff" * 201 + ".mid",
    "<img src=x>.mid",
]


def test_ordinary_names_stay_what_they_are():
    assert list(map(safe_name, ORDINARY)) == ORDINARY
    assert list(map(printable, ORDINARY)) == ORDINARY


def test_names_are_safe_and_no_two_are_one():
    held = [safe_name(name) for name in [*ORDINARY, *ODD]]
    assert len(set(held)) == len(held)
    for name in held:
        assert name.isprintable()
        assert name.endswith((".mid", ".MIDI"))
        assert max(len(part.encode()) for part in name.split("/")) <= 255
        assert not name.startswith(("manifest", "rejected", "groups", "official", "params", "."))
    assert safe_name("a\nb.mid") == r"a\nb.mid"
    assert safe_name(r"a\nb.mid") == r"a\\nb.mid"
    assert safe_name("manifest.csv/a.mid") == r"\x6danifest.csv/a.mid"
    assert safe_name("a/manifest.csv/a.mid") == "a/manifest.csv/a.mid"


def test_an_escaped_name_says_what_it_was():
    for name in [*ORDINARY, *ODD]:
        back = printable(name).encode("latin-1", "backslashreplace").decode("unicode_escape")
        assert back == name


@pytest.mark.parametrize("name", ["", ".", "a/" * 33 + "b.mid", "/".join(["y" * 200] * 6)])
def test_names_that_cannot_be_held_say_why(name):
    with pytest.raises(UnsafeName, match=r"its name is|folders deep"):
        safe_name(name)


def written(folder, names, content: bytes) -> list[str]:
    """Those of the names that this file system takes."""
    taken = []
    for name in names:
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
        except (OSError, UnicodeEncodeError):
            continue
        taken.append(name)
    return taken


def test_every_file_of_a_folder_is_fetched_or_listed(tmp_path):
    content = midi_bytes(tmp_path, drawn(1, 1)[0])
    deep = "d/" * 40 + "a.mid"
    names = written(tmp_path / "music", [*ORDINARY, *ODD, deep], content)
    assert len(names) > 20
    assert list(fetch(tmp_path / "music", tmp_path / "raw").values()) == [
        "it lies more than 32 folders deep"
    ]
    manifest = pd.read_csv(tmp_path / "raw/manifest.csv", keep_default_na=False)
    assert sorted(manifest["file"]) == sorted(safe_name(name) for name in names if name != deep)
    params = {"dataset": "mine", "time": "seconds", "sustain_pedal": False}
    (tmp_path / "notes").mkdir()
    prepare.convert(params, tmp_path / "raw", tmp_path / "notes", 1)
    listed = pd.read_csv(tmp_path / "notes/rejected.csv", keep_default_na=False)
    assert len(listed) == len(names) - 1  # all the same notes: one is held


def test_a_zip_of_such_names_is_fetched_too(tmp_path):
    content = midi_bytes(tmp_path, drawn(1, 1)[0])
    names = ["manifest.csv/a.mid", "rejected.csv/a.mid", "groups.csv/a.mid", "a\\nb.mid", "n.mid"]
    with zipfile.ZipFile(tmp_path / "music.zip", "w") as made:
        for name in [*names, "a\nb.mid"]:
            made.writestr(name, content)
    assert list(fetch(tmp_path / "music.zip", tmp_path / "raw")) == [r"a\nb.mid"]
    manifest = pd.read_csv(tmp_path / "raw/manifest.csv", keep_default_na=False)
    assert sorted(manifest["file"]) == sorted(map(safe_name, names))


def test_names_in_place_of_cut_ones_are_listed(tmp_path):
    """Only an archive has names so long without anything to escape."""
    long = "x" * 300 + ".mid"
    with zipfile.ZipFile(tmp_path / "music.zip", "w") as made:
        for name in (long, safe_name(long)):
            made.writestr(name, b"MThd")
    reasons = fetch(tmp_path / "music.zip", tmp_path / "raw")
    assert reasons == {safe_name(long): "another entry has its name or its folder's"}


def test_escape_bytes_reach_no_terminal(tmp_path, capsys):
    path = tmp_path / "\x1b[2J.json"
    path.write_text("{")
    folders = ["--notes", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(["split", "--params", str(path), *folders]) == 1
    assert r"\x1b[2J.json" in capsys.readouterr().err
    rejected = pd.DataFrame([["a\x1b[2J.mid", "no \x1b[1mnotes\u202e"]], columns=["file", "reason"])
    told = as_terminal(Told("mine", made(PIECES).summary, by_kind(rejected), ""))
    assert all(line.isprintable() for line in told.splitlines())
    assert shown("a\nb\x1b\x85é\\n") == "a\nb\\x1b\\x85é\\n"


def test_markdown_shows_names_as_they_are():
    names = {
        "a_b (1).mid": "a_b (1).mid",
        "_a_.mid": r"\_a\_.mid",
        "<img src=x onerror=a()>": r"\<img src=x onerror=a()\>",
        "[a](javascript:b)": r"\[a\](javascript:b)",
        "*a* `b` |c| ~~d~~ &lt;": r"\*a\* \`b\` \|c\| \~\~d\~\~ \&lt;",
        "https://a.b www.c.d e@f.g": r"https:\//a.b www\.c.d e\@f.g",
        "a\\|b": r"a\\\|b",
    }
    assert {name: in_markdown(name) for name in names} == names
    rejected = pd.DataFrame([["<b>|x.mid", "no [notes](x)"]], columns=["file", "reason"])
    (row,) = [
        line
        for line in as_markdown(
            Told("mine", made(PIECES).summary, by_kind(rejected), "")
        ).splitlines()
        if "x.mid" in line
    ]
    assert row == r"| 1 | no \[notes\](x) | \<b\>\|x.mid: no \[notes\](x) |"
