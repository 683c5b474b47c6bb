"""Where music comes from: one module a source, registered in DATASETS.

A source is a module with these names:

`ABOUT`        a `Source`: what it is, whose it is, how to cite it
`fingerprint`  settings -> dict: what, beside the settings, decides what `fetch` brings
`fetch`        (settings, folder, workers) -> {piece: reason}: puts MIDI files into the folder and
               returns what could not be had, and why; it may leave an official split and groups
               of files beside them, see `grouped`
`cached`       settings -> bool: whether what would be downloaded is here; only of such sources

The settings are an entry of `datasets` in params.yaml, and `dataset`, its name there.
"""

from neuralmusic.datasets import (
    asap,
    bhs_minor9,
    folder,
    giantmidi,
    jsb_chorales,
    largest_midi_collection,
    maestro,
    music21_corpus,
    piano_e_competition,
    theorytab,
)

DATASETS = {
    "asap": asap,
    "bhs_minor9": bhs_minor9,
    "folder": folder,
    "giantmidi": giantmidi,
    "jsb_chorales": jsb_chorales,
    "largest_midi_collection": largest_midi_collection,
    "maestro": maestro,
    "music21": music21_corpus,
    "piano_e_competition": piano_e_competition,
    "theorytab": theorytab,
}
