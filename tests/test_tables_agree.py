"""That tables which tell the same quantity of the same model tell the same, and who is nearest."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from neuralmusic import jobs
from neuralmusic.compare import CHARACTER, SOURCE, STUCK
from neuralmusic.comparison_frames import heading
from neuralmusic.evaluate import evaluate
from neuralmusic.files import write_csv
from neuralmusic.lengths import WHOLE, real_lengths
from neuralmusic.measures.registry import MEASURES
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList
from neuralmusic.rank import rank
from neuralmusic.report import read_pages
from neuralmusic.table_text import CHARACTER_HEADINGS, LENGTHS
from neuralmusic.tables import TABLES, tabulate
from tests.constructed import EXPERIMENTS, params, together
from tests.damaged import composed
from tests.tiny import corpus
from tests.whole import in_octaves

MODELS = ["basic", "attn", "markov"]
PIECES = 5
# What the tables of one number a set tell; of the others, see `quantities`.
SET_TABLES = {
    "table_5_1": "transition_kl",
    "table_5_2": "intra_set_distance",
    "table_5_3": "inter_set_distance",
    "table_5_4": "inter_set_distance",
    "table_5_5": "intra_set_distance",
    "table_5_6": "mean_ioi_seconds",
    "table_5_7": "inter_set_distance",
    "table_5_8": "used_pitches",
}
OF_NO_SAMPLES = {"heldout_nll", "training"}


def later(piece: NoteList, semitones: int, since: float = 45) -> NoteList:
    """The piece moved up from a second on, as given where no real piece sounds any more."""
    is_late = piece.onset_seconds >= since
    columns = (piece.onset_seconds, piece.offset_seconds, piece.pitch, piece.velocity)
    rows = zip(*(of.tolist() for of in columns), is_late.tolist(), strict=True)
    moved = [(on, off, p + semitones * late, v) for on, off, p, v, late in rows]
    return NoteList.of(moved, piece.length_seconds)


def music() -> dict[str, list[NoteList]]:
    """Samples of a minute, real pieces of 21 to 45 s; one of each too short.

    `attn` plays as real pieces do as far as these go, and then much higher; `basic` is a little
    too high from the start.
    """
    made = composed(3, 6 * PIECES + 1)
    parts = [made[at * PIECES : (at + 1) * PIECES] for at in range(6)]
    high = [[later(piece, 2, since=0) for piece in part] for part in (parts[3], parts[4])]
    return {
        "real": [*(piece.cut(21 + 6 * at) for at, piece in enumerate(parts[0])), made[-1].cut(9)],
        "source": [
            *(in_octaves(piece.cut(21 + 6 * at)) for at, piece in enumerate(parts[0])),
            made[-1].cut(9),
        ],
        "basic": [*high[0], made[-1].cut(12)],
        "basic.2": high[1],
        "attn": [later(piece, 24) for piece in parts[1]],
        "attn.2": [later(piece, 30) for piece in parts[2]],
        "markov": [later(piece, 12, since=10) for piece in parts[5]],
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Everything from samples on, by the verbs themselves, of every experiment."""
    home = tmp_path_factory.mktemp("agree")
    corpora = {}
    pieces = music()
    for experiment in EXPERIMENTS:
        folder = home / "samples" / experiment
        for run, made in pieces.items():
            rows, ends = [], []
            for number, piece in enumerate(made):
                file = f"{number:04d}.mid"
                write_midi(folder / run / file, piece)
                stuck = [int(note % 7 == 0) for note in range(len(piece))]
                rows.append([file, "x.mid", 0, 1, len(piece), sum(stuck)])
                ends += zip(
                    [file] * len(piece), piece.onset_seconds, piece.pitch, stuck, strict=True
                )
            names = ["file", "primer_piece", "primer_start_step", "steps", "notes", "stuck_notes"]
            write_csv(folder / run / "pieces.csv", pd.DataFrame(rows, columns=names))
            frame = pd.DataFrame(ends, columns=["file", "onset_seconds", "pitch", "stuck"])
            frame = frame.assign(age_steps=1, turned_off=1)
            write_csv(folder / run / "note_ends.csv", frame)
            lengths = WHOLE if run in ("real", "source") else real_lengths(folder / "real", 20)
            evaluate(folder / run, home / "metrics" / experiment / run, lengths)
        own = everything(experiment) | {"time": "seconds"}
        parts = {"train": composed(9, 2), "valid": composed(10, 1), "test": composed(11, 1)}
        name = own["experiments"][experiment]["representation"]["name"]
        if name not in corpora:
            corpora[name] = corpus(home / name, parts, experiment)
        rank(own, home, corpora[name], home / "rankings" / experiment)
    for table in set(TABLES) - OF_NO_SAMPLES:
        tabulate(table, everything(*jobs.experiments_of(table, everything())), home)
    return home


def everything(*names: str) -> dict:
    """The parameters of a job of some experiments, all where none is named."""
    chosen = names or EXPERIMENTS
    return together(
        *(
            params(MODELS, experiment=name, seeds=2, resamples=20, beside=[SOURCE])
            for name in chosen
        )
    )


def quantities(results, table: str) -> dict[tuple[str, str, str], float]:
    """What a table tells, by experiment, model and quantity."""
    frame = pd.read_csv(results / "tables" / f"{table}.csv", keep_default_na=False, na_values=[""])
    if table in SET_TABLES:
        columns = {SET_TABLES[table]: "mean"}
    elif table == "table_5_9":
        columns = {"inter_set_distance": "raw_mean"}
    elif table == "sample_character":
        columns = {name: name for name in (*CHARACTER, STUCK)}
    elif table == "measures":
        rows = frame[["experiment", "model", "measure", "mean"]].itertuples(index=False)
        return {(of, model, measure): mean for of, model, measure, mean in rows}
    else:
        assert table == "grammar", f"what does the table {table} tell?"
        found = {}
        for row in frame.itertuples():
            found[row.base, row.model, row.measure] = row.plain
            found[row.experiment, row.model, row.measure] = row.masked
            found[row.base, "real", row.measure] = row.real
        return found
    return {
        (row["experiment"], row["model"], name): row[column]
        for _, row in frame.iterrows()
        for name, column in columns.items()
    }


TOLD = sorted(set(TABLES) - OF_NO_SAMPLES)


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(TOLD, 2)))
def test_two_tables_of_one_quantity_agree(results, first, second):
    ours, theirs = quantities(results, first), quantities(results, second)
    for key in ours.keys() & theirs.keys():
        assert ours[key] == pytest.approx(theirs[key], rel=1e-4, nan_ok=True), key


def test_there_are_quantities_in_several_tables(results):
    counts = pd.Series([key for table in TOLD for key in quantities(results, table)]).value_counts()
    shared = {quantity for _, _, quantity in counts[counts > 1].index}
    assert shared == {*CHARACTER, STUCK, "intra_set_distance", "inter_set_distance"}
    assert set(CHARACTER) <= set(MEASURES)


def nearest(results, table: str) -> dict[tuple[str, str], set[str]]:
    """Who is in bold, by experiment and quantity; not of `grammar`, where bold is a difference."""
    titles = {title: name for name, (title, _) in CHARACTER_HEADINGS.items()}
    if table == "measures":
        titles = {heading(name): name for name in MEASURES}
    elif table == "table_5_9":
        titles = {"raw, sum": "inter_set_distance"}
    found: dict[tuple[str, str], set[str]] = {}
    for page in read_pages(results, table) if table != "grammar" else []:
        experiment = page.title.removesuffix(" experiment").split(", ")[-1]
        if table in SET_TABLES:
            titles = {page.header[1]: SET_TABLES[table]}
        for row in page.rows:
            for column, cell in list(zip(page.header, row, strict=True))[1:]:
                title, model = (row[0], column) if table == "measures" else (column, row[0])
                if title in titles:
                    models = found.setdefault((experiment, titles[title]), set())
                    models |= {model} if cell.startswith("**") else set()
    return found


def test_tables_agree_who_is_nearest(results):
    found = {table: nearest(results, table) for table in TOLD}
    compared = 0
    for first, second in itertools.combinations(TOLD, 2):
        for key in found[first].keys() & found[second].keys():
            assert found[first][key] == found[second][key], (first, second, key)
            compared += 1
    assert compared > len(CHARACTER) * len(EXPERIMENTS)
    assert not any(SOURCE in models for of in found.values() for models in of.values())
    # Whole samples would say otherwise: `attn` leaves the range of the real pieces after them.
    assert found["measures"]["monophonic", "highest_pitch"] == {"attn"}


def test_every_table_says_up_to_where_samples_are_measured(results):
    for table in TOLD:
        for page in read_pages(results, table):
            assert LENGTHS in " ".join(page.footnotes), page.title
