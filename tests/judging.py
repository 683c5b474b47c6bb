"""The verdicts on claims, without a file of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from neuralmusic.claims import CLAIMS, COLUMNS, verdict_row
from neuralmusic.evidence import Evidence


class Judged(Mapping):
    """The rows of claims.csv by claim, each found when it is asked for."""

    def __init__(self, results: Path, parameters: Mapping[str, Any]) -> None:
        self.results, self.parameters = results, parameters
        self.evidence: dict[str, Evidence] = {}

    def __getitem__(self, name: str) -> dict[str, str]:
        experiment = CLAIMS[name].experiment
        evidence = self.evidence.setdefault(
            experiment, Evidence(experiment, self.parameters, self.results)
        )
        row = verdict_row(CLAIMS[name], evidence)
        return {
            key: "" if value != value else str(value)
            for key, value in zip(COLUMNS, row, strict=True)
        }

    def __iter__(self) -> Iterator[str]:
        return iter(CLAIMS)

    def __len__(self) -> int:
        return len(CLAIMS)
