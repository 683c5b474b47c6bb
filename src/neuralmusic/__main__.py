"""neuralmusic VERB ...: one verb a step of the line from a source to the report."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neuralmusic.files import (
    CONTENTS,
    InputError,
    to_json,
    write_contents,
    write_text,
    writing_folder,
)
from neuralmusic.safe_names import shown


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb; returns the exit code: 0, or 1 with a message where the input cannot do."""
    options = _parser().parse_args(arguments)
    # Libraries that compute with threads of their own read these when they are loaded; one thread
    # each, so that results do not depend on the machine's cores and jobs do not fight for them.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    for stream in (sys.stdout, sys.stderr):  # a name may hold what the terminal cannot show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        VERBS[options.verb](options)
    except (InputError, OSError) as error:
        # Names of files are in it, which may hold what a terminal obeys.
        print(f"neuralmusic {options.verb}: {shown(str(error))}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module == "neuralmusic":
            raise
        print(
            f"neuralmusic {options.verb} needs the laboratory ({module} is not installed):"
            " pip install 'neuralmusic[lab]'",
            file=sys.stderr,
        )
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="neuralmusic", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str, **inputs: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text, description=text)
        for option, meaning in {"params": "the job's parameters (JSON)", **inputs}.items():
            sub.add_argument(f"--{option}", required=True, help=meaning, type=_path, metavar="PATH")
        return sub

    def workers(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--workers", type=int, default=os.cpu_count(), help="processes at once")

    workers(verb("fetch", "bring a dataset's MIDI files", out="data/raw/DATASET"))
    workers(
        verb(
            "convert", "read MIDI files into note lists", raw="from fetch", out="data/notes/DATASET"
        )
    )
    verb(
        "split",
        "assign pieces to train, valid, test",
        notes="from convert",
        out="data/splits/DATASET",
    )
    describe = "what a dataset of params.yaml is: pieces, hours, notes, what was rejected"
    of_dataset = verbs.add_parser("describe", help=describe, description=describe)
    of_dataset.add_argument("name", metavar="DATASET", help="such as bach_chorales")
    for option, meaning in {
        "params": "the job's parameters (JSON); without it, of params.yaml",
        "raw": "from fetch; without it, data/raw/DATASET",
        "notes": "from convert; without it, data/notes/DATASET",
        "splits": "from split; without it, data/splits/DATASET",
        "out": "without it, results/datasets/DATASET",
    }.items():
        of_dataset.add_argument(f"--{option}", type=_path, metavar="PATH", help=meaning)
    workers(of_dataset)
    verb(
        "encode",
        "note lists to a representation's arrays",
        notes="from convert",
        splits="from split",
        out="data/encoded/DATASET.REPRESENTATION",
    ).add_argument(
        "--primer-steps", type=int, default=0, help="which a validation piece has to have"
    )
    verb(
        "train",
        "train one model",
        encoded="from encode",
        checkpoint="where an interrupted training goes on",
        out="results/models/EXPERIMENT/MODEL",
    )
    sampled = verb(
        "sample",
        "sample pieces from a model, or cut real ones or those of a folder",
        out="results/samples/EXPERIMENT/MODEL",
    )
    sampled.add_argument("--model", help="from train; without it, the real test pieces", type=_path)
    sampled.add_argument("--encoded", help="from encode; not of a folder", type=_path)
    before = "from convert: the real test pieces as they are before encoding"
    sampled.add_argument("--notes", help=before, type=_path)
    verb(
        "score",
        "held-out likelihood of a model",
        model="from train",
        encoded="from encode",
        out="results/scores/EXPERIMENT/MODEL",
    )
    verb(
        "probe",
        "what a model attends to, and what it is built of",
        model="from train",
        encoded="from encode",
        out="results/probes/EXPERIMENT/MODEL",
    )
    measured = verb(
        "evaluate",
        "measure each MIDI file of a folder",
        samples="from sample",
        out="results/metrics/EXPERIMENT/MODEL",
    )
    of_real = "the real pieces, up to whose lengths samples are measured; without it, whole ones"
    measured.add_argument("--real", type=_path, metavar="PATH", help=of_real)
    verb(
        "rank",
        "hold an experiment's models against its real pieces by every measure",
        results="the results folder",
        encoded="from encode",
        out="results/rankings/EXPERIMENT",
    )
    verb("tabulate", "write one table", results="the results folder").add_argument(
        "name", help="such as table_5_1"
    )
    verb(
        "draw", "draw one figure", results="the results folder", data="the data folder"
    ).add_argument("name", help="such as figure_5_2")
    verb("judge", "the verdicts on the thesis's claims", results="the results folder")
    verb(
        "report",
        "the page that shows everything",
        results="the results folder",
        data="the data folder",
        logs="the logs folder",
        out="results/report",
    )
    _add_compare(verbs)
    sweep = "delete results of models and experiments that params.yaml no longer has"
    verbs.add_parser("sweep", help=sweep, description=sweep)
    listed = "list the datasets: what they are, how they are obtained, whether they are here"
    verbs.add_parser("datasets", help=listed, description=listed).add_argument(
        "name", nargs="?", help="one of them, for all that is known of it"
    )
    listed = "list the measures of a piece: their units, ranges, and what they say"
    verbs.add_parser("measures", help=listed, description=listed).add_argument(
        "name", nargs="?", help="one of them, for all that is known of it"
    )
    return parser


def _add_compare(verbs: Any) -> None:
    text = "compare folders of MIDI files with a reference by every measure; see `measures`"
    sub = verbs.add_parser("compare", help=text, description=text)
    sub.add_argument("reference", help="real pieces: a folder of MIDI files, or a dataset")
    sub.add_argument("sets", nargs="+", metavar="SET", help="generated pieces, a folder each")
    sub.add_argument("--training", help="what the generated ones may have copied from")
    sub.add_argument("--out", type=Path, metavar="PATH", help="a folder for tables and figures")
    sub.add_argument("--json", type=Path, metavar="PATH", help="a file for everything as JSON")
    sub.add_argument(
        "--time",
        choices=("seconds", "beats"),
        default="seconds",
        help="beats: of scores, whose bars and beats are measured too (default: seconds)",
    )
    sub.add_argument("--pedal", action="store_true", help="the sustain pedal lengthens notes")
    sub.add_argument("--seconds", type=float, help="cut every piece to so many seconds")
    sub.add_argument("--seed", type=int, default=2021, help="of the resamples (default: 2021)")
    sub.add_argument("--resamples", type=int, default=1000, help="20 or more (default: 1000)")
    sub.add_argument("--workers", type=int, default=os.cpu_count(), help="processes at once")


# Each verb imports what it needs when it runs: no table waits for PyTorch, no training for pandas'
# plots.


def _fetch(options: argparse.Namespace) -> None:
    from neuralmusic.fetch import fetch

    _fill(options, lambda params, out: fetch(params, out, options.workers))


def _convert(options: argparse.Namespace) -> None:
    from neuralmusic.prepare import convert

    _fill(options, lambda params, out: convert(params, options.raw, out, options.workers))


def _split(options: argparse.Namespace) -> None:
    from neuralmusic.prepare import split

    _fill(options, lambda params, out: split(params, options.notes, out))


def _describe(options: argparse.Namespace) -> None:
    from neuralmusic.describe import FIGURE, describe, parameters_of

    name, data = options.name, Path("data")
    raw, notes, splits = (
        getattr(options, kind) or data / kind / name for kind in ("raw", "notes", "splits")
    )
    out = options.out or Path("results") / "datasets" / name
    params = _params(options) if options.params else parameters_of(name, notes, splits)
    with writing_folder(out) as folder:
        told = describe(params, raw, notes, splits, folder, options.workers)
        write_text(folder / "params.json", to_json(params))
        write_contents(folder)
    print(f"{told}\nThe figure is {out / FIGURE}.png.")


def _encode(options: argparse.Namespace) -> None:
    from neuralmusic.prepare import encode
    from neuralmusic.primers import check_primers

    def make(params: dict, out: Path) -> None:
        encode(params, options.notes, options.splits, out)
        check_primers(out, options.primer_steps, options.out.name)

    _fill(options, make)


def _train(options: argparse.Namespace) -> None:
    from neuralmusic.train import train

    _fill(options, lambda params, out: train(params, options.encoded, options.checkpoint, out))
    options.checkpoint.unlink(missing_ok=True)


def _sample(options: argparse.Namespace) -> None:
    from neuralmusic.midi_folder import FOLDER

    if _params(options).get("family") == FOLDER:
        from neuralmusic.sample_folder import sample_folder

        _fill(options, sample_folder)
        return
    if options.encoded is None:
        raise InputError("--encoded is needed: what to sample from is a model or the real pieces")
    if options.notes is not None:
        from neuralmusic.sample_source import sample_source

        _fill(options, lambda p, out: sample_source(p, options.encoded, options.notes, out))
        return
    if options.model is None:
        from neuralmusic.sample_real import sample_real

        _fill(options, lambda params, out: sample_real(params, options.encoded, out))
        return
    from neuralmusic.sample import sample

    _fill(options, lambda params, out: sample(params, options.model, options.encoded, out))


def _score(options: argparse.Namespace) -> None:
    from neuralmusic.score import score

    _fill(options, lambda params, out: score(params, options.model, options.encoded, out))


def _probe(options: argparse.Namespace) -> None:
    from neuralmusic.probe import probe

    _fill(options, lambda params, out: probe(params, options.model, options.encoded, out))


def _evaluate(options: argparse.Namespace) -> None:
    from neuralmusic.evaluate import evaluate
    from neuralmusic.lengths import WHOLE, real_lengths

    def make(params: dict, out: Path) -> None:
        real = options.real
        lengths = real_lengths(real, params["min_seconds"]) if real else WHOLE
        evaluate(options.samples, out, lengths)

    _fill(options, make)


def _rank(options: argparse.Namespace) -> None:
    from neuralmusic.rank import rank

    _fill(options, lambda params, out: rank(params, options.results, options.encoded, out))


def _tabulate(options: argparse.Namespace) -> None:
    from neuralmusic.tables import tabulate

    tabulate(options.name, _params(options), options.results)
    _copy_params(options, options.results / "tables" / f"{options.name}.params.json")


def _draw(options: argparse.Namespace) -> None:
    from neuralmusic.figures import draw

    draw(options.name, _params(options), options.results, options.data)
    _copy_params(options, options.results / "figures" / f"{options.name}.params.json")


def _judge(options: argparse.Namespace) -> None:
    from neuralmusic.claims import judge

    judge(_params(options), options.results)
    _copy_params(options, options.results / "claims.params.json")


def _report(options: argparse.Namespace) -> None:
    from neuralmusic.report import report

    _fill(
        options,
        lambda params, out: report(params, options.results, options.data, options.logs, out),
    )


def _compare(options: argparse.Namespace) -> None:
    from neuralmusic.compare_folders import compare_folders, length_of
    from neuralmusic.piece_sets import Reading

    told = compare_folders(
        [options.reference, *options.sets],
        Reading(options.time, options.pedal, (length_of(options.seconds),)),
        options.training,
        options.out,
        options.json,
        options.seed,
        options.resamples,
        options.workers,
    )
    print(told, end="")


def _sweep(options: argparse.Namespace) -> None:
    from neuralmusic import config, jobs

    stale = jobs.stale_outputs(config.load())
    for path in stale:
        print(f"deleting {path}")
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    print(f"{len(stale)} deleted")


def _datasets(options: argparse.Namespace) -> None:
    from neuralmusic import catalogue, config

    known = config.load()["datasets"]
    data = Path("data")
    named = options.name
    text = catalogue.details(named, known, data) if named else catalogue.listing(known, data)
    print(text, end="")


def _measures(options: argparse.Namespace) -> None:
    from neuralmusic import measure_catalogue

    print(
        measure_catalogue.details(options.name) if options.name else measure_catalogue.listing(),
        end="",
    )


VERBS: dict[str, Callable[[argparse.Namespace], None]] = {
    "fetch": _fetch,
    "convert": _convert,
    "split": _split,
    "describe": _describe,
    "encode": _encode,
    "train": _train,
    "sample": _sample,
    "score": _score,
    "probe": _probe,
    "evaluate": _evaluate,
    "rank": _rank,
    "tabulate": _tabulate,
    "judge": _judge,
    "draw": _draw,
    "report": _report,
    "compare": _compare,
    "sweep": _sweep,
    "datasets": _datasets,
    "measures": _measures,
}


def _fill(options: argparse.Namespace, make: Callable[[dict, Path], None]) -> None:
    """Makes an output folder whole, with a copy of the parameters, or leaves what was there."""
    with writing_folder(options.out) as folder:
        make(_params(options), folder)
        _copy_params(options, folder / "params.json")
        write_contents(folder)


def _path(text: str) -> Path:
    """A path; the workflow names a folder by the file that says what it contains."""
    path = Path(text)
    return path.parent if path.name == CONTENTS else path


def _params(options: argparse.Namespace) -> dict:
    from neuralmusic.stored import read_json

    params = read_json(options.params)
    if "order" in params:
        params["experiments"] = {name: params["experiments"][name] for name in params["order"]}
    return params


def _copy_params(options: argparse.Namespace, to: Path) -> None:
    shutil.copyfile(options.params, to)
    # Of a time to come where the clock was set back (see `jobs.snapshot`): that made the job due,
    # and Snakemake refuses an output that is older than what it was made from.
    if options.params.stat().st_mtime > time.time():
        os.utime(options.params)


if __name__ == "__main__":
    sys.exit(main())
