"""Two LSTM layers, with an embedding before and attention between as options (thesis §5.3).

    basic          one-hot -> LSTM 1 ------------------------> LSTM 2 -> dense
    emb            embedding -> LSTM 1 ----------------------> LSTM 2 -> dense
    attn           one-hot -> LSTM 1 -> attention ------------> LSTM 2 -> dense
    attn_res       one-hot -> LSTM 1 -> attention + its input -> LSTM 2 -> dense
    attn_res_emb   embedding -> LSTM 1 -> attention + its input -> LSTM 2 -> dense

Dropout follows each LSTM layer. The attention is the dot product of projected queries and keys,
not scaled (figure 5.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuralmusic.models.attention import KeptWindow, attend, empty_window
from neuralmusic.models.dropout import Dropout
from neuralmusic.models.model import Model
from neuralmusic.models.windowed import Windowed
from neuralmusic.vocabulary import Vocabulary


@dataclass(frozen=True)
class Settings:
    """A recurrent model's entry in params.yaml."""

    hidden_size: int  # D, units of each LSTM layer
    embedding: bool  # a learned embedding instead of one-hot input
    embedding_size: int
    attention: bool  # self-attention between the two LSTM layers
    residual: bool  # adds the attention's input to its output
    dropout: float  # after each LSTM layer
    input_spread: float | None  # initial standard deviation of what the input gives LSTM 1's gates


@dataclass
class State:
    """What a carried sequence needs to go on: both LSTMs' (hidden, cell) and the kept window."""

    first: tuple[Tensor, Tensor]
    second: tuple[Tensor, Tensor]
    window: KeptWindow | None


def build(settings: Settings, vocabulary: Vocabulary, window_steps: int, objective: str) -> Model:
    """The model of `settings`; `objective` is "causal" or "last"."""
    network = Rnn(settings, vocabulary, window_steps)
    return network if objective == "causal" else Windowed(network)


class Rnn(Model):
    """Predicts every next step; attention sees the past W steps."""

    def __init__(self, settings: Settings, vocabulary: Vocabulary, window_steps: int) -> None:
        super().__init__()
        width = settings.hidden_size
        self.vocabulary = vocabulary
        self.window_steps = window_steps
        self.embedding = (
            vocabulary.embedding(settings.embedding_size) if settings.embedding else None
        )
        inputs = settings.embedding_size if settings.embedding else vocabulary.size
        self.first = nn.LSTM(inputs, width, batch_first=True)
        self.attention = settings.attention
        self.residual = settings.residual
        if settings.attention:
            self.query = nn.Linear(width, width)
            self.key = nn.Linear(width, width)
            self.value = nn.Linear(width, width)
        self.second = nn.LSTM(width, width, batch_first=True)
        self.dropout = Dropout(settings.dropout)
        self.dense = nn.Linear(width, vocabulary.size)
        if settings.input_spread is not None:
            # PyTorch's weights are for inputs whose elements all speak; of a one-hot input one
            # does, and the gates hardly hear it: thousands of windows pass before anything is
            # learned. These give the gates the same spread whatever the input.
            heard = settings.embedding_size if settings.embedding else vocabulary.heard
            nn.init.normal_(self.first.all_weights[0][0], std=settings.input_spread / heard**0.5)

    def forward(
        self, inputs: Tensor, state: State | None = None, whole_window: bool = False
    ) -> tuple[Tensor, State]:
        """Logits (B, T, V) of the steps after `inputs` (B, T), and the state after them.

        `whole_window` lets attention see all T steps, later ones too (objective "last").
        """
        x = self._input(inputs)  # (B, T, V or E)
        x, first = self._recur(self.first, x, state.first if state else None)  # (B, T, D)
        x = self.dropout(x)
        window = state.window if state else None
        if self.attention:
            attended, window = self._attend(x, window, whole_window)
            x = x + attended if self.residual else attended
        x, second = self._recur(self.second, x, state.second if state else None)
        return self.dense(self.dropout(x)), State(first, second, window)

    def of_window(self, windows: Tensor) -> Tensor:
        """Logits (B, T, V) of windows (B, T), of which attention sees the whole."""
        return self.forward(windows, whole_window=True)[0]

    def _input(self, inputs: Tensor) -> Tensor:
        if self.embedding is not None:
            return self.embedding(inputs)
        return self.vocabulary.one_hot(inputs, self.dense.weight.dtype)

    def _recur(
        self, lstm: nn.LSTM, x: Tensor, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """An LSTM layer; one carried step is computed here, with a cell that stays in float32.

        nn.LSTM would reorder its weights for every call, and carry a cell rounded to bfloat16.
        """
        if state is None or x.shape[1] > 1 or self.training:
            return lstm(x, state)
        hidden, cell = state[0][0], state[1][0]  # (B, D)
        of_input, of_hidden, input_bias, hidden_bias = lstm.all_weights[0]
        gates = functional.linear(x[:, 0], of_input, input_bias)
        gates = gates + functional.linear(hidden, of_hidden, hidden_bias)
        update, forget, new, output = gates.float().chunk(4, dim=1)
        cell = forget.sigmoid() * cell.float() + update.sigmoid() * new.tanh()
        hidden = output.sigmoid() * cell.tanh()
        return hidden[:, None], (hidden[None], cell[None])

    def _attend(
        self, x: Tensor, window: KeptWindow | None, whole_window: bool
    ) -> tuple[Tensor, KeptWindow | None]:
        queries, keys, values = self.query(x), self.key(x), self.value(x)
        if whole_window:
            weights = torch.softmax(queries @ keys.transpose(1, 2), dim=-1)  # (B, T, T)
            return weights @ values, None
        if window is None and not self.training:
            window = empty_window(keys, self.window_steps)
        return attend(queries, keys, values, self.window_steps, 1.0, window), window
