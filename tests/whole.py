"""A small but whole results folder, made by hand: all that figures and the report are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.numpy

from neuralmusic.comparison_frames import frames_of, write_frames
from neuralmusic.files import write_csv, write_text
from neuralmusic.groups import GROUPS, NUMBERS, TEXTS
from neuralmusic.jobs import ATTENTION
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList, save_notes
from neuralmusic.piece_sets import piece_set, with_originality
from neuralmusic.set_comparison import compare_sets
from tests.constructed import (
    EXPERIMENTS,
    MODELS,
    drawn,
    melody,
    runs_of,
    write_heldout,
    write_metrics,
    write_note_ends,
    write_validation,
)
from tests.probed import write_probe

SILENCE = NoteList.of([], 60.0)
ONE_NOTE = melody([64])
SAMPLED = 2  # pieces of a set that are there as MIDI files


def in_octaves(piece: NoteList) -> NoteList:
    """A piece with every note doubled an octave below."""
    columns = (piece.onset_seconds, piece.offset_seconds, piece.pitch, piece.velocity)
    table = np.stack(columns, axis=1)
    return NoteList.of(np.concatenate([table, table - [0, 0, 12, 0]]), piece.length_seconds)


def write_log(
    results: Path, model: str, losses: Sequence[float], *, experiment: str = "monophonic"
) -> None:
    """A training of one epoch a loss."""
    epochs = np.arange(1, len(losses) + 1)
    table = {"step": 100 * epochs, "epoch": epochs, "train_loss": np.asarray(losses) + 0.1}
    table |= {"valid_loss": losses, "tokens": 9000 * epochs, "seconds": 0.37 * epochs}
    folder = results / "models" / experiment / model
    write_csv(folder / "log.csv", pd.DataFrame(table))
    weights = {"dense": np.zeros((7, 11), dtype=np.float32), "bias": np.zeros(3, dtype=np.float32)}
    (folder / "weights.safetensors").write_bytes(safetensors.numpy.save(weights))


def write_pieces(
    results: Path,
    model: str,
    pieces: Sequence[NoteList],
    *,
    experiment: str = "monophonic",
    stuck_every: int | None = None,
) -> None:
    """A set of pieces: the first two as samples, all as metrics.

    Note number i of a piece is i + 1 steps old; the first and each `stuck_every`-th after is stuck.
    """
    stuck = [
        [int(bool(stuck_every) and i % stuck_every == 0) for i in range(len(p))] for p in pieces
    ]
    write_metrics(results, model, pieces, experiment=experiment, stuck=list(map(sum, stuck)))
    folder = results / "samples" / experiment / model
    rows, ends, at = [], [], []
    for index, (piece, of_piece) in enumerate(zip(pieces[:SAMPLED], stuck, strict=False)):
        file = f"{index:04d}.mid"
        write_midi(folder / file, piece)
        rows.append([file, f"tune {index}.mid", 0, 480, len(piece), sum(of_piece)])
        ends += [(file, i + 1, of) for i, of in enumerate(of_piece)]
        at += list(zip(piece.onset_seconds.tolist(), piece.pitch.tolist(), strict=True))
    columns = ["file", "primer_piece", "primer_start_step", "steps", "notes", "stuck_notes"]
    write_csv(folder / "pieces.csv", pd.DataFrame(rows, columns=columns))
    write_note_ends(results, experiment, model, ends, at)


def write_whole(
    results: Path,
    models: Sequence[str] = MODELS,
    pieces: int = 6,
    *,
    experiment: str = "monophonic",
    seeds: int = 1,
    folders: Sequence[str] = (),
    ranked: bool = False,
) -> Path:
    """Every run of every model of an experiment, and the real pieces; `ranked`: compared too."""
    *_, weights_of = EXPERIMENTS[experiment]
    runs = {"real": ["real"], **runs_of(models, seeds, folders)}
    sampled: dict[str, list[Sequence[NoteList]]] = {}
    for index, model in enumerate(runs, start=-1):
        for number, run in enumerate(runs[model]):
            drawn_by = 1000 if model == "real" else index + 100 * number
            made = drawn(drawn_by, pieces, tilt=0.1 * max(index, 0))
            if experiment != "monophonic":
                made = [in_octaves(piece) for piece in made]
            sampled.setdefault(model, []).append(made)
            stuck_every = None if model == "real" or experiment == "monophonic" else 9 + index
            write_pieces(results, run, made, experiment=experiment, stuck_every=stuck_every)
            if model in ("real", *folders) or weights_of:
                continue
            epochs = 1 if model == "markov" else 5
            losses = 0.6 + 0.02 * index + 0.05 * number + np.exp(-np.arange(epochs) / 2)
            write_log(results, run, losses, experiment=experiment)
            of_pieces = losses[:, None] + np.linspace(-0.1, 0.1, 4)
            write_validation(results, run, of_pieces, experiment=experiment)
            nll_nats = np.linspace(60, 90, 5) + 2 * index + 3 * number
            write_heldout(results, run, nll_nats, experiment=experiment)
            if experiment == ATTENTION and model != "markov" and not number:
                write_probe(results, model, 1 + index % 3, 1 + index % 2)
    if ranked:
        write_ranking(results, experiment, sampled)
    return results


def write_ranking(
    results: Path, experiment: str, sampled: Mapping[str, Sequence[Sequence[NoteList]]]
) -> None:
    """What `rank` says of the pieces of every run of every model, and of `real`."""
    learned = piece_set("training", drawn(77, 4))
    sets = {
        model: [with_originality(piece_set(model, made), learned) for made in of_runs]
        for model, of_runs in sampled.items()
    }
    (real,) = sets.pop("real")
    frames = frames_of(compare_sets(real, sets, resamples=40))
    write_frames(frames, results / "rankings" / experiment)


def write_data(data: Path, dataset: str) -> None:
    """A dataset as far as the report and the figures read it: raw, notes and split."""
    rejected = [
        ("a.mid", "the same notes as b.mid"),
        ("c.mid", "the same notes as d.mid"),
        ("<b>e.mid", "no readable MIDI file (OSError: <script>alert('x')</script>)"),
        ("f.mid", "no readable MIDI file (EOFError: )"),
        ("g.mid", "21000000 bytes, over the limit of 20000000"),
    ]
    frame = pd.DataFrame(rejected, columns=["file", "reason"])
    write_csv(data / "notes" / dataset / "rejected.csv", frame)
    parts = ["train"] * 7 + ["valid"] + ["test"] * 2
    pieces = {f"{i}.mid": in_octaves(piece) for i, piece in enumerate(drawn(7, len(parts)))}
    split = pd.DataFrame({"piece": list(pieces), "split": parts})
    write_csv(data / "splits" / dataset / "split.csv", split)
    groups = pd.DataFrame(columns=[*TEXTS, *NUMBERS])
    write_csv(data / "splits" / dataset / GROUPS, groups)
    save_notes(data / "notes" / dataset / "notes.npz", pieces)
    raw = data / "raw" / dataset
    write_text(raw / "f.mid", "no music")
    for name in list(pieces)[:2]:
        write_midi(raw / name, pieces[name])
    files = ["f.mid", *list(pieces)[:2]]
    sizes = [(raw / file).stat().st_size for file in files]
    manifest = pd.DataFrame({"file": files, "bytes": sizes, "sha256": ""})
    write_csv(raw / "manifest.csv", manifest)


def write_benchmark(logs: Path, rule: str, job: str, seconds: str, memory: str) -> None:
    """A benchmark file as Snakemake writes it."""
    head = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
    line = f"{seconds}\t0:00:00\t{memory}\t1.0\t1.0\t1.0\t0.0\t0.0\t90.0\t{seconds}"
    write_text(logs / rule / f"{job}.tsv", f"{head}\n{line}\n")
