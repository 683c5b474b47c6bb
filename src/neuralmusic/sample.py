"""The one sampler: all pieces of a model as one batch that carries its state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import trange

from neuralmusic.checkpoint import load_model
from neuralmusic.device import computes_in_bfloat16, prepare_torch
from neuralmusic.files import InputError, write_csv
from neuralmusic.midi import write_midi
from neuralmusic.models.model import Model
from neuralmusic.prepare import load_encoded
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.seeds import derive

REAL = "real"
COLUMNS = ["file", "primer_piece", "primer_start_step", "stuck_notes"]


def sample(params: dict, model_folder: Path | None, encoded: Path, out: Path) -> None:
    """Writes 0000.mid, 0001.mid, ... and pieces.csv, which says what each one is.

    Each piece continues a primer from a validation piece; the primer itself is not written. The
    pseudo-model `real` has no model folder: its pieces are the test pieces, cut to length.
    """
    sampling = params["sampling"]
    representation = REPRESENTATIONS[params["representation"]["name"]]
    steps_per_second = params["representation"]["steps_per_second"]
    steps = round(sampling["seconds"] * steps_per_second)
    if model_folder is None:
        test = load_encoded(encoded, "test")
        sources = [(name, 0) for name in test.names]
        sampled = [classes[:steps] for classes in test.classes]
    else:
        device = prepare_torch(params)
        model = load_model(params, model_folder, device)
        sources, primers = draw_primers(params, encoded, model.classes)
        seed = derive(params["seed"], "sample", params["experiment"], params["model"])
        precision = params["training"]["precision"]
        sampled = list(generate(model, primers, steps, sampling, precision, seed, device))
    rows = []
    for index, (classes, source) in enumerate(zip(sampled, sources, strict=True)):
        decoded = representation.decode(classes, steps_per_second)
        write_midi(out / f"{index:04d}.mid", decoded.notes)
        rows.append([f"{index:04d}.mid", *source, decoded.stuck_notes])
    write_csv(out / "pieces.csv", pd.DataFrame(rows, columns=COLUMNS))


def draw_primers(
    params: dict, encoded: Path, start_class: int
) -> tuple[list[tuple[str, int]], np.ndarray]:
    """The primers of an experiment, the same for each of its models.

    Returns where each is from (piece, first step), and the classes (N, 1 + P): the one before the
    primer (at a piece's first step the start class) and the primer's P steps.
    Raises InputError where no validation piece is as long as a primer.
    """
    sampling = params["sampling"]
    length = sampling["primer_steps"]
    valid = load_encoded(encoded, "valid")
    long_enough = [i for i, classes in enumerate(valid.classes) if len(classes) >= length]
    if not long_enough:
        longest = max(map(len, valid.classes))
        raise InputError(
            f"no validation piece has the {length} steps of a primer (the longest has {longest});"
            " lower sampling.primer_steps"
        )
    generator = np.random.default_rng(derive(params["seed"], "primers", params["experiment"]))
    sources, primers = [], []
    for _ in range(sampling["pieces"]):
        index = long_enough[generator.integers(len(long_enough))]
        classes = valid.classes[index]
        first = int(generator.integers(len(classes) - length + 1))
        before = classes[first - 1] if first else start_class
        primers.append(np.concatenate([[before], classes[first : first + length]]))
        sources.append((valid.names[index], first))
    return sources, np.stack(primers).astype(np.int64)


@torch.no_grad()
def generate(
    model: Model,
    primers: np.ndarray,
    steps: int,
    sampling: dict,
    precision: str,
    seed: int,
    device: torch.device,
) -> np.ndarray:
    """Continues every primer (N, P) by `steps` steps: classes (N, steps), int16.

    `precision` is that of matrix products, as in training.
    """
    generator = torch.Generator(device).manual_seed(seed)
    given = torch.from_numpy(primers).to(device)  # (N, P), then (N, 1)
    state = None
    sampled = np.empty((len(primers), steps), dtype=np.int16)
    # One context for all steps: it keeps the weights that it rounds.
    with torch.autocast(
        device.type, torch.bfloat16, enabled=computes_in_bfloat16(precision, device)
    ):
        for step in trange(steps, desc="sampling", disable=None, leave=False):
            logits, state = model(given, state)
            restricted = restrict(
                logits[:, -1].float(),
                sampling["temperature"],
                sampling["top_k"],
                sampling["top_p"],
            )
            probabilities = torch.softmax(restricted, dim=-1)
            given = torch.multinomial(probabilities, 1, generator=generator)
            sampled[:, step] = given[:, 0].cpu().numpy()
    return sampled


def restrict(logits: Tensor, temperature: float, top_k: int | None, top_p: float | None) -> Tensor:
    """Logits (B, V) divided by the temperature, with what top-k and top-p exclude at -inf.

    top-k keeps the k likeliest classes; top-p the likeliest that together reach the share p
    (Holtzman et al. 2020), always at least one.
    """
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        smallest = logits.topk(top_k, dim=-1)[0][:, -1:]
        logits = logits.masked_fill(logits < smallest, -torch.inf)
    if top_p is not None and top_p < 1:
        descending, order = logits.sort(dim=-1, descending=True)
        share_before = descending.softmax(dim=-1).cumsum(dim=-1) - descending.softmax(dim=-1)
        excluded = (share_before >= top_p).scatter(-1, order, share_before >= top_p)
        logits = logits.masked_fill(excluded, -torch.inf)
    return logits
