"""What a corpus is, in numbers: one row a piece, one row a part of the split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.measures.pitch import PITCHES, highest_pitch, lowest_pitch, pitch_counts
from neuralmusic.measures.polyphony import sounding
from neuralmusic.measures.rhythm import median_ioi_seconds
from neuralmusic.notes import NoteList
from neuralmusic.tempo import Tempo

PARTS = ("train", "valid", "test")
ALL = "all"
WHOLE = ("lowest_pitch", "highest_pitch", "tempo_changes")  # numbers that may be missing


@dataclass(frozen=True)
class Description:
    """A corpus: its pieces, how often each MIDI pitch begins, and what was rejected by kind."""

    dataset: str
    is_in_beats: bool  # times follow the score, a quarter being half a second, not the file's tempo
    pieces: pd.DataFrame  # see `piece_row`
    pitch_counts: np.ndarray  # int64 (128,)
    rejected: pd.DataFrame  # see `rejected.by_kind`
    groups: pd.DataFrame = field(default_factory=pd.DataFrame)  # see `groups.group_table`
    losses: pd.DataFrame = field(default_factory=pd.DataFrame)  # see `representation_losses`

    @property
    def summary(self) -> pd.DataFrame:
        """One row a part: train, valid, test, and all."""
        parts = [self.pieces[self.pieces["split"] == part] for part in PARTS]
        named = zip((*PARTS, ALL), (*parts, self.pieces), strict=True)
        return _whole_numbers(pd.DataFrame([part_row(n, of, self.pieces) for n, of in named]))

    @property
    def rejected_count(self) -> int:
        return int(self.rejected["files"].sum())


def measured(
    notes: Iterable[tuple[str, NoteList]],
    parts: Mapping[str, str],
    tempos: Mapping[str, Tempo | None],
) -> tuple[pd.DataFrame, np.ndarray]:
    """A row of every named piece, and the onsets of every MIDI pitch in all of them, (128,).

    `parts` says which part of the split a piece is in, `tempos` what its file says of its tempo.
    """
    counts = np.zeros(PITCHES, dtype=np.int64)
    rows = []
    for name, piece in notes:
        counts += pitch_counts(piece)
        rows.append(piece_row(name, parts.get(name, ""), piece, tempos.get(name)))
    return _whole_numbers(pd.DataFrame(rows)), counts


def piece_row(name: str, part: str, piece: NoteList, tempo: Tempo | None) -> dict[str, Any]:
    """The measures of one piece, by column name; None where undefined.

    `polyphony` is the mean number of notes that sound while any does, for `sounding_seconds`;
    `several_share` is the share of these in which more than one does; `tempo` is in quarters a
    minute, the mean over the file's time.
    """
    seconds, sounds = float(piece.length_seconds), sounding(piece)
    return {
        "piece": name,
        "split": part,
        "length_seconds": seconds,
        "notes": len(piece),
        "lowest_pitch": lowest_pitch(piece),
        "highest_pitch": highest_pitch(piece),
        "notes_per_second": len(piece) / seconds if seconds > 0 else None,
        "sounding_seconds": sounds.any_seconds,
        "polyphony": sounds.polyphony,
        "several_share": sounds.several_share,
        "median_ioi_seconds": median_ioi_seconds(piece),
        "tempo": tempo.quarters_per_minute if tempo else None,
        "tempo_changes": tempo.changes if tempo else None,
        "tempo_stated": ("yes" if tempo.is_stated else "no") if tempo else "",
    }


def part_row(name: str, part: pd.DataFrame, every: pd.DataFrame) -> dict[str, Any]:
    """The measures of some pieces together, of which `every` is the whole corpus.

    Rates are of the part as one long piece, so that longer pieces count for more; medians and
    quartiles are over pieces. NaN where undefined.
    """
    seconds, sounds = part["length_seconds"].sum(), part["sounding_seconds"].sum()
    numbers = part.astype(dict.fromkeys(MEASURES, float))
    length, tempo = numbers["length_seconds"], numbers["tempo"]
    return {
        "part": name,
        "pieces": len(part),
        "pieces_share": _ratio(len(part), len(every)),
        "hours": seconds / 3600,
        "hours_share": _ratio(seconds, every["length_seconds"].sum()),
        "notes": int(part["notes"].sum()),
        "notes_per_second": _ratio(part["notes"].sum(), seconds),
        "length_q25_seconds": length.quantile(0.25),
        "length_median_seconds": length.median(),
        "length_q75_seconds": length.quantile(0.75),
        "lowest_pitch": numbers["lowest_pitch"].min(),
        "highest_pitch": numbers["highest_pitch"].max(),
        "polyphony": _ratio((numbers["polyphony"] * part["sounding_seconds"]).sum(), sounds),
        "several_share": _ratio(
            (numbers["several_share"] * part["sounding_seconds"]).sum(), sounds
        ),
        "median_ioi_seconds": numbers["median_ioi_seconds"].median(),
        "tempo_low": tempo.min(),
        "tempo_median": tempo.median(),
        "tempo_high": tempo.max(),
        "tempo_changing": int((numbers["tempo_changes"] > 0).sum()),
        "tempo_unstated": int((part["tempo_stated"] == "no").sum()),
        "tempo_unknown": int(tempo.isna().sum()),
    }


MEASURES = (
    *("length_seconds", "lowest_pitch", "highest_pitch", "polyphony", "several_share"),
    *("median_ioi_seconds", "tempo", "tempo_changes"),
)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _whole_numbers(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype({c: "Int64" for c in WHOLE if c in table.columns})
