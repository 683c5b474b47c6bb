"""What failed jobs said, from their logs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

# As `neuralmusic VERB` ends where its input cannot do.
SAID = re.compile(r"^neuralmusic \w+: .*\Z", re.MULTILINE | re.DOTALL)


def print_failures(logs: Path, since: float) -> None:
    """Prints why jobs ended that wrote their logs `since` then (seconds), each reason once."""
    for reason in reasons(logs, since):
        print(f"\n{reason}", file=sys.stderr)


def reasons(logs: Path, since: float) -> list[str]:
    """Why jobs ended whose input could not do, in the order of their names, each reason once."""
    found: dict[str, None] = {}
    for log in sorted(logs.glob("*/*.log")):
        if log.stat().st_mtime < since:
            continue
        said = SAID.search(log.read_text(encoding="utf-8", errors="replace"))
        if said:
            found[said[0].strip()] = None
    return list(found)
