"""Whether validation pieces are as long as the primers that are to be taken from them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from neuralmusic.files import InputError
from neuralmusic.jobs import corpus_of


def longest_primers(params: dict) -> dict[str, int]:
    """The steps of the longest primer that any model asks for, by encoded corpus; 0 of none."""
    found: dict[str, int] = {}
    for experiment in params["experiments"].values():
        entries = experiment["models"].values()  # of which a folder of MIDI files has no sampling
        asked = [entry["sampling"]["primer_steps"] for entry in entries if "sampling" in entry]
        corpus = corpus_of(experiment)
        found[corpus] = max([found.get(corpus, 0), *asked])
    return found


def check_encoded(
    params: dict, snapshots: Mapping[tuple[str, str], str], data: Path = Path("data")
) -> None:
    """Checks primers against the corpora that are encoded already, before any job runs.

    `snapshots` are the parameters of each job, as a file; a corpus that was made with others is
    yet to be made anew and says nothing. Raises InputError as `check_primers` does.
    """
    for corpus, steps in longest_primers(params).items():
        dataset = corpus.partition(".")[0]
        made = {
            ("fetch", dataset): data / "raw" / dataset,
            ("convert", dataset): data / "notes" / dataset,
            ("split", dataset): data / "splits" / dataset,
            ("encode", corpus): data / "encoded" / corpus,
        }
        if all(_same(Path(snapshots[job]), out / "params.json") for job, out in made.items()):
            check_primers(made["encode", corpus], steps, corpus)


def check_primers(encoded: Path, steps: int, corpus: str) -> None:
    """Raises InputError where no validation piece of an encoded corpus has so many steps."""
    try:
        with (encoded / "pieces.csv").open(newline="", encoding="utf-8") as file:
            lengths = [int(row["steps"]) for row in csv.DictReader(file) if row["split"] == "valid"]
    except (OSError, KeyError, ValueError):  # whoever reads it names what is wrong with it
        return
    if steps > max(lengths, default=0):
        raise InputError(
            f"sampling.primer_steps: {steps} is more than the {max(lengths, default=0)} steps of"
            f" the longest validation piece of {corpus}; lower it"
        )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False
