"""What another way of sampling does to the same models: the event-grammar mask."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuralmusic.compare import (
    REAL,
    STUCK,
    Comparison,
    experiment_params,
    load_comparison,
    paired,
)
from neuralmusic.estimate import COVERAGE, Estimate, excludes_zero, over_runs
from neuralmusic.files import InputError
from neuralmusic.set_tables import inter_estimates, intra_estimates, kl_estimates
from neuralmusic.table_text import (
    CHARACTER_HEADINGS,
    Page,
    Table,
    empty_footnote,
    number,
    seeds_footnote,
    sizes_footnote,
    stuck_footnote,
    with_interval,
)

COLUMNS = ["experiment", "base", "model", "measure", "plain", "masked", "difference"]
COLUMNS += ["ci_low", "ci_high", "seeds", "seeds_sd", "real"]
# The measures in the order of the rows: heading and decimals.
HEADINGS: dict[str, tuple[str, int]] = {
    STUCK: CHARACTER_HEADINGS[STUCK],
    "transition_kl": ("KL of transitions, nats", 4),
    "intra_set_distance": ("mean intra-set distance", 3),
    "inter_set_distance": ("mean inter-set distance", 3),
    **{measure: of for measure, of in CHARACTER_HEADINGS.items() if measure != STUCK},
    "lowest_pitch": ("lowest pitch", 2),  # differences are small
    "highest_pitch": ("highest pitch", 2),
}
NEEDS_REAL = ("transition_kl", "inter_set_distance")


def grammar(params: Mapping[str, Any], results: Path) -> Table:
    """Every measure of the samples of an experiment that has another's models, less that other's.

    One row a model and measure. `plain` is the experiment that trained the models, `masked` the
    one that samples them, `real` the plain one's real pieces.
    """
    rows, pages = [], []
    for experiment, own in params["experiments"].items():
        base = own["weights_of"]
        if base in params["experiments"]:
            frame, page = _against(experiment, base, params, results)
            rows.append(frame)
            pages.append(page)
    if not pages:
        raise InputError("no experiment samples the models of another one that is there")
    return Table(pd.concat(rows), pages)


def _against(
    experiment: str, base: str, params: Mapping[str, Any], results: Path
) -> tuple[pd.DataFrame, Page]:
    own, of_base = (experiment_params(params, name) for name in (experiment, base))
    if own["resamples"] != of_base["resamples"]:
        raise InputError(
            f"experiments.{experiment}.evaluation.resamples is not that of {base}: their"
            " resamples cannot be paired"
        )
    plain = load_comparison(base, params, results).without_folders()
    masked = paired(load_comparison(experiment, params, results), plain)
    # By run: the two samples of the same weights are subtracted first, then averaged over seeds.
    before, after = measures(plain.by_run()), measures(masked.by_run())
    rows, lines, empty = [], [], []
    defined = 0
    for measure, (heading, decimals) in HEADINGS.items():
        reference = before[measure][REAL].value
        for model in masked.models:
            if model not in plain.models:
                continue
            runs = masked.runs[model]
            pairs = [(before[measure][run], after[measure][run]) for run in runs]
            difference = over_runs([of_masked - of_plain for of_plain, of_masked in pairs])
            values = [over_runs(of).value for of in zip(*pairs, strict=True)]
            interval = difference.interval()
            defined += bool(np.isfinite(interval[0]))
            row = [experiment, base, model, measure, *values, difference.value, *interval]
            rows.append([*row, len(runs), difference.seeds_sd, reference])
            told = with_interval(difference, decimals)
            told = f"**{told}**" if excludes_zero(difference) else told
            cells = [number(value, decimals) for value in values]
            lines.append([heading, model, *cells, told, number(reference, decimals)])
        for comparison, found in ((plain, before), (masked, after)):
            note = empty_footnote(comparison.by_run(), found[measure], measure in NEEDS_REAL)
            empty += [f"{comparison.experiment}: {note}"] if note else []
    page = Page(
        title=f"The same models sampled in two ways: {experiment} experiment against {base}",
        about=(
            f"`{base}` trained the models and samples them plainly, `{experiment}` samples them"
            " with what its parameters change. The difference is the second less the first;"
            " `real` is what real pieces have, to which nearer is better, but for the divergence"
            " and the inter-set distance, of which less is."
        ),
        header=["measure", "model", base, experiment, "difference", REAL],
        rows=lines,
        footnotes=[
            f"In brackets: 95 % intervals of the difference from {own['resamples']} resamples of"
            " pieces, paired where both sets have the same files, which continue the same primers"
            f" or are the same real pieces. Bold: it excludes 0. Of {defined} differences about"
            f" {defined * (1 - COVERAGE):.0f} would be bold by chance if nothing changed.",
            seeds_footnote(masked.runs),
            stuck_footnote(own["max_note_seconds"]),
            f"`real`: the real pieces of `{base}`; divergence and inter-set distance are those of"
            " one half of them from the other.",
            *(f"{of.experiment}: {sizes_footnote(of)}" for of in (plain, masked)),
            *dict.fromkeys(empty),
        ],
        names=2,
    )
    return pd.DataFrame(rows, columns=COLUMNS), page


def measures(comparison: Comparison) -> dict[str, dict[str, Estimate]]:
    """Every measure of HEADINGS, of the models and `real`."""
    of_sets = {name: comparison.character(name) for name in comparison.names}
    found = {
        "transition_kl": kl_estimates(comparison),
        "intra_set_distance": intra_estimates(comparison),
        "inter_set_distance": inter_estimates(comparison),
    }
    return found | {
        measure: {name: of[measure] for name, of in of_sets.items()}
        for measure in CHARACTER_HEADINGS
    }
