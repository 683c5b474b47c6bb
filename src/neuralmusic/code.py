"""Which source files a job's output depends on, so that an edit reruns what it touches.

They are found, not listed: the module of the job's verb and all that it imports, wherever the
import stands, by grimp, and the files of the package that these name, such as templates. What of
that cannot touch a result is left out, in WITHOUT_EFFECT alone, with the reason.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grimp import ImportGraph

NAME = __name__.partition(".")[0]
# Relative, so that Snakemake's records mean the same in every checkout.
PACKAGE = Path(os.path.relpath(Path(__file__).parent))

# The module of each verb; of `sample` one for models, two for real pieces, one for folders.
MODULES = {
    "fetch": "fetch",
    "convert": "prepare",
    "split": "prepare",
    "encode": "prepare",
    "train": "train",
    "sample": "sample",
    "sample_real": "sample_real",
    "sample_source": "sample_source",
    "sample_folder": "sample_folder",
    "score": "score",
    "probe": "probe",
    "describe": "describe",
    "evaluate": "evaluate",
    "rank": "rank",
    "tabulate": "tables",
    "judge": "claims",
    "draw": "figures",
    "report": "report",
}
# An `__init__.py` that names modules. A job that works with one of them depends on that one alone.
REGISTRIES = ("models", "representations", "datasets")
# The verbs that take long. Of a registry they depend on nothing but the entry that they work with.
COSTLY = (
    *("fetch", "convert", "split", "encode", "train", "score", "probe"),
    *("sample", "sample_real", "sample_source", "sample_folder"),
)
# What Python imports for a verb and no result depends on: the verbs, the modules, the reason.
# What is imported through these modules alone does not count either.
WITHOUT_EFFECT: list[tuple[tuple[str, ...], tuple[str, ...], str]] = [
    (
        tuple(MODULES),
        ("__init__", "__main__"),
        "the version, and the command line: what a job is given stands in its rule",
    ),
    (
        COSTLY,
        REGISTRIES,
        "a new entry changes no other, and the entry that a job works with counts",
    ),
    (
        tuple(verb for verb in MODULES if verb not in ("fetch", "report")),
        ("datasets",),
        "a source is code of its own `fetch`; the report shows what it says of itself",
    ),
    (
        COSTLY,
        ("files",),
        "puts what is written in its place; a test holds how tables and JSON are formatted",
    ),
    (
        ("sample", "sample_real", "sample_source"),
        ("midi_folder",),
        "how the command line knows a folder of MIDI files from a model",
    ),
    (("encode",), ("primers",), "an error where no primer is long enough, and in no result"),
    (("train",), ("code",), "says what is due, and is in no result"),
    (("fetch",), ("datasets.source",), "what a source says of itself to people"),
    (("fetch",), ("midi",), "how large and long a file may be, which `convert` asks as well"),
    (("describe",), ("config", "jobs"), "for use by hand: a job's parameters come as a file"),
]


def code_of(
    verb: str,
    family: str | None = None,
    representation: str | None = None,
    source: str | None = None,
) -> list[Path]:
    """The source files whose change must run `verb` again, sorted.

    `family`, `representation` and `source` name what the job works with.
    """
    return list(_code_of(verb, family, representation, source))


@functools.cache  # many jobs have the same
def _code_of(verb: str, *names: str | None) -> tuple[Path, ...]:
    named = dict(zip(REGISTRIES, names, strict=True))
    modules = {MODULES[verb]}
    for registry, name in named.items():
        modules |= _entry(registry, name) if name else set()
    closed = {r for r in REGISTRIES if named[r] or verb in COSTLY}
    return tuple(sorted(files_of(reached(modules, without_effect(verb), closed))))


def without_effect(verb: str) -> set[str]:
    """The modules that a verb imports and no result of it depends on."""
    return {m for verbs, modules, _ in WITHOUT_EFFECT if verb in verbs for m in modules}


def reached(
    modules: Set[str], stops: Set[str] = frozenset(), closed: Set[str] = frozenset()
) -> set[str]:
    """Some modules and all that Python imports for them, by name within the package.

    Not what lies behind the modules in `stops`, nor the entries of registries in `closed`. Of a
    module in a package that package's `__init__` is imported too.
    """
    imported, found, due = _imports(), set[str](), {*modules, "__init__"}
    while due:
        module = due.pop()
        if module in found or module in stops:
            continue
        found.add(module)
        parent = module.rpartition(".")[0]
        due |= {parent} if parent else set()
        due |= {
            m for m in imported[module] if module not in closed or not m.startswith(f"{module}.")
        }
    return found


def files_of(modules: Set[str]) -> set[Path]:
    """The files of some modules, and the other files of the package whose names stand in them."""
    files = {_file(module) for module in modules}
    due = set(files)
    while due:
        text = due.pop().read_text(encoding="utf-8")
        new = {file for file in _other_files() if f'{file.name}"' in text} - files
        files |= new
        due |= new
    return files


def _file(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _entry(registry: str, name: str) -> set[str]:
    """The module of an entry of a registry, which has its name or one that begins with it."""
    within = {m.rpartition(".")[2]: m for m in _imports() if m.startswith(f"{registry}.")}
    if name in within:
        return {within[name]}
    return {module for last, module in within.items() if last.startswith(name)}


@functools.cache
def _other_files() -> list[Path]:
    """The files of the package that are no modules."""
    files = [file for file in PACKAGE.rglob("*") if file.is_file()]
    return sorted(f for f in files if f.suffix not in (".py", ".pyc") and "." not in f.name[:1])


@functools.cache
def _imports() -> dict[str, set[str]]:
    """The modules of the package that each of them imports by itself, by name within it."""
    import grimp  # here, so that a training that is not interrupted does not wait for it

    graph: ImportGraph = grimp.build_graph(NAME, exclude_type_checking_imports=True, cache_dir=None)
    return {
        _within(module): {_within(m) for m in graph.find_modules_directly_imported_by(module)}
        for module in graph.modules
    }


def _within(module: str) -> str:
    return module.removeprefix(NAME).removeprefix(".") or "__init__"
