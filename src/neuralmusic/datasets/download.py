"""Files from the network, each fetched once, checked, and kept in one folder."""

from __future__ import annotations

import logging
from pathlib import Path

from neuralmusic.datasets.archive import check_sha256
from neuralmusic.datasets.source import KEPT
from neuralmusic.files import InputError

SECONDS = 60  # without an answer, or without another byte


def download(address: str, sha256: str) -> Path:
    """The file of an address, from the folder of downloads where it is there already.

    Raises InputError where it cannot be had, saying where to put it by hand, and where its
    checksum is another one.
    """
    path = downloaded(address)
    if path.exists():
        check_sha256(path, sha256)
        return path
    import pooch  # slow to load, and most jobs download nothing
    import requests

    pooch.get_logger().setLevel(logging.WARNING)
    try:
        # It is written beside and renamed when its checksum is right.
        pooch.retrieve(
            url=address,
            known_hash=f"sha256:{sha256}",
            fname=path.name,
            path=path.parent,
            downloader=pooch.HTTPDownloader(timeout=SECONDS),
        )
    except (requests.RequestException, OSError, ValueError) as error:
        raise InputError(
            f"cannot download {address}: {error}\n"
            f"The file can also be put by hand at {path.absolute()} (its sha256 is {sha256})"
        ) from error
    return path


def downloaded(address: str) -> Path:
    """Where the file of an address is kept, or would be."""
    return KEPT / address.rsplit("/", maxsplit=1)[-1]
