"""The thesis's claims of its attention experiment (§5.5.3): heads, stacks, and what they see."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from neuralmusic.compare import REAL
from neuralmusic.estimate import Estimate
from neuralmusic.evidence import Claim, Evidence, Finding, Undecidable, finding, listed, printed
from neuralmusic.losses import load_heldout
from neuralmusic.thesis import ATTENTION

SECTION = "5.5.3"
ONE, HEADS, STACKS, BOTH = "s1h1", "s1h3", "s3h1", "s2h2"
EQUAL = "s1h3_wide"  # HEADS with the parameters of STACKS
THESIS_MODELS = (ONE, HEADS, STACKS, BOTH)

Measure = Callable[[Evidence, str], Estimate]


def inter(evidence: Evidence, model: str) -> Estimate:
    """Mean inter-set distance."""
    return evidence.inter(model)


def kl(evidence: Evidence, model: str) -> Estimate:
    """KL of transitions in nats."""
    return evidence.kl(model)


def pitches_off(evidence: Evidence, model: str) -> Estimate:
    """How far the mean of the used pitches is from that of the real pieces."""
    of = evidence.character("used_pitches", [model])
    return abs(of[model] - of[REAL])


def loss(evidence: Evidence, model: str) -> Estimate:
    """Held-out loss in nats per event."""
    return load_heldout(evidence.experiment, evidence.params, evidence.results).per_step(model)


# Less is better of each: how it is said, the decimals, and the thesis's table of it.
MEASURES: dict[str, tuple[Measure, str, int, int | None]] = {
    "inter": (inter, "mean inter-set distance", 3, 7),
    "kl": (kl, "KL of transitions", 4, None),
    "pitches": (pitches_off, "distance of the used pitches from the real number", 2, 8),
    "loss": (loss, "held-out nats per event", 4, None),
}


def better(evidence: Evidence, measure: str, better_model: str, worse_model: str) -> Finding:
    """A measure of one model less that of another one."""
    evidence.models((better_model, worse_model))
    run = evidence.models((*THESIS_MODELS, EQUAL), at_least=1)
    of, said, decimals, table = MEASURES[measure]
    found = {name: of(evidence, name) for name in run}
    told = f"{said}: {listed(found, decimals)}.{_beside(found, table)}"
    return finding(found[better_model] - found[worse_model], told)


def best_of_the_four(evidence: Evidence, measure: str, model: str, sign: int) -> Finding:
    """A measure of a model less that of the nearest of the thesis's other three.

    `sign` is -1 where the model is said to have the least of all, 1 where the most. The interval
    allows for the choice of the nearest.
    """
    evidence.models(THESIS_MODELS)
    of, said, decimals, table = MEASURES[measure]
    found = {name: of(evidence, name) for name in THESIS_MODELS}
    if not all(np.isfinite(estimate.value) for estimate in found.values()):
        raise Undecidable("a set has too few pieces or notes")
    others = {name: estimate for name, estimate in found.items() if name != model}
    nearest = min(others, key=lambda name: -sign * others[name].value)
    difference = found[model] - others[nearest]
    numbers = (
        f"{said[0].upper()}{said[1:]}: {listed(found, decimals)}; nearest other: {nearest}. The"
        f" interval allows for the choice among {len(others)}.{_beside(found, table)}"
    )
    interval = difference.whole_interval(choices=len(others))
    return Finding(difference.value, interval, numbers)


def _beside(found: dict[str, Estimate], table: int | None) -> str:
    """The thesis's numbers, where it has them, and what the seeds vary, where there are several."""
    thesis = f" {printed(table)}" if table else ""
    spread = {name: of.seeds_sd for name, of in found.items() if np.isfinite(of.seeds_sd)}
    if not spread:
        return f"{thesis} One seed a model: how much another would change is not in the interval."
    told = ", ".join(f"{name} {sd:.2g}" for name, sd in spread.items())
    return f"{thesis} Standard deviation between seeds: {told}."


def _claims() -> dict[str, Claim]:
    found = {}
    for measure, (_, said, _, _) in MEASURES.items():
        statistic = f"{said} of {{}} less that of {{}}"
        pairs = {
            "heads_help": (HEADS, ONE, "Multi-head attention helps: three heads beat one."),
            "heads_matter_most": (
                HEADS,
                STACKS,
                "Multi-head attention matters most: three heads on one stack beat three stacks"
                " of one head.",
            ),
            "heads_beat_stacks": (
                EQUAL,
                STACKS,
                "More heads beat more layers given the same number of parameters.",
            ),
        }
        for name, (better_model, worse_model, sentence) in pairs.items():
            found[f"{name}_{measure}"] = Claim(
                ATTENTION,
                SECTION,
                sentence,
                statistic.format(better_model, worse_model),
                -1,
                partial(
                    better, measure=measure, better_model=better_model, worse_model=worse_model
                ),
            )
    found["one_head_lacks_capacity"] = Claim(
        ATTENTION,
        SECTION,
        "One stack of one head has not the capacity to model the real distribution: its"
        " transitions are the farthest.",
        f"{MEASURES['kl'][1]} of {ONE} less the greatest of the other three",
        1,
        partial(best_of_the_four, measure="kl", model=ONE, sign=1),
    )
    found["three_heads_closest_transitions"] = Claim(
        ATTENTION,
        SECTION,
        "One stack of three heads has the closest transitions of the four.",
        f"{MEASURES['kl'][1]} of {HEADS} less the least of the other three",
        -1,
        partial(best_of_the_four, measure="kl", model=HEADS, sign=-1),
    )
    return found


ATTENTION_CLAIMS = _claims()
