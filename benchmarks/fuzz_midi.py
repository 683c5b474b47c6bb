"""`make fuzz`: damaged MIDI files, which must be read or rejected; prints how many of each.

    python -m benchmarks.fuzz_midi [--files N] [--seconds N] [--seed N] [--out FOLDER] [FOLDER]

Each file is read in this process, and then all of them by `convert` in its own. What is neither a
sound note list nor a rejection, or takes too long, is written to the folder of failures; the exit
code is then 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.midi_mutants import mutants
from neuralmusic import prepare
from neuralmusic.midi import MidiError, read_midi
from neuralmusic.notes import NoteList, load_notes
from neuralmusic.rejected import kind_of_reason

SETTINGS = (("seconds", True), ("seconds", False), ("beats", False))  # time, sustain_pedal
LARGEST_ORIGINAL = 200_000  # bytes


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Reads damaged MIDI files.")
    parser.add_argument("folder", nargs="?", type=Path, help="of files to damage; else made ones")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="allowed a file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("logs/fuzz"), help="of failures")
    options = parser.parse_args(arguments)
    originals = _originals(options.folder) if options.folder else []
    with tempfile.TemporaryDirectory() as place:
        raw = Path(place) / "raw"
        raw.mkdir()
        names = []
        for index, content in enumerate(mutants(options.files, options.seed, originals)):
            names.append(f"{index:06}.mid")
            (raw / names[-1]).write_bytes(content)
        failures = read_here(raw, names, options.seconds)
        failures |= convert_all(raw, names, Path(place) / "notes")
        for name, failure in failures.items():
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / name).write_bytes((raw / name).read_bytes())
            print(f"FAILED {options.out / name}: {failure}")
    print(f"{len(failures)} failures")
    return int(bool(failures))


def _originals(folder: Path) -> list[bytes]:
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi"))
    found = [p.read_bytes() for p in files if p.stat().st_size <= LARGEST_ORIGINAL]
    if not found:
        raise SystemExit(f"{folder} holds no MIDI file of up to {LARGEST_ORIGINAL} bytes")
    return found


def read_here(raw: Path, names: list[str], seconds: float) -> dict[str, str]:
    """Reads every file in each way; the failures by name. Prints what was read and what not."""
    failures: dict[str, str] = {}
    kinds: Counter[str] = Counter()
    slowest, began = 0.0, time.perf_counter()
    for index, name in enumerate(names):
        file_began = time.process_time()
        way = SETTINGS[index % len(SETTINGS)]
        try:
            piece = read_midi(raw / name, *way)
        except MidiError as error:
            kinds[kind_of_reason(str(error))] += 1
        except Exception as error:  # what is looked for
            failures[name] = f"{type(error).__name__}: {error}"
        else:
            kinds["read"] += 1
            if fault := fault_of(piece):
                failures[name] = fault
        taken = time.process_time() - file_began
        slowest = max(slowest, taken)
        if taken > seconds:
            failures[name] = f"took {taken:.1f} seconds"
    rate = len(names) / (time.perf_counter() - began)
    print(f"{len(names)} files, {rate:.0f} a second, the slowest {slowest:.3f} s")
    for kind, count in kinds.most_common():
        print(f"{count:8} {kind}")
    return failures


def fault_of(piece: NoteList) -> str | None:
    """What is wrong with a note list, if something is."""
    onset, offset = piece.onset_seconds, piece.offset_seconds
    is_sorted = np.array_equal(np.lexsort((piece.pitch, onset)), np.arange(len(piece)))
    checks = {
        "no notes": len(piece) > 0,
        "times that are not finite": np.isfinite([*onset, *offset, piece.length_seconds]).all(),
        "a negative onset": (onset >= 0).all(),
        "a note that ends before it begins": (offset >= onset).all(),
        "a note after the end": (offset <= piece.length_seconds).all(),
        "notes out of order": is_sorted,
        "a pitch": ((piece.pitch >= 0) & (piece.pitch <= 127)).all(),
        "a velocity": ((piece.velocity >= 1) & (piece.velocity <= 127)).all(),
    }
    return next((fault for fault, holds in checks.items() if not holds), None)


def convert_all(raw: Path, names: list[str], out: Path) -> dict[str, str]:
    """Runs `convert` on all files; those that it lost, or that its processes did not survive."""
    files = [(raw / name).read_bytes() for name in names]
    hashes = [hashlib.sha256(content).hexdigest() for content in files]
    manifest = pd.DataFrame({"file": names, "bytes": list(map(len, files)), "sha256": hashes})
    manifest.to_csv(raw / "manifest.csv", index=False)
    pd.DataFrame(columns=["file", "reason"]).to_csv(raw / "rejected.csv", index=False)
    workers = os.cpu_count() or 1
    began = time.perf_counter()
    params = {"dataset": "fuzz", "time": "seconds", "sustain_pedal": True}
    prepare.convert(params, raw, out, workers)
    rate = len(names) / (time.perf_counter() - began)
    rejected = pd.read_csv(out / "rejected.csv", keep_default_na=False)
    reasons = dict(zip(rejected["file"], rejected["reason"], strict=True))
    kept = set(load_notes(out / "notes.npz"))
    print(f"convert kept {len(kept)} and rejected {len(reasons)}, {rate:.0f} files a second")
    bad = ("failed (", "ended the process", "took longer", "needed more")
    failures = {name: reason for name, reason in reasons.items() if reason.startswith(bad)}
    lost = set(names) - kept - set(reasons)
    return failures | dict.fromkeys(lost, "neither kept nor rejected")


if __name__ == "__main__":
    sys.exit(main())
