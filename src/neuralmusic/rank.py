"""The models of an experiment held against its real pieces by every measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuralmusic.compare import REAL
from neuralmusic.comparison_frames import frames_of, write_frames
from neuralmusic.files import InputError
from neuralmusic.lengths import WHOLE, real_lengths
from neuralmusic.piece_sets import PieceSet, Reading, piece_set, read_sets, with_originality
from neuralmusic.prepare import PIECE_COLUMNS, load_encoded
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.set_comparison import compare_sets
from neuralmusic.stored import read_exact_csv


def rank(params: Mapping[str, Any], results: Path, encoded: Path, out: Path) -> None:
    """Writes the frames of a comparison of the runs' samples with `real` into `out`.

    The training pieces, as the representation has them, are what the samples may have copied; a
    real piece of the test split says what a piece that was never trained on shares with them.
    Samples are cut to the lengths of real pieces, and those shorter than the experiment's minimum
    left out, as in all tables: see `lengths`. Raises InputError naming a sample that cannot be
    read.
    """
    (experiment,) = params["experiments"]
    own = params["experiments"][experiment]
    learned = _training(own, encoded)
    folder = Path(results) / "samples" / experiment

    models = [model for model in own["models"] if model != REAL]
    runs = [run for model in models for run in own["runs"][model]]

    def read(names: Sequence[str], lengths: Sequence[float] = WHOLE) -> dict[str, PieceSet]:
        reading = Reading(params["time"], cut_seconds=lengths)
        found = read_sets({name: folder / name for name in names}, reading)
        return {name: whole(name, of) for name, of in found.items()}

    def whole(run: str, found: PieceSet) -> PieceSet:
        if found.rejected:
            file, reason = next(iter(found.rejected.items()))
            raise InputError(f"{folder / run / file}: {reason}; delete {folder / run}, run again")
        long_enough = [
            at for at, length in enumerate(found.length_seconds) if length >= own["min_seconds"]
        ]
        return with_originality(found.select(long_enough), learned)

    real, *others = read([REAL, *own.get("beside", ())]).values()
    made = read(runs, real_lengths(folder / REAL, own["min_seconds"]))
    sets = {model: [made[run] for run in own["runs"][model]] for model in models}
    beside = {of.name: [of] for of in others}
    found = compare_sets(real, sets, own["seed"], own["resamples"], beside=beside)
    write_frames(frames_of(found), out)


def _training(own: Mapping[str, Any], encoded: Path) -> PieceSet:
    """The training pieces, once each, decoded as the samples are."""
    settings = own["representation"]
    representation = REPRESENTATIONS[settings["name"]]
    stretches = read_exact_csv(encoded / "pieces.csv", PIECE_COLUMNS)
    is_plain = (stretches.loc[stretches["split"] == "train", "stretch"] == 1).to_numpy()
    found = load_encoded(encoded, "train")
    pieces = {
        name: representation.decode(
            steps, settings["steps_per_second"], own["max_note_seconds"], None
        ).notes
        for name, steps, plain in zip(found.names, found.pieces, is_plain, strict=True)
        if plain
    }
    return piece_set("training", pieces)
