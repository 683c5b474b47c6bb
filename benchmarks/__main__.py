"""`make bench [ONLY="..."]`: prints one JSON line a measure, and keeps it in results/bench.json."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks import comparing, decoder, near_copies, reading, sampling, training
from benchmarks.line import Line
from neuralmusic import config
from neuralmusic.files import to_json, write_text

RESULTS = Path("results/bench.json")
BENCHMARKS: dict[str, Callable[[dict], Iterator[Line]]] = {
    "reading": reading.measure,
    "sampling": sampling.measure,
    "training": training.measure,
    "decoder_sampling": decoder.measure_sampling,
    "decoder_training": decoder.measure_training,
    "comparing": comparing.measure,
    "near_copies": near_copies.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; all without one")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(
            f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}"
        )
    params = config.load()
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name in names:
        lines = []
        for line in BENCHMARKS[name](params):
            print(json.dumps(asdict(line)), flush=True)
            lines.append(asdict(line))
        found[name] = lines  # those of the others stay what an earlier run measured
        write_text(RESULTS, to_json(found))


if __name__ == "__main__":
    main()
