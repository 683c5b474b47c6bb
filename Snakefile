# The whole graph, from a source of music to the report: `snakemake --cores all`.
# Each file of workflow/rules is one stage of the line; params.yaml holds every number.
import atexit
import os
import re
import shlex
import sys
import time
from pathlib import Path

SRC = Path(workflow.basedir) / "src"
sys.path.insert(0, str(SRC))
# The jobs run this checkout's code, whatever else is installed.
os.environ["PYTHONPATH"] = str(SRC)

from neuralmusic import config as configuration
from neuralmusic import jobs
from neuralmusic.code import code_of
from neuralmusic.failures import print_failures
from neuralmusic.files import CONTENTS, InputError
from neuralmusic.primers import check_encoded, longest_primers

try:
    # Not by `configfile`, to which 1e-3 is a word; `config` has what --config says.
    PARAMS = configuration.load(changes=config)
    SNAPSHOTS = jobs.write_snapshots(PARAMS)
    jobs.make_folders()
    check_encoded(PARAMS, SNAPSHOTS)
except InputError as error:
    # Not by WorkflowError, after which more would be printed.
    sys.exit(f"snakemake: {error}")

EXPERIMENTS = PARAMS["experiments"]
# Rules name a folder by CONTENTS, a file in it: Snakemake compares files by what they hold, folders
# by their time alone, which is another after each checkout.
RUN = f"{shlex.quote(sys.executable)} -m neuralmusic"


# Snakemake limits how many jobs begin in a second by a timer at every look it takes at the graph;
# with hundreds of jobs that watching costs as much as a core. No job of ours is so short.
onstart:
    if workflow.local_exec and workflow.scheduler:
        workflow.scheduler.job_rate_limiter = None


STARTED = time.time()


# The last lines that a user sees, after those of Snakemake.
onerror:
    atexit.register(print_failures, Path("logs"), STARTED)


wildcard_constraints:
    dataset="[^/.]+",
    representation="[^/.]+",
    experiment="[^/]+",
    model="[^/]+",


include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/samples.smk"
include: "workflow/rules/report.smk"


# Every output is named, not only the last: Snakemake makes nothing again that is missing where what
# was made from it is there.
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
        tables(),
        figures(),
        "results/claims.csv",
        "results/report",
