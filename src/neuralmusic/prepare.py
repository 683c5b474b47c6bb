"""From MIDI files to arrays: convert, split, encode, after `fetch`.

Each writes one folder, and each knows only what the one before wrote.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
import pandas as pd
from tqdm import tqdm

from neuralmusic.datasets import grouped
from neuralmusic.files import InputError, write_csv, writing
from neuralmusic.groups import GROUPS, group_table, united
from neuralmusic.isolated import Failure, isolated_map
from neuralmusic.midi import read_packed
from neuralmusic.near_copies import near_copies
from neuralmusic.notes import NoteList, load_notes, writing_notes
from neuralmusic.representations import KEYS, REPRESENTATIONS
from neuralmusic.seeds import share
from neuralmusic.stored import Kind, damaged, open_array, read_exact_csv, reading

SPLITS = ("train", "valid", "test")
SECONDS_A_FILE = 60  # the largest file allowed takes ten
MANIFEST_COLUMNS = {"file": str, "bytes": int, "sha256": str}
REJECTED_COLUMNS = {"file": str, "reason": str}
# pieces.csv of an encoded corpus, and what steps.npy may hold: classes (T,) or bits (T, V).
PIECE_COLUMNS = {"piece": str, "split": str, "stretch": float, "steps": int, "start": int}
PIECE_COLUMNS |= {"length_seconds": float}
STEP_KINDS: list[Kind] = [(np.dtype(np.int16), 1), (np.dtype(np.uint8), 2)]
DIGEST_BYTES = 16  # of a piece's: so much is equal for no two pieces by chance


def convert(params: dict, raw: Path, out: Path, workers: int) -> None:
    """Reads every MIDI file of `raw` into notes.npz; what cannot be read goes to rejected.csv.

    Files are not trusted: each is read in a process that it may end, hang or fill. Memory does not
    grow with what is read, and the bytes do not depend on the number of `workers`.
    Exact copies (the same notes to the millisecond) are kept once, so that no piece can be on
    both sides of the split. An experiment has one dataset: several collections that are to be
    learned from together are one `folder`, and the copies between them are found.
    Raises InputError where no file is left.
    """
    files = _manifest(raw)
    reasons = read_rejected(raw)
    seen: dict[bytes, str] = {}
    read = partial(read_packed, raw, time=params["time"], sustain_pedal=params["sustain_pedal"])
    answers = isolated_map(read, files, workers, SECONDS_A_FILE)
    progress = tqdm(answers, total=len(files), desc="reading MIDI", disable=None)
    with writing_notes(out / "notes.npz") as append:
        for file, answer in zip(files, progress, strict=True):
            if isinstance(answer, Failure):
                reasons[file] = answer.reason
                continue
            digest = bytes.fromhex(answer.digest)[:DIGEST_BYTES]
            if digest in seen:
                reasons[file] = f"the same notes as {seen[digest]}"
            else:
                seen[digest] = file
                append(file, answer)
        if not seen:
            examples = "; ".join(f"{file}: {reason}" for file, reason in list(reasons.items())[:3])
            raise InputError(f"no file of {params['dataset']} can be used: {examples}")
    _write_rejected(out, reasons)
    for table in (grouped.OFFICIAL, grouped.GROUPS):  # what the source says of the split
        if (raw / table).exists():
            shutil.copyfile(raw / table, out / table)


def split(params: dict, notes: Path, out: Path) -> None:
    """Assigns each piece to train, valid or test by a hash of its name and the seed.

    Pieces of a group are in one part, by a hash of the group's name: near copies, those that the
    source says belong together, and those that `group_by` does. Where the parameters ask for the
    source's official split, it decides, but for pieces that it does not have. Pieces that belong
    together are listed in groups.csv, see `group_table`.
    Raises InputError where a part would be empty.
    """
    bounds = np.cumsum([params["split"][name] for name in SPLITS])
    pieces = load_notes(notes / "notes.npz")
    names = list(pieces)
    named = [
        grouped.read(notes, grouped.GROUPS),
        grouped.by_rule(names, params.get("group_by")),
    ]
    found = near_copies(pieces)
    groups = united(names, named, found)
    official = grouped.read(notes, grouped.OFFICIAL) if params.get("official") else {}
    of_group: dict[str, str] = {}  # where an official piece of each group is
    for name in names:
        if name in official:
            of_group.setdefault(groups[name], official[name])
    parts = {
        name: official.get(name)
        or of_group.get(groups[name])
        or _part(share(params["seed"], "split", groups[name]), bounds)
        for name in names
    }
    for part in SPLITS:
        if part not in parts.values():
            count = len(set(groups.values()))
            together = f", in {count} groups of pieces that belong together,"
            raise InputError(
                f"none of the {len(names)} pieces of {params['dataset']}"
                f"{together if count < len(names) else ''} falls into the {part} part; use more"
                " pieces, another seed or other shares under `split`"
            )
    split_table = pd.DataFrame({"piece": names, "split": [parts[name] for name in names]})
    write_csv(out / "split.csv", split_table)
    write_csv(out / GROUPS, group_table(parts, groups, named, found))


def encode(params: dict, notes: Path, splits: Path, out: Path) -> None:
    """Writes the steps of all pieces, end to end, as steps.npy, and where each lies, pieces.csv.

    A training piece is there once for each of the representation's `stretches`: augmentation comes
    after the split, so that no copy of a held-out piece is trained on. A piece with a note that the
    representation cannot hold is left out; rejected.csv, where there is one, names it.
    """
    settings = params["representation"]
    representation = REPRESENTATIONS[settings["name"]]
    rate = settings["steps_per_second"]
    pieces = load_notes(notes / "notes.npz")
    parts = read_parts(splits, pieces)
    rows = []
    reasons: dict[str, str] = {}
    with writing(out / "steps.npy", binary=True) as file, ArrayFile(file) as steps:
        for name, piece in pieces.items():
            if reason := _outside(piece, *KEYS.get(settings["name"], (0, 127))):
                reasons[name] = reason
                continue
            for stretch in settings["stretches"] if parts[name] == "train" else [1.0]:
                stretched = piece if stretch == 1 else piece.stretched(stretch)
                start = steps.length
                steps.append(representation.encode(stretched, rate))
                length = [steps.length - start, start, stretched.length_seconds]
                rows.append([name, parts[name], stretch, *length])
    write_csv(out / "pieces.csv", pd.DataFrame(rows, columns=list(PIECE_COLUMNS)))
    if reasons:
        _write_rejected(out, reasons)


class ArrayFile:
    """A .npy file that grows array by array, of any length in memory that is one array's."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.length = 0
        self.shape: tuple[int, ...] = ()  # of what is appended, without its length
        self.dtype = np.dtype(np.int16)

    def __enter__(self) -> ArrayFile:
        self._write_header()
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.seek(0)
        self._write_header()

    def append(self, array: np.ndarray) -> None:
        """Adds an array of the dtype and shape, but for the length, of those before."""
        if not self.length:
            self.dtype, self.shape = array.dtype, array.shape[1:]
            self.file.seek(0)
            self._write_header()
        self.file.write(np.ascontiguousarray(array).tobytes())
        self.length += len(array)

    def _write_header(self) -> None:
        # NumPy leaves room in it for the length to grow.
        descr = np.lib.format.dtype_to_descr(self.dtype)
        header = {"descr": descr, "fortran_order": False, "shape": (self.length, *self.shape)}
        np.lib.format.write_array_header_1_0(self.file, header)


@dataclass(frozen=True)
class Encoded:
    """The encoded pieces of one split, in one representation."""

    names: list[str]
    pieces: list[np.ndarray]  # views of the file: int16 (T,) or uint8 (T, V) a piece
    length_seconds: list[float]


def load_encoded(folder: Path, part: str) -> Encoded:
    """The pieces of one split of what `encode` wrote; of train, all stretched copies.

    The steps stay in their file and are read when they are used.
    Raises InputError where a file is damaged, or the two do not belong together.
    """
    steps = open_array(folder / "steps.npy", STEP_KINDS)
    path = folder / "pieces.csv"
    table = read_exact_csv(path, PIECE_COLUMNS)
    counts = table["steps"].to_numpy()
    total = counts.sum(dtype=np.float64)  # which does not overflow
    if total != len(steps) or (table["start"] != np.cumsum(counts) - counts).any():
        raise damaged(path, f"its pieces are not those of the {len(steps)} steps in steps.npy")
    table = table[table["split"] == part]
    return Encoded(
        names=table["piece"].tolist(),
        pieces=[
            np.asarray(steps[start : start + length])
            for start, length in zip(table["start"], table["steps"], strict=True)
        ],
        length_seconds=table["length_seconds"].tolist(),
    )


def read_rejected(folder: Path) -> dict[str, str]:
    """What could not be used, and why, as `fetch` and `convert` wrote it."""
    table = read_exact_csv(folder / "rejected.csv", REJECTED_COLUMNS)
    return dict(zip(table["file"], table["reason"], strict=True))


def read_parts(splits: Path, pieces: Collection[str]) -> dict[str, str]:
    """The part of each of the pieces: train, valid or test.

    Raises InputError where the split is damaged, or of other pieces.
    """
    path = splits / "split.csv"
    table = read_exact_csv(path, {"piece": str, "split": str})
    if table["piece"].tolist() != list(pieces):
        raise damaged(path, "it is not of the pieces in notes.npz")
    if not table["split"].isin(SPLITS).all():
        raise damaged(path, f"a part is none of {', '.join(SPLITS)}")
    return dict(zip(table["piece"], table["split"], strict=True))


def _manifest(raw: Path) -> list[str]:
    """The files that `fetch` brought, all of which are there as they were."""
    path = raw / "manifest.csv"
    table = read_exact_csv(path, MANIFEST_COLUMNS)
    for file, size in zip(table["file"], table["bytes"], strict=True):
        at = PurePosixPath(file)
        with reading(path):
            if at.is_absolute() or ".." in at.parts:
                raise ValueError(f"{file!r} is outside of the folder")
            try:
                found = (raw / file).lstat().st_size
            except FileNotFoundError:
                raise ValueError(f"{file!r} is not there") from None
            if found != size:
                raise ValueError(f"{file!r} has not its {size} bytes")
    return table["file"].tolist()


def _outside(piece: NoteList, lowest: int, highest: int) -> str | None:
    """Why a representation of these pitches cannot hold a piece, if it cannot."""
    outside = int(((piece.pitch < lowest) | (piece.pitch > highest)).sum())
    if not outside:
        return None
    if outside == len(piece):
        return f"no note within the range of the representation ({lowest} to {highest})"
    return (
        "notes outside the range of the representation"
        f" ({outside} of {len(piece)} are not in {lowest} to {highest})"
    )


def _part(at: float, bounds: np.ndarray) -> str:
    return SPLITS[min(int(np.searchsorted(bounds, at, side="right")), len(SPLITS) - 1)]


def _write_rejected(out: Path, reasons: dict[str, str]) -> None:
    rows = sorted(reasons.items())
    write_csv(out / "rejected.csv", pd.DataFrame(rows, columns=list(REJECTED_COLUMNS)))
