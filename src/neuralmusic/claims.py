"""The thesis's claims, each with a verdict and the numbers behind it.

A claim is put as a number whose sign decides: `held` where its 95 % interval, over pieces and
seeds, lies on the claim's side of 0, `did not hold` where it lies on the other, `undecided` where
it holds 0 or where models that the claim names were not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.claims_attention import ATTENTION_CLAIMS
from neuralmusic.claims_monophonic import MONOPHONIC_CLAIMS
from neuralmusic.claims_polyphonic import POLYPHONIC_CLAIMS
from neuralmusic.evidence import Claim, Evidence, Finding, Undecidable
from neuralmusic.files import write_csv

HELD, DID_NOT_HOLD, UNDECIDED = "held", "did not hold", "undecided"
HEAD_COLUMNS = ["experiment", "section", "claim", "verdict", "statistic"]
COLUMNS = [*HEAD_COLUMNS, "estimate", "ci_low", "ci_high", "numbers"]
CLAIMS: dict[str, Claim] = MONOPHONIC_CLAIMS | POLYPHONIC_CLAIMS | ATTENTION_CLAIMS


def judge(params: Mapping[str, Any], results: Path) -> None:
    """Writes results/claims.csv, one row a claim."""
    experiments = dict.fromkeys(claim.experiment for claim in CLAIMS.values())
    evidence = {name: Evidence(name, params, Path(results)) for name in experiments}
    rows = [verdict_row(claim, evidence[claim.experiment]) for claim in CLAIMS.values()]
    write_csv(Path(results) / "claims.csv", pd.DataFrame(rows, columns=COLUMNS))


def verdict_row(claim: Claim, evidence: Evidence) -> list[Any]:
    """The row of one claim, in the order of COLUMNS."""
    undefined = float("nan")
    try:
        found = claim.find(evidence)
    except Undecidable as reason:
        found = Finding(undefined, (undefined, undefined), f"Cannot be decided: {reason}.")
    low, high = found.interval
    numbers = found.numbers
    if np.isfinite(found.estimate) and not np.isfinite(low):
        numbers += " There is no interval: too few pieces to resample."
    verdict = UNDECIDED
    if low > 0 or high < 0:
        verdict = HELD if np.sign(found.estimate) == claim.holds_if else DID_NOT_HOLD
    head = [claim.experiment, claim.section, claim.sentence, verdict, claim.statistic]
    return [*head, found.estimate, low, high, numbers]
