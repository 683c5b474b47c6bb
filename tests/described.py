"""A corpus of three pieces whose every number is worked by hand."""

from __future__ import annotations

import io
from pathlib import Path

import mido
import pandas as pd

from neuralmusic.description import Description, measured
from neuralmusic.files import write_csv
from neuralmusic.groups import GROUPS, NUMBERS, TEXTS
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList, save_notes
from neuralmusic.rejected import by_kind
from neuralmusic.tempo import Tempo

SILENCE = NoteList.of([], 10.0)
NOTHING = NoteList.of([], 0.0)
ONE_NOTE = NoteList.of([(1.0, 3.0, 60, 80)], 4.0)
# C4 for 4 s, above it E4 for 2 s and G4 for 1 s of these; then a second of rest, and C5 for 1 s.
CHORDS = NoteList.of([(0, 4, 60, 80), (1, 3, 64, 80), (2, 3, 67, 80), (5, 6, 72, 80)], 8.0)
PIECES = {"chords.mid": CHORDS, "one.mid": ONE_NOTE, "silence.mid": SILENCE}
PARTS = {"chords.mid": "train", "one.mid": "train", "silence.mid": "test"}  # and none to validate
GROUPED = pd.DataFrame(
    [
        ("chords.mid", "train", "chords.mid", "", "one.mid", 0.75, 3),
        ("one.mid", "train", "chords.mid", "", "chords.mid", 0.75, 9),
    ],
    columns=[*TEXTS, *NUMBERS],
)
REJECTED = pd.DataFrame(
    [
        ("a.mid", "the same notes as one.mid"),
        ("b.mid", "no notes"),
        ("c.mid", "the same notes as chords.mid"),
        ("d.mid", "KeyError: 'x'"),
        ("e.mid", "KeyError: 'y'"),
    ],
    columns=["file", "reason"],
)
MELODY = {"name": "melody", "steps_per_second": 8}
PARAMETERS = {"dataset": "made", "time": "seconds", "representations": [MELODY]}


def midi(*tracks: list[tuple[int, int | None]]) -> bytes:
    """The bytes of a MIDI file with tracks of tempos (delta ticks, quarters a minute).

    Where an event has no tempo it is the beginning of a note.
    """
    made = mido.MidiFile(ticks_per_beat=480)
    for events in tracks:
        track = mido.MidiTrack()
        made.tracks.append(track)
        for delta, tempo in events:
            if tempo is None:
                track.append(mido.Message("note_on", note=60, velocity=80, time=delta))
            else:
                track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo), time=delta))
    stream = io.BytesIO()
    made.save(file=stream)
    return stream.getvalue()


def made(pieces: dict[str, NoteList], rejected: pd.DataFrame = REJECTED) -> Description:
    """The description of some of the pieces; the last has no tempo."""
    tempos = {"chords.mid": Tempo(60.0, 0, True), "one.mid": Tempo(90.0, 1, False)}
    table, counts = measured(pieces.items(), PARTS, tempos)
    return Description("made", False, table, counts, by_kind(rejected))


def write_corpus(data: Path, name: str) -> list[Path]:
    """The pieces as a dataset; returns its folders of raw files, notes and split."""
    folders = [data / kind / name for kind in ("raw", "notes", "splits")]
    raw, notes, splits = folders
    for piece, of in PIECES.items():
        write_midi(raw / piece, of)
    save_notes(notes / "notes.npz", PIECES)
    write_csv(notes / "rejected.csv", REJECTED)
    write_csv(splits / "split.csv", pd.DataFrame(list(PARTS.items()), columns=["piece", "split"]))
    write_csv(splits / GROUPS, GROUPED)
    return folders
