# Measures to what people read.
#
#   tabulate  -> results/tables/{table}.csv, .md
#   judge     -> results/claims.csv
#   draw      -> results/figures/{figure}.png, .svg
#   report    -> results/report/index.html


def table_inputs(wildcards):
    """The folders that a table is made of."""
    if wildcards.table == "heldout_nll":
        return trained_models("results/scores")
    if wildcards.table == "sample_character":
        return all_sets("results/metrics")
    return all_sets("results/metrics", [jobs.experiment_of(wildcards.table)])


def figure_inputs(wildcards):
    experiment = [jobs.experiment_of(wildcards.figure)]
    return [
        folder
        for kind in jobs.FIGURE_INPUTS[wildcards.figure]
        for folder in (
            trained_models(f"results/{kind}", experiment)
            if kind == "models"
            else all_sets(f"results/{kind}", experiment)
        )
    ]


def tables():
    return expand("results/tables/{table}.csv", table=jobs.table_names(PARAMS))


def figures():
    return expand("results/figures/{figure}.png", figure=jobs.figure_names(PARAMS))


rule tabulate:
    input:
        params=lambda w: SNAPSHOTS["tabulate", w.table],
        code=code_of("tabulate"),
        folders=table_inputs,
    output:
        multiext("results/tables/{table}", ".csv", ".md", ".params.json"),
    log:
        "logs/tabulate/{table}.log",
    benchmark:
        "logs/tabulate/{table}.tsv"
    shell:
        "{RUN} tabulate {wildcards.table}"
        " --params {input.params}"
        " --results results"
        " 2>&1 | tee {log}"


rule judge:
    input:
        params=SNAPSHOTS["judge", "claims"],
        code=code_of("judge"),
        metrics=all_sets("results/metrics"),
        models=trained_models("results/models"),
    output:
        multiext("results/claims", ".csv", ".params.json"),
    log:
        "logs/judge/claims.log",
    benchmark:
        "logs/judge/claims.tsv"
    shell:
        "{RUN} judge"
        " --params {input.params}"
        " --results results"
        " 2>&1 | tee {log}"


rule draw:
    input:
        params=lambda w: SNAPSHOTS["draw", w.figure],
        code=code_of("draw"),
        folders=figure_inputs,
    output:
        multiext("results/figures/{figure}", ".png", ".svg", ".params.json"),
    log:
        "logs/draw/{figure}.log",
    benchmark:
        "logs/draw/{figure}.tsv"
    shell:
        "{RUN} draw {wildcards.figure}"
        " --params {input.params}"
        " --results results"
        " --data data"
        " 2>&1 | tee {log}"


rule report:
    input:
        params=SNAPSHOTS["report", "report"],
        code=code_of("report"),
        tables=tables(),
        figures=figures(),
        claims="results/claims.csv",
        encoded=rules.data.input,
    output:
        directory("results/report"),
    log:
        "logs/report/report.log",
    benchmark:
        "logs/report/report.tsv"
    shell:
        "{RUN} report"
        " --params {input.params}"
        " --results results"
        " --data data"
        " --logs logs"
        " --out {output}"
        " 2>&1 | tee {log}"
