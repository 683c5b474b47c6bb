# Measures to what people read.
#
#   describe  -> results/datasets/{dataset}   what a corpus is: numbers, figure, rejected files
#   tabulate  -> results/tables/{table}.csv, .md
#   judge     -> results/claims.csv
#   draw      -> results/figures/{figure}.png, .svg
#   report    -> results/report/index.html, datasets/{dataset}.html


def table_inputs(wildcards):
    """The folders that a table is made of."""
    experiments = jobs.experiments_of(wildcards.table, PARAMS)
    if wildcards.table == "measures":
        return rankings(experiments)
    folder = {"heldout_nll": "scores", "training": "models"}.get(wildcards.table)
    if folder:
        return trained_models(f"results/{folder}", experiments)
    return all_sets("results/metrics", experiments)


def figure_inputs(wildcards):
    """The folders that a figure is drawn from."""
    kind, experiment = jobs.FIGURES[wildcards.figure]
    folders = []
    for name in jobs.FIGURE_INPUTS[kind]:
        if name == "models":
            folders += trained_models("results/models", [experiment])
        elif name == jobs.PROBES:
            folders += probed([experiment])
        elif name == jobs.RANKINGS:
            folders += rankings([experiment])
        elif name in ("samples", "metrics"):
            folders += all_sets(f"results/{name}", [experiment])
        else:
            dataset = EXPERIMENTS[experiment]["dataset"]
            folders.append(f"data/{name}/{dataset}/{CONTENTS}")
    return folders


def tables():
    return expand("results/tables/{table}.csv", table=jobs.table_names(PARAMS))


def figures():
    return expand("results/figures/{figure}.png", figure=jobs.figure_names(PARAMS))


def descriptions():
    return [
        f"results/{jobs.DESCRIPTIONS}/{d}/{CONTENTS}"
        for d in jobs.dataset_names(PARAMS)
    ]


rule describe:
    input:
        params=lambda w: SNAPSHOTS["describe", w.dataset],
        code=code_of("describe"),
        raw=f"data/raw/{{dataset}}/{CONTENTS}",
        notes=f"data/notes/{{dataset}}/{CONTENTS}",
        splits=f"data/splits/{{dataset}}/{CONTENTS}",
    output:
        f"results/datasets/{{dataset}}/{CONTENTS}",
    log:
        "logs/describe/{dataset}.log",
    benchmark:
        "logs/describe/{dataset}.tsv"
    threads: workflow.cores
    shell:
        "{RUN} describe {wildcards.dataset:q}"
        " --params {input.params:q}"
        " --raw {input.raw:q}"
        " --notes {input.notes:q}"
        " --splits {input.splits:q}"
        " --workers {threads}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"


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
        "{RUN} tabulate {wildcards.table:q}"
        " --params {input.params:q}"
        " --results results"
        " 2>&1 | tee {log:q}"


rule judge:
    input:
        params=SNAPSHOTS["judge", "claims"],
        code=code_of("judge"),
        metrics=all_sets("results/metrics"),
        samples=all_sets("results/samples"),
        models=trained_models("results/models"),
        scores=trained_models("results/scores"),
    output:
        multiext("results/claims", ".csv", ".params.json"),
    log:
        "logs/judge/claims.log",
    benchmark:
        "logs/judge/claims.tsv"
    shell:
        "{RUN} judge"
        " --params {input.params:q}"
        " --results results"
        " 2>&1 | tee {log:q}"


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
        "{RUN} draw {wildcards.figure:q}"
        " --params {input.params:q}"
        " --results results"
        " --data data"
        " 2>&1 | tee {log:q}"


rule report:
    input:
        params=SNAPSHOTS["report", "report"],
        code=code_of("report"),
        tables=tables(),
        figures=figures(),
        claims="results/claims.csv",
        descriptions=descriptions(),
    output:
        directory("results/report"),
    log:
        "logs/report/report.log",
    benchmark:
        "logs/report/report.tsv"
    shell:
        "{RUN} report"
        " --params {input.params:q}"
        " --results results"
        " --data data"
        " --logs logs"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"
