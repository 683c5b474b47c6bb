"""Held-out negative log-likelihood: how well a model predicts pieces it has not seen."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from neuralmusic.checkpoint import load_model
from neuralmusic.device import prepare_torch
from neuralmusic.files import write_csv
from neuralmusic.likelihood import nll_nats
from neuralmusic.prepare import load_encoded


def score(params: dict, model_folder: Path, encoded: Path, out: Path) -> None:
    """Writes heldout.csv: the NLL of each test piece, every position counted once.

    Columns: piece, steps, length_seconds, nll_nats (summed over the piece's steps).
    """
    device = prepare_torch(params)
    model = load_model(params, model_folder, device)
    test = load_encoded(encoded, "test")
    table = pd.DataFrame(
        {
            "piece": test.names,
            "steps": [len(piece) for piece in test.pieces],
            "length_seconds": test.length_seconds,
            "nll_nats": nll_nats(model, test.pieces, device),
        }
    )
    write_csv(out / "heldout.csv", table)
