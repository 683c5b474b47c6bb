# Arrays to models.
#
#   train     -> results/models/{experiment}/{model}   weights, log, validation
#   score     -> results/scores/{experiment}/{model}   held-out likelihood by test piece
#   probe     -> results/probes/{experiment}/{model}   what an attention model attends to
#
# {model} is a run, one training of a model: basic, and with more seeds basic.2, basic.3.


def of_models(folder, experiments=EXPERIMENTS):
    """A folder's entry for every run of every model of some experiments."""
    return [
        f"{folder}/{e}/{r}/{CONTENTS}"
        for e in experiments
        for r in jobs.all_runs(EXPERIMENTS[e])
    ]


def trained_models(folder, experiments=EXPERIMENTS):
    """The same of trained ones; of an experiment that samples another's models that other's."""
    trained = dict.fromkeys(jobs.trained_in(e, PARAMS) for e in experiments)
    return [
        f"{folder}/{e}/{r}/{CONTENTS}"
        for e in trained
        for r in jobs.trained_runs(EXPERIMENTS[e])
    ]


def trained_model(wildcards):
    experiment = jobs.trained_in(wildcards.experiment, PARAMS)
    return f"results/models/{experiment}/{wildcards.model}/{CONTENTS}"


def representation(wildcards):
    return EXPERIMENTS[wildcards.experiment]["representation"]["name"]


def family(wildcards):
    model = jobs.model_of(wildcards.model)
    return EXPERIMENTS[wildcards.experiment]["models"][model]["family"]


def probed(experiments=EXPERIMENTS):
    """The folder of every model of some experiments whose attention is shown."""
    return [
        f"results/{jobs.PROBES}/{e}/{m}/{CONTENTS}"
        for e in experiments
        for m in jobs.probed_models(EXPERIMENTS[e])
    ]


rule models:
    input:
        trained_models("results/models"),


rule train:
    input:
        params=lambda w: SNAPSHOTS["train", f"{w.experiment}/{w.model}"],
        code=lambda w: code_of(
            "train", family=family(w), representation=representation(w)
        ),
        encoded=encoded,
    output:
        f"results/models/{{experiment}}/{{model}}/{CONTENTS}",
    log:
        "logs/train/{experiment}.{model}.log",
    benchmark:
        "logs/train/{experiment}.{model}.tsv"
    # Trainings are the longest jobs: started first, they leave no core idle at the end.
    priority: 1
    threads: PARAMS["threads"]
    params:
        checkpoint=".checkpoints/{experiment}.{model}.pt",
    shell:
        "{RUN} train"
        " --params {input.params:q}"
        " --encoded {input.encoded:q}"
        " --checkpoint {params.checkpoint:q}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"


rule score:
    input:
        params=lambda w: SNAPSHOTS["score", f"{w.experiment}/{w.model}"],
        code=lambda w: code_of(
            "score", family=family(w), representation=representation(w)
        ),
        model=f"results/models/{{experiment}}/{{model}}/{CONTENTS}",
        encoded=encoded,
    output:
        f"results/scores/{{experiment}}/{{model}}/{CONTENTS}",
    log:
        "logs/score/{experiment}.{model}.log",
    benchmark:
        "logs/score/{experiment}.{model}.tsv"
    threads: PARAMS["threads"]
    shell:
        "{RUN} score"
        " --params {input.params:q}"
        " --model {input.model:q}"
        " --encoded {input.encoded:q}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"


rule probe:
    input:
        params=lambda w: SNAPSHOTS["probe", f"{w.experiment}/{w.model}"],
        code=lambda w: code_of(
            "probe", family=family(w), representation=representation(w)
        ),
        model=f"results/models/{{experiment}}/{{model}}/{CONTENTS}",
        encoded=encoded,
    output:
        f"results/probes/{{experiment}}/{{model}}/{CONTENTS}",
    log:
        "logs/probe/{experiment}.{model}.log",
    benchmark:
        "logs/probe/{experiment}.{model}.tsv"
    threads: PARAMS["threads"]
    shell:
        "{RUN} probe"
        " --params {input.params:q}"
        " --model {input.model:q}"
        " --encoded {input.encoded:q}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"
