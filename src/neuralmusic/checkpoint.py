"""Models from their parameters and weights, and a training's state between epochs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from neuralmusic.files import InputError, writing
from neuralmusic.models import MODELS
from neuralmusic.models.model import Model
from neuralmusic.vocabulary import vocabulary_of


def build_model(params: dict) -> Model:
    """The untrained model of a job's parameters; seed torch before."""
    family = MODELS[params["family"]]
    training = params["training"]
    return family.build(
        family.Settings(**params["settings"]),
        vocabulary_of(params["representation"]["name"]),
        training["window_steps"],
        training["objective"],
    )


def load_model(params: dict, folder: Path, device: torch.device) -> Model:
    """The trained model in a folder that `train` wrote, ready to predict."""
    model = build_model(params)
    load_weights(folder / "weights.safetensors", model, device)
    return model.eval()


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Writes weights as safetensors: plain arrays, the same bytes for the same numbers."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(weights.items())}
    with writing(path, binary=True) as file:
        file.write(safetensors.torch.save(plain))


def load_weights(path: Path, model: Model, device: torch.device) -> None:
    """Fills `model` with the weights of a file.

    Raises InputError where they do not fit it, or are not all finite: it would predict nothing.
    """
    try:
        weights = safetensors.torch.load(path.read_bytes())
        model.load_state_dict(weights)
    # Damaged bytes are answered with many kinds of exceptions.
    except Exception as error:
        raise InputError(f"{path} does not hold this model's weights: {error}") from error
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise InputError(
                f"{path} holds weights that are no numbers, in {name}: the training diverged or the"
                f" file is damaged; delete {path.parent} and run again, with a lower learning rate"
            )
    model.to(device)


def fingerprint(params: dict, files: list[Path]) -> str:
    """A hash of all that a training depends on: a checkpoint of another training is not resumed."""
    hasher = hashlib.sha256(json.dumps(params, sort_keys=True).encode())
    for file in files:
        with file.open("rb") as content:
            hasher.update(hashlib.file_digest(content, "sha256").digest())
    return hasher.hexdigest()


def save_checkpoint(path: Path, state: dict) -> None:
    """Writes the state of a training, whole or not at all.

    Raises InputError, naming `path`, where it cannot be written.
    """
    try:
        with writing(path, binary=True) as file:
            torch.save(state, file)
    # torch answers a full disk with an error of its own, in which only its source is named.
    except (InputError, RuntimeError) as error:
        raise InputError(
            f"cannot write the checkpoint {path}, where the disk may be full: free space or give"
            f" rights, then run again, which goes on after the last epoch written ({error})"
        ) from error


def load_checkpoint(path: Path, wanted: str, device: torch.device) -> dict | None:
    """The state of the interrupted training with the fingerprint `wanted`, or None."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    # torch answers damaged bytes with many kinds of exceptions, and with advice to trust them.
    except Exception as error:
        reason = type(error).__name__
        raise InputError(f"the checkpoint {path} is damaged ({reason}); delete it") from error
    return state if isinstance(state, dict) and state.get("fingerprint") == wanted else None
