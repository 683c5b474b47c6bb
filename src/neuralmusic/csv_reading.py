"""The CSV files that a verb wrote, as another reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from neuralmusic.files import InputError


def read_csv(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """A CSV of an earlier verb; the columns `names` are text, an empty cell elsewhere is NaN."""
    if not path.is_file():
        raise InputError(f"{path} is missing: run the workflow for this model first")
    try:
        # By `dtype`, pandas takes twice the time for a table of hundreds of columns.
        frame = pd.read_csv(
            path, converters=dict.fromkeys(names, str), keep_default_na=False, na_values=[""]
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no table that can be read: {error}") from error
    for name in frame.columns.intersection(names):
        frame[name] = frame[name].astype(str)  # a column of empty cells only is one of numbers
    return frame
