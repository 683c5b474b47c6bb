"""The Largest MIDI Collection on the Internet: what people sequenced, of every kind and quality."""

from __future__ import annotations

from pathlib import Path

from neuralmusic.datasets.brought import bring, is_midi, place
from neuralmusic.datasets.brought import fingerprint as fingerprint_of
from neuralmusic.datasets.source import BROUGHT, Source

ABOUT = Source(
    title="The Largest MIDI Collection on the Internet: all genres, gathered by a Reddit user",
    address=(
        "https://www.reddit.com/r/WeAreTheMusicMakers/comments/3ajwe4/"
        "the_largest_midi_collection_on_the_internet/"
    ),
    licence="unknown: of many people, and often of copyrighted songs",
    citation="midi_man, The Largest MIDI Collection on the Internet, Reddit 2015",
    size="about 1 GB; about 130,000 files",
    obtained=BROUGHT,
    instructions=(
        "Download the collection from the link or torrent of the address (a zip or tar of about"
        " 130,000 MIDI files). Then set datasets.largest_midi_collection.path in params.yaml to"
        " it, as it is, or to the folder that it unpacks to. Archives inside the archive are not"
        " looked into: unpack those first."
    ),
)


def fingerprint(settings: dict) -> dict:
    """A hash of the name, size and time of what is brought."""
    return fingerprint_of(place(settings, ABOUT.instructions), is_midi)


def fetch(settings: dict, folder: Path, workers: int) -> dict[str, str]:
    """Takes the MIDI files from the archive or folder that the user brings.

    Raises InputError, with what to do, where there is none.
    """
    return bring(place(settings, ABOUT.instructions), folder, is_midi)
