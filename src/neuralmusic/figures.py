"""The figures of the experiments, each a PNG and an SVG whose bytes depend on the data alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from neuralmusic import jobs
from neuralmusic.compare import experiment_params
from neuralmusic.files import InputError
from neuralmusic.plots.attention import (
    scores_of_early_layer,
    scores_of_late_layer,
    scores_of_one_event,
    scores_of_two_events,
)
from neuralmusic.plots.distances import distance_densities
from neuralmusic.plots.events import events_and_pianoroll
from neuralmusic.plots.library import pianoroll_of_library
from neuralmusic.plots.loss import training_loss
from neuralmusic.plots.network import attention_network
from neuralmusic.plots.pianoroll import pianorolls
from neuralmusic.plots.ranking import measures_agree, model_differences, model_ranking
from neuralmusic.plots.run import Run
from neuralmusic.plots.saving import save
from neuralmusic.plots.stuck import deteriorating_sample, stuck_by_age
from neuralmusic.plots.transitions import transition_matrices

# A kind may stand under several names: `jobs.FIGURES` says which kind and experiment each is of.
KINDS: dict[str, Callable[[Run], Figure]] = {
    "training_loss": training_loss,
    "pianorolls": pianorolls,
    "transition_matrices": transition_matrices,
    "distance_densities": distance_densities,
    "pianoroll_of_library": pianoroll_of_library,
    "events_and_pianoroll": events_and_pianoroll,
    "deteriorating_sample": deteriorating_sample,
    "stuck_by_age": stuck_by_age,
    "model_ranking": model_ranking,
    "model_differences": model_differences,
    "measures_agree": measures_agree,
    "attention_network": attention_network,
    "scores_of_one_event": scores_of_one_event,
    "scores_of_two_events": scores_of_two_events,
    "scores_of_early_layer": scores_of_early_layer,
    "scores_of_late_layer": scores_of_late_layer,
}


def draw(name: str, params: Mapping[str, Any], results: Path, data: Path) -> None:
    """Writes results/figures/{name}.png and {name}.svg.

    Raises InputError where there is no such figure, or a file that it is drawn from is missing.
    """
    if name not in jobs.FIGURES:
        raise InputError(f"no figure {name!r}; there are {', '.join(jobs.FIGURES)}")
    kind, experiment = jobs.FIGURES[name]
    run = Run(experiment, experiment_params(params, experiment), Path(results), Path(data))
    save(lambda: KINDS[kind](run), run.results / "figures", name)
