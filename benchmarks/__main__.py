"""`make bench`: prints one JSON line a measure and writes results/bench.json."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks import decoder, reading, sampling, training
from neuralmusic import config
from neuralmusic.files import to_json, write_text


def main() -> None:
    params = config.load()
    lines = []
    for measure in (reading.measure, sampling.measure, decoder.measure, training.measure):
        for line in measure(params):
            print(json.dumps(asdict(line)), flush=True)
            lines.append(asdict(line))
    write_text(Path("results/bench.json"), to_json(lines))


if __name__ == "__main__":
    main()
