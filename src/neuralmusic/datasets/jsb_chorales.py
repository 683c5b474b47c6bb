"""The JSB chorales as published models are compared on: chords on a grid, split officially.

The grid does not say whether a pitch in two chords running is held or struck again. It is held
here: in sixteenths almost all such pitches are, and a pianoroll of the notes is then exactly the
data, so that losses compare with published ones.
"""

from __future__ import annotations

import json
from pathlib import Path

from neuralmusic.datasets import grouped
from neuralmusic.datasets.archive import check_sha256
from neuralmusic.datasets.download import download, downloaded
from neuralmusic.datasets.source import DOWNLOADED, Source
from neuralmusic.files import InputError
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import SECONDS_PER_BEAT, NoteList

HOME = "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/master/"
ADDRESSES = {  # by grid
    "quarter": HOME + "jsb-chorales-quarter.json",
    "16th": HOME + "jsb-chorales-16th.json",
}
SHA256 = {
    "quarter": "2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91",
    "16th": "8730aca7b64e7d29493733d1cf19fad4a5b351d8f1845e57dac27728104fd39f",
}
CHORDS_PER_BEAT = {"quarter": 1, "16th": 4}
PARTS = ("train", "valid", "test")
VELOCITY = 80  # the grid says nothing of it
ABOUT = Source(
    title="JSB chorales: Bach's four-part chorales on a grid, as published models are compared on",
    address=ADDRESSES["quarter"],
    licence="the chorales are in the public domain; the repository names no licence",
    citation=(
        "Boulanger-Lewandowski, Bengio and Vincent, Modeling Temporal Dependencies in"
        " High-Dimensional Sequences, ICML 2012; files of the JSB-Chorales-dataset repository"
    ),
    size="0.4 MB (sixteenths: 1.7 MB); 382 chorales",
    obtained=DOWNLOADED,
    instructions=(
        "Nothing to do with a network; without one, put the file of the address at"
        " .downloads/jsb-chorales-quarter.json (or -16th.json), or set datasets.jsb_chorales.path"
        " in params.yaml to it."
    ),
    sha256=SHA256["quarter"],
    split="229 train, 76 valid, 77 test",
)


def fingerprint(settings: dict) -> dict:
    """The checksum of the file of the grid."""
    return {"sha256": SHA256[settings["grid"]]}


def cached(settings: dict) -> bool:
    """Whether the file is here already."""
    return downloaded(ADDRESSES[settings["grid"]]).exists()


def fetch(settings: dict, folder: Path, workers: int) -> dict[str, str]:
    """Writes every chorale as a MIDI file at 120 qpm: train/000.mid, ...; and the official split.

    Raises InputError where the file cannot be had, or is not the one that it should be.
    """
    grid = settings["grid"]
    path = _file(settings)
    try:
        chorales = json.loads(path.read_text(encoding="utf-8"))
        named = {
            f"{part}/{index:03}.mid": notes_of(chords, CHORDS_PER_BEAT[grid])
            for part in PARTS
            for index, chords in enumerate(chorales[part])
        }
    except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
        raise InputError(f"{path} is no JSON of chorales: {error!r}") from error
    silent = [name for name, notes in named.items() if not len(notes)]
    for name, notes in named.items():
        if len(notes):
            write_midi(folder / name, notes)
    grouped.write_official(folder, {name: name.split("/")[0] for name in named})
    return dict.fromkeys(silent, "no notes")


def notes_of(chords: list[list[int]], per_beat: int) -> NoteList:
    """The notes of chords (lists of MIDI pitches) on a grid, a pitch in chords running held.

    `per_beat`: chords a beat; a beat is 0.5 s. An empty chord is a rest.
    Raises ValueError where a pitch is none.
    """
    step = SECONDS_PER_BEAT / per_beat
    began: dict[int, int] = {}  # pitch -> the chord since which it sounds
    rows = []
    for index, chord in enumerate([*chords, []]):
        sounding = {int(pitch) for pitch in chord}  # the file of sixteenths has 60.0
        if sounding != set(chord) or not all(0 <= pitch <= 127 for pitch in sounding):
            raise ValueError(f"no chord of MIDI pitches: {chord}")
        for pitch in sorted(set(began) - sounding):
            rows.append((began.pop(pitch) * step, index * step, pitch, VELOCITY))
        for pitch in sounding - set(began):
            began[pitch] = index
    return NoteList.of(rows, len(chords) * step)


def _file(settings: dict) -> Path:
    grid = settings["grid"]
    if not settings["path"]:
        return download(ADDRESSES[grid], SHA256[grid])
    path = Path(settings["path"]).expanduser()
    if path.is_dir():
        path = path / ADDRESSES[grid].rsplit("/", maxsplit=1)[-1]
    if not path.is_file():
        raise InputError(f"{path} does not exist. {ABOUT.instructions}")
    check_sha256(path, SHA256[grid])
    return path
