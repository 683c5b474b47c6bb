"""Which modules of the package Python really imports for each job of a run of the workflow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from neuralmusic import code
from tests.checkout import ROOT

PACKAGE = Path("src/neuralmusic")
ONE_ENTRY = {"rank": {"representations"}}  # of which a verb that is not costly has one
# The end of a checkout's `__init__.py`: each process of a job there, and what it starts in turn,
# says at once what it imports, and which other file of the package it opens.
NOTE = """

def _note_imports(folder):
    import os, sys
    home = os.path.dirname(__file__)
    given = sys.argv[sys.argv.index("--params") + 1] if "--params" in sys.argv else ""
    if given:  # what a job starts has other arguments
        os.environ["JOB_OF_IMPORTS"] = os.path.basename(given)
    job = os.environ.get("JOB_OF_IMPORTS")
    if not job or os.getcwd() != {checkout!r}:
        return
    file = os.open(os.path.join(folder, job), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    def note(event, arguments):
        if event == "import":
            name = arguments[0]
        elif event == "open" and isinstance(arguments[0], str):
            name = arguments[0]
            if not name.startswith(home) or "__pycache__" in name or name.endswith(".py"):
                return
        else:
            return
        os.write(file, (name + "\\n").encode(errors="replace"))
    sys.addaudithook(note)


_note_imports({folder!r})
"""


def with_imports_noted(checkout: Path) -> None:
    """Lets the jobs of a checkout, and of no copy of it, say what they import."""
    notes_of(checkout).mkdir()
    with (checkout / PACKAGE / "__init__.py").open("a", encoding="utf-8") as module:
        module.write(
            NOTE.format(checkout=str(checkout.resolve()), folder=str(notes_of(checkout).resolve()))
        )


def notes_of(checkout: Path) -> Path:
    """Beside the checkout, whose own files are compared and committed."""
    return checkout.with_name(f"{checkout.name}.imports")


@dataclass(frozen=True)
class Job:
    """A job that ran: what it depends on, as Snakemake recorded it, and what it really read."""

    rule: str
    code: set[str]  # files of the package
    imported: set[str]


def jobs_of(checkout: Path) -> list[Job]:
    """The jobs of a run with `with_imports_noted`."""
    found = {}
    for record in (checkout / ".snakemake/metadata").rglob("*"):
        if not record.is_file():
            continue
        said = json.loads(record.read_text())
        (params,) = [Path(path).name for path in said["input"] if path.startswith(".params/")]
        code = {
            Path(path).relative_to(PACKAGE).as_posix()
            for path in said["input"]
            if Path(path).is_relative_to(PACKAGE)
        }
        noted = (notes_of(checkout) / params).read_text().splitlines()
        found[params] = Job(said["rule"], code, set(filter(None, map(_file, noted))))
    return list(found.values())


def _file(noted: str) -> str | None:
    """A file of the package, by its name there, from what `NOTE` wrote; None of other modules."""
    if "/" in noted:
        return noted.rpartition(f"/{PACKAGE.as_posix()}/")[2]
    package, _, module = noted.partition(".")
    file = _file_of(module or "__init__") if package == PACKAGE.name else None
    return file if file and (ROOT / PACKAGE / file).is_file() else None


def _file_of(module: str) -> str:
    """The file of a module, both by their names within the package."""
    path = Path(*module.split("."))
    is_package = (ROOT / PACKAGE / path).is_dir()
    return (path / "__init__.py" if is_package else path.with_suffix(".py")).as_posix()


def without_effect(rule: str) -> set[str]:
    """The files that jobs of a rule may import and not depend on: what code.py lists, no more."""
    verb = rule if rule in code.MODULES else "sample_folder"  # whose rules have names of their own
    listed = code.without_effect(verb) - {"__init__", "__main__"}
    # Other entries of a registry than the one that a job works with.
    closed = set(code.REGISTRIES) if verb in code.COSTLY else ONE_ENTRY.get(verb, set())
    behind = code.reached(listed | closed) - code.reached({code.MODULES[verb]}, listed, closed)
    return {_file_of(module) for module in {"__init__", "__main__", *listed, *behind}}
