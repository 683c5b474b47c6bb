"""Any folder, zip or tar of MIDI files that the user has, found recursively."""

from __future__ import annotations

from pathlib import Path

from neuralmusic.datasets.brought import bring, is_midi, place
from neuralmusic.datasets.brought import fingerprint as fingerprint_of
from neuralmusic.datasets.source import BROUGHT, Source

ABOUT = Source(
    title="The user's own MIDI files",
    address="datasets.<name>.path in params.yaml",
    licence="that of the files",
    citation="that of the files",
    size="any",
    obtained=BROUGHT,
    instructions="Set datasets.*.path in params.yaml to a folder, zip or tar of MIDI files.",
)


def fingerprint(settings: dict) -> dict:
    """A hash of names, sizes and times of the files, so that a changed folder is fetched again."""
    return fingerprint_of(place(settings, ABOUT.instructions), is_midi)


def fetch(settings: dict, folder: Path, workers: int) -> dict[str, str]:
    """Copies the MIDI files of `settings["path"]` with their relative names.

    Raises InputError where the path does not exist, cannot be read or holds no MIDI file.
    """
    return bring(place(settings, ABOUT.instructions), folder, is_midi)
