"""`make bench-jsb DATA=FOLDER`: the recurrent models on the JSB chorales' official split.

The data are `jsb-chorales-quarter.json` (Boulanger-Lewandowski et al. 2012): chords on a grid of
quarters, 229 chorales to train on, 76 to choose the epoch, 77 to test. The number is the mean over
all frames of all test chorales of the negative log-likelihood in nats, summed over 88 keys. Bai et
al. (An Empirical Evaluation of Generic Convolutional and Recurrent Networks, 2018) print 8.45 for
their LSTM, 8.43 for a GRU and 8.10 for a TCN; their code leaves out the first frame of each
chorale, so that number is printed too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from neuralmusic import config
from neuralmusic.checkpoint import load_model
from neuralmusic.device import prepare_torch
from neuralmusic.files import InputError, write_csv, writing
from neuralmusic.jobs import model_parameters
from neuralmusic.likelihood import nll_nats
from neuralmusic.prepare import ArrayFile, load_encoded
from neuralmusic.representations.decoded import LOWEST_KEY
from neuralmusic.representations.pianoroll import BITS
from neuralmusic.train import train

FILE = "jsb-chorales-quarter.json"
EXPERIMENT = "polyphonic_pianoroll"
# Whole chorales, four at a time, each transposed anew; one that has 160 frames is the longest.
TRAINING = {
    "objective": "causal",
    "window_steps": 160,
    "batch_size": 4,
    "learning_rate": 0.003,
    "schedule": "one_cycle",
    "windows_per_epoch": 229,
    "transpose_semitones": [-5, 6],
    "stuck_share": 0,
}
# With attention between the layers, a greater one leaves them where they began.
ATTENTION_LEARNING_RATE = 0.002
# Less than at the default scale: 120 epochs of a small corpus are enough to learn it by heart.
INPUT_SPREAD = 1.0
LSTM, GRU, TCN = 8.45, 8.43, 8.10  # the paper's table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help=f"the folder with {FILE}")
    parser.add_argument("--models", nargs="+", default=["basic"], help="recurrent models")
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=2021)
    options = parser.parse_args()
    params = config.load()
    with tempfile.TemporaryDirectory() as folder:
        encoded = Path(folder) / "encoded"
        write_corpus(options.data / FILE, encoded)
        jobs = []
        for model in options.models:
            job = model_parameters(params | {"seed": options.seed}, EXPERIMENT, model, "train")
            job["training"] |= TRAINING | {"epochs": options.epochs}
            if job["settings"]["attention"]:
                job["training"]["learning_rate"] = ATTENTION_LEARNING_RATE
            job["settings"] |= {"dropout": options.dropout, "input_spread": INPUT_SPREAD}
            jobs.append(job)
        print(f"{'model':14}{'test':>8}{'valid':>8}{'TCN count':>11}{'epoch':>7}{'seconds':>9}")
        with ProcessPoolExecutor(min(2, len(jobs))) as pool:
            folders = [Path(folder) / job["model"] for job in jobs]
            for line in pool.map(run, jobs, [encoded] * len(jobs), folders):
                print(line, flush=True)
    print(f"Bai et al. 2018: LSTM {LSTM}, GRU {GRU}, TCN {TCN} (in the column TCN count)")


def write_corpus(path: Path, out: Path) -> None:
    """Writes the chorales as `encode` would, in the official split."""
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SystemExit(f"cannot read {path}: {error.strerror}; see DATA=") from error
    rows = []
    out.mkdir(parents=True)
    with writing(out / "steps.npy", binary=True) as file, ArrayFile(file) as steps:
        for part in ("train", "valid", "test"):
            for index, chords in enumerate(parts[part]):
                roll = np.zeros((len(chords), BITS), dtype=np.uint8)
                for step, chord in enumerate(chords):
                    roll[step, [int(pitch) - LOWEST_KEY for pitch in chord]] = 1
                rows.append([f"{part} {index}", part, 1.0, len(roll), steps.length, len(roll) / 2])
                steps.append(roll)
    columns = ["piece", "split", "stretch", "steps", "start", "length_seconds"]
    write_csv(out / "pieces.csv", pd.DataFrame(rows, columns=columns))


def run(job: dict, encoded: Path, out: Path) -> str:
    """Trains one model and scores it; returns its line of the table."""
    began = time.monotonic()
    out.mkdir()
    try:
        train(job, encoded, out / "checkpoint.pt", out)
    except InputError as error:
        return f"{job['model']:14}{error}"
    seconds = time.monotonic() - began
    log = pd.read_csv(out / "log.csv")
    best = log.loc[log["valid_loss"].idxmin()]
    device = prepare_torch(job)
    model = load_model(job, out, device)
    pieces = load_encoded(encoded, "test").pieces
    whole = nll_nats(model, pieces, device).sum()
    first = nll_nats(model, [piece[:1] for piece in pieces], device).sum()
    frames = sum(map(len, pieces))
    test = whole / frames
    counted = (whole - first) / (frames - len(pieces))
    return (
        f"{job['model']:14}{test:8.3f}{best['valid_loss']:8.3f}{counted:11.3f}"
        f"{int(best['epoch']):7}{seconds:9.0f}"
    )


if __name__ == "__main__":
    main()
