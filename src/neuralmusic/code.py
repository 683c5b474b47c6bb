"""Which source files a job's output depends on, so that an edit reruns what it touches."""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Iterator
from pathlib import Path

# Relative, so that Snakemake's records mean the same in every checkout.
PACKAGE = Path(os.path.relpath(Path(__file__).parent))

# The verbs whose results are costly name their files by hand, narrowly: an edit of how a message
# is worded must not train a model again. A registry (an `__init__.py`) is in none of the lists, so
# that a new entry reruns nothing.
LISTED = {
    "fetch": ["midi_writing.py", "notes.py"],
    "convert": ["prepare.py", "isolated.py", "midi.py", "midi_bytes.py", "notes.py"],
    "split": [
        "prepare.py",
        "datasets/grouped.py",
        "groups.py",
        "melodic_lines.py",
        "near_copies.py",
        "notes.py",
        "seeds.py",
    ],
    "encode": ["prepare.py", "notes.py"],
    "train": ["train.py", "likelihood.py", "seeds.py", "vocabulary.py"],
    "sample": [
        "sample.py",
        "sampled.py",
        "likelihood.py",
        "midi_writing.py",
        "notes.py",
        "seeds.py",
        "vocabulary.py",
    ],
    # Without a model, of real pieces: apart, so that an edit of the sampler leaves them alone.
    "sample_real": ["sample_real.py", "sampled.py", "midi_writing.py", "notes.py"],
    # Of a model that is a folder of MIDI files: apart, so that no other model is sampled again.
    "sample_folder": [
        "sample_folder.py",
        "midi_folder.py",
        "isolated.py",
        "midi.py",
        "midi_bytes.py",
        "midi_writing.py",
        "notes.py",
        "prepare.py",
        "sample_real.py",
        "sampled.py",
        "seeds.py",
    ],
    "score": ["score.py", "likelihood.py", "vocabulary.py"],
    "probe": ["probe.py", "probe_steps.py", "likelihood.py", "vocabulary.py"],
}
# The others take seconds: all that they import counts.
FOLLOWED = {
    "describe": ["describe.py", "neuralmusic.mplstyle"],
    "evaluate": ["evaluate.py"],
    "rank": ["rank.py"],
    "tabulate": ["tables.py"],
    "judge": ["claims.py"],
    "draw": ["figures.py", "neuralmusic.mplstyle"],
    "report": [
        "report.py",
        "page.html",
        "report.html",
        "dataset.html",
        "figure.html",
        "measures.html",
    ],
}


def code_of(
    verb: str,
    family: str | None = None,
    representation: str | None = None,
    source: str | None = None,
) -> list[Path]:
    """The source files whose change must run `verb` again, sorted.

    `family`, `representation` and `source` name what the job works with.
    """
    files = {PACKAGE / file for file in LISTED.get(verb, [])}
    for file in FOLLOWED.get(verb, []):
        files |= _with_imports(PACKAGE / file, "neuralmusic")
    if family:
        files |= _with_imports(PACKAGE / "models" / f"{family}.py", "neuralmusic.models")
    if representation:
        module = PACKAGE / "representations" / f"{representation}.py"
        files |= _with_imports(module, "neuralmusic.representations")
    if source:
        for module in (PACKAGE / "datasets").glob(f"{source}*.py"):
            files |= _with_imports(module, "neuralmusic.datasets")
        # What a source says of itself to people is not how its files come.
        files.discard(PACKAGE / "datasets" / "source.py")
    return sorted(files)


def _with_imports(file: Path, package: str, found: frozenset[Path] = frozenset()) -> set[Path]:
    """A file and the modules of a package that it imports, and those that they import."""
    known = {*found, file}
    if file.suffix != ".py":
        return known
    for imported in _imports(file, package):
        if imported not in known:
            known |= _with_imports(imported, package, frozenset(known))
    return known


@functools.cache  # a file is asked for by every rule, and parsing takes most of the time
def _imports(file: Path, package: str) -> list[Path]:
    """The modules of a package that a file itself imports."""
    imported = []
    for node in _statements(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package + "."):
            parts = (node.module or "").split(".")[1:]
            imported.append(PACKAGE.joinpath(*parts).with_suffix(".py"))
    return [module for module in imported if module.exists()]


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below one; expressions, which are most of a tree, hold no import."""
    for part in ("body", "handlers", "cases", "orelse", "finalbody"):
        for statement in getattr(node, part, []):
            yield statement
            yield from _statements(statement)
