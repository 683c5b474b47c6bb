"""Reading: MIDI files to stored notes on all cores, against pretty_midi in one process.

    python -m benchmarks.reading FOLDER

reads the files of a folder instead of those of the default datasets.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pretty_midi

from benchmarks.line import Line
from neuralmusic.isolated import isolated_map
from neuralmusic.midi import read_packed
from neuralmusic.notes import PackedPiece, writing_notes
from neuralmusic.prepare import SECONDS_A_FILE

ROUNDS = 3
REFERENCE_FILES = 60  # evenly from all, so that a round takes seconds
# Ours reads the files again and again, as if they were a corpus of so many bytes: in one of
# 130,000 files, the start of the processes counts for nothing.
CORPUS_BYTES = 50_000_000
TIMES = (20, 500)  # but so many times at least and at most


def measure(params: dict) -> Iterator[Line]:
    """Files a second, without pedal and with it, of the datasets that are there."""
    for name in params["datasets"]:
        files = midi_files(Path("data/raw") / name)
        if files:
            yield from compare(name, files)


def midi_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi"))


def compare(name: str, files: Sequence[Path]) -> Iterator[Line]:
    """Both read the same files, in turns."""
    sample = files[:: -(-len(files) // REFERENCE_FILES)]
    size = sum(file.stat().st_size for file in sample)
    times = min(max(CORPUS_BYTES // size, TIMES[0]), TIMES[1])
    for sustain_pedal in (False, True):
        ours, reference = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            read = convert([*sample] * times, sustain_pedal)
            ours.append(read / (time.perf_counter() - began))
            began = time.perf_counter()
            for file in sample:
                read_plainly(file)
            reference.append(len(sample) / (time.perf_counter() - began))
        yield Line(
            f"reading {name}{' with pedal' if sustain_pedal else ''}",
            statistics.median(ours),
            statistics.median(reference),
            "files a second",
            statistics.median(a / b for a, b in zip(ours, reference, strict=True)),
        )


def convert(files: Sequence[Path], sustain_pedal: bool) -> int:
    """Reads and stores files as the verb `convert` does, copies too; how many were read."""
    read = partial(read_packed, Path(), time="seconds", sustain_pedal=sustain_pedal)
    count = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        writing_notes(Path(folder) / "notes.npz") as append,
    ):
        names = map(str, files)
        for index, piece in enumerate(
            isolated_map(read, names, os.cpu_count() or 1, SECONDS_A_FILE)
        ):
            if isinstance(piece, PackedPiece):
                append(str(index), piece)
            count += 1
    return count


def read_plainly(file: Path) -> list[tuple[float, float, int, int]]:
    """The notes of a file by pretty_midi, drums left out; it knows no pedal."""
    return sorted(
        (note.start, note.end, note.pitch, note.velocity)
        for instrument in pretty_midi.PrettyMIDI(str(file)).instruments
        if not instrument.is_drum
        for note in instrument.notes
    )


if __name__ == "__main__":
    for line in compare(sys.argv[1], midi_files(Path(sys.argv[1]))):
        print(json.dumps(asdict(line)), flush=True)
