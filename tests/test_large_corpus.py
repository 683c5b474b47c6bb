"""A corpus larger than memory is read where it lies."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from neuralmusic import train as training_loop

PIECES, BYTES = 5000, 40_000_000_000
READS = """
import re, resource, sys
from pathlib import Path

from neuralmusic.checkpoint import fingerprint
from neuralmusic.likelihood import gather
from neuralmusic.prepare import load_encoded
from neuralmusic.representations import REPRESENTATIONS
from neuralmusic.train import Training, Windows
from neuralmusic.vocabulary import vocabulary_of

def peak():
    # Linux counts the process that began this one into its maxrss.
    if (status := Path("/proc/self/status")).exists():
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

before = peak()
for folder, name in zip(sys.argv[1:3], ("events", "pianoroll")):
    pieces = load_encoded(Path(folder), "train").pieces
    vocabulary, transpose = vocabulary_of(name), REPRESENTATIONS[name].transpose
    for objective in ("causal", "last"):
        training = Training(objective=objective, window_steps=128, epochs=1, batch_size=16,
            windows_per_epoch=45_000, learning_rate=1.0, schedule="constant", gradient_clip=1.0,
            stuck_share=0.1, stuck_steps=8, transpose_semitones=[-5, 6], precision="float32")
        batches = iter(Windows(pieces, training, vocabulary, transpose, 1))
        assert next(batches).inputs.shape[:2] == (16, 128)
    gather(pieces[:4], 10**6, 257, vocabulary)
    print(len(pieces), sum(map(len, pieces)))
print(peak() - before)
fingerprint({}, [Path(sys.argv[3])])
print(peak() - before)
"""


def hole(path: Path, dtype: type, shape: tuple[int, ...]) -> None:
    """A file as ArrayFile makes one, of zeros that take no room."""
    with path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False}
        np.lib.format.write_array_header_1_0(file, {**header, "shape": shape})
        try:
            size = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))
            file.truncate(file.tell() + size)
        except OSError:
            pytest.skip("this file system takes no file of 40 GB")
    if path.stat().st_blocks * 512 > 10**6:
        pytest.skip("this file system has no sparse files")
    assert path.stat().st_size > size


def test_a_corpus_larger_than_memory_is_read_where_it_lies(tmp_path):
    """Two of 40 GB that are all hole: what is read of them is what a batch needs.

    That its bytes are a training's fingerprint takes no memory either.
    """
    lengths = []
    for name, dtype, more in (("events", np.int16, ()), ("pianoroll", np.uint8, (88,))):
        length = BYTES // PIECES // (np.dtype(dtype).itemsize * int(np.prod(more)))
        (tmp_path / name).mkdir()
        hole(tmp_path / name / "steps.npy", dtype, (length * PIECES, *more))
        lengths.append(length)
        names = [f"{index}.mid" for index in range(PIECES)]
        table = pd.DataFrame({"piece": names, "split": "train", "stretch": 1.0, "steps": length})
        table = table.assign(start=np.arange(PIECES) * length, length_seconds=9.0)
        table.to_csv(tmp_path / name / "pieces.csv", index=False)
    hole(tmp_path / "steps.npy", np.uint8, (300_000_000,))
    arguments = [tmp_path / "events", tmp_path / "pianoroll", tmp_path / "steps.npy"]
    environment = os.environ | {"PYTHONPATH": str(Path(training_loop.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", READS, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *sizes, read_megabytes, hashed_megabytes = done.stdout.splitlines()
    assert sizes == [f"{PIECES} {PIECES * length}" for length in lengths]
    assert float(read_megabytes) < 200
    assert float(hashed_megabytes) < 200
