"""A comparison of sets as tables: for programs, for figures, and in files.

    measures.csv   one row a set and measure
    ranking.csv    one row a set, the nearest to the reference first, the reference's halves last
    pairs.csv      one row a measure and two sets: which is farther from the reference
    rejected.csv   files that could not be read
    silent.csv     pieces without a note, which count as such
    about.json     what was compared with what

Intervals are of 95 %, over pieces and, where a set has several runs, over these. Those of
differences, from the reference and between sets, are corrected for their number, as the p values
are: they exclude 0 where p_corrected is below 0.05, and there alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from neuralmusic.estimate import Estimate
from neuralmusic.files import to_json, write_csv, write_text
from neuralmusic.measures.registry import MEASURES
from neuralmusic.piece_sets import COPIED, PieceSet
from neuralmusic.set_comparison import FRECHET, Row, SetComparison, distance_of
from neuralmusic.stored import read_csv, read_json, reading

DISTANCE = "distance"  # how far a set is from the reference by a measure: see `distance_of`
COPIED_HEADINGS = {
    "longest_copied_notes": "copied, notes",
    "longest_copied_rhythm_notes": "copied with rhythm, notes",
}


def heading(measure: str) -> str:
    """A measure as people read it, with its unit."""
    return COPIED_HEADINGS[measure] if measure in COPIED else MEASURES[measure].heading


def decimals(measure: str) -> int:
    """With how many decimals a measure is printed."""
    return 1 if measure in COPIED else MEASURES[measure].decimals


@dataclass(frozen=True)
class Frames:
    """A comparison of sets, as it is read from its files."""

    reference: str
    sizes: Mapping[str, Sequence[int]]  # pieces of each run of each set, and of the reference
    in_frechet: Sequence[str]
    resamples: int
    measures: pd.DataFrame
    ranking: pd.DataFrame
    pairs: pd.DataFrame
    rejected: pd.DataFrame
    silent: pd.DataFrame
    beside: Sequence[str] = ()  # sets without a place

    @property
    def names(self) -> list[str]:
        """The sets that are compared, in their order."""
        return [name for name in self.sizes if name not in (self.reference, *self.beside)]

    def of(self, name: str) -> pd.DataFrame:
        """The rows of a set, by measure."""
        return self.measures[self.measures["set"] == name].set_index("measure")

    def standing(self, name: str) -> pd.Series:
        """The row of a set in the ranking; of the reference, that of its halves."""
        return self.ranking[self.ranking["set"] == name].iloc[0]


def frames_of(found: SetComparison) -> Frames:
    """The comparison as tables."""
    sizes = {found.reference.name: [len(found.reference)]}
    sizes |= {name: [len(run) for run in runs] for name, runs in _sets(found).items()}
    frames = {name: make(found) for name, make in FRAMES.items()}
    about = (found.reference.name, sizes, found.in_frechet, found.resamples)
    return Frames(*about, **frames, beside=list(found.beside))


def _sets(found: SetComparison) -> dict[str, Sequence[PieceSet]]:
    return {**found.sets, **found.beside}


def write_frames(frames: Frames, folder: Path) -> None:
    """Writes the files of the module's docstring."""
    for name in FRAMES:
        write_csv(folder / f"{name}.csv", getattr(frames, name))
    # As a list, since sorted keys would lose the order of the sets.
    about = _about(frames) | {"sizes": list(frames.sizes.items())}
    write_text(folder / "about.json", to_json(about))


def read_frames(folder: Path) -> Frames:
    """What `write_frames` wrote. Raises InputError where a file is missing or damaged."""
    path = Path(folder) / "about.json"
    about = read_json(path)
    with reading(path):
        about["sizes"] = dict(about["sizes"])
        if set(about) - {"beside"} != {"reference", "sizes", "in_frechet", "resamples"}:
            raise ValueError("it has other keys than it should")
    names = ["set", "measure", "first", "second", "remark", "file", "reason"]
    frames = {name: read_csv(Path(folder) / f"{name}.csv", names) for name in FRAMES}
    return Frames(**about, **frames)


def as_json(frames: Frames) -> dict[str, Any]:
    """The same as one value for a JSON file, with null where something is undefined."""
    tables = {
        name: json.loads(getattr(frames, name).to_json(orient="records", double_precision=10))
        for name in FRAMES
    }
    return _about(frames) | {"sets": frames.names} | tables


def _about(frames: Frames) -> dict[str, Any]:
    return {
        "reference": frames.reference,
        "sizes": {name: list(sizes) for name, sizes in frames.sizes.items()},
        "in_frechet": list(frames.in_frechet),
        "resamples": frames.resamples,
        **({"beside": list(frames.beside)} if frames.beside else {}),
    }


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    """An estimate in columns."""
    low, high = estimate.whole_interval()
    return {name: estimate.value, f"{name}_ci_low": low, f"{name}_ci_high": high}


def measures_frame(found: SetComparison) -> pd.DataFrame:
    """One row a set and measure, the reference first."""
    return pd.DataFrame([_record(row) for row in found.rows])


def _record(row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {"set": row.name, "measure": row.measure, "pieces": row.pieces}
    parts = {
        "mean": row.mean,
        "difference_sd": row.difference,
        "overlap": row.overlap,
        "kl_nats": row.kl,
    }
    for name, estimate in parts.items():
        record |= _columns(name, estimate)
    record[DISTANCE] = distance_of(row).value
    low, high = row.test.interval
    record |= {"difference_sd_ci_low": low, "difference_sd_ci_high": high}
    return record | {
        "p": row.test.p,
        "p_corrected": row.test.p_corrected,
        "remark": row.reason,
    }


def ranking_frame(found: SetComparison) -> pd.DataFrame:
    """One row a set, the nearest first; the last is the reference's halves."""
    rows = []
    for standing in found.standings:
        low, high = standing.places or (None, None)
        row: dict[str, Any] = {"set": standing.name, "place": standing.place}
        row |= {"best_place": low, "worst_place": high}
        row |= _columns(FRECHET, standing.frechet) | _columns("diversity_sd", standing.diversity)
        rows.append(row | {"remark": standing.reason})
    frame = pd.DataFrame(rows)
    for column in (
        "place",
        "best_place",
        "worst_place",
    ):  # whole numbers, some of which are missing
        frame[column] = pd.array(frame[column].tolist(), "Int64")
    return frame


def pairs_frame(found: SetComparison) -> pd.DataFrame:
    """One row a measure and two sets: how much farther from the reference the first is."""
    rows = []
    for pair in found.pairs:
        row = [pair.measure, pair.first, pair.second, pair.difference.value, *pair.test.interval]
        rows.append([*row, pair.test.p, pair.test.p_corrected])
    columns = ["measure", "first", "second", "difference", "ci_low", "ci_high", "p", "p_corrected"]
    return pd.DataFrame(rows, columns=columns)


def rejected_frame(found: SetComparison) -> pd.DataFrame:
    """Every file that could not be read, and why."""
    return _files(found, lambda of: of.rejected)


def silent_frame(found: SetComparison) -> pd.DataFrame:
    """Every piece without a note, and why it has none."""
    return _files(found, lambda of: of.silent)


def _files(found: SetComparison, reasons: Callable[[PieceSet], Mapping[str, str]]) -> pd.DataFrame:
    every = [found.reference, *(run for runs in _sets(found).values() for run in runs)]
    rows = [(of.name, file, why) for of in every for file, why in sorted(reasons(of).items())]
    return pd.DataFrame(rows, columns=["set", "file", "reason"])


FRAMES: dict[str, Callable[[SetComparison], pd.DataFrame]] = {
    "measures": measures_frame,
    "ranking": ranking_frame,
    "pairs": pairs_frame,
    "rejected": rejected_frame,
    "silent": silent_frame,
}
