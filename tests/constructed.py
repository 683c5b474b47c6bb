"""Result folders made by hand, so that what tables and claims must say of them is known."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic import jobs
from neuralmusic.compare import PER_MINUTE, MetricSet, Resampled
from neuralmusic.estimate import resample_weights
from neuralmusic.evaluate import PITCH_COLUMNS, TRANSITION_COLUMNS, piece_row
from neuralmusic.files import write_csv, write_text
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList

RECURRENT = ["basic", "emb", "attn", "attn_res", "attn_res_emb"]
MODELS = [*RECURRENT, "markov"]
PITCHES = np.arange(60, 72)  # what a constructed piece plays: one octave
# Of every experiment: its dataset, representation, steps a second, pieces, and whose models.
EXPERIMENTS: dict[str, tuple[str, str, int, int, str | None]] = {
    "monophonic": ("tunes", "melody", 8, 500, None),
    "polyphonic_events": ("chorales", "events", 100, 200, None),
    "polyphonic_pianoroll": ("chorales", "pianoroll", 8, 200, None),
    "polyphonic_grammar": ("chorales", "events", 100, 200, "polyphonic_events"),
    "attention": ("chorales", "events", 100, 200, None),
}


def runs_of(models: Sequence[str], seeds: int, folders: Sequence[str] = ()) -> dict[str, list[str]]:
    """The runs of every model, the counted one and folders of MIDI files having one."""
    families = {"markov": "markov"} | dict.fromkeys(folders, "folder")
    settings = {"models": {m: {"family": families.get(m, "rnn")} for m in models}, "seeds": seeds}
    return {model: jobs.runs_of(settings, model) for model in models}


def params(
    models: Sequence[str] = MODELS,
    *,
    experiment: str = "monophonic",
    seeds: int = 1,
    **changed: Any,
) -> dict:
    """A job's parameters, of one experiment."""
    dataset, representation, rate, pieces, weights_of = EXPERIMENTS[experiment]
    own = {
        "dataset": dataset,
        "models": list(models),
        "runs": runs_of(models, seeds, changed.get("folders", ())),
        "probed": [m for m in models if experiment == jobs.ATTENTION and m != "markov"],
        "pieces": pieces,
        "sample_seconds": 60,
        "representation": {
            "name": representation,
            "steps_per_second": rate,
            "stretches": [1.0],
        },
        "window_steps": 128,
        "max_note_seconds": 10,
        "weights_of": weights_of,
        "seed": 2021,
        "min_seconds": 20,
        "resamples": 200,
    }
    return {"experiments": {experiment: own | changed}}


def together(*several: dict) -> dict:
    """The parameters of a job of several experiments."""
    return {"experiments": {k: v for one in several for k, v in one["experiments"].items()}}


def table_params(table: str, models: Sequence[str] = MODELS, **changed: Any) -> dict:
    """The parameters of the job of a table, all experiments being there."""
    every = together(*(params(models, experiment=e, **changed) for e in EXPERIMENTS))
    names = jobs.experiments_of(table, every)
    return {"experiments": {name: every["experiments"][name] for name in names}}


def melody(pitches: Sequence[int] | np.ndarray, length_seconds: float = 60.0) -> NoteList:
    """One note after the other, a quarter of a second each."""
    onsets = np.arange(len(pitches)) * 0.25
    rows = [(t, t + 0.25, int(p), 80) for t, p in zip(onsets, pitches, strict=True)]
    return NoteList.of(rows, length_seconds)


def drawn(
    seed: int, pieces: int, tilt: float = 0.0, notes: int = 60, spread: float = 30.0
) -> list[NoteList]:
    """Pieces of drawn pitches; `tilt` prefers the higher ones, a small `spread` differs more."""
    generator = np.random.default_rng(seed)
    base = np.exp(tilt * np.linspace(-1, 1, len(PITCHES)))
    shares = generator.dirichlet(spread * base / base.sum(), pieces)
    return [melody(generator.choice(PITCHES, notes, p=share)) for share in shares]


def metric_set(pieces: Sequence[NoteList], name: str = "made") -> MetricSet:
    """The pieces as `load_metrics` gives them."""
    rows = [piece_row(f"{i:04d}.mid", piece) for i, piece in enumerate(pieces)]
    length = np.array([row["length_seconds"] for row in rows])
    notes = np.array([row["notes"] for row in rows], float)
    return MetricSet(
        name=name,
        files=tuple(row["file"] for row in rows),
        length_seconds=length,
        pitch_counts=_table(rows, PITCH_COLUMNS),
        transition_counts=_table(rows, TRANSITION_COLUMNS),
        notes=notes,
        stuck_notes=np.zeros(len(rows)),
        character={PER_MINUTE: notes * 60 / length},
        left_out=0,
    )


def _table(rows: list[dict], columns: list[str]) -> np.ndarray:
    return np.array([[row[c] for c in columns] for row in rows], float).reshape(-1, len(columns))


def resampled(pieces: Sequence[NoteList], label: str = "made", resamples: int = 200) -> Resampled:
    """The pieces with resamples."""
    return Resampled(metric_set(pieces, label), resample_weights(1, label, len(pieces), resamples))


def write_metrics(
    results: Path,
    model: str,
    pieces: Sequence[NoteList],
    *,
    experiment: str = "monophonic",
    stuck: Sequence[int | None] | None = None,
) -> None:
    """A metrics folder; `stuck` has the stuck notes of every piece, None where not counted."""
    path = results / "metrics" / experiment / model / "pieces.csv"
    write_text(path, _csv(pieces, stuck))


def _csv(pieces: Sequence[NoteList], stuck: Sequence[int | None] | None = None) -> str:
    stuck = [0] * len(pieces) if stuck is None else stuck
    rows = [
        {**piece_row(f"{i:04d}.mid", piece), "stuck_notes": of}
        for i, (piece, of) in enumerate(zip(pieces, stuck, strict=True))
    ]
    return pd.DataFrame(rows).to_csv(index=False, float_format="%.6g")


@functools.cache
def _drawn_csv(seed: int, pieces: int, tilt: float) -> str:
    return _csv(drawn(seed, pieces, tilt))


def write_all_metrics(
    results: Path,
    tilts: dict[str, float],
    pieces: int = 40,
    *,
    experiment: str = "monophonic",
) -> None:
    """Every model's pieces tilted by its number against `real`, which has tilt 0."""
    folder = results / "metrics" / experiment
    write_text(folder / "real" / "pieces.csv", _drawn_csv(1000, pieces, 0.0))
    for index, (model, tilt) in enumerate(tilts.items()):
        write_text(folder / model / "pieces.csv", _drawn_csv(index, pieces, tilt))


def write_heldout(
    results: Path, model: str, nll_nats: Sequence[float], *, experiment: str = "monophonic"
) -> None:
    """A score: piece i has 100 + i steps of an eighth of a second."""
    steps = 100 + np.arange(len(nll_nats))
    table = {"piece": [f"piece {i}" for i in range(len(nll_nats))], "steps": steps}
    table |= {"length_seconds": steps / 8, "nll_nats": np.asarray(nll_nats)}
    path = results / "scores" / experiment / model / "heldout.csv"
    write_csv(path, pd.DataFrame(table))


def write_validation(
    results: Path, model: str, losses: np.ndarray, *, experiment: str = "monophonic"
) -> None:
    """Losses a step, (epochs, pieces); every piece has 100 steps."""
    rows = [
        (epoch + 1, f"piece {piece}", 100, 100 * loss)
        for epoch, of_epoch in enumerate(losses)
        for piece, loss in enumerate(of_epoch)
    ]
    frame = pd.DataFrame(rows, columns=["epoch", "piece", "steps", "nll_nats"])
    write_csv(results / "models" / experiment / model / "validation.csv", frame)


def write_note_ends(
    results: Path,
    experiment: str,
    model: str,
    rows: Sequence[tuple[Any, ...]],
    at: Sequence[tuple[float, int]] | None = None,
) -> None:
    """How sampled notes ended: (file, age_steps, stuck), or with turned_off, else `not stuck`.

    A note is stuck and turned off where it was turned off after the longest time allowed. `at`
    has the onset and pitch of each.
    """
    whole = [row if len(row) == 4 else (*row, 1 - row[2]) for row in rows]
    frame = pd.DataFrame(whole, columns=["file", "age_steps", "stuck", "turned_off"])
    which = pd.DataFrame(at or [(0.0, 60)] * len(rows), columns=["onset_seconds", "pitch"])
    frame = pd.concat([frame[["file"]], which, frame.drop(columns="file")], axis=1)
    folder = results / "samples" / experiment
    write_csv(folder / model / "note_ends.csv", frame)
    if not (folder / "real").exists():  # as far as which notes count
        write_midi(folder / "real" / "0000.mid", melody([60]))


def random_piece(seed: int, low: int = 0, high: int = 128, notes: int = 60) -> NoteList:
    """Overlapping notes at any time, of any length, also of one key at once."""
    generator = np.random.default_rng(seed)
    onsets = generator.uniform(0, 20, notes)
    lengths = generator.exponential(0.4, notes)
    pitches = generator.integers(low, high, notes)
    velocities = generator.integers(1, 128, notes)
    rows = zip(onsets, onsets + lengths, pitches, velocities, strict=True)
    return NoteList.of(list(rows), generator.uniform(18, 30))
