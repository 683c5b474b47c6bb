"""Arrays and tables that an earlier verb wrote, read as if anyone could have changed them.

No file decides how its bytes are understood: dtypes, dimensions and columns are those that the
caller expects, nothing is evaluated or unpickled, and every count is compared with the file's size.
What does not fit raises an InputError that names the file and says what to do.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from neuralmusic.files import InputError

if TYPE_CHECKING:  # the workflow reads this file at every start, and pandas is slow to load
    import pandas as pd

Kind = tuple[np.dtype, int]  # of an array: its dtype and how many dimensions it has

MAGIC = b"\x93NUMPY\x01\x00"  # of a .npy file, and its format's version
LONGEST_HEADER = 10_000  # bytes
# As NumPy writes it. Evaluating it, as NumPy does, would let the file choose the dtype.
HEADER = re.compile(
    rb"\{'descr': (.+), 'fortran_order': False,"
    rb" 'shape': \((|\d{1,15},|\d{1,15}(?:, \d{1,15})+)\), \} *\n"
)
ENTRY_MAGIC = b"PK\x03\x04"
ENTRY_BYTES = 30  # the fixed part of what stands before an entry in a zip


def damaged(path: Path, why: object) -> InputError:
    """The error of a file that is not as it was written."""
    return InputError(f"{path} is damaged: {why}; delete {Path(path).parent} and run again")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raises InputError, naming `path`, for whatever goes wrong while it is read."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path} is missing: run the step that writes it again") from error
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    # Damaged bytes are answered with many kinds of exceptions by zipfile, pandas and NumPy.
    except Exception as error:
        raise damaged(path, str(error) or type(error).__name__) from error


# Arrays.


def open_array(path: Path, kinds: Sequence[Kind]) -> np.ndarray:
    """The array of a .npy file where it lies, read-only; it is of one of the `kinds`.

    Raises InputError where it is not, or where the file is shorter or longer than it says.
    """
    path = Path(path)
    with reading(path), path.open("rb") as file:
        return _mapped(file, os.fstat(file.fileno()).st_size, kinds)


def open_arrays(path: Path, kinds: Mapping[str, Kind], checked: Sequence[str]) -> list[np.ndarray]:
    """The arrays of an uncompressed .npz archive where they lie, read-only, in the `kinds`' order.

    The checksums of those `checked` are compared, for which all of an array is read.
    Raises InputError where one is missing, not of its kind, or reaches past the archive's end.
    """
    path = Path(path)
    arrays = []
    with reading(path), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        for name, kind in kinds.items():
            info = archive.getinfo(f"{name}.npy")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ValueError(f"{name} is compressed")
            begin = _content_of(file, info)
            if begin + info.file_size > archive.start_dir:
                raise ValueError(f"{name} reaches past its end")
            file.seek(begin)
            if name in checked and zlib.crc32(file.read(info.file_size)) != info.CRC:
                raise ValueError(f"the checksum of {name} is wrong")
            file.seek(begin)
            arrays.append(_mapped(file, begin + info.file_size, [kind]))
    return arrays


def read_packed_array(path: Path, name: str, kind: Kind) -> np.ndarray:
    """One array of a .npz archive, compressed or not, in memory.

    Raises InputError where it is missing, not of its kind, or not as large as it says.
    """
    path = Path(path)
    with reading(path), zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as entry:
            dtype, shape, begin = _header(entry, [kind])
            _check_size(shape, dtype, info.file_size - begin)
            return np.frombuffer(entry.read(), dtype).reshape(shape)


def _content_of(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Where an entry's content begins in a zip."""
    file.seek(info.header_offset)
    header = file.read(ENTRY_BYTES)
    if not header.startswith(ENTRY_MAGIC):
        raise ValueError(f"{info.filename} is not where its directory says")
    # The entry's name and more stand before its content, their lengths at 26 and 28.
    return file.tell() + sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))


def _mapped(file: IO[bytes], end: int, kinds: Sequence[Kind]) -> np.ndarray:
    """The array whose header the file is at, and which ends at the byte `end`."""
    begin = file.tell()
    dtype, shape, header_bytes = _header(file, kinds)
    begin += header_bytes
    _check_size(shape, dtype, end - begin)
    if not math.prod(shape):  # no system maps nothing
        return np.empty(shape, dtype)
    return np.memmap(file, dtype, "r", begin, shape)


def _header(file: IO[bytes], kinds: Sequence[Kind]) -> tuple[np.dtype, tuple[int, ...], int]:
    """The dtype and shape that a .npy header states, and how many bytes it takes."""
    start = file.read(len(MAGIC) + 2)
    length = int.from_bytes(start[len(MAGIC) :], "little")
    text = file.read(length) if length <= LONGEST_HEADER else b""
    found = HEADER.fullmatch(text)
    if not start.startswith(MAGIC) or found is None:
        raise ValueError("no array that NumPy wrote")
    shape = tuple(int(size) for size in found[2].replace(b",", b" ").split())
    for dtype, dimensions in kinds:
        descr = repr(np.lib.format.dtype_to_descr(dtype)).encode()
        if found[1] == descr and len(shape) == dimensions:
            return dtype, shape, len(start) + length
    raise ValueError(f"an array of {found[1].decode(errors='replace')} with shape {shape}")


def _check_size(shape: tuple[int, ...], dtype: np.dtype, size: int) -> None:
    if math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"{max(size, 0)} bytes for an array of {shape} {dtype}")


# Tables.


def read_csv(path: Path, names: Sequence[str], numbers: Sequence[str] = ()) -> pd.DataFrame:
    """A CSV of an earlier verb; the columns `names` are text, an empty cell elsewhere is NaN.

    Raises InputError where it is missing or damaged, or a column of `numbers` is missing or not of
    numbers.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is missing: run the workflow for this model first")
    with reading(path):
        # By `dtype`, pandas takes twice the time for a table of hundreds of columns.
        frame = pd.read_csv(
            path, converters=dict.fromkeys(names, str), keep_default_na=False, na_values=[""]
        )
    for name in frame.columns.intersection(list(names)):
        frame[name] = frame[name].astype(str)  # a column of empty cells only is one of numbers
    if missing := set(numbers) - set(frame.columns):
        raise InputError(
            f"{path} lacks columns {sorted(missing)[:5]}; delete {path.parent} and run again"
        )
    for name, dtype in frame[list(numbers)].dtypes.items() if len(frame) else ():
        if not pd.api.types.is_numeric_dtype(dtype):
            raise damaged(path, f"not every {name} is a number")
    return frame


def read_exact_csv(path: Path, columns: Mapping[str, type]) -> pd.DataFrame:
    """A CSV that has these columns and no others: of str, int (0 or more) or float (finite).

    Raises InputError where it has not, or a row is cut short or a number is none.
    """
    import pandas as pd

    path = Path(path)
    dtypes = {str: str, int: np.int64, float: np.float64}
    with reading(path):
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, strict=True)
            if next(rows, None) != list(columns):
                raise ValueError(f"its columns are not {', '.join(columns)}")
            for row in rows:  # of which pandas would fill up those cut short
                if len(row) != len(columns):
                    raise ValueError(f"the row that ends in line {rows.line_num} is not whole")
        table = pd.read_csv(
            path,
            dtype={name: dtypes[of] for name, of in columns.items()},
            keep_default_na=False,
            na_values=[],
        )
        for name, of in columns.items():
            if of is int and (table[name] < 0).any():
                raise ValueError(f"a negative number in {name}")
            if of is float and not np.isfinite(table[name]).all():
                raise ValueError(f"a number in {name} that is not finite")
    return table


def read_json(path: Path) -> dict[str, Any]:
    """The object of a JSON file. Raises InputError where it holds none."""
    path = Path(path)
    with reading(path):
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError("no JSON object")
    return value
