"""Parameters for what is registered and has none in tests/params.yaml: a new source or family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from neuralmusic.datasets import DATASETS
from neuralmusic.models import MODELS


def example(schema: dict) -> Any:
    """A value that a part of the schema lets through, small where it is a number."""
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema["type"]
    kind = next(k for k in kinds if k != "null") if isinstance(kinds, list) else kinds
    if kind == "object":
        return {key: example(part) for key, part in schema["properties"].items()}
    if kind == "array":
        return [example(schema["items"])] * schema.get("minItems", 1)
    if kind == "boolean":
        return False
    if kind == "string":
        return ""
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 2))
    return low if kind == "integer" else (low + high) / 2


def with_registered(raw: dict, schema: Path) -> dict:
    """The parameters, with a dataset of every source and a model of every family."""
    definitions = yaml.safe_load(schema.read_text(encoding="utf-8"))["$defs"]
    there = {dataset["source"] for dataset in raw["datasets"].values()}
    for source in set(DATASETS) - there:
        own = example(definitions["sources"][source])
        raw["datasets"][source] = {"source": source, **example(definitions["dataset"]), **own}
        raw["datasets"][source]["source"] = source
    trained = [own for own in raw["experiments"].values() if "models" in own]
    there = {model["family"] for own in trained for model in own["models"].values()}
    for family in set(MODELS) - there:
        own = example(definitions["families"][family])
        trained[0]["models"] = {**trained[0]["models"], family: {"family": family, **own}}
    return raw
