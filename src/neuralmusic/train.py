"""The one training loop: every family, both objectives, resumed to the same bytes after a kill."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
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
from neuralmusic.likelihood import gather, nll_nats
from neuralmusic.models.model import Counted, Model
from neuralmusic.prepare import load_encoded
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.seeds import derive
from neuralmusic.vocabulary import Vocabulary

# tokens: steps that were predicted in training so far; seconds: without those of validation.
LOG_COLUMNS = ["step", "epoch", "train_loss", "valid_loss", "tokens", "seconds"]
WARMUP = 0.1  # share of a training in which the learning rate of "one_cycle" rises
VALIDATION_COLUMNS = ["epoch", "piece", "steps", "nll_nats"]


@dataclass(frozen=True)
class Training:
    """`training` of an experiment in params.yaml."""

    objective: str  # "causal": every next step of a window; "last": only the one after it (thesis)
    window_steps: int
    epochs: int
    windows_per_epoch: int | None  # None: as many as cover the training pieces once
    batch_size: int
    learning_rate: float
    schedule: str  # of the learning rate: "constant", or "one_cycle", see `learning_rate_share`
    gradient_clip: float  # element-wise
    stuck_share: float  # share of the inputs that are stuck: see `Windows`
    stuck_steps: float  # mean length of a run of them
    transpose_semitones: Sequence[int]  # every window is moved by a number from first to second
    precision: str  # "float32", "bfloat16", or "auto": bfloat16 where the hardware computes in it


def train(params: dict, encoded: Path, checkpoint: Path, out: Path) -> None:
    """Trains one model; writes weights.safetensors, log.csv and validation.csv into `out`.

    The weights are those of the epoch with the lowest loss on the validation pieces. After every
    epoch the whole state goes to `checkpoint`, from where an interrupted training goes on.
    """
    device = prepare_torch(params)
    training = Training(**params["training"])
    pieces = load_encoded(encoded, "train").pieces
    valid = load_encoded(encoded, "valid")
    valid_steps = np.array([len(piece) for piece in valid.pieces])
    representation = params["representation"]
    transpose = REPRESENTATIONS[representation["name"]].transpose
    copies = len(representation["stretches"])
    seed = derive(params["seed"], "train", params["experiment"], params["model"])
    torch.manual_seed(seed)
    model = build_model(params).to(device)
    title = f"{params['experiment']}/{params['model']}"
    log: list[list[float]] = []
    validation: list[list] = []

    def validate(step: int, epoch: int, train_loss: float, tokens: int, seconds: float) -> float:
        nll = nll_nats(model, valid.pieces, device)
        rows = zip(valid.names, valid_steps.tolist(), nll.tolist(), strict=True)
        validation.extend([epoch, *row] for row in rows)
        valid_loss = float(nll.sum() / valid_steps.sum())
        log.append([step, epoch, train_loss, valid_loss, tokens, seconds])
        return valid_loss

    def write(weights: dict[str, Tensor]) -> None:
        save_weights(out / "weights.safetensors", weights)
        write_csv(out / "log.csv", pd.DataFrame(log, columns=LOG_COLUMNS))
        write_csv(out / "validation.csv", pd.DataFrame(validation, columns=VALIDATION_COLUMNS))

    if isinstance(model, Counted):
        began = time.monotonic()
        model.fit(pieces)
        steps = int(sum(map(len, pieces)))
        train_loss = float(nll_nats(model, pieces, device).sum() / steps)
        validate(1, 1, train_loss, steps, time.monotonic() - began)
        write(model.state_dict())
        return

    optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate, fused=True)
    wanted = fingerprint(
        params,
        [
            encoded / "steps.npy",
            encoded / "pieces.csv",
            *code_of("train", params["family"], representation["name"]),
        ],
    )
    state = load_checkpoint(checkpoint, wanted, device)
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        log, validation = state["log"], state["validation"]
        print(f"{title}: going on after epoch {state['epoch']} of {training.epochs}", flush=True)
    else:
        state = {"epoch": 0, "step": 0, "tokens": 0, "seconds": 0.0}
        state |= {"best_loss": float("inf"), "best": {}}

    for epoch in range(state["epoch"] + 1, training.epochs + 1):
        began = time.monotonic()
        # Seeded by epoch, so that a resumed training draws what an unbroken one would have.
        torch.manual_seed(derive(seed, epoch))
        drawn_by = derive(seed, "windows", epoch)
        windows = Windows(pieces, training, model.vocabulary, transpose, drawn_by, copies)
        done = (epoch - 1) / training.epochs
        train_loss = run_epoch(model, optimizer, windows, training, device, done, f"epoch {epoch}")
        state["step"] += len(windows)
        state["tokens"] += int(windows.counted_steps.sum())
        state["seconds"] += time.monotonic() - began
        so_far = (state["tokens"], state["seconds"])
        valid_loss = validate(state["step"], epoch, train_loss, *so_far)
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
    size = sum(parameter.numel() for parameter in model.parameters())
    print(
        f"{title}: {size:,} parameters, {state['tokens']:,} tokens in {state['seconds']:.0f} s,"
        f" {state['tokens'] / max(state['seconds'], 1e-9):,.0f} tokens a second",
        flush=True,
    )


@dataclass(frozen=True)
class Batch:
    """Some windows: B of them, W steps long or, where all their pieces are shorter, less."""

    inputs: np.ndarray  # (B, W) classes or (B, W, V) bits: the steps before the targets
    targets: np.ndarray  # alike; of the objective "last" (B, 1) or (B, 1, V)
    counted: np.ndarray  # float32 (B, W) or (B, 1): 1, and 0 past the end of a piece


class Windows:
    """The batches of one epoch.

    A window may begin anywhere, also so far outside its piece that it is moved to the piece's
    beginning or end: every step is drawn, those within a window of the ends up to three times as
    often as the others. Pieces may lie in a file: only the steps of a batch are read.
    """

    def __init__(
        self,
        pieces: Sequence[np.ndarray],
        training: Training,
        vocabulary: Vocabulary,
        transpose: Callable[[np.ndarray, np.ndarray], np.ndarray],
        seed: int,
        copies: int = 1,
    ) -> None:
        """`transpose` is the representation's; of every piece there are so many `copies`."""
        self.pieces = pieces
        self.training = training
        self.vocabulary = vocabulary
        self.transpose = transpose
        self.seed = seed
        self._ones = [1] * len(vocabulary.step_shape)
        lengths = np.array([len(piece) for piece in pieces])
        generator = np.random.default_rng(seed)
        window = training.window_steps
        per_step = window if training.objective == "causal" else 1
        count = training.windows_per_epoch or -(-int(lengths.sum()) // (per_step * copies))
        ways = lengths + window - 1 if training.objective == "causal" else lengths
        drawn = generator.integers(0, ways.sum(), count)
        self.of = np.searchsorted(np.cumsum(ways), drawn, side="right")
        lengths = lengths[self.of]
        # The first target of each window, counted from the beginning of its piece.
        self.first = drawn - (np.cumsum(ways) - ways)[self.of]
        self.counted_steps = np.ones(count, dtype=np.int64)
        if training.objective == "causal":
            shift = self.first - (window - 1)
            self.first = np.clip(shift, 0, np.maximum(lengths - window, 0))
            self.counted_steps = np.minimum(lengths - self.first, window)

    def __len__(self) -> int:
        return -(-len(self.first) // self.training.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        generator = np.random.default_rng([self.seed, 1])
        for start in range(0, len(self.first), self.training.batch_size):
            batch = slice(start, start + self.training.batch_size)
            first, counted = self.first[batch], self.counted_steps[batch]
            targets = int(counted.max())
            is_causal = self.training.objective == "causal"
            before = 1 if is_causal else self.training.window_steps
            steps = gather(
                [self.pieces[index] for index in self.of[batch]],
                first - before,
                before + targets,
                self.vocabulary,
            )
            low, high = self.training.transpose_semitones
            if low or high:
                semitones = generator.integers(low, high + 1, len(steps))
                steps = self.transpose(steps, semitones)
            counts = np.arange(targets) < counted[:, None]
            yield Batch(
                inputs=self._stuck(steps[:, :-1], generator),
                # Past a piece's end is the start, which is no step that a model can be asked for.
                targets=np.where(counts.reshape(*counts.shape, *self._ones), steps[:, before:], 0),
                counted=counts.astype(np.float32),
            )

    def _stuck(self, inputs: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """The inputs with a share of their steps stuck: in runs, what was before is held on.

        The targets stay what the piece has. A model that only ever read music does not recover
        from its own mistakes: sampled, the attention variants copy a note that was held too long
        from step to step, some for a minute.
        """
        share, run_steps = self.training.stuck_share, self.training.stuck_steps
        if not share:
            return inputs
        shape = inputs.shape[:2]
        begins = generator.random(shape) < share / run_steps
        ends = np.where(begins, generator.geometric(1 / run_steps, shape), 0)
        step = np.arange(inputs.shape[1])
        stuck = step < np.maximum.accumulate(np.where(begins, step + ends, 0), axis=1)
        stuck[:, 0] = False
        source = np.maximum.accumulate(np.where(stuck, 0, step), axis=1)
        return inputs[np.arange(len(inputs))[:, None], source]


def run_epoch(
    model: Model,
    optimizer: torch.optim.Optimizer,
    windows: Windows,
    training: Training,
    device: torch.device,
    done: float = 0.0,
    title: str = "",
) -> float:
    """One pass over the windows; returns the mean training loss in nats per step.

    `done` is the share of the whole training that lies behind.
    """
    model.train()
    half = computes_in_bfloat16(training.precision, device)
    losses = []
    for number, batch in enumerate(tqdm(windows, desc=title, disable=None, leave=False)):
        share = done + number / len(windows) / training.epochs
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * learning_rate_share(training.schedule, share)
        inputs, targets, counted = (
            torch.from_numpy(np.ascontiguousarray(array)).to(device)
            for array in (batch.inputs, batch.targets, batch.counted)
        )
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = model.training_logits(inputs)
        of_steps = model.vocabulary.nll(logits.float(), targets)
        loss = (of_steps * counted).sum() / counted.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), training.gradient_clip)
        optimizer.step()
        losses.append(loss.detach())
    return float(torch.stack(losses).mean())


def learning_rate_share(schedule: str, done: float) -> float:
    """What share of the learning rate to use when the share `done` of the training is behind.

    "one_cycle" rises from 0 to the whole in the first tenth, then falls along a half cosine to 0
    (Smith and Topin, Super-Convergence, 2017): large steps early, and an end without their noise.
    """
    if schedule == "constant":
        return 1.0
    if done < WARMUP:
        return done / WARMUP
    return 0.5 * (1 + math.cos(math.pi * (done - WARMUP) / (1 - WARMUP)))
