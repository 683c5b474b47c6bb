"""Parameters for what is registered and has none in tests/params.yaml: a new source or family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from neuralmusic.datasets import DATASETS
from neuralmusic.models import MODELS


def example(schema: dict) -> Any:
    """A value that a part of the schema lets through."""
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema["type"]
    kind = next(k for k in kinds if k != "null") if isinstance(kinds, list) else kinds
    if kind == "object":
        return {key: example(schema["properties"][key]) for key in schema["required"]}
    if kind == "array":
        return [example(schema["items"])] * schema.get("minItems", 1)
    if kind == "boolean":
        return False
    if kind == "string":
        return ""
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 2))
    return max(low, 16) if kind == "integer" else (low + high) / 2


def with_registered(raw: dict, schema: Path, live: Path) -> dict:
    """The parameters, with a dataset of every source and a model of every family.

    A source that they have none of is as in the project's own params.yaml, where that has one.
    """
    definitions = yaml.safe_load(schema.read_text(encoding="utf-8"))["$defs"]
    there = {dataset["source"] for dataset in raw["datasets"].values()}
    if new := sorted(set(DATASETS) - there):
        entries = yaml.safe_load(live.read_text(encoding="utf-8"))["datasets"]
        for source in new:
            of_source = {n: entry for n, entry in entries.items() if entry["source"] == source}
            own = {**example(definitions["dataset"]), **example(definitions["sources"][source])}
            raw["datasets"] |= of_source or {source: own | {"source": source}}
    trained = [own for own in raw["experiments"].values() if "models" in own]
    there = {model["family"] for own in trained for model in own["models"].values()}
    for family in sorted(set(MODELS) - there):
        own = example(definitions["families"][family])
        trained[0]["models"][family] = {"family": family, **own}
    return raw
