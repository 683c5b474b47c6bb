# Models to music.
#
#   sample    -> results/samples/{experiment}/{model}   one MIDI file a piece; `real` is the test set,
#                                                       a folder's are what another system made
#   evaluate  -> results/metrics/{experiment}/{model}   one row a piece, from the MIDI files alone,
#                                                       as far as real pieces go: see lengths.py
#   rank      -> results/rankings/{experiment}          all models held against `real`


def all_sets(folder, experiments=EXPERIMENTS):
    """A folder's entry for every model and for the real pieces."""
    return of_models(folder, experiments) + [
        f"{folder}/{e}/real/{CONTENTS}" for e in experiments
    ]


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
        model="(?!real/)[^/]+",
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
    return [] if wildcards.model == "real" else real


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
