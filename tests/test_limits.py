"""What a machine does not give, or a training has lost: said by its name, never taken for data."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from neuralmusic import checkpoint
from neuralmusic.checkpoint import build_model, save_weights
from neuralmusic.files import InputError
from neuralmusic.isolated import Failure, isolated_map
from neuralmusic.sample import sample
from neuralmusic.score import score
from tests.tiny import corpus, job, untrained

READS = """
from neuralmusic.files import InputError
from neuralmusic.isolated import isolated_map
from tests.test_limits import grow

assert list(isolated_map(grow, [1, 2], 1, 60)) == [10**6, 2 * 10**6]
try:
    print(list(isolated_map(grow, [1, 1500, 2], 1, 60)))
except InputError as error:
    print(error)
"""


def grow(megabytes: int) -> int:
    return len(bytearray(megabytes * 10**6))


def end(item: int) -> int:
    if item == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_a_lower_limit_than_ours_rejects_no_file_but_ends_the_job():
    """Else the dataset would be another on another machine."""
    home = Path(checkpoint.__file__).parents[2]
    assert [a for a in isolated_map(grow, [1500], 1, 60) if isinstance(a, Failure)] == []
    limit = 1_300_000_000
    done = subprocess.run(
        [sys.executable, "-c", READS],
        cwd=home,
        env=os.environ | {"PYTHONPATH": f"{home / 'src'}:{home}", "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "memory ran out at 1500: the system's own limit" in done.stdout


def test_a_process_that_the_system_kills_ends_the_job_and_not_the_file():
    with pytest.raises(InputError, match="memory ran out at 5: the system ended a process"):
        list(isolated_map(end, range(8), 1, 60))


def test_a_checkpoint_that_cannot_be_written_is_named_and_the_last_one_stays(tmp_path):
    path = tmp_path / "run.pt"
    checkpoint.save_checkpoint(path, {"epoch": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        with pytest.raises(
            InputError, match=r"checkpoint .*run\.pt.* free space.* goes on"
        ) as told:
            checkpoint.save_checkpoint(path, {"epoch": 2, "model": torch.ones(10**6)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(told.value)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_score_and_sample_nothing(value, tmp_path):
    params, encoded = job("basic"), corpus(tmp_path)
    weights = build_model(params).state_dict()
    next(iter(weights.values())).view(-1)[0] = value
    save_weights(tmp_path / "model/weights.safetensors", weights)
    for verb in (score, sample):
        with pytest.raises(InputError, match=r"weights\.safetensors holds weights that are no num"):
            verb(params, tmp_path / "model", encoded, tmp_path / "out")


def test_a_loss_that_is_no_number_names_the_model(tmp_path):
    params, encoded = job("basic"), corpus(tmp_path)
    untrained(params, tmp_path / "model")
    weights = build_model(params).state_dict()
    for tensor in weights.values():
        tensor.fill_(3e38)
    save_weights(tmp_path / "model/weights.safetensors", weights)
    with pytest.raises(InputError, match=r"loss of basic in .*model on test\d\.mid is no number"):
        score(params, tmp_path / "model", encoded, tmp_path / "out")
    assert not (tmp_path / "out/heldout.csv").exists()
