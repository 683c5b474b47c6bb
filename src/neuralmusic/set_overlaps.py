"""The overlaps of many sets by every measure, in several processes that share the sets' arrays."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from neuralmusic.measures.densities import Overlap, overlaps, same_pieces
from neuralmusic.piece_sets import PieceSet

CHUNKS = 4  # of the measures of a set, each a job of a process
WEIGHTS = "weights"  # in the file of this name; no measure is called so
# Each process that compares sets of more than FEW_PIECES takes some 300 MB.
FEW_PIECES, MOST_WORKERS = 2000, 4


@dataclass(frozen=True)
class Drawn:
    """A set with its resamples (B, N)."""

    pieces: PieceSet
    weights: np.ndarray


def overlaps_of(
    against: Sequence[tuple[Drawn, Drawn]], measures: Sequence[str], workers: int, seed: int
) -> list[dict[str, Overlap]]:
    """Of each pair of sets the overlap by every measure, in several processes."""
    parts = [measures[at::CHUNKS] for at in range(CHUNKS)]
    same = [same_pieces(*(of.pieces.digests for of in pair)) for pair in against]
    if workers == 1:
        found = [
            overlaps(
                {name: first.pieces.values[name] for name in part},
                {name: second.pieces.values[name] for name in part},
                first.weights,
                second.weights,
                same_of_pair,
                seed,
            )
            for (first, second), same_of_pair in zip(against, same, strict=True)
            for part in parts
        ]
    else:
        with TemporaryDirectory(prefix="neuralmusic") as folder:
            every = {id(of): of for pair in against for of in pair}
            stored = {key: Path(folder) / str(at) for at, key in enumerate(every)}
            for key, of in every.items():
                _store(of, measures, stored[key])
            jobs = [
                (*(stored[id(of)] for of in pair), part, same_of_pair, seed)
                for pair, same_of_pair in zip(against, same, strict=True)
                for part in parts
            ]
            most = max(len(of.pieces) for pair in against for of in pair)
            at_once = workers if most <= FEW_PIECES else min(workers, MOST_WORKERS)
            # Not threads: counting distances holds Python's lock.
            with ProcessPoolExecutor(at_once, mp_context=get_context("spawn")) as pool:
                found = list(pool.map(_stored_overlaps, *zip(*jobs, strict=True)))
    by_pair = [found[at : at + CHUNKS] for at in range(0, len(found), CHUNKS)]
    return [{name: of for part in parts for name, of in part.items()} for parts in by_pair]


def _store(of: Drawn, measures: Sequence[str], folder: Path) -> None:
    """Writes a set as arrays that processes share, however large they are."""
    folder.mkdir()
    for name in measures:
        np.save(folder / f"{name}.npy", of.pieces.values[name])
    np.save(folder / f"{WEIGHTS}.npy", of.weights)


def _stored_overlaps(
    first: Path, second: Path, measures: Sequence[str], same: np.ndarray, seed: int
) -> dict[str, Overlap]:
    """`overlaps` of two sets that were stored, in a process of its own."""

    def load(folder: Path, name: str) -> np.ndarray:
        return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))

    def measured(folder: Path) -> dict[str, np.ndarray]:
        return {name: load(folder, name) for name in measures}

    weights = load(first, WEIGHTS), load(second, WEIGHTS)
    return overlaps(measured(first), measured(second), *weights, same, seed)
