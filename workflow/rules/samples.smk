# Models to music.
#
#   sample    -> results/samples/{experiment}/{model}   one MIDI file a piece; `real` is the test set,
#                                                       `source` that before encoding,
#                                                       a folder's are what another system made
#   evaluate  -> results/metrics/{experiment}/{model}   one row a piece, from the MIDI files alone,
#                                                       as far as real pieces go: see lengths.py
#   rank      -> results/rankings/{experiment}          all models held against `real`


PSEUDO_MODELS = (jobs.REAL, jobs.SOURCE)


def all_sets(folder, experiments=EXPERIMENTS):
    """A folder's entry for every model, for the real pieces, and for these before encoding."""
    others = [
        f"{folder}/{e}/{of}/{CONTENTS}" for e in experiments for of in PSEUDO_MODELS
    ]
    return of_models(folder, experiments) + others


rule samples:
    input:
        all_sets("results/samples"),


# What is before a model that is no folder: without it Snakemake tries `sample` for folders too,
# which have no code of a family, and prints a traceback of each.
NO_FOLDER = (
    "".join(f"(?!{re.escape(e)}/{m}/)" for e, m in jobs.folder_models(PARAMS)) + "[^/]+"
)


rule sample:
    input:
        params=lambda w: SNAPSHOTS["sample", f"{w.experiment}/{w.model}"],
        code=lambda w: code_of(
            "sample", family=family(w), representation=representation(w)
        ),
        model=trained_model,
        encoded=encoded,
    output:
        f"results/samples/{{experiment}}/{{model}}/{CONTENTS}",
    log:
        "logs/sample/{experiment}.{model}.log",
    benchmark:
        "logs/sample/{experiment}.{model}.tsv"
    wildcard_constraints:
        experiment=NO_FOLDER,
        model="(?!real/|source/)[^/]+",
    threads: PARAMS["threads"]
    shell:
        "{RUN} sample"
        " --params {input.params:q}"
        " --model {input.model:q}"
        " --encoded {input.encoded:q}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"


rule sample_real:
    input:
        params=lambda w: SNAPSHOTS["sample", f"{w.experiment}/real"],
        code=lambda w: code_of("sample_real", representation=representation(w)),
        encoded=encoded,
    output:
        f"results/samples/{{experiment}}/real/{CONTENTS}",
    log:
        "logs/sample/{experiment}.real.log",
    benchmark:
        "logs/sample/{experiment}.real.tsv"
    shell:
        "{RUN} sample"
        " --params {input.params:q}"
        " --encoded {input.encoded:q}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"


rule sample_source:
    input:
        params=lambda w: SNAPSHOTS["sample", f"{w.experiment}/source"],
        code=lambda w: code_of("sample_source", representation=representation(w)),
        encoded=encoded,
        notes=lambda w: f"data/notes/{EXPERIMENTS[w.experiment]['dataset']}/{CONTENTS}",
    output:
        f"results/samples/{{experiment}}/source/{CONTENTS}",
    log:
        "logs/sample/{experiment}.source.log",
    benchmark:
        "logs/sample/{experiment}.source.tsv"
    shell:
        "{RUN} sample"
        " --params {input.params:q}"
        " --encoded {input.encoded:q}"
        " --notes {input.notes:q}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"


# A rule each: no pattern of names says which models of which experiments are folders.
for of_experiment, of_folder in jobs.folder_models(PARAMS):

    rule:
        name:
            f"sample_{of_experiment}.{of_folder}"
        input:
            params=SNAPSHOTS["sample", f"{of_experiment}/{of_folder}"],
            code=code_of(
                "sample_folder",
                representation=EXPERIMENTS[of_experiment]["representation"]["name"],
            ),
        output:
            f"results/samples/{of_experiment}/{of_folder}/{CONTENTS}",
        log:
            f"logs/sample/{of_experiment}.{of_folder}.log",
        benchmark:
            f"logs/sample/{of_experiment}.{of_folder}.tsv"
        shell:
            "{RUN} sample"
            " --params {input.params:q}"
            " --out {output:q}"
            " 2>&1 | tee {log:q}"


def real_of(wildcards):
    """The real pieces, up to whose lengths a model's are measured."""
    real = f"results/samples/{wildcards.experiment}/real/{CONTENTS}"
    return [] if wildcards.model in PSEUDO_MODELS else real


rule evaluate:
    input:
        params=lambda w: SNAPSHOTS["evaluate", f"{w.experiment}/{w.model}"],
        code=code_of("evaluate"),
        samples=f"results/samples/{{experiment}}/{{model}}/{CONTENTS}",
        real=real_of,
    output:
        f"results/metrics/{{experiment}}/{{model}}/{CONTENTS}",
    log:
        "logs/evaluate/{experiment}.{model}.log",
    benchmark:
        "logs/evaluate/{experiment}.{model}.tsv"
    params:
        real=lambda w, input: ["--real", input.real] if input.real else [],
    shell:
        "{RUN} evaluate"
        " --params {input.params:q}"
        " --samples {input.samples:q}"
        " {params.real:q}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"


def rankings(experiments=EXPERIMENTS):
    return [f"results/{jobs.RANKINGS}/{e}/{CONTENTS}" for e in experiments]


rule rank:
    input:
        params=lambda w: SNAPSHOTS["rank", w.experiment],
        code=lambda w: code_of("rank", representation=representation(w)),
        samples=lambda w: all_sets("results/samples", [w.experiment]),
        encoded=encoded,
    output:
        f"results/rankings/{{experiment}}/{CONTENTS}",
    log:
        "logs/rank/{experiment}.log",
    benchmark:
        "logs/rank/{experiment}.tsv"
    shell:
        "{RUN} rank"
        " --params {input.params:q}"
        " --results results"
        " --encoded {input.encoded:q}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"
