"""One TheoryTab song, of several formats, as notes: the melody above its chords.

Read are XML as Hooktheory's pages once gave it (`theorytab`), the JSON of its pages now (`notes`,
`chords`, `keys`), and the JSON of the Lead Sheet Dataset (`tracks`), in scale degrees or pitches.
Chords are stacked thirds of their scale, with inversions, suspensions, added notes, borrowed scales
and applied chords; pedals and alternates are left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from neuralmusic.midi import MAX_HOURS
from neuralmusic.notes import SECONDS_PER_BEAT, NoteList

MELODY_TONIC, CHORD_ROOT = 72, 48  # MIDI pitches of a C: an octave of room lies between the two
LOWEST_ABSOLUTE = 24  # pitches from here on are MIDI's, below they count from a C
VELOCITY = 80  # a lead sheet says nothing of it
MAX_BEATS = MAX_HOURS * 3600 / SECONDS_PER_BEAT
MAJOR = (0, 2, 4, 5, 7, 9, 11)
TONICS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
NAMES = ("major", "dorian", "phrygian", "lydian", "mixolydian", "minor", "locrian")
SCALES = {  # semitones above the tonic
    name: tuple((MAJOR[(mode + i) % 7] - MAJOR[mode]) % 12 for i in range(7))
    for mode, name in enumerate(NAMES)
} | {"harmonicMinor": (0, 2, 3, 5, 7, 8, 11), "phrygianDominant": (0, 1, 4, 5, 7, 8, 10)}
# What `mode` and `borrowed` may hold beside such names.
MODES = {str(number): name for number, name in enumerate(NAMES, start=1)}
SIGNATURES = dict(zip(("0", "-2", "-4", "1", "-1", "-3", "-5"), NAMES, strict=True))
LETTERS = {"b": "minor", "D": "dorian", "Y": "phrygian", "L": "lydian", "M": "mixolydian"}
BORROWED = SIGNATURES | LETTERS | {"C": "locrian"} | {name: name for name in SCALES}
# Figured bass: the highest of the stacked thirds, and the inversion.
FIGURES = {"": (5, 0), "5": (5, 0), "6": (5, 1), "64": (5, 2), "7": (7, 0), "65": (7, 1)}
FIGURES |= {"43": (7, 2), "42": (7, 3), "2": (7, 3), "9": (9, 0), "11": (11, 0), "13": (13, 0)}

_Key = tuple[int, tuple[int, ...]]  # tonic's pitch class, scale
_Row = tuple[float, float, int, int]  # onset and offset in seconds, pitch, velocity


class SongError(ValueError):
    """A file that is no song that can be read; the message is the reason."""


def read_song(content: bytes) -> NoteList:
    """The notes of a song at 120 beats a minute.

    Raises SongError with the reason where the file is not understood or holds no note.
    """
    try:
        text = content.decode("utf-8-sig").strip()
        rows = list(_of_xml(text) if text.startswith("<") else _of_json(json.loads(text)))
    except SongError:
        raise
    # A file may be anything: each way in which it is no song is a rejection.
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise SongError(f"not understood ({type(error).__name__}: {error})") from error
    except ElementTree.ParseError as error:
        raise SongError(f"no readable XML ({error})") from error
    if not rows:
        raise SongError("no notes")
    return NoteList.of(rows)


def _of_xml(text: str) -> Iterator[_Row]:
    if re.search(r"<!(DOCTYPE|ENTITY)", text):
        raise SongError("XML with a document type of its own, which no song has")
    root = ElementTree.fromstring(text)
    if (song := root if root.tag == "theorytab" else root.find(".//theorytab")) is None:
        raise SongError("no TheoryTab song: no element <theorytab>")
    key = _key(_said(song, "meta/key"), MODES[_said(song, "meta/mode") or "1"])
    measure = float(_said(song, "meta/beats_in_measure") or 4)
    start = 0.0
    for segment in song.iterfind("data/segment"):
        for note in segment.iterfind("melody/voice/notes/note"):
            own = {child.tag: (child.text or "").strip() for child in note}
            yield from _melody(own, start, own.get("note_length"), key)
        for chord in [*segment.iterfind("harmony/chord"), *segment.iterfind("chords/chord")]:
            own = {child.tag: (child.text or "").strip() for child in chord}
            yield from _chord(own, start, own.get("chord_duration"), key)
        start += float(_said(segment, "numMeasures") or 0) * measure


def _said(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _of_json(song: Any) -> Iterator[_Row]:
    if not isinstance(song, dict):
        raise SongError("no TheoryTab song: not a JSON object")
    if isinstance(song.get("jsonData"), str):  # as Hooktheory's pages wrap it
        song = json.loads(song["jsonData"])
    if "tracks" in song:
        meta = song.get("metadata", {})
        key = _key(str(meta.get("key", "C")), MODES[str(meta.get("mode") or 1)])
        tracks = song["tracks"]
        for own in tracks.get("melody") or []:
            yield from _melody(own, 0, None, key)
        for own in tracks.get("chord") or tracks.get("chords") or []:
            yield from _chord(own, 0, None, key)
    elif "notes" in song or "chords" in song:
        keys = sorted(
            (float(k["beat"]), _key(k["tonic"], k["scale"])) for k in song.get("keys") or []
        )
        for own in song.get("notes") or []:
            yield from _melody(own, 0, own["duration"], _key_at(keys, own))
        for own in song.get("chords") or []:
            yield from _chord(own, 0, own["duration"], _key_at(keys, own))
    else:
        raise SongError("no TheoryTab song: neither tracks nor notes and chords")


def _key(tonic: str, scale: str) -> _Key:
    letter, accidentals = tonic[:1].upper(), tonic[1:]
    return TONICS[letter] + _accidentals(accidentals), SCALES[scale]


def _key_at(keys: list[tuple[float, _Key]], event: dict) -> _Key:
    """The key in force at an event: the last that begins no later, or the first."""
    if not keys:
        raise SongError("no key")
    before = [key for beat, key in keys if beat <= float(event["beat"])]
    return before[-1] if before else keys[0][1]


def _accidentals(signs: str) -> int:
    if signs.strip("#sbf♯♭"):
        raise SongError(f"accidentals {signs!r} are not understood")
    return sum(1 if sign in "#s♯" else -1 for sign in signs)


def _melody(own: dict, start: float, length: Any, key: _Key) -> Iterator[_Row]:
    if _is_rest(own):
        return
    tonic, scale = key
    if own.get("pitch") is not None:
        pitch = int(own["pitch"])
        pitch += 0 if pitch >= LOWEST_ABSOLUTE else MELODY_TONIC
    else:
        degree = str(own["sd"] if "sd" in own else own["scale_degree"])
        steps, shift = _degree(degree)
        pitch = MELODY_TONIC + tonic + _pitch(scale, steps) + shift + 12 * int(own["octave"] or 0)
    yield _row(*_times(own, start, length), pitch)


def _chord(own: dict, start: float, length: Any, key: _Key) -> Iterator[_Row]:
    if _is_rest(own):
        return
    if own.get("composition") is not None:
        pitches = [int(pitch) for pitch in own["composition"]]
        pitches = [p if p >= LOWEST_ABSOLUTE else p + CHORD_ROOT for p in pitches]
    else:
        pitches = _pitches_of(own, key)
    times = _times(own, start, length)
    for pitch in sorted(set(pitches)):
        yield _row(*times, pitch)


def _pitches_of(own: dict, key: _Key) -> list[int]:
    """The pitches of a chord in scale degrees, its root in the octave of CHORD_ROOT."""
    tonic, scale = key
    if borrowed := own.get("borrowed"):
        if isinstance(borrowed, list):
            scale = tuple(int(step) for step in borrowed)
        else:
            scale = SCALES[BORROWED[str(borrowed)]]
    applied = own.get("sec") or own.get("applied")
    if applied and str(applied) != "0":
        steps, shift = _degree(str(applied))
        tonic, scale = tonic + _pitch(scale, steps) + shift, MAJOR
    root, shift = _degree(str(own["sd"] if "sd" in own else own["root"]))
    if "type" in own:
        highest, inversion = int(own["type"]), int(own.get("inversion") or 0)
    else:
        highest, inversion = FIGURES[str(own.get("fb") or "")]
    steps_up = set(range(0, highest, 2))
    suspended = str(own.get("sus") or "").replace("sus", "")
    suspended += "".join(str(s) for s in own.get("suspensions") or [])
    for number in re.findall("[24]", suspended):
        steps_up = (steps_up - {2}) | {int(number) - 1}
    added = [int(n) for n in re.findall(r"add(\d+)", str(own.get("emb") or ""))]
    steps_up |= {int(number) - 1 for number in [*added, *(own.get("adds") or [])]}
    steps_up -= {int(number) - 1 for number in own.get("omits") or []}
    home = _pitch(scale, root)
    lowest = CHORD_ROOT + (tonic + home + shift) % 12
    altered = dict(_degree(str(a)) for a in own.get("alterations") or [])
    intervals = [
        _pitch(scale, root + step) - home + altered.get(step, 0) for step in sorted(steps_up)
    ]
    # Inverted: the lowest notes lie above the others.
    raised = [interval + 12 * (i < inversion) for i, interval in enumerate(intervals)]
    return [lowest + interval for interval in raised]


def _degree(text: str) -> tuple[int, int]:
    """Steps above the tonic and semitones of accidentals: b3, 3f, #4 or 4s."""
    found = re.fullmatch(r"([#b♯♭]*)(\d+)([#bsf]*)", text.strip())
    if not found or not 1 <= int(found[2]) <= 15:
        raise SongError(f"the scale degree {text!r} is not understood")
    return int(found[2]) - 1, _accidentals(found[1] + found[3])


def _pitch(scale: tuple[int, ...], steps: int) -> int:
    """Semitones from the tonic to a step of the scale."""
    octaves, step = divmod(steps, len(scale))
    return 12 * octaves + scale[step]


def _is_rest(own: dict) -> bool:
    degree = own.get("sd", own.get("scale_degree"))
    return str(own.get("isRest", "")).lower() in ("1", "true") or degree == "rest"


def _times(own: dict, start: float, length: Any) -> tuple[float, float]:
    """Onset and offset in beats."""
    if "event_on" in own:
        onset, offset = float(own["event_on"]), float(own["event_off"])
    else:  # in Hooktheory's JSON the first beat is 1
        onset = float(own["start_beat_abs"]) if "start_beat_abs" in own else float(own["beat"]) - 1
        offset = onset + float(length)
    onset, offset = onset + start, offset + start
    if not (math.isfinite(onset) and 0 <= onset < offset <= MAX_BEATS):
        raise SongError(f"a note from beat {onset:g} to {offset:g}")
    return onset, offset


def _row(onset: float, offset: float, pitch: int) -> _Row:
    if not 0 <= pitch <= 127:
        raise SongError(f"a pitch of {pitch}")
    return onset * SECONDS_PER_BEAT, offset * SECONDS_PER_BEAT, pitch, VELOCITY
