"""The one sampler: all pieces of a model as one batch that carries its state."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from tqdm import tqdm

from neuralmusic.checkpoint import load_model
from neuralmusic.device import computes_in_bfloat16, prepare_torch
from neuralmusic.files import InputError
from neuralmusic.likelihood import gather
from neuralmusic.models.model import Model
from neuralmusic.prepare import load_encoded
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.sampled import length_steps, write_sampled
from neuralmusic.seeds import derive
from neuralmusic.vocabulary import Vocabulary


def sample(params: dict, model_folder: Path, encoded: Path, out: Path) -> None:
    """Writes pieces of a trained model as `sampled.write_sampled` does.

    Each piece continues a primer from a validation piece; the primer itself is not written.
    """
    device = prepare_torch(params)
    model = load_model(params, model_folder, device)
    sources, primers = draw_primers(params, encoded, model.vocabulary)
    sampled = generate(
        model,
        primers,
        length_steps(params),
        REPRESENTATIONS[params["representation"]["name"]],
        params["representation"]["steps_per_second"],
        params["sampling"],
        params["training"]["precision"],
        derive(params["seed"], "sample", params["experiment"], params["model"]),
        device,
    )
    write_sampled(params, zip(sampled, primers, sources, strict=True), out)


def draw_primers(
    params: dict, encoded: Path, vocabulary: Vocabulary
) -> tuple[list[tuple[str, int]], np.ndarray]:
    """The primers of an experiment, the same for each of its models.

    Returns where each is from (piece, first step), and the steps (N, 1 + P): the one before the
    primer (at a piece's first step the start) and the primer's P steps.
    Raises InputError where no validation piece is as long as a primer.
    """
    sampling = params["sampling"]
    length = sampling["primer_steps"]
    valid = load_encoded(encoded, "valid")
    long_enough = [i for i, piece in enumerate(valid.pieces) if len(piece) >= length]
    if not long_enough:
        longest = max(map(len, valid.pieces))
        raise InputError(
            f"no validation piece has the {length} steps of a primer (the longest has {longest});"
            " lower sampling.primer_steps"
        )
    generator = np.random.default_rng(derive(params["seed"], "primers", params["trained_in"]))
    sources, primers = [], []
    for _ in range(sampling["pieces"]):
        index = long_enough[generator.integers(len(long_enough))]
        first = int(generator.integers(len(valid.pieces[index]) - length + 1))
        primers.append(gather([valid.pieces[index]], first - 1, 1 + length, vocabulary)[0])
        sources.append((valid.names[index], first))
    return sources, np.stack(primers)


@torch.no_grad()
def generate(
    model: Model,
    primers: np.ndarray,
    length: int,
    representation: ModuleType,
    steps_per_second: float,
    sampling: dict,
    precision: str,
    seed: int,
    device: torch.device,
) -> list[np.ndarray]:
    """Continues every primer, (N, P) classes or (N, P, V) bits, until all are long enough.

    Returns the steps of each piece, at least `length` steps of the time grid of them, or as many
    as `max_steps_per_second` allows. `precision` is that of matrix products, as in training.
    """
    generator = torch.Generator(device).manual_seed(seed)
    given = torch.from_numpy(primers).to(device)  # (N, P), then (N, 1)
    grammar = representation.GRAMMAR(primers) if sampling["grammar"] else None
    most = int(sampling["max_steps_per_second"] * length / steps_per_second)
    elapsed = np.zeros(len(primers), dtype=np.int64)
    state, allowed = None, None
    sampled: list[np.ndarray] = []
    progress = tqdm(total=length, desc="sampling", disable=None, leave=False)
    # One context for all steps: it keeps the weights that it rounds.
    with torch.autocast(
        device.type, torch.bfloat16, enabled=computes_in_bfloat16(precision, device)
    ):
        while elapsed.min() < length and len(sampled) < most:
            logits, state = model(given, state)
            if grammar:
                allowed = torch.from_numpy(grammar.allowed()).to(device)
            drawn = model.vocabulary.draw(logits[:, -1].float(), sampling, generator, allowed)
            given = drawn[:, None]
            steps = drawn.cpu().numpy()
            if grammar:
                grammar.follow(steps)
            sampled.append(steps.astype(np.uint8 if steps.ndim > 1 else np.int16))
            elapsed += representation.durations(steps)
            progress.update(int(elapsed.min()) - progress.n)
    return list(np.stack(sampled, axis=1))
