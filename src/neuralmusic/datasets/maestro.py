"""MAESTRO: piano performances of the International Piano-e-Competition, as MIDI."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from neuralmusic.datasets import grouped
from neuralmusic.datasets.archive import extract
from neuralmusic.datasets.brought import is_midi
from neuralmusic.datasets.download import download, downloaded
from neuralmusic.datasets.source import DOWNLOADED, Source
from neuralmusic.files import InputError

ADDRESS = (
    "https://storage.googleapis.com/magentadata/datasets/maestro/v3.0.0/maestro-v3.0.0-midi.zip"
)
SHA256 = "70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c"
TABLE = "maestro-v3.0.0.csv"
ABOUT = Source(
    title="MAESTRO 3.0.0: performances of the International Piano-e-Competition",
    address=ADDRESS,
    licence="CC BY-NC-SA 4.0",
    citation=(
        "Hawthorne et al., Enabling Factorized Piano Music Modeling and Generation with the MAESTRO"
        " Dataset, ICLR 2019"
    ),
    size="58 MB; 1,276 performances, 200 hours",
    obtained=DOWNLOADED,
    instructions=(
        "Nothing to do with a network; without one, put the file of the address at"
        " .downloads/maestro-v3.0.0-midi.zip."
    ),
    sha256=SHA256,
    split="962 train, 137 valid, 177 test",
)
PARTS = {"train": "train", "validation": "valid", "test": "test"}


def fingerprint(settings: dict) -> dict:
    """The checksum of the one file there is."""
    return {"sha256": SHA256}


def cached(settings: dict) -> bool:
    """Whether the file is here already."""
    return downloaded(ADDRESS).exists()


def fetch(settings: dict, folder: Path, workers: int) -> dict[str, str]:
    """Unpacks the performances, with the official split and what composition each is of.

    Raises InputError where the file cannot be had, or is not the one that it should be.
    """
    path = download(ADDRESS, SHA256)
    rejected = extract(path, folder, lambda name: is_midi(name) or _is_table(name))
    table = next((p for p in sorted(folder.rglob(TABLE))), None)
    if table is None:
        raise InputError(f"{path} has no {TABLE}, which says how MAESTRO is split")
    home = table.parent.relative_to(folder)
    columns = {"midi_filename", "split", "canonical_composer", "canonical_title"}
    parts, groups = {}, {}
    for row in grouped.rows_of(table, columns):
        file = (home / row["midi_filename"]).as_posix()
        if row["split"] not in PARTS:
            raise InputError(f"{TABLE}: {row['split']!r} is no part of MAESTRO's split")
        parts[file] = PARTS[row["split"]]
        groups[file] = f"{row['canonical_composer']}/{row['canonical_title']}"
    grouped.write_official(folder, parts)
    grouped.write_groups(folder, groups)
    return rejected


def _is_table(name: str) -> bool:
    return PurePosixPath(name).name == TABLE
