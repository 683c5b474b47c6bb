"""From a source to arrays: fetch, convert, split, encode.

Each writes one folder, and each knows only what the one before wrote.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from neuralmusic.datasets import DATASETS
from neuralmusic.files import InputError, write_csv, writing
from neuralmusic.midi import MidiError, read_midi
from neuralmusic.notes import NoteList, load_notes, save_notes
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.seeds import share

SPLITS = ("train", "valid", "test")


def fetch(params: dict, out: Path, workers: int) -> None:
    """Fills `out` with the dataset's MIDI files, manifest.csv and rejected.csv."""
    rejected = DATASETS[params["source"]].fetch(params, out, workers)
    files = sorted(
        p for p in out.rglob("*") if p.suffix.lower() in (".mid", ".midi") and p.is_file()
    )
    manifest = [(p.relative_to(out).as_posix(), p.stat().st_size, _sha256(p)) for p in files]
    write_csv(out / "manifest.csv", pd.DataFrame(manifest, columns=["file", "bytes", "sha256"]))
    _write_rejected(out, rejected)


def convert(params: dict, raw: Path, out: Path, workers: int) -> None:
    """Reads every MIDI file of `raw` into notes.npz; what cannot be read goes to rejected.csv.

    Exact copies (the same notes to the millisecond) are kept once, so that no piece can be on
    both sides of the split.
    Raises InputError where no file is left.
    """
    files = pd.read_csv(raw / "manifest.csv", keep_default_na=False)["file"].tolist()
    rejected = pd.read_csv(raw / "rejected.csv", keep_default_na=False)
    reasons = dict(zip(rejected["file"], rejected["reason"], strict=True))
    pieces: dict[str, NoteList] = {}
    seen: dict[str, str] = {}
    read = partial(_read, time=params["time"], sustain_pedal=params["sustain_pedal"])
    with ProcessPoolExecutor(workers) as pool:
        answers = pool.map(read, [raw / file for file in files], chunksize=16)
        progress = tqdm(answers, total=len(files), desc="reading MIDI", disable=None)
        for file, answer in zip(files, progress, strict=True):
            if isinstance(answer, str):
                reasons[file] = answer
            elif (digest := answer.digest()) in seen:
                reasons[file] = f"the same notes as {seen[digest]}"
            else:
                seen[digest] = file
                pieces[file] = answer
    if not pieces:
        examples = "; ".join(f"{file}: {reason}" for file, reason in list(reasons.items())[:3])
        raise InputError(f"no file of {params['dataset']} can be used: {examples}")
    save_notes(out / "notes.npz", pieces)
    _write_rejected(out, reasons)


def split(params: dict, notes: Path, out: Path) -> None:
    """Assigns each piece to train, valid or test by a hash of its name and the seed.

    Raises InputError where a part would be empty.
    """
    bounds = np.cumsum([params["split"][name] for name in SPLITS])
    names = list(load_notes(notes / "notes.npz"))
    parts = [_part(share(params["seed"], "split", name), bounds) for name in names]
    for part in SPLITS:
        if part not in parts:
            raise InputError(
                f"none of the {len(names)} pieces of {params['dataset']} falls into the {part}"
                " part; use more pieces, another seed or other shares under `split`"
            )
    write_csv(out / "split.csv", pd.DataFrame({"piece": names, "split": parts}))


def encode(params: dict, notes: Path, splits: Path, out: Path) -> None:
    """Writes every piece's classes, end to end, as classes.npy, and where each lies, pieces.csv."""
    settings = params["representation"]
    representation = REPRESENTATIONS[settings["name"]]
    pieces = load_notes(notes / "notes.npz")
    encoded = [
        representation.encode(piece, settings["steps_per_second"]) for piece in pieces.values()
    ]
    table = pd.read_csv(splits / "split.csv", keep_default_na=False)
    table["steps"] = [len(classes) for classes in encoded]
    table["start"] = table["steps"].cumsum() - table["steps"]
    table["length_seconds"] = [piece.length_seconds for piece in pieces.values()]
    with writing(out / "classes.npy", binary=True) as file:
        np.save(file, np.concatenate(encoded), allow_pickle=False)
    write_csv(out / "pieces.csv", table)


@dataclass(frozen=True)
class Encoded:
    """The encoded pieces of one split, in one representation."""

    names: list[str]
    classes: list[np.ndarray]  # one int16 array of shape (steps,) a piece
    length_seconds: list[float]


def load_encoded(folder: Path, part: str) -> Encoded:
    """The pieces of one split of what `encode` wrote."""
    classes = np.load(folder / "classes.npy", mmap_mode="r", allow_pickle=False)
    table = pd.read_csv(folder / "pieces.csv", keep_default_na=False)
    table = table[table["split"] == part]
    return Encoded(
        names=table["piece"].tolist(),
        classes=[
            np.asarray(classes[start : start + steps])
            for start, steps in zip(table["start"], table["steps"], strict=True)
        ],
        length_seconds=table["length_seconds"].tolist(),
    )


def _read(path: Path, time: str, sustain_pedal: bool) -> NoteList | str:
    try:
        return read_midi(path, time, sustain_pedal)
    except MidiError as error:
        return str(error)


def _part(at: float, bounds: np.ndarray) -> str:
    return SPLITS[min(int(np.searchsorted(bounds, at, side="right")), len(SPLITS) - 1)]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_rejected(out: Path, reasons: dict[str, str]) -> None:
    rows = sorted(reasons.items())
    write_csv(out / "rejected.csv", pd.DataFrame(rows, columns=["file", "reason"]))
