"""GiantMIDI-Piano: recordings of piano works that a network turned into MIDI."""

from __future__ import annotations

from pathlib import Path

from neuralmusic.datasets.brought import bring, is_midi, place
from neuralmusic.datasets.brought import fingerprint as fingerprint_of
from neuralmusic.datasets.source import BROUGHT, Source

ABOUT = Source(
    title="GiantMIDI-Piano: piano recordings, transcribed by a network",
    address="https://github.com/bytedance/GiantMIDI-Piano",
    licence="CC BY 4.0, and a disclaimer to agree to",
    citation=(
        "Kong, Li, Chen and Wang, GiantMIDI-Piano: A large-scale MIDI dataset for classical piano"
        " music, TISMIR 2022"
    ),
    size="193 MB; 10,854 files",
    obtained=BROUGHT,
    instructions=(
        "Read disclaimer.md at https://github.com/bytedance/GiantMIDI-Piano and download the MIDI"
        " archive (193 MB) from an address at its end. Then set datasets.giantmidi.path in"
        " params.yaml to the archive, as it is, or to the folder that it unpacks to."
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
