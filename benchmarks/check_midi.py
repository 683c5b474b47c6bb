"""`make check-midi`: our notes of MIDI files against symusic's and pretty_midi's.

    python -m benchmarks.check_midi FOLDER [--workers N]

Onset, offset and pitch agree within 2 ms, drums left out. Prints, of each of the two, how many
notes agree, and every kind of disagreement with its number, its reason where one is known, and an
example. Other readers may end or hang their process: each file is read in one of its own.
"""

from __future__ import annotations

import argparse
import os
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from neuralmusic.isolated import Failure, isolated_map
from neuralmusic.midi import read_midi

TOLERANCE_SECONDS = 0.002
SECONDS_A_FILE = 120
Notes = np.ndarray  # float64 (notes, 3): onset, offset, pitch

# What is known of each kind of disagreement; "they" are the other reader.
KINDS = {
    "we end it earlier": "they let one note-off end all notes of a pitch (pretty_midi), or pair"
    " a note whose note-off is lost with the note-off of the next",
    "we end it later": "a note-off of its own tick ends nothing that has another, or they know of"
    " no other end",
    "no length with them alone": "what was written twice, or before its note, is no end of it",
    "no length with us alone": "",
    "with us alone": "they leave out a note without a note-off of its own track, and"
    " pretty_midi also one that ends at the tick at which it begins",
    "with them alone": "",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    files = sorted(p for p in options.folder.rglob("*") if p.suffix.lower() in (".mid", ".midi"))
    if not files:
        print(f"{options.folder} holds no .mid or .midi file")
        return 1
    ours = _read_all(ours_of, files, options.workers)
    for name, read in READERS.items():
        theirs = _read_all(read, files, options.workers)
        print(f"{name}:\n{compared(files, ours, theirs)}", flush=True)
    return 0


def compared(
    files: Sequence[Path], ours: Sequence[Notes | Failure], theirs: Sequence[Notes | Failure]
) -> str:
    """What two readers make of the same files, in lines."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    agreed = total = both = no_length = their_no_length = 0
    for file, our, their in zip(files, ours, theirs, strict=True):
        if isinstance(our, Failure) or isinstance(their, Failure):
            for who, answer in (("we", our), ("they", their)):
                if isinstance(answer, Failure):
                    kind = f"files that {who} cannot read"
                    counts[kind] += 1
                    examples.setdefault(kind, f"{file}: {answer.reason}")
            continue
        both += 1
        no_length += int((our[:, 1] <= our[:, 0]).sum())
        their_no_length += int((their[:, 1] <= their[:, 0]).sum())
        only_ours, only_theirs = unmatched(our, their)
        agreed += len(our) - len(only_ours)
        total += max(len(our), len(their))
        for kind, note in kinds_of(only_ours, only_theirs):
            counts[kind] += 1
            onset, offset, pitch = note
            where = f"{file}: pitch {pitch:.0f} from {onset:.3f} to {offset:.3f} s"
            examples.setdefault(kind, where)
    share = agreed / total if total else 1.0
    lines = [
        f"  {both} files that both read: {agreed:,} of {total:,} notes agree ({share:.4%});"
        f" of no length are {no_length:,} with us and {their_no_length:,} with them"
    ]
    for kind, count in counts.most_common():
        why = f" ({KINDS[kind]})" if KINDS.get(kind) else ""
        lines += [f"  {count:8,} {kind}{why}", f"           such as {examples[kind]}"]
    return "\n".join(lines)


def unmatched(ours: Notes, theirs: Notes) -> tuple[Notes, Notes]:
    """The notes of each that have no match among the other's, one to one."""
    by_pitch: dict[float, list[tuple[float, float]]] = defaultdict(list)
    for onset, offset, pitch in theirs.tolist():
        by_pitch[pitch].append((onset, offset))
    for notes in by_pitch.values():
        notes.sort()
    only_ours = []
    for onset, offset, pitch in ours.tolist():
        notes = by_pitch[pitch]
        at = bisect_left(notes, (onset - TOLERANCE_SECONDS, 0.0))
        while at < len(notes) and notes[at][0] <= onset + TOLERANCE_SECONDS:
            if abs(notes[at][1] - offset) <= TOLERANCE_SECONDS:
                del notes[at]
                break
            at += 1
        else:
            only_ours.append((onset, offset, pitch))
    only_theirs = [(*note, pitch) for pitch, notes in by_pitch.items() for note in notes]
    return np.array(only_ours).reshape(-1, 3), np.array(only_theirs).reshape(-1, 3)


def kinds_of(only_ours: Notes, only_theirs: Notes) -> list[tuple[str, tuple[float, float, float]]]:
    """The kind of every disagreement, with a note; of notes that begin alike, how they end."""
    found = []
    left = sorted(map(tuple, only_theirs.tolist()))
    for note in sorted(map(tuple, only_ours.tolist())):
        onset, offset, pitch = note
        at = bisect_left(left, (onset - TOLERANCE_SECONDS,))
        while at < len(left) and left[at][0] <= onset + TOLERANCE_SECONDS and left[at][2] != pitch:
            at += 1
        if at == len(left) or left[at][0] > onset + TOLERANCE_SECONDS:
            found.append(("with us alone", note))
            continue
        _, end, _ = left.pop(at)
        if end <= onset + 1e-6:
            kind = "no length with them alone"
        elif offset <= onset:
            kind = "no length with us alone"
        else:
            kind = "we end it earlier" if offset < end else "we end it later"
        found.append((kind, note))
    return found + [("with them alone", note) for note in left]


def ours_of(file: Path) -> Notes:
    notes = read_midi(file, allow_empty=True)
    return np.stack([notes.onset_seconds, notes.offset_seconds, notes.pitch], axis=1)


def symusic_of(file: Path) -> Notes:
    import symusic

    score = symusic.Score(file, ttype="second")
    tracks = [track.notes.numpy() for track in score.tracks if not track.is_drum]
    rows = [
        np.stack([of["time"], of["time"].astype(float) + of["duration"], of["pitch"]], axis=1)
        for of in tracks
    ]
    return np.concatenate([np.zeros((0, 3)), *rows])


def pretty_midi_of(file: Path) -> Notes:
    import pretty_midi

    return np.array(
        [
            (note.start, note.end, note.pitch)
            for instrument in pretty_midi.PrettyMIDI(str(file)).instruments
            if not instrument.is_drum
            for note in instrument.notes
        ]
    ).reshape(-1, 3)


READERS: dict[str, Callable[[Path], Notes]] = {
    "symusic": symusic_of,
    "pretty_midi": pretty_midi_of,
}


def _read_all(
    read: Callable[[Path], Notes], files: Sequence[Path], workers: int
) -> list[Notes | Failure]:
    return list(isolated_map(read, files, workers, SECONDS_A_FILE))


if __name__ == "__main__":
    raise SystemExit(main())
