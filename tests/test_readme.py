"""The project's own params.yaml as it is, and with each change of it that the README shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from neuralmusic import config, jobs
from neuralmusic.config import merge
from neuralmusic.midi_writing import write_midi
from tests.checkout import fresh_checkout, planned
from tests.constructed import drawn
from tests.tiny import RAW, ROOT, SCHEMA

LIVE = config.read(ROOT / config.PARAMS)
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def music(tmp_path) -> Path:
    """A folder that stands for those of the README."""
    for index, piece in enumerate(drawn(7, 3)):
        write_midi(tmp_path / f"music/{index}.mid", piece)
    return tmp_path / "music"


def at_home(value: Any, music: Path) -> Any:
    """A block with this folder in place of the user's, which begin with ~."""
    if isinstance(value, dict):
        return {key: at_home(of, music) for key, of in value.items()}
    return str(music) if str(value).startswith("~/") else value


@pytest.mark.parametrize("scale", LIVE["scales"])
def test_the_parameters_as_they_are_are_in_force_at_every_scale(scale):
    assert config.resolve(LIVE | {"scale": scale}, SCHEMA)["scale"] == scale


@pytest.mark.parametrize("block", BLOCKS, ids=[block.split()[-1] for block in BLOCKS])
def test_what_the_readme_shows_can_be_put_into_the_parameters(block, music, monkeypatch):
    monkeypatch.chdir(ROOT)
    changes = at_home(yaml.safe_load(block), music)
    for name, own in changes.get("experiments", {}).items():
        if "weights_of" not in own and name not in LIVE["experiments"]:
            pytest.skip(f"params.yaml has no experiment {name} any more")
    # One block uses the music that the first one names.
    brought = at_home(yaml.safe_load(BLOCKS[0]), music)
    params = config.resolve(merge(merge(LIVE, brought), changes), SCHEMA)
    found = jobs.all_jobs(params)
    for name, own in changes.get("experiments", {}).items():
        assert ("rank", name) in found
        for model in own.get("models", {}):
            assert ("sample", f"{name}/{model}") in found
        assert own.get("dataset", params["experiments"][name]["dataset"]) in jobs.dataset_names(
            params
        )
    for name in changes.get("datasets", {}):
        assert jobs.dataset_parameters(params, name, "fetch")["dataset"] == name


def test_snakemake_plans_all_that_the_readme_shows(music, tmp_path):
    """At once, on parameters that nobody edits."""
    raw = RAW
    for block in BLOCKS:
        raw = merge(raw, at_home(yaml.safe_load(block), music))
    found = jobs.all_jobs(config.resolve(raw, SCHEMA))
    checkout = fresh_checkout(tmp_path / "checkout", raw)
    assert planned(checkout) == {f"{verb}/{job.replace('/', '.')}" for verb, job in found}
