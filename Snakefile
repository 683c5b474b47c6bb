# The whole graph, from a source of music to the report: `snakemake --cores all`.
# Each file of workflow/rules is one stage of the line; params.yaml holds every number.
import os
import re
import sys
from pathlib import Path

SRC = Path(workflow.basedir) / "src"
sys.path.insert(0, str(SRC))
# The jobs run this checkout's code, whatever else is installed.
os.environ["PYTHONPATH"] = str(SRC)

from neuralmusic import config as configuration
from neuralmusic import jobs
from neuralmusic.code import code_of
from neuralmusic.files import InputError


configfile: "params.yaml"


try:
    PARAMS = configuration.resolve(config)
    SNAPSHOTS = jobs.write_snapshots(PARAMS)
except InputError as error:
    raise WorkflowError(str(error))

EXPERIMENTS = PARAMS["experiments"]
RUN = f"{sys.executable} -m neuralmusic"


# Snakemake limits how many jobs begin in a second by a timer at every look it takes at the graph;
# with hundreds of jobs that watching costs as much as a core. No job of ours is so short.
onstart:
    if workflow.local_exec and workflow.scheduler:
        workflow.scheduler.job_rate_limiter = None


wildcard_constraints:
    dataset="[^/.]+",
    representation="[^/.]+",
    experiment="[^/]+",
    model="[^/]+",


include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/samples.smk"
include: "workflow/rules/report.smk"


# Every output is named, not only the last: tables are committed, and Snakemake would not make a
# missing model again only because a table that is there was made from it.
rule all:
    default_target: True
    input:
        rules.data.input,
        rules.models.input,
        rules.samples.input,
        trained_models("results/scores"),
        probed(),
        all_sets("results/metrics"),
        rankings(),
        descriptions(),
        "results/report",
