"""The one training loop: every family, both objectives, resumed to the same bytes after a kill."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from neuralmusic.checkpoint import (
    build_model,
    fingerprint,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from neuralmusic.code import code_of
from neuralmusic.device import computes_in_bfloat16, prepare_torch
from neuralmusic.files import InputError, write_csv
from neuralmusic.likelihood import nll_nats
from neuralmusic.models.model import Counted, Model
from neuralmusic.prepare import load_encoded
from neuralmusic.seeds import derive

LOG_COLUMNS = ["step", "epoch", "train_loss", "valid_loss", "seconds"]
VALIDATION_COLUMNS = ["epoch", "piece", "steps", "nll_nats"]
IGNORED = -100  # targets past the end of a piece shorter than the window


@dataclass(frozen=True)
class Training:
    """`training` of an experiment in params.yaml."""

    objective: str  # "causal": every next step of a window; "last": only the one after it (thesis)
    window_steps: int
    epochs: int
    windows_per_epoch: int | None  # None: as many as cover the training pieces once
    batch_size: int
    learning_rate: float
    gradient_clip: float  # element-wise
    stuck_share: float  # share of the inputs that are stuck: see `Windows`
    stuck_steps: float  # mean length of a run of them
    precision: str  # "float32", "bfloat16", or "auto": bfloat16 where the hardware computes in it


def train(params: dict, encoded: Path, checkpoint: Path, out: Path) -> None:
    """Trains one model; writes weights.safetensors, log.csv and validation.csv into `out`.

    The weights are those of the epoch with the lowest loss on the validation pieces. After every
    epoch the whole state goes to `checkpoint`, from where an interrupted training goes on.
    """
    device = prepare_torch(params)
    training = Training(**params["training"])
    pieces = load_encoded(encoded, "train").classes
    valid = load_encoded(encoded, "valid")
    valid_steps = np.array([len(piece) for piece in valid.classes])
    seed = derive(params["seed"], "train", params["experiment"], params["model"])
    torch.manual_seed(seed)
    model = build_model(params).to(device)
    title = f"{params['experiment']}/{params['model']}"
    log: list[list[float]] = []
    validation: list[list] = []

    def validate(step: int, epoch: int, train_loss: float, seconds: float) -> float:
        nll = nll_nats(model, valid.classes, device)
        rows = zip(valid.names, valid_steps.tolist(), nll.tolist(), strict=True)
        validation.extend([epoch, *row] for row in rows)
        log.append([step, epoch, train_loss, float(nll.sum() / valid_steps.sum()), seconds])
        return log[-1][3]

    def write(weights: dict[str, Tensor]) -> None:
        save_weights(out / "weights.safetensors", weights)
        write_csv(out / "log.csv", pd.DataFrame(log, columns=LOG_COLUMNS))
        write_csv(out / "validation.csv", pd.DataFrame(validation, columns=VALIDATION_COLUMNS))

    if isinstance(model, Counted):
        began = time.monotonic()
        model.fit(pieces)
        steps = int(sum(map(len, pieces)))
        train_loss = float(nll_nats(model, pieces, device).sum() / steps)
        validate(1, 1, train_loss, time.monotonic() - began)
        write(model.state_dict())
        return

    optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate, fused=True)
    wanted = fingerprint(
        params,
        [encoded / "classes.npy", encoded / "pieces.csv", *code_of("train", params["family"])],
    )
    state = load_checkpoint(checkpoint, wanted, device)
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        log, validation = state["log"], state["validation"]
        print(f"{title}: going on after epoch {state['epoch']} of {training.epochs}", flush=True)
    else:
        state = {"epoch": 0, "step": 0, "seconds": 0.0, "best_loss": float("inf"), "best": {}}

    for epoch in range(state["epoch"] + 1, training.epochs + 1):
        began = time.monotonic()
        # Seeded by epoch, so that a resumed training draws what an unbroken one would have.
        torch.manual_seed(derive(seed, epoch))
        windows = Windows(pieces, training, model.classes, derive(seed, "windows", epoch))
        train_loss = run_epoch(model, optimizer, windows, training, device, f"epoch {epoch}")
        state["step"] += len(windows)
        state["seconds"] += time.monotonic() - began
        valid_loss = validate(state["step"], epoch, train_loss, state["seconds"])
        if not np.isfinite(valid_loss):
            raise InputError(
                f"{params['model']} diverged in epoch {epoch}: lower its learning rate"
            )
        if valid_loss < state["best_loss"]:
            best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            state.update(best_loss=valid_loss, best=best)
        state.update(
            fingerprint=wanted,
            epoch=epoch,
            model=model.state_dict(),
            optimizer=optimizer.state_dict(),
            log=log,
            validation=validation,
        )
        save_checkpoint(checkpoint, state)
        left = state["seconds"] / epoch * (training.epochs - epoch)
        print(
            f"{title}: epoch {epoch} of {training.epochs}, loss {train_loss:.4f} in training,"
            f" {valid_loss:.4f} held out, about {left / 60:.0f} min left",
            flush=True,
        )
    write(state["best"])


class Windows:
    """The batches of one epoch: (inputs, targets), int64 arrays of shape (B, W).

    A window may begin anywhere, also so far outside its piece that it is moved to the piece's
    beginning or end: every step is drawn, those within a window of the ends up to three times as
    often as the others.
    """

    def __init__(
        self, pieces: Sequence[np.ndarray], training: Training, classes: int, seed: int
    ) -> None:
        self.window_steps = training.window_steps
        self.batch_size = training.batch_size
        self.objective = training.objective
        self.classes = classes
        self.seed = seed
        self.stuck_share = training.stuck_share
        self.stuck_steps = training.stuck_steps
        lengths = np.array([len(piece) for piece in pieces])
        # Each piece between start classes: enough of them for a window before its first step.
        padding = np.full(self.window_steps, classes)
        self.stream = np.concatenate([part for piece in pieces for part in (padding, piece)])
        begins = np.cumsum(lengths + self.window_steps) - lengths
        generator = np.random.default_rng(seed)
        per_step = self.window_steps if self.objective == "causal" else 1
        count = training.windows_per_epoch or -(-int(lengths.sum()) // per_step)
        if self.objective == "causal":
            ways = lengths + self.window_steps - 1
            drawn = generator.integers(0, ways.sum(), count)
            of = np.searchsorted(np.cumsum(ways), drawn, side="right")
            shift = drawn - (np.cumsum(ways) - ways)[of] - (self.window_steps - 1)
            shift = np.clip(shift, 0, np.maximum(lengths[of] - self.window_steps, 0))
            self.first = begins[of] + shift
            self.valid_steps = np.minimum(lengths[of] - shift, self.window_steps)
        else:
            drawn = generator.integers(0, lengths.sum(), count)
            of = np.searchsorted(np.cumsum(lengths), drawn, side="right")
            self.first = begins[of] + drawn - (np.cumsum(lengths) - lengths)[of]

    def __len__(self) -> int:
        return -(-len(self.first) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        span = np.arange(self.window_steps)
        generator = np.random.default_rng([self.seed, 1])
        # A last piece shorter than the window has nothing after it in the stream.
        stream = np.concatenate([self.stream, np.full(self.window_steps, self.classes)])
        for start in range(0, len(self.first), self.batch_size):
            batch = slice(start, start + self.batch_size)
            first = self.first[batch, None]
            if self.objective == "causal":
                targets = stream[first + span].astype(np.int64)
                targets[span >= self.valid_steps[batch, None]] = IGNORED
                yield self._stuck(stream[first + span - 1], generator), targets
            else:
                inputs = stream[first - self.window_steps + span]
                yield self._stuck(inputs, generator), stream[first].astype(np.int64)

    def _stuck(self, inputs: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """The inputs (B, W) as int64, a share of them stuck: in runs, what was before is held on.

        The targets stay what the piece has. A model that only ever read music does not recover
        from its own mistakes: sampled, the attention variants copy a note that was held too long
        from step to step, some for a minute.
        """
        inputs = inputs.astype(np.int64)
        if not self.stuck_share:
            return inputs
        begins = generator.random(inputs.shape) < self.stuck_share / self.stuck_steps
        ends = np.where(begins, generator.geometric(1 / self.stuck_steps, inputs.shape), 0)
        step = np.arange(inputs.shape[1])
        stuck = step < np.maximum.accumulate(np.where(begins, step + ends, 0), axis=1)
        stuck[:, 0] = False
        source = np.maximum.accumulate(np.where(stuck, 0, step), axis=1)
        return np.take_along_axis(inputs, source, axis=1)


def run_epoch(
    model: Model,
    optimizer: torch.optim.Optimizer,
    windows: Windows,
    training: Training,
    device: torch.device,
    title: str = "",
) -> float:
    """One pass over the windows; returns the mean training loss in nats per step."""
    model.train()
    half = computes_in_bfloat16(training.precision, device)
    losses = []
    for inputs, targets in tqdm(windows, desc=title, disable=None, leave=False):
        inputs_on = torch.from_numpy(inputs).to(device)
        targets_on = torch.from_numpy(targets).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = model.training_logits(inputs_on)
        loss = functional.cross_entropy(
            logits.float().flatten(0, 1), targets_on.flatten(), ignore_index=IGNORED
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), training.gradient_clip)
        optimizer.step()
        losses.append(loss.detach())
    return float(torch.stack(losses).mean())
