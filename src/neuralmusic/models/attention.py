"""Dot-product attention to the last W steps, of which what it needs is kept between calls."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel


@dataclass
class KeptWindow:
    """What is kept of the last W steps, each in the slot `step % W`, in float32.

    The order within the ring does not matter to attention, so that keeping one more step costs
    one write. `steps` (W,) names the step in each slot, -1 where there is none yet.
    """

    rows: tuple[Tensor, ...]  # of each step: keys and values, or what both come from; (B, W, D)
    steps: Tensor
    next_step: int


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    window_steps: int,
    scale: float,
    kept: KeptWindow | None = None,
) -> Tensor:
    """Attention of T steps, each to itself and the W - 1 steps before: (B, T, D) in and out.

    `kept` holds keys and values of the steps before these and takes these in; None where nothing
    is carried.
    """
    length = queries.shape[1]
    if kept is None and length <= window_steps:
        return _sdpa(queries, keys, values, scale, is_causal=True)
    if kept is not None and length == 1:
        keep(kept, keys, values)
        return _one_query(queries, kept, scale)
    at = now = torch.arange(length, device=queries.device)
    new_keys, new_values = keys, values
    if kept is not None:
        now = now + kept.next_step
        at = torch.cat([kept.steps, now])
        queries, keys, values = queries.float(), keys.float(), values.float()
        keys = torch.cat([kept.rows[0], keys], dim=1)
        values = torch.cat([kept.rows[1], values], dim=1)
    attended = _sdpa(queries, keys, values, scale, mask=visible(now, at, window_steps))
    if kept is not None:
        keep(kept, new_keys, new_values)
    return attended


def attend_rounded(
    queries: Tensor, keys: Tensor, values: Tensor, scale: float, mask: Tensor | None = None
) -> Tensor:
    """Attention (B, T, D) of T steps to S, causal or as a mask (T, S) says.

    Under bfloat16 the scores are rounded to it too, which on a CPU takes a third of the time
    (`make bench`): the fused kernel computes in float32 whatever it is given. Scores that are not
    scaled are too large for that.
    """
    if queries.device.type != "cpu":
        return _sdpa(queries, keys, values, scale, mask, mask is None)
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    with sdpa_kernel(SDPBackend.MATH):
        return _sdpa(queries, keys, values, scale, mask, mask is None)


def scores_of(queries: Tensor, keys: Tensor, window_steps: int, scale: float) -> Tensor:
    """The weights that `attend` gives T steps, nothing being carried: (B, T, T), rows sum to 1."""
    step = torch.arange(queries.shape[1], device=queries.device)
    scores = (queries @ keys.transpose(1, 2)) * scale
    hidden = ~visible(step, step, window_steps)
    return torch.softmax(scores.masked_fill(hidden, -torch.inf), dim=-1)


def visible(now: Tensor, at: Tensor, window_steps: int) -> Tensor:
    """Whether a query at step `now` (T,) sees a key at step `at` (S,), -1 for none: (T, S)."""
    age = now[:, None] - at[None, :]
    return (age >= 0) & (age < window_steps) & (at >= 0)[None, :]


def keep(kept: KeptWindow, *new: Tensor) -> None:
    """Writes T new steps (B, T, D) of each of its rows over the oldest of the ring, in place."""
    window_steps = len(kept.steps)
    length = new[0].shape[1]
    steps = torch.arange(kept.next_step, kept.next_step + length, device=new[0].device)
    steps = steps[-window_steps:]
    # A slice, where one step is kept, is written several times as fast as a list of slots.
    at = kept.next_step % window_steps
    slots = slice(at, at + 1) if length == 1 else steps % window_steps
    for row, of_row in zip(kept.rows, new, strict=True):
        row[:, slots] = of_row[:, -window_steps:].float()
    kept.steps[slots] = steps
    kept.next_step += length


def empty_window(like: Tensor, window_steps: int, rows: int = 2) -> KeptWindow:
    """A ring with no step in it, of so many rows shaped like `like` (B, T, D)."""
    batch, _, width = like.shape
    shape = (batch, window_steps, width)
    return KeptWindow(
        rows=tuple(like.new_zeros(shape, dtype=torch.float32) for _ in range(rows)),
        steps=torch.full((window_steps,), -1, device=like.device),
        next_step=0,
    )


def _one_query(queries: Tensor, kept: KeptWindow, scale: float) -> Tensor:
    """Attention of one step (B, 1, D) to all that is kept, several times as fast as the general."""
    filled = min(kept.next_step, len(kept.steps))
    # Reading the kept steps is what takes time: no copy of them in another precision.
    with torch.autocast(queries.device.type, enabled=False):
        # In these orders of the products each kept row is read once, along its length.
        scores = kept.rows[0][:, :filled] @ queries.float().transpose(1, 2)  # (B, W, 1)
        weights = torch.softmax(scores * scale, dim=1).transpose(1, 2)
        return weights @ kept.rows[1][:, :filled]  # (B, 1, D)


def _sdpa(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    scale: float,
    mask: Tensor | None = None,
    is_causal: bool = False,
) -> Tensor:
    return functional.scaled_dot_product_attention(
        queries[:, None], keys[:, None], values[:, None], mask, is_causal=is_causal, scale=scale
    )[:, 0]
