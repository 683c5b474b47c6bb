# Music to arrays.
#
#   fetch     source -> data/raw/{dataset}               MIDI files as fetched
#   convert   -> data/notes/{dataset}                    note lists, and what was rejected
#   split     -> data/splits/{dataset}                   train, valid, test by piece
#   encode    -> data/encoded/{dataset}.{representation} arrays


def encoded(wildcards):
    """The encoded corpus of an experiment."""
    return f"data/encoded/{jobs.corpus_of(EXPERIMENTS[wildcards.experiment])}"


def source_of(dataset):
    return PARAMS["datasets"][dataset]["source"]


rule data:
    input:
        sorted({f"data/encoded/{jobs.corpus_of(e)}" for e in EXPERIMENTS.values()}),


rule fetch:
    input:
        params=lambda w: SNAPSHOTS["fetch", w.dataset],
        code=lambda w: code_of("fetch", source=source_of(w.dataset)),
    output:
        directory("data/raw/{dataset}"),
    log:
        "logs/fetch/{dataset}.log",
    benchmark:
        "logs/fetch/{dataset}.tsv"
    threads: workflow.cores
    shell:
        "{RUN} fetch"
        " --params {input.params}"
        " --workers {threads}"
        " --out {output}"
        " 2>&1 | tee {log}"


rule convert:
    input:
        params=lambda w: SNAPSHOTS["convert", w.dataset],
        code=code_of("convert"),
        raw="data/raw/{dataset}",
    output:
        directory("data/notes/{dataset}"),
    log:
        "logs/convert/{dataset}.log",
    benchmark:
        "logs/convert/{dataset}.tsv"
    threads: workflow.cores
    shell:
        "{RUN} convert"
        " --params {input.params}"
        " --raw {input.raw}"
        " --workers {threads}"
        " --out {output}"
        " 2>&1 | tee {log}"


rule split:
    input:
        params=lambda w: SNAPSHOTS["split", w.dataset],
        code=code_of("split"),
        notes="data/notes/{dataset}",
    output:
        directory("data/splits/{dataset}"),
    log:
        "logs/split/{dataset}.log",
    benchmark:
        "logs/split/{dataset}.tsv"
    shell:
        "{RUN} split"
        " --params {input.params}"
        " --notes {input.notes}"
        " --out {output}"
        " 2>&1 | tee {log}"


rule encode:
    input:
        params=lambda w: SNAPSHOTS["encode", f"{w.dataset}.{w.representation}"],
        code=lambda w: code_of("encode", representation=w.representation),
        notes="data/notes/{dataset}",
        splits="data/splits/{dataset}",
    output:
        directory("data/encoded/{dataset}.{representation}"),
    log:
        "logs/encode/{dataset}.{representation}.log",
    benchmark:
        "logs/encode/{dataset}.{representation}.tsv"
    shell:
        "{RUN} encode"
        " --params {input.params}"
        " --notes {input.notes}"
        " --splits {input.splits}"
        " --out {output}"
        " 2>&1 | tee {log}"
