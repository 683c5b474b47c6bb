"""Comparing sets: `compare` as it is used, and against the plain procedure of Yang & Lerch.

The plain procedure loops over the pairs of pieces, one distance at a time, and takes SciPy's
density of all of them and its quadrature, as their published code does; both get the same
measures of the same pieces, and their answers are held against each other.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.integrate import quad
from scipy.stats import entropy, gaussian_kde

from benchmarks.line import Line
from neuralmusic.estimate import resample_weights
from neuralmusic.measures.densities import overlap
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList
from neuralmusic.piece_sets import piece_set

FIVE = (
    "used_pitches",
    "pitch_range_semitones",
    "mean_ioi_seconds",
    "pitch_class_shares",
    "note_length_shares",
)
PIECES, PLAIN_PIECES = 500, 100
LIMIT_SECONDS = 20.0  # for PIECES against PIECES on two cores
RESAMPLES, ROUNDS = 1000, 2
ALIKE = 0.05  # the answers' difference: the plain procedure has a bandwidth for each density


def measure(params: dict) -> Iterator[Line]:
    """The plain procedure, then `compare` of folders of MIDI files and how it grows."""
    yield from against_plain(params["seed"])
    seconds = {}
    for pieces in (PIECES // 2, PIECES):
        seconds[pieces] = statistics.median(
            time_of_folders(pieces, params["seed"]) for _ in range(ROUNDS)
        )
    yield Line(
        f"comparing {PIECES} with {PIECES} MIDI files of a minute, {RESAMPLES} resamples,"
        " against the limit",
        seconds[PIECES],
        LIMIT_SECONDS,
        "seconds",
        LIMIT_SECONDS / seconds[PIECES],
    )
    yield Line(
        f"comparing half as many, whose pairs are a quarter ({os.cpu_count()} cores)",
        seconds[PIECES // 2],
        seconds[PIECES],
        "seconds",
        seconds[PIECES] / seconds[PIECES // 2],
    )


def against_plain(seed: int) -> Iterator[Line]:
    """Five measures of two sets: distances, densities, overlapped area and KL divergence."""
    generator = np.random.default_rng(seed)
    sets = [piece_set(name, drawn_pieces(PLAIN_PIECES, generator)) for name in ("real", "made")]
    none = np.zeros((0, 2), np.int64)
    began = time.perf_counter()
    plain = [plainly(*(of.values[m] for of in sets)) for m in FIVE]
    reference = time.perf_counter() - began
    for resamples in (0, RESAMPLES):
        weights = [resample_weights(seed, of.name, len(of), resamples) for of in sets]
        ours = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            found = [overlap(*(of.values[m] for of in sets), *weights, none) for m in FIVE]
            ours.append(time.perf_counter() - began)
        for name, own, (area, _) in zip(FIVE, found, plain, strict=True):
            if abs(own.overlap.value - area) > ALIKE:
                raise SystemExit(f"{name}: overlap {own.overlap.value:.4f}, plainly {area:.4f}")
        yield Line(
            f"five measures of {PLAIN_PIECES} with {PLAIN_PIECES} pieces"
            + (f", ours with {resamples} resamples" if resamples else ""),
            statistics.median(ours),
            reference,
            "seconds",
            reference / statistics.median(ours),
        )


def plainly(real: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Overlapped area and KL divergence as one would write them down."""
    intra = [
        np.linalg.norm(real[i] - real[j])
        for i in range(len(real))
        for j in range(len(real))
        if i != j
    ]
    inter = [np.linalg.norm(first - second) for first in real for second in other]
    first, second = gaussian_kde(intra), gaussian_kde(inter)
    grid = np.linspace(min(*intra, *inter), max(*intra, *inter), 1000)
    kl = float(entropy(first(grid), second(grid)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is not as exact as it would like to be
        area, _ = quad(lambda x: min(first(x)[0], second(x)[0]), grid[0], grid[-1])
    return area, kl


def drawn_pieces(count: int, generator: np.random.Generator) -> list[NoteList]:
    """Pieces of one minute and some 400 notes: walks over a scale, each in a key and tempo."""
    pieces = []
    for _ in range(count):
        notes = int(generator.integers(300, 500))
        onsets = np.sort(generator.integers(0, 480, notes)) / 8
        degrees = int(generator.integers(8, 30))
        walk = np.cumsum(generator.integers(-2, 3, notes)) % degrees
        scale = np.array([0, 2, 4, 5, 7, 9, 11])
        pitches = 48 + generator.integers(0, 12) + 12 * (walk // 7) + scale[walk % 7]
        lengths = generator.choice([0.125, 0.25, 0.5, 1.0], notes)
        velocities = generator.integers(40, 100, notes)
        rows = np.stack([onsets, onsets + lengths, pitches, velocities], axis=1)
        pieces.append(NoteList.of(rows, 62.0))
    return pieces


def time_of_folders(pieces: int, seed: int) -> float:
    """Seconds of the command from two folders of MIDI files to all that it says of them."""
    generator = np.random.default_rng([seed, pieces])
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / name for name in ("real", "made")]
        for place in places:
            for number, piece in enumerate(drawn_pieces(pieces, generator)):
                write_midi(place / f"{number:04d}.mid", piece)
        command = [sys.executable, "-m", "neuralmusic", "compare", *map(str, places)]
        command += ["--time", "beats", "--resamples", str(RESAMPLES), "--seed", str(seed)]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began
