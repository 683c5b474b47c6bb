"""Held-out negative log-likelihood: how well a model predicts pieces it has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from neuralmusic.checkpoint import load_model
from neuralmusic.device import prepare_torch
from neuralmusic.files import InputError, write_csv
from neuralmusic.likelihood import nll_nats
from neuralmusic.prepare import load_encoded


def score(params: dict, model_folder: Path, encoded: Path, out: Path) -> None:
    """Writes heldout.csv: the NLL of each test piece, every position counted once.

    Columns: piece, steps, length_seconds, nll_nats (summed over the piece's steps).
    Raises InputError, naming the model, where a loss is not finite.
    """
    device = prepare_torch(params)
    model = load_model(params, model_folder, device)
    test = load_encoded(encoded, "test")
    nll = nll_nats(model, test.pieces, device)
    if not np.isfinite(nll).all():
        piece = test.names[int(np.flatnonzero(~np.isfinite(nll))[0])]
        raise InputError(
            f"the loss of {params['model']} in {model_folder} on {piece} is no number: its weights"
            f" are too large or damaged; delete {model_folder} and run again, with a lower learning"
            " rate"
        )
    table = pd.DataFrame(
        {
            "piece": test.names,
            "steps": [len(piece) for piece in test.pieces],
            "length_seconds": test.length_seconds,
            "nll_nats": nll,
        }
    )
    write_csv(out / "heldout.csv", table)
