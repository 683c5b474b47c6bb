"""A dvc.lock that was cut off is known as such, wherever the cut is."""

import pytest
import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA

from neuralmusic.dvc_lock import is_whole, mend
from tests.tiny import ROOT

DIGITS = "12345678901234567890123456789012"
WHOLE = f"""schema: '2.0'
stages:
  data:
    cmd: snakemake data
    deps:
    - path: src/neuralmusic
      hash: md5
      md5: fd237931bbbaac5de64b458572ca3850.dir
      size: 87296
      nfiles: 20
    params:
      params.yaml:
        seed: 2021
        dataset:
    outs:
    - path: data/raw
      hash: md5
      md5: '{DIGITS}'
      size: 12
  report:
    cmd: snakemake
    deps:
    - path: data/raw
      hash: md5
      md5: 12e45678901234567890123456789012
      size: 12
    outs:
    - path: results
      hash: md5
      md5: 5545224d3b87afbce912adfc7556eeaa
      size: 3
"""


def test_every_cut_is_known_or_leaves_what_dvc_reads(tmp_path):
    assert is_whole(WHOLE)
    whole = [length for length in range(len(WHOLE)) if is_whole(WHOLE[:length])]
    # After a stage, which leaves those after it due; nowhere else.
    assert [WHOLE[:length].splitlines()[-1] for length in whole] == ["      size: 12"]
    COMPILED_LOCKFILE_SCHEMA(yaml.safe_load(WHOLE[: whole[0]]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"'{DIGITS}'", DIGITS),  # a number to YAML
        ("12e45678901234567890123456789012", "12e4"),  # and a number with a power of ten
        ("md5: 5545224d3b87afbce912adfc7556eeaa", "md5: 5545224"),
        ("hash: md5", "hash: m"),
        ("size: 87296", "size:"),
        ("'2.0'", "2.0"),
        ("path: results", "path: 7"),
        ("cmd: snakemake data", "cmd:"),
    ],
)
def test_what_dvc_never_writes_is_no_whole_lock(old, new):
    assert old in WHOLE
    assert not is_whole(WHOLE.replace(old, new, 1))


def test_only_a_lock_that_was_cut_is_deleted(tmp_path):
    lock = tmp_path / "dvc.lock"
    assert not mend(lock)
    lock.write_text(WHOLE)
    assert not mend(lock) and lock.read_text() == WHOLE
    for cut in (b"", WHOLE[:200].encode(), "schema: 'é".encode()[:-1]):
        lock.write_bytes(cut)
        assert mend(lock) and not lock.exists()


def test_the_projects_own_lock_is_whole():
    assert is_whole((ROOT / "dvc.lock").read_text(encoding="utf-8"))
