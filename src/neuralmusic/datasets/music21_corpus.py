"""Scores of the corpus inside the music21 package, converted to MIDI files."""

from __future__ import annotations

import importlib.metadata
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tqdm import tqdm

from neuralmusic.datasets.source import IN_PACKAGE, Source
from neuralmusic.files import InputError
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import SECONDS_PER_BEAT, NoteList
from neuralmusic.seeds import order_by_hash

ABOUT = Source(
    title="Scores of the music21 corpus, such as Ryan's Mammoth Collection or the Bach chorales",
    address="inside the PyPI package music21",
    licence="differs by collection, see the corpus's licence page; the two named are free to use",
    citation="Cuthbert and Ariza, music21: A Toolkit for Computer-Aided Musicology, ISMIR 2010",
    size="66 MB; 1,059 tunes, 409 chorales",
    obtained=IN_PACKAGE,
    instructions="Nothing to do: the corpus is installed with the package.",
)
ENDINGS = {".abc", ".krn", ".musicxml", ".mxl", ".xml"}
VELOCITY = 80  # scores say nothing of it


def fingerprint(settings: dict) -> dict:
    """The version of the package, which the corpus comes with."""
    return {"music21": importlib.metadata.version("music21")}


def fetch(settings: dict, folder: Path, workers: int) -> dict[str, str]:
    """Writes each score of `settings["collection"]` as a MIDI file, with its repeats played out.

    `max_pieces` keeps the scores whose names hash lowest: a fixed sample of the collection.
    Raises InputError where the corpus has no such collection.
    """
    from music21 import common

    corpus = common.getCorpusFilePath()
    home = Path(corpus) / settings["collection"]
    found = sorted(p for p in home.rglob("*") if p.suffix.lower() in ENDINGS)
    # Three chorales are there in two formats; each makes one MIDI file.
    scores = list({p.with_suffix(""): p for p in found}.values())
    if not scores:
        collections = sorted(p.name for p in Path(corpus).iterdir() if p.is_dir())
        raise InputError(
            f"music21's corpus has no scores in a folder {settings['collection']!r};"
            f" it has: {', '.join(collections)}"
        )
    scores = order_by_hash(scores, key=lambda p: p.name)[: settings["max_pieces"]]
    targets = [folder / p.relative_to(home).with_suffix(".mid") for p in scores]
    with ProcessPoolExecutor(workers) as pool:
        reasons = pool.map(_convert, scores, targets, chunksize=4)
        progress = tqdm(reasons, total=len(scores), desc=f"converting {home.name}", disable=None)
        names = [p.relative_to(folder).as_posix() for p in targets]
        answers = dict(zip(names, progress, strict=True))
    return {name: reason for name, reason in answers.items() if reason}


def _convert(score: Path, target: Path) -> str | None:
    """Converts one score; returns the reason why it could not be, or None."""
    from music21 import converter

    try:
        parsed = converter.parse(score, forceSource=True)
        notes = _notes(parsed)
    # music21's parsers raise many kinds of exceptions; each of them costs that score only.
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if not len(notes):
        return "no notes"
    write_midi(target, notes)
    return None


def _notes(score) -> NoteList:
    """The sounding notes of a music21 score at 120 qpm, chord symbols and grace notes left out."""
    from music21 import harmony

    rows = []
    beats = 0.0
    for part in score.parts or [score]:
        played = part.expandRepeats().stripTies()
        beats = max(beats, float(played.duration.quarterLength))
        for element in played.flatten().notes:
            length = float(element.duration.quarterLength)
            if length == 0 or isinstance(element, harmony.Harmony):
                continue
            onset = float(element.offset)
            rows += [
                (
                    onset * SECONDS_PER_BEAT,
                    (onset + length) * SECONDS_PER_BEAT,
                    pitch.midi,
                    VELOCITY,
                )
                for pitch in getattr(element, "pitches", ())
            ]
    return NoteList.of(rows, beats * SECONDS_PER_BEAT)
