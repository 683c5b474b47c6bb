"""`python -m benchmarks.comparing_memory N [M]`: peak memory and time of `compare` for many pieces.

Two folders of N and M small MIDI files (15 seconds, 60 notes; M is N without it) are compared as a
user would, all processes together. Memory is the proportional set size, in which what processes
share counts once; the sum of what each has resident is printed beside it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

NOTES, TICKS, TICKS_A_QUARTER = 60, 360, 12  # 15 seconds at 120 quarters a minute
END = b"\0\xff\x2f\0"
EVERY_SECONDS = 0.5
A_FOLDER = 1000  # files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pieces", type=int, help="of the reference")
    parser.add_argument("others", type=int, nargs="?", help="of the set that is compared")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    counts = {"real": options.pieces, "made": options.others or options.pieces}
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        for seed, (name, count) in enumerate(counts.items()):
            write_set(home / name, count, seed)
        command = [sys.executable, "-m", "neuralmusic", "compare"]
        command += [*(str(home / name) for name in counts), "--workers", str(options.workers)]
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            shared, resident = peak_of(process)
            assert process.stdout is not None
            said = process.stdout.read()
        seconds = time.perf_counter() - began
        if process.returncode:
            raise SystemExit(process.returncode)
    print("\n".join(said.splitlines()[:12]))
    print(
        f"{' and '.join(f'{count:,}' for count in counts.values())} pieces, {options.workers}"
        f" workers: peak {shared / 1e9:.2f} GB ({resident / 1e9:.2f} GB with what is shared counted"
        f" again), {seconds:.0f} s"
    )


def write_set(folder: Path, count: int, seed: int) -> None:
    """Pieces that walk up and down a scale, each in a key, register and tempo of its own."""
    generator = np.random.default_rng(seed)
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    for number in range(count):
        steps = np.cumsum(generator.integers(-2, 3, NOTES)) + generator.integers(10, 20 + 2 * seed)
        pitch = 36 + generator.integers(0, 12) + 12 * (steps // 7 % 5) + scale[steps % 7]
        onset = np.sort(generator.choice(TICKS, NOTES, replace=False))
        length = generator.choice([3, 6, 12], NOTES)
        velocity = generator.integers(40, 100, NOTES)
        path = folder / f"{number // A_FOLDER:03d}/{number:06d}.mid"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(midi_file(onset, length, pitch, velocity))


def midi_file(
    onset: np.ndarray, length: np.ndarray, pitch: np.ndarray, velocity: np.ndarray
) -> bytes:
    """A MIDI file of notes in ticks. The project's writer would take longer than the comparison."""
    ticks = np.concatenate([onset, onset + length])
    loud = np.concatenate([velocity, np.zeros(len(velocity), int)])
    order = np.lexsort((loud, ticks))
    waits = np.diff(ticks[order], prepend=0)  # all below 128, a byte each
    events = [np.minimum(waits, 127), np.full(len(order), 0x90), np.tile(pitch, 2)[order]]
    track = np.stack([*events, loud[order]], axis=1).astype(np.uint8).tobytes() + END
    header = (6).to_bytes(4) + (0).to_bytes(2) + (1).to_bytes(2) + TICKS_A_QUARTER.to_bytes(2)
    return b"MThd" + header + b"MTrk" + len(track).to_bytes(4) + track


def peak_of(process: subprocess.Popen) -> tuple[int, int]:
    """The most bytes that a process and all below it had at once: proportional, and resident."""
    shared = resident = 0
    while process.poll() is None:
        sizes = [sizes_of(one) for one in descendants(process.pid)]
        shared = max(shared, sum(of[0] for of in sizes))
        resident = max(resident, sum(of[1] for of in sizes))
        time.sleep(EVERY_SECONDS)
    return shared, resident


def descendants(process: int) -> list[int]:
    """A process and all that it started, by the system's list."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
        below.setdefault(parent, []).append(int(stat.parent.name))
    found = [process]
    for one in found:  # which grows meanwhile
        found += below.get(one, [])
    return found


def sizes_of(process: int) -> tuple[int, int]:
    """Proportional and resident bytes of a process, 0 of one that has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
    return sizes.get("Pss", 0), sizes.get("Rss", 0)


if __name__ == "__main__":
    main()
