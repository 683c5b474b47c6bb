# Music to arrays.
#
#   fetch     source -> data/raw/{dataset}               MIDI files as fetched
#   convert   -> data/notes/{dataset}                    note lists, and what was rejected
#   split     -> data/splits/{dataset}                   train, valid, test by piece
#   encode    -> data/encoded/{dataset}.{representation} arrays


def encoded(wildcards):
    """The encoded corpus of an experiment."""
    corpus = jobs.corpus_of(EXPERIMENTS[wildcards.experiment])
    return f"data/encoded/{corpus}/{CONTENTS}"


def source_of(dataset):
    return PARAMS["datasets"][dataset]["source"]


# Every folder is named, not only the last of the line: one that was deleted is made again.
rule data:
    input:
        expand(
            f"data/{{folder}}/{{dataset}}/{CONTENTS}",
            folder=("raw", "notes", "splits"),
            dataset=jobs.dataset_names(PARAMS),
        ),
        sorted(
            {
                f"data/encoded/{jobs.corpus_of(e)}/{CONTENTS}"
                for e in EXPERIMENTS.values()
            }
        ),


rule fetch:
    input:
        params=lambda w: SNAPSHOTS["fetch", w.dataset],
        code=lambda w: code_of("fetch", source=source_of(w.dataset)),
    output:
        f"data/raw/{{dataset}}/{CONTENTS}",
    log:
        "logs/fetch/{dataset}.log",
    benchmark:
        "logs/fetch/{dataset}.tsv"
    threads: workflow.cores
    shell:
        "{RUN} fetch"
        " --params {input.params:q}"
        " --workers {threads}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"


rule convert:
    input:
        params=lambda w: SNAPSHOTS["convert", w.dataset],
        code=code_of("convert"),
        raw=f"data/raw/{{dataset}}/{CONTENTS}",
    output:
        f"data/notes/{{dataset}}/{CONTENTS}",
    log:
        "logs/convert/{dataset}.log",
    benchmark:
        "logs/convert/{dataset}.tsv"
    threads: workflow.cores
    shell:
        "{RUN} convert"
        " --params {input.params:q}"
        " --raw {input.raw:q}"
        " --workers {threads}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"


rule split:
    input:
        params=lambda w: SNAPSHOTS["split", w.dataset],
        code=code_of("split"),
        notes=f"data/notes/{{dataset}}/{CONTENTS}",
    output:
        f"data/splits/{{dataset}}/{CONTENTS}",
    log:
        "logs/split/{dataset}.log",
    benchmark:
        "logs/split/{dataset}.tsv"
    shell:
        "{RUN} split"
        " --params {input.params:q}"
        " --notes {input.notes:q}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"


rule encode:
    input:
        params=lambda w: SNAPSHOTS["encode", f"{w.dataset}.{w.representation}"],
        code=lambda w: code_of("encode", representation=w.representation),
        notes=f"data/notes/{{dataset}}/{CONTENTS}",
        splits=f"data/splits/{{dataset}}/{CONTENTS}",
    output:
        f"data/encoded/{{dataset}}.{{representation}}/{CONTENTS}",
    log:
        "logs/encode/{dataset}.{representation}.log",
    benchmark:
        "logs/encode/{dataset}.{representation}.tsv"
    params:
        # A function of the input, which Snakemake keeps no record of: another length makes none due.
        primer_steps=lambda w, input: longest_primers(PARAMS)[
            f"{w.dataset}.{w.representation}"
        ],
    shell:
        "{RUN} encode"
        " --params {input.params:q}"
        " --notes {input.notes:q}"
        " --splits {input.splits:q}"
        " --primer-steps {params.primer_steps}"
        " --out {output:q}"
        " 2>&1 | tee {log:q}"
