"""A stack of masked decoder blocks on steps with positions (thesis §5.5; Vaswani et al. 2017).

    embedding + positions -> S blocks -> normalisation -> linear -> relu -> linear
    block:  x + attention of H heads (normalised x), then x + feed-forward (normalised x)

Every head has the model's full width (figure 5.11): queries, keys and values of H heads are
H x D wide, and one projection leads back to D. Scores are scaled by 1 / sqrt(D) and masked to the
past. Pre-activation means that each module normalises what it reads, while the residual path is
left alone (He et al. 2016, where the order was first changed). Dropout ends each of the two
modules. All matrices begin Xavier-uniform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuralmusic.models.attention import (
    KeptWindow,
    attend_rounded,
    empty_window,
    keep,
    scores_of,
    visible,
)
from neuralmusic.models.dropout import Dropout
from neuralmusic.models.model import Model
from neuralmusic.models.windowed import Windowed
from neuralmusic.vocabulary import Vocabulary

# Training windows begin at a random position below this: more than the period of the slowest
# sinusoid (2 pi x 10,000 steps), so that wherever a piece has got to when it is sampled, every
# sinusoid is in a phase that training has seen.
POSITIONS = 2**16
SLOWEST = 10_000.0


@dataclass(frozen=True)
class Settings:
    """A decoder's entry in params.yaml."""

    hidden_size: int  # D, of the residual path and of every head
    stacks: int  # S, blocks on each other
    heads: int  # H, of each block's attention
    feed_forward_size: int  # units between the two layers of a feed-forward module
    positions: str  # how a step knows where it is: "sinusoidal"
    dropout: float  # at the end of each attention and feed-forward module


@dataclass
class State:
    """What a carried sequence needs to go on: of each block the last W normalised inputs.

    Keys and values of all heads come from these, which are 2 H times less to read.
    """

    windows: list[KeptWindow]
    next_step: int


def build(settings: Settings, vocabulary: Vocabulary, window_steps: int, objective: str) -> Model:
    """The model of `settings`; `objective` is "causal" or "last"."""
    network = Decoder(settings, vocabulary, window_steps)
    return network if objective == "causal" else Windowed(network)


class Decoder(Model):
    """Predicts every next step; each block's attention sees the past W steps."""

    def __init__(self, settings: Settings, vocabulary: Vocabulary, window_steps: int) -> None:
        super().__init__()
        width = settings.hidden_size
        self.vocabulary = vocabulary
        self.window_steps = window_steps
        self.width = width
        self.embedding = vocabulary.embedding(width)
        self.encode = POSITION_KINDS[settings.positions]
        self.blocks = nn.ModuleList(Block(settings, window_steps) for _ in range(settings.stacks))
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, width)
        self.dense = nn.Linear(width, vocabulary.size)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (B, T, V) of the steps after `inputs` (B, T), and the state after them."""
        length = inputs.shape[1]
        first = state.next_step if state else 0
        x = self._embed(inputs, torch.arange(first, first + length))
        if state is None:
            state = State([empty_window(x, self.window_steps, 1) for _ in self.blocks], 0)
        for block, window in zip(self._stack(), state.windows, strict=True):
            x = block.carried(x, window)
        return self._logits(x), State(state.windows, first + length)

    def training_logits(self, inputs: Tensor) -> Tensor:
        """As `forward`, the windows at random positions: (B, T, V)."""
        batch, length = inputs.shape[:2]
        first = torch.randint(POSITIONS, (batch, 1)) if self.training else torch.zeros(batch, 1)
        x = self._embed(inputs, first + torch.arange(length))
        for block in self._stack():
            x = block(x)
        return self._logits(x)

    def of_window(self, windows: Tensor) -> Tensor:
        """Logits (B, T, V) of windows (B, T), each at positions 0 to T - 1."""
        x = self._embed(windows, torch.arange(windows.shape[1]))
        for block in self._stack():
            x = block(x)
        return self._logits(x)

    @torch.no_grad()
    def attention_scores(self, inputs: Tensor) -> Tensor:
        """What each head of each block attends to in one window (B, T): (B, S, H, T, T).

        Row t, column s is the weight that step t gives step s; every row sums to one.
        """
        x = self._embed(inputs, torch.arange(inputs.shape[1]))
        found = []
        for block in self._stack():
            found.append(block.scores(x))
            x = block(x)
        return torch.stack(found, dim=1)

    def _stack(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]

    def _embed(self, inputs: Tensor, positions: Tensor) -> Tensor:
        """(B, T) steps at `positions` (T,) or (B, T) -> (B, T, D)."""
        encoded = self.encode(positions, self.width).to(inputs.device)
        return self.embedding(inputs) * math.sqrt(self.width) + encoded

    def _logits(self, x: Tensor) -> Tensor:
        return self.dense(functional.relu(self.hidden(self.norm(x))))


class Block(nn.Module):
    """Attention and feed-forward, each on its normalised input and added to it."""

    def __init__(self, settings: Settings, window_steps: int) -> None:
        super().__init__()
        width, wide = settings.hidden_size, settings.hidden_size * settings.heads
        self.heads = settings.heads
        self.width = width
        self.window_steps = window_steps
        self.scale = 1 / math.sqrt(width)
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, wide)
        self.key = nn.Linear(width, wide)
        self.value = nn.Linear(width, wide)
        self.out = nn.Linear(wide, width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, settings.feed_forward_size)
        self.narrow = nn.Linear(settings.feed_forward_size, width)
        self.dropout = Dropout(settings.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D), of windows by themselves."""
        x_norm = self.attention_norm(x)
        queries, keys, values = (self._apart(of(x_norm)) for of in self._projections())
        # Longer than a window are only those of a reader who asks for it.
        mask = None if x.shape[1] <= self.window_steps else self._visible(x.shape[1])
        return self._finish(x, attend_rounded(queries, keys, values, self.scale, mask))

    def carried(self, x: Tensor, kept: KeptWindow) -> Tensor:
        """As `forward`, of steps that go on; `kept` holds those before and takes these in."""
        x_norm = self.attention_norm(x)
        length = x.shape[1]
        if length == 1:
            keep(kept, x_norm)
            return self._finish(x, self._one_step(x_norm, kept))
        seen, now = x_norm, torch.arange(length, device=x.device) + kept.next_step
        at = now
        if kept.next_step:
            seen = torch.cat([kept.rows[0].to(x_norm.dtype), x_norm], dim=1)
            at = torch.cat([kept.steps, now])
        keep(kept, x_norm)
        queries = self._apart(self.query(x_norm))
        keys, values = self._apart(self.key(seen)), self._apart(self.value(seen))
        mask = visible(now, at, self.window_steps)
        return self._finish(x, attend_rounded(queries, keys, values, self.scale, mask))

    def _one_step(self, x_norm: Tensor, kept: KeptWindow) -> Tensor:
        """Attention of one step (B, 1, D) to all that is kept: (B x H, 1, D).

        A score is q . (K x + k) = (K' q) . x + a number that is the same for all steps, which
        softmax does not see; and a mean of values is the value of the mean. So that the kept x
        are read as they are, once for all heads.
        """
        filled = min(kept.next_step, len(kept.steps))
        queries = self.query(x_norm)
        # Reading the kept steps is what takes time: no copy of them in another precision.
        with torch.autocast(x_norm.device.type, enabled=False):
            rows = kept.rows[0][:, :filled]  # (B, W, D)
            by_head = (self.heads, self.width)
            queries = queries[:, 0].float().unflatten(1, by_head)  # (B, H, D)
            folded = torch.einsum("bhd,hde->bhe", queries, self.key.weight.unflatten(0, by_head))
            scores = rows @ folded.transpose(1, 2)  # (B, W, H)
            weights = torch.softmax(scores * self.scale, dim=1).transpose(1, 2)
            means = weights @ rows  # (B, H, D)
            values = torch.einsum("bhe,hde->bhd", means, self.value.weight.unflatten(0, by_head))
            values = values + self.value.bias.unflatten(0, by_head)
        return values.flatten(0, 1)[:, None]

    def scores(self, x: Tensor) -> Tensor:
        """The attention weights of (B, T, D), each step's of itself and before: (B, H, T, T)."""
        x_norm = self.attention_norm(x)
        queries, keys = self._apart(self.query(x_norm)), self._apart(self.key(x_norm))
        weights = scores_of(queries, keys, self.window_steps, self.scale)
        return weights.unflatten(0, (-1, self.heads))

    def _finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """What follows the attention (B x H, T, D): projection, residual and feed-forward."""
        joined = attended.unflatten(0, (-1, self.heads)).transpose(1, 2).flatten(2)
        x = x + self.dropout(self.out(joined))  # of (B, T, H x D)
        hidden = functional.relu(self.widen(self.feed_forward_norm(x)))
        return x + self.dropout(self.narrow(hidden))

    def _projections(self) -> tuple[nn.Linear, nn.Linear, nn.Linear]:
        return self.query, self.key, self.value

    def _apart(self, x: Tensor) -> Tensor:
        """(B, T, H x D) -> (B x H, T, D): to attention a head is a row."""
        return x.unflatten(2, (self.heads, self.width)).transpose(1, 2).flatten(0, 1)

    def _visible(self, length: int) -> Tensor:
        step = torch.arange(length, device=self.query.weight.device)
        return visible(step, step, self.window_steps)


def sinusoidal(positions: Tensor, width: int) -> Tensor:
    """Sine and cosine of each position (...,) at `width` / 2 frequencies: (..., width), float32.

    From one radian a step down to 1 / 10,000 in a geometric row, sines in even and cosines in odd
    columns (Vaswani et al. 2017, §3.5).
    """
    exponents = torch.arange(0, width, 2, dtype=torch.float64) / width
    # In double precision: at position 60,000 a float32 angle is off by 0.004.
    angles = positions[..., None].double() * SLOWEST**-exponents
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1)
    return waves.flatten(-2)[..., :width].float()


POSITION_KINDS = {"sinusoidal": sinusoidal}
