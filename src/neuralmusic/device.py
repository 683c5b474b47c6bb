"""Where and how PyTorch computes."""

from __future__ import annotations

import os

import torch

from neuralmusic.files import InputError


def prepare_torch(params: dict) -> torch.device:
    """Fixes threads and algorithms, so that results depend on neither cores nor luck."""
    torch.set_num_threads(params["threads"])
    wanted = params["device"]
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    # A GPU lacks deterministic forms of some operations: it is told to use those that there are.
    # `use_deterministic_algorithms` does the same, and loads the compiler, which takes a second.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_deterministic_debug_mode("error" if wanted == "cpu" else "warn")
    try:
        return torch.empty(0, device=wanted).device
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {wanted!r} cannot be used here: {error}") from error


def computes_in_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether matrix products run in bfloat16; weights, sums and losses are float32 either way."""
    if precision == "bfloat16" and device.type == "cpu" and not cpu_knows_bfloat16():
        raise InputError(
            "training.precision: this processor cannot compute in bfloat16; choose auto or float32"
        )
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def cpu_knows_bfloat16() -> bool:
    """Whether PyTorch's layers, the LSTM among them, have a bfloat16 form for this processor."""
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()
