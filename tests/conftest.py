"""What several test files share: one smoke run, made by whichever of them needs it first."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.recorded import record
from tests.tiny import EXPERIMENTS, TRAINED, corpus


def pytest_collection_modifyitems(items) -> None:
    """The tests that take longest come first, so that processes end at about the same time."""
    items.sort(key=lambda item: "recorded" not in item.fixturenames)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory, worker_id) -> Path:
    """A checkout with a whole smoke run, recorded and committed. Not to be changed: copy it."""
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":  # one of several processes of pytest-xdist
        shared = shared.parent
    checkout, done = shared / "recorded", shared / "recorded.done"
    with FileLock(shared / "recorded.lock"):
        if not done.exists():
            record(checkout)
            done.touch()
    return checkout


@pytest.fixture
def checkout(recorded, tmp_path) -> Path:
    copied = tmp_path / "checkout"
    shutil.copytree(recorded, copied, symlinks=True)
    return copied


@pytest.fixture(scope="session")
def corpora(tmp_path_factory) -> dict[str, Path]:
    """The same tunes, encoded for every experiment. Not to be changed."""
    found = {e: corpus(tmp_path_factory.mktemp(e), experiment=e) for e in TRAINED}
    return {e: found[own["weights_of"] or e] for e, own in EXPERIMENTS.items()}


@pytest.fixture(scope="session")
def encoded(corpora) -> Path:
    return corpora["monophonic"]
