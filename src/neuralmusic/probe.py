"""What a model attends to, and what it is built of: the inside of an attention model, as data.

It attends to the probes of `probe_steps` and to the beginning of a real piece.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from neuralmusic.checkpoint import load_model
from neuralmusic.device import prepare_torch
from neuralmusic.files import InputError, to_json, write_text, writing
from neuralmusic.likelihood import gather
from neuralmusic.models.model import Model
from neuralmusic.prepare import load_encoded
from neuralmusic.probe_steps import PIECE, PITCH, PROBE_STEPS, PROBES, steps_of
from neuralmusic.representations import events
from neuralmusic.vocabulary import vocabulary_of


@runtime_checkable
class Attentive(Protocol):
    """A model whose attention can be looked at."""

    window_steps: int

    def attention_scores(self, inputs: Tensor) -> Tensor:
        """What each head attends to in windows (B, T): (B, S, H, T, T), rows that sum to one."""


def probe(params: dict, model_folder: Path, encoded: Path, out: Path) -> None:
    """Writes scores.npz, probe.json and modules.json of one model.

    scores.npz: for every probe and the piece float32 (S, H, T, T), of block, head, the step that
    attends and the step that it attends to. probe.json: the events that were put in. modules.json:
    each module that ran, in order, with the shapes that went in and came out.
    """
    device = prepare_torch(params)
    model = load_model(params, model_folder, device)
    network = getattr(model, "network", model)  # the objective "last" wraps it
    if not isinstance(network, Attentive):
        raise InputError(f"{params['model']} has no attention that can be looked at")
    inputs, told = probe_inputs(encoded, network.window_steps, params["representation"]["name"])
    scores = {}
    for name, steps in inputs.items():
        given = torch.from_numpy(steps[None]).to(device)
        scores[name] = network.attention_scores(given)[0].float().cpu().numpy()
    with writing(out / "scores.npz", binary=True) as file:
        np.savez_compressed(file, allow_pickle=False, **scores)
    write_text(out / "probe.json", to_json(told))
    traced = torch.from_numpy(inputs[PIECE][None]).to(device)
    modules = {"settings": params["settings"], "modules": trace(model, traced)}
    write_text(out / "modules.json", to_json(modules))


def probe_inputs(
    encoded: Path, window_steps: int, representation: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The steps (T,) of every probe and of the piece, and what they are, for people.

    The rest of a probe is the time shift that the training pieces have most: the least surprising
    event there is, so that what stands out is the note.
    """
    if representation != "events":
        raise InputError(
            f"probes are made of events, and not of the representation {representation}"
        )
    counts = np.zeros(events.CLASSES, dtype=np.int64)
    for steps in load_encoded(encoded, "train").pieces:
        counts += np.bincount(steps, minlength=events.CLASSES)
    shifts = slice(events.TIME_SHIFT, events.VELOCITY)
    rest = events.TIME_SHIFT + int(counts[shifts].argmax())
    length = min(PROBE_STEPS, window_steps)
    found = {name: steps_of(name, rest, length) for name in PROBES}
    test = load_encoded(encoded, "test")
    if not test.names:
        raise InputError(f"{encoded} has no test piece to show attention on")
    steps = test.pieces[0]
    # As the model reads it: before the first event the start.
    shown = min(window_steps, len(steps))
    found[PIECE] = gather([steps], -1, shown, vocabulary_of(representation))[0]
    told = {
        "pitch": PITCH,
        "rest_steps": rest - events.TIME_SHIFT + 1,
        "piece": test.names[0],
        "events": found[PIECE].tolist(),
    }
    return found, told


@torch.no_grad()
def trace(model: Model, inputs: Tensor) -> list[dict[str, Any]]:
    """Every module without parts that runs on inputs (1, T), in order of its call.

    Each as {"name", "kind", "from", "to"}: its name in the model, its class, and the shapes of
    its first input and of its output, without the batch.
    """
    found: list[dict[str, Any]] = []

    def watch(name: str, module: nn.Module) -> Any:
        def note(_: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
            shapes = {"from": list(given[0].shape[1:]), "to": list(result.shape[1:])}
            found.append({"name": name, "kind": type(module).__name__, **shapes})

        return module.register_forward_hook(note)

    parts = [(name, part) for name, part in model.named_modules() if not list(part.children())]
    handles = [watch(name, part) for name, part in parts]
    try:
        model.training_logits(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found
