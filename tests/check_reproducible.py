"""Runs the smoke scale in two fresh clones, on one core and on two, and compares their bytes."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

import pandas as pd

from neuralmusic.files import CONTENTS
from tests.checkout import fresh_checkout, snakemake

# Whole folders but for what tells the time: a training log's seconds, the report's durations; and
# the hashes of folders, of whose files each is compared.
COMPARED = ("data", "results")
TIMED = ("results/report/",)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for cores in ("1", "2"):
            checkout = Path(folder) / f"cores{cores}"
            checkout.mkdir()
            snakemake(fresh_checkout(checkout), "--config", "scale=smoke", cores=cores)
            found.append(digests(checkout))
            print(f"run with --cores {cores}: {len(found[-1])} files", flush=True)
    one, two = found
    different = sorted(name for name in one | two if one.get(name) != two.get(name))
    kinds = {"weights": ".safetensors", "samples": ".mid", "tables": ".csv", "figures": ".png"}
    counts = {kind: sum(name.endswith(ending) for name in one) for kind, ending in kinds.items()}
    if different or not all(counts.values()):
        print("different or missing:", *different, counts, sep="\n  ")
        return 1
    print("the same bytes in", ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return 0


def digests(checkout: Path) -> dict[str, str]:
    """The hash of every file that must be the same, by its name in the checkout."""
    found = {}
    for path in sorted(p for top in COMPARED for p in (checkout / top).rglob("*") if p.is_file()):
        name = path.relative_to(checkout).as_posix()
        if name.startswith(TIMED) or path.name in (".snakemake_timestamp", CONTENTS):
            continue
        content = path.read_bytes()
        if path.name == "log.csv":
            content = pd.read_csv(path).drop(columns="seconds").to_csv().encode()
        found[name] = hashlib.sha256(content).hexdigest()
    return found


if __name__ == "__main__":
    sys.exit(main())
