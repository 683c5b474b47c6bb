"""How a claim is put: a number whose sign decides, found in what the runs left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.compare import (
    REAL,
    Comparison,
    intra_set_distance,
    load_comparison,
    trained_models,
)
from neuralmusic.estimate import Estimate
from neuralmusic.lengths import note_ends, real_lengths
from neuralmusic.thesis import THESIS

PLAIN = ("basic", "emb")
ATTENTION = ("attn", "attn_res", "attn_res_emb")
RECURRENT = PLAIN + ATTENTION  # the thesis's five; a model that it does not have is in no claim


class Undecidable(Exception):
    """A claim that these models and pieces cannot decide; the message is the reason."""


@dataclass(frozen=True)
class Finding:
    """What a claim comes to: the number whose sign decides, its interval, and words."""

    estimate: float
    interval: tuple[float, float]
    numbers: str


@dataclass(frozen=True)
class Claim:
    """One claim of the thesis and how it is put to the test."""

    experiment: str
    section: str
    sentence: str
    statistic: str  # what the estimate is
    holds_if: int  # the sign of the estimate that bears the claim out
    find: Callable[[Evidence], Finding]


@dataclass(frozen=True)
class Evidence:
    """What the runs of one experiment left, read when a claim asks for it."""

    experiment: str
    params: Mapping[str, Any]
    results: Path

    @cached_property
    def comparison(self) -> Comparison:
        return load_comparison(self.experiment, self.params, self.results)

    @cached_property
    def lengths(self) -> Sequence[float]:
        """Up to which the samples are measured: see `lengths.real_lengths`."""
        least = self.params["experiments"][self.experiment]["min_seconds"]
        return real_lengths(self._samples(REAL), least)

    def note_ends(self, run: str) -> pd.DataFrame:
        """How the notes of a run's samples ended: see `lengths.note_ends`."""
        return note_ends(self._samples(run), self.lengths)

    def _samples(self, run: str) -> Path:
        return self.results / "samples" / self.experiment / run

    def of(self, experiment: str) -> Evidence:
        """What the runs of another experiment left."""
        return replace(self, experiment=experiment)

    def models(self, names: Sequence[str], at_least: int | None = None) -> list[str]:
        """Those of `names` that were run; without `at_least` all of them must have been.

        A folder of MIDI files is not the model that a claim means, whatever its name.
        """
        if self.experiment not in self.params["experiments"]:
            raise Undecidable(f"the {self.experiment} experiment was not run")
        run = trained_models(self.params["experiments"][self.experiment])
        missing = [name for name in names if name not in run]
        if len(names) - len(missing) < (len(names) if at_least is None else at_least):
            raise Undecidable(f"not run: {', '.join(missing)}")
        return [name for name in names if name in run]

    def kl(self, model: str) -> Estimate:
        return self.comparison.kl(model)

    def inter(self, model: str) -> Estimate:
        return self.comparison.inter(model)

    def intra(self, model: str) -> Estimate:
        return self.comparison.estimate(model, intra_set_distance)

    def character(self, measure: str, names: Sequence[str]) -> dict[str, Estimate]:
        """A measure of `compare.character_estimates` of some models, and of `real`."""
        return {name: self.comparison.character(name)[measure] for name in (*names, REAL)}


def finding(estimate: Estimate, numbers: str) -> Finding:
    """An estimate as what a claim comes to, with its own interval over pieces and seeds."""
    if not np.isfinite(estimate.value):
        raise Undecidable("a set has too few pieces or notes")
    return Finding(
        estimate.value, estimate.whole_interval(), (numbers[0].upper() + numbers[1:]).strip()
    )


def against_extreme(
    model: str,
    estimates: Mapping[str, Estimate],
    extreme: str,
    unit: str,
    decimals: int,
    more: str = "",
) -> Finding:
    """`model` less the `extreme` of the others: the "best", which is the least, or the "greatest".

    Which other is extreme was seen in the same pieces: were all models equal, the best of four
    would be below the model's by chance (found significant in 14 % of simulations), so that the
    interval is made for as many comparisons as there were choices.
    """
    others = {name: estimate for name, estimate in estimates.items() if name != model}
    if not all(np.isfinite(estimate.value) for estimate in estimates.values()):
        raise Undecidable("a set has too few pieces or notes")
    pick = {"best": min, "greatest": max}[extreme]
    rival = pick(others, key=lambda name: others[name].value)
    difference = estimates[model] - others[rival]
    numbers = (
        f"{extreme.capitalize()} other: {rival}; {unit}: {listed(estimates, decimals)}. The"
        f" interval allows for the choice among {len(others)}. {more}"
    )
    return Finding(
        difference.value, difference.whole_interval(choices=len(others)), numbers.strip()
    )


def listed(estimates: Mapping[str, Estimate], decimals: int) -> str:
    """The models with their numbers, the least first, and last those that have none."""
    defined = {name: e.value for name, e in estimates.items() if np.isfinite(e.value)}
    ordered = sorted(defined.items(), key=lambda item: (item[1], item[0]))
    told = [f"{name} {value:.{decimals}f}" for name, value in ordered]
    return ", ".join(told + [f"{name} undefined" for name in estimates if name not in defined])


def printed(table: int, experiment: str | None = None) -> str:
    """What the thesis printed in its table 5.`table`, the least first.

    Nothing where an experiment is given beside which the thesis's numbers are not shown.
    """
    thesis = THESIS[f"table_5_{table}"]
    if experiment not in (None, thesis.experiment):
        return ""
    numbers = sorted(thesis.numbers.items(), key=lambda item: item[1])
    told = ", ".join(f"{name} {number:.10g}" for name, number in numbers)
    return f"The thesis's table 5.{table}: {told}."
