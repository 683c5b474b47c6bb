"""Songs of Hooktheory's TheoryTab as files that the user has: melodies and chords."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

from neuralmusic.datasets import grouped
from neuralmusic.datasets.brought import bring, place
from neuralmusic.datasets.brought import fingerprint as fingerprint_of
from neuralmusic.datasets.source import BROUGHT, Source
from neuralmusic.datasets.theorytab_song import SongError, read_song
from neuralmusic.files import InputError
from neuralmusic.midi_writing import write_midi

MAX_NAME_BYTES = 200  # of a file, which gets longer while it is written
ABOUT = Source(
    title="TheoryTab: melodies and chords of songs, written down by Hooktheory's users",
    address="https://www.hooktheory.com/theorytab",
    licence="Hooktheory's terms of use; the songs are their owners'",
    citation="Hooktheory, TheoryTab; files as of Yeh et al., Lead Sheet Dataset, 2019",
    size="about 20,000 sections of songs, by what is brought",
    obtained=BROUGHT,
    instructions=(
        "Put TheoryTab songs that you may use, one section a file, in XML or JSON, into a folder,"
        " zip or tar: for instance the folder datasets/xml of the Lead Sheet Dataset. Of files in"
        " artist/song/section.xml, a song's sections stay in one part of the split. Then set"
        " datasets.theorytab.path in params.yaml to it."
    ),
)


def fingerprint(settings: dict) -> dict:
    """A hash of the names, sizes and times of what is brought."""
    return fingerprint_of(place(settings, ABOUT.instructions), _is_song)


def fetch(settings: dict, folder: Path, workers: int) -> dict[str, str]:
    """Writes each song as one MIDI file; what is not understood is rejected with a reason.

    Raises InputError, with what to do, where nothing is brought or nothing of it is understood.
    """
    path = place(settings, ABOUT.instructions)
    groups = {}
    with tempfile.TemporaryDirectory(prefix=".songs.", dir=folder) as brought:
        rejected = bring(path, Path(brought), _is_song)
        for file in sorted(p for p in Path(brought).rglob("*") if p.is_file()):
            name = file.relative_to(brought).as_posix()
            try:
                notes = read_song(file.read_bytes())
            except SongError as error:
                rejected[name] = str(error)
                continue
            target = f"{name}.mid"  # a song in two formats makes two files
            if len(file.name.encode()) > MAX_NAME_BYTES:
                rejected[name] = "its name is too long"
                continue
            write_midi(folder / target, notes)
            groups[target] = _song_of(name)
    if not groups:
        examples = "; ".join(f"{name}: {why}" for name, why in sorted(rejected.items())[:3])
        raise InputError(f"no file of {path} is a song that can be read: {examples}")
    grouped.write_groups(folder, groups)
    return rejected


def _is_song(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in (".xml", ".json")


def _song_of(name: str) -> str:
    """What a section is a part of: its folder, where that lies in another, as artist/song does."""
    home = PurePosixPath(name).parent
    return str(home) if len(home.parts) >= 2 else name
