"""Where music comes from: one module a source, registered in DATASETS.

A source is a module with three names:

`ABOUT`        a `Source`: what it is, whose it is, how to cite it
`fingerprint`  settings -> dict: what, beside the settings, decides what `fetch` brings
`fetch`        (settings, folder, workers) -> {piece: reason}: puts MIDI files into the folder and
               returns what could not be had, and why

The settings are an entry of `datasets` in params.yaml.
"""

from neuralmusic.datasets import bhs_minor9, folder, music21_corpus, piano_e_competition

DATASETS = {
    "bhs_minor9": bhs_minor9,
    "folder": folder,
    "music21": music21_corpus,
    "piano_e_competition": piano_e_competition,
}
