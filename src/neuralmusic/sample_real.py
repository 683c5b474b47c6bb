"""The samples of the pseudo-model `real`: the test pieces, encoded, cut and decoded as any other's.

Apart from the sampler, so that its edits leave them alone, and so that no PyTorch is loaded.
"""

from __future__ import annotations

from pathlib import Path

from neuralmusic.prepare import load_encoded
from neuralmusic.sampled import write_sampled


def sample_real(params: dict, encoded: Path, out: Path) -> None:
    """Writes the test pieces of a corpus as `sampled.write_sampled` does, without a primer."""
    test = load_encoded(encoded, "test")
    pieces = zip(test.pieces, test.names, strict=True)
    write_sampled(params, ((steps, None, (name, 0)) for steps, name in pieces), out)
