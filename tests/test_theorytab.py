"""TheoryTab songs in each of their formats, against notes worked out by hand."""

import json

import pandas as pd
import pytest

from neuralmusic.datasets import theorytab
from neuralmusic.datasets.theorytab_song import SongError, read_song
from neuralmusic.files import InputError
from neuralmusic.notes import NoteList
from tests.tiny import contents

XML = """<theorytab>
  <version>1.2</version>
  <meta><title>a song</title><beats_in_measure>4</beats_in_measure><key>{key}</key>
    <mode>{mode}</mode></meta>
  <data>
    <segment>
      <melody><voice><notes>{notes}</notes></voice><voice><notes/></voice></melody>
      <harmony>{chords}</harmony>
      <numMeasures>2</numMeasures>
    </segment>
    <segment>
      <melody><voice><notes>{more}</notes></voice></melody>
    </segment>
  </data>
</theorytab>"""


def xml(notes="", chords="", more="", key="C", mode="1") -> bytes:
    return XML.format(notes=notes, chords=chords, more=more, key=key, mode=mode).encode()


def note(degree: str, beat: float, length: float = 1, octave: int = 0, rest: int = 0) -> str:
    return (
        f"<note><start_beat_abs>{beat}</start_beat_abs><note_length>{length}</note_length>"
        f"<scale_degree>{degree}</scale_degree><octave>{octave}</octave><isRest>{rest}</isRest></note>"
    )


def chord(degree: str, beat: float = 0, length: float = 4, **parts: str) -> str:
    own = {"sec": "", "fb": "", "sus": "", "borrowed": "", "isRest": "0"} | parts
    inside = "".join(f"<{tag}>{text}</{tag}>" for tag, text in own.items())
    return (
        f"<chord><sd>{degree}</sd>{inside}<chord_duration>{length}</chord_duration>"
        f"<start_beat_abs>{beat}</start_beat_abs></chord>"
    )


def rows(notes: NoteList) -> list[tuple[float, float, int]]:
    """Onset and offset in beats, and pitch."""
    on, off = notes.onset_seconds * 2, notes.offset_seconds * 2
    return [(float(a), float(b), int(p)) for a, b, p in zip(on, off, notes.pitch, strict=True)]


def pitches(content: bytes) -> list[int]:
    return sorted(read_song(content).pitch.tolist())


def test_xml_is_melody_above_chords_segment_after_segment():
    song = xml(
        note("1", 0) + note("3", 1, 0.5) + note("rest", 1.5, 0.5, rest=1) + note("5", 2, 2, -1),
        chord("1") + chord("5", 4, 2),
        note("1", 0, 4),
    )
    assert rows(read_song(song)) == [
        (0, 4, 48),
        (0, 4, 52),
        (0, 4, 55),
        (0, 1, 72),
        (1, 1.5, 76),
        (2, 4, 67),
        (4, 6, 55),
        (4, 6, 59),
        (4, 6, 62),
        (8, 12, 72),
    ]


@pytest.mark.parametrize(
    ("degree", "key", "mode", "pitch"),
    [
        ("3", "C", "6", 75),  # minor
        ("4s", "C", "1", 78),
        ("7f", "C", "1", 82),
        ("b7", "C", "1", 82),
        ("#4", "C", "1", 78),
        ("4", "C", "4", 78),  # lydian
        ("1", "F#", "1", 78),
        ("1", "Bb", "1", 82),
        ("2", "D", "3", 75),  # phrygian
    ],
)
def test_scale_degrees_are_of_the_key_and_mode(degree, key, mode, pitch):
    assert pitches(xml(note(degree, 0), key=key, mode=mode)) == [pitch]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (chord("1"), [48, 52, 55]),
        (chord("2"), [50, 53, 57]),
        (chord("7"), [59, 62, 65]),
        (chord("5", fb="7"), [55, 59, 62, 65]),
        (chord("1", fb="6"), [52, 55, 60]),
        (chord("1", fb="64"), [55, 60, 64]),
        (chord("5", fb="42"), [65, 67, 71, 74]),
        (chord("1", fb="9"), [48, 52, 55, 59, 62]),
        (chord("1", sus="sus4"), [48, 53, 55]),
        (chord("1", sus="sus2"), [48, 50, 55]),
        (chord("1", emb="add9"), [48, 52, 55, 62]),
        (chord("5", sec="2", fb="7"), [57, 61, 64, 67]),  # V7/ii is A7
        (chord("4", borrowed="-3"), [53, 56, 60]),  # F minor, of C minor
        (chord("4", borrowed="b"), [53, 56, 60]),
        (chord("4", borrowed="1"), [54, 57, 60]),  # of C lydian
    ],
)
def test_chords_of_xml(written, wanted):
    assert pitches(xml(chords=written)) == wanted


@pytest.mark.parametrize("tag", ["harmony", "chords"])
def test_both_names_of_chords_are_read(tag):
    content = xml(chords=chord("1")).replace(b"harmony>", f"{tag}>".encode())
    assert pitches(content) == [48, 52, 55]


def test_json_in_pitches():
    """As the Lead Sheet Dataset writes symbols: pitches above a C."""
    melody = [
        {"pitch": 4, "event_on": 0.0, "event_off": 1.5, "isRest": False},
        {"pitch": None, "event_on": 1.5, "event_off": 2.0, "isRest": True},
        {"pitch": -3, "event_on": 2.0, "event_off": 3.0, "isRest": False},
        {"pitch": 64, "event_on": 3.0, "event_off": 4.0, "isRest": False},
    ]
    chords = [{"composition": [8, 12, 15], "event_on": 0.0, "event_off": 4.0, "isRest": False}]
    for name in ("chord", "chords"):
        song = {"metadata": {"key": "B", "mode": "6"}, "tracks": {"melody": melody, name: chords}}
        assert rows(read_song(json.dumps(song).encode())) == [
            (0, 4, 56),
            (0, 4, 60),
            (0, 4, 63),
            (0, 1.5, 76),
            (2, 3, 69),
            (3, 4, 64),
        ]


def test_json_in_degrees():
    """As the Lead Sheet Dataset writes roman numerals: as the XML, with times of events."""
    times = {"event_on": 0.0, "event_off": 4.0, "isRest": False}
    own = {"fb": "7", "sec": None, "sus": None, "borrowed": "0"}
    song = {
        "metadata": {"key": "C", "mode": "6"},
        "tracks": {
            "melody": [{"scale_degree": "3", "octave": "1", **times}],
            "chord": [{"sd": "5", **own, **times}],
        },
    }
    assert pitches(json.dumps(song).encode()) == [55, 59, 62, 65, 87]


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_json_of_the_pages_now(is_wrapped):
    plain = {"type": 5, "inversion": 0, "applied": 0, "borrowed": "", "isRest": False}
    song = {
        "keys": [
            {"beat": 9, "tonic": "D", "scale": "minor"},
            {"beat": 1, "tonic": "C", "scale": "major"},
        ],
        "notes": [
            {"sd": "1", "octave": 0, "beat": 1, "duration": 1, "isRest": False},
            {"sd": "rest", "octave": 0, "beat": 2, "duration": 1, "isRest": True},
            {"sd": "3", "octave": 0, "beat": 9, "duration": 2, "isRest": False},
        ],
        "chords": [
            {"root": 5, "beat": 1, "duration": 4, **plain, "type": 7, "inversion": 1},
            {"root": 1, "beat": 5, "duration": 4, **plain, "suspensions": [4], "adds": [9]},
            {"root": 4, "beat": 9, "duration": 4, **plain, "borrowed": "major", "omits": [5]},
        ],
    }
    content = json.dumps({"ID": 1, "jsonData": json.dumps(song)} if is_wrapped else song)
    assert rows(read_song(content.encode())) == [
        (0, 4, 59),
        (0, 4, 62),
        (0, 4, 65),
        (0, 4, 67),
        (0, 1, 72),
        (4, 8, 48),
        (4, 8, 53),
        (4, 8, 55),
        (4, 8, 62),
        (8, 12, 55),
        (8, 12, 59),
        (8, 10, 77),
    ]


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><theorytab>&b;</theorytab>'
NO_SONGS = {
    "words": (b"dear diary", "not understood"),
    "bytes": (b"\xff\xfe\x00", "not understood"),
    "empty": (b"", "not understood"),
    "list": (b"[1, 2]", "not a JSON object"),
    "other": (b'{"name": "x"}', "neither tracks"),
    "deep": (b"[" * 100_000, "not understood"),
    "html": (b"<html><body>404</body></html>", "no element <theorytab>"),
    "cut": (xml(note("1", 0))[:-20], "no readable XML"),
    "entities": (BOMB, "document type"),
    "silent": (xml(), "no notes"),
    "key": (xml(note("1", 0), key="H"), "not understood"),
    "sharp": (xml(note("1", 0), key="Cx"), "accidentals 'x'"),
    "mode": (xml(note("1", 0), mode="8"), "not understood"),
    "degree": (xml(note("x", 0)), "degree 'x'"),
    "figure": (xml(chords=chord("1", fb="99")), "not understood"),
    "borrowed": (xml(chords=chord("1", borrowed="moon")), "not understood"),
    "backwards": (xml(note("1", 0, -1)), "a note from beat 0 to -1"),
    "before": (xml(note("1", -1)), "a note from beat -1"),
    "forever": (xml(note("1", 0, 1e9)), "a note from beat 0 to 1e+09"),
    "nan": (xml(note("1", float("nan"))), "a note from beat nan"),
    "high": (xml(note("1", 0, octave=9)), "a pitch of 180"),
    "infinite": (b'{"tracks": {"melody": [{"pitch": Infinity}]}}', "not understood"),
    "null": (b'{"tracks": null}', "not understood"),
    "no key": (b'{"notes": [{"sd": "1", "octave": 0, "beat": 1, "duration": 1}]}', "no key"),
}


@pytest.mark.parametrize("what", NO_SONGS)
def test_what_is_no_song_is_rejected_with_the_reason(what):
    content, word = NO_SONGS[what]
    with pytest.raises(SongError, match=word.replace("+", r"\+")):
        read_song(content)


def test_a_folder_of_songs_becomes_midi_files_and_sections_stay_together(tmp_path):
    home, raw = tmp_path / "songs", tmp_path / "raw"
    raw.mkdir()
    for name in (
        "a/abba/waterloo/verse.xml",
        "a/abba/waterloo/chorus.XML",
        "b/beck/loser/verse.xml",
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(xml(note("1", 0), chord("4")))
    (home / "a/abba/waterloo/song_info.json").write_text('{"genre": "pop"}')
    (home / "flat.json").write_text(
        '{"tracks": {"melody": [{"pitch": 1, "event_on": 0, "event_off": 1}]}}'
    )
    (home / "readme.txt").write_text("songs")
    reasons = theorytab.fetch({"path": str(home)}, raw, 1)
    assert reasons == {
        "a/abba/waterloo/song_info.json": "no TheoryTab song: neither tracks nor notes and chords"
    }
    assert set(contents(raw)) == {
        "groups.csv",
        "a/abba/waterloo/verse.xml.mid",
        "a/abba/waterloo/chorus.XML.mid",
        "b/beck/loser/verse.xml.mid",
        "flat.json.mid",
    }
    assert not list(raw.glob(".*"))
    groups = pd.read_csv(raw / "groups.csv").set_index("file")["group"].to_dict()
    assert groups == {
        "a/abba/waterloo/verse.xml.mid": "a/abba/waterloo",
        "a/abba/waterloo/chorus.XML.mid": "a/abba/waterloo",
        "b/beck/loser/verse.xml.mid": "b/beck/loser",
        "flat.json.mid": "flat.json",
    }


def test_nothing_understood_is_an_error_with_examples(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs/letter.json").write_text("dear diary")
    with pytest.raises(InputError, match=r"songs is a song .* letter\.json: not understood"):
        theorytab.fetch({"path": str(tmp_path / "songs")}, tmp_path / "raw", 1)
    assert contents(tmp_path / "raw") == {}
