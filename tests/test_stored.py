"""What an earlier verb wrote, damaged or made by an attacker: refused by name, whatever it says."""

import json
import pickle
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from neuralmusic import prepare, stored
from neuralmusic.datasets import grouped
from neuralmusic.files import InputError, write_csv
from neuralmusic.notes import ROW, NoteList, load_notes, save_notes
from tests.constructed import melody
from tests.played import random_piece
from tests.tiny import corpus

PIECES = {f"{seed}.mid": random_piece(seed) for seed in range(4)}


def refused(path, read, why: str = ".") -> None:
    with pytest.raises(InputError, match=why) as raised:
        read()
    assert str(path) in str(raised.value)
    assert "run" in str(raised.value)  # what to do


# Arrays.


def written(path, arrays: dict) -> None:
    """A NumPy archive of arrays, objects too, which are pickled."""
    np.savez(path, **arrays)


def all_of(path) -> list[NoteList]:
    return list(load_notes(path).values())


def stored_notes(path) -> dict[str, np.ndarray]:
    """The arrays of an archive of pieces."""
    save_notes(path, PIECES)
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


OBJECTS = np.dtype([("onset_seconds", "O"), ("offset_seconds", "<f8"), ("pitch", "<i2")])
NOTES = {
    "objects": lambda a: a | {"rows": np.zeros(len(a["rows"]), OBJECTS)},
    "another dtype": lambda a: a | {"rows": a["rows"]["onset_seconds"].copy()},
    "fewer notes": lambda a: a | {"rows": a["rows"][:-1]},
    "no notes": lambda a: a | {"rows": a["rows"][:0]},
    "two dimensions": lambda a: a | {"rows": a["rows"][None]},
    "a negative count": lambda a: a | {"counts": a["counts"] * [1, 1, 1, -1]},
    "counts that overflow": lambda a: a | {"counts": a["counts"] + [2**62, 2**62, 2**62, 2**62]},
    "a count of another type": lambda a: a | {"counts": a["counts"].astype(float)},
    "a name twice": lambda a: a | {"names": np.frombuffer(b"a\0b\0a\0c", np.uint8)},
    "names cut at the last": lambda a: a | {"names": np.frombuffer(b"a\0b\0c\0", np.uint8)},
    "a name too few": lambda a: a | {"names": a["names"][:-6]},
    "no UTF-8": lambda a: a | {"names": np.full_like(a["names"], 0xFF)},
    "no length": lambda a: a | {"length_seconds": a["length_seconds"] * np.nan},
    "a pitch of no key": lambda a: a | {"rows": changed(a["rows"], pitch=128)},
    "a time that is none": lambda a: a | {"rows": changed(a["rows"], onset_seconds=np.nan)},
    "a note that ends before": lambda a: a | {"rows": changed(a["rows"], offset_seconds=-1)},
    "nothing": lambda a: {},
}


def changed(rows: np.ndarray, **values) -> np.ndarray:
    rows = rows.copy()
    for column, value in values.items():
        rows[column][-1] = value
    return rows


@pytest.mark.parametrize("damage", NOTES)
def test_notes_that_are_not_as_they_were_written_are_refused(damage, tmp_path):
    path = tmp_path / "notes.npz"
    written(path, NOTES[damage](stored_notes(path)))
    refused(path, lambda: all_of(path))


def test_an_archive_of_notes_may_be_written_by_numpy_itself(tmp_path):
    path = tmp_path / "notes.npz"
    written(path, stored_notes(path))
    assert [piece.digest() for piece in all_of(path)] == [p.digest() for p in PIECES.values()]


@pytest.mark.parametrize("content", [b"", b"PK", pickle.dumps([1]), b"\x93NUMPY\x01\x00v\x00{}"])
def test_other_files_in_place_of_arrays_are_refused(content, tmp_path):
    for name, read in (
        ("notes.npz", lambda: all_of(tmp_path / "notes.npz")),
        ("steps.npy", lambda: prepare.load_encoded(tmp_path, "train")),
    ):
        refused(tmp_path / name, read, "is missing")
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, read, "is damaged")


def test_a_compressed_archive_of_notes_is_refused(tmp_path):
    path = tmp_path / "notes.npz"
    np.savez_compressed(path, **stored_notes(path))
    refused(path, lambda: all_of(path), "compressed")


def test_notes_that_reach_past_the_archives_end_are_refused(tmp_path):
    """As the archive's directory and the array's header say alike."""
    path = tmp_path / "notes.npz"
    count = len(stored_notes(path)["rows"])
    content = path.read_bytes()
    claimed = content.replace(b"'shape': (%d,), }  " % count, b"'shape': (%d,), }" % (count * 100))
    assert len(claimed) == len(content)
    path.write_bytes(claimed)
    refused(path, lambda: all_of(path))


STEPS = {
    "pickled": lambda steps: steps.astype(object),
    "of records": lambda steps: steps.view([("a", "<i2")]),
    "of floats": lambda steps: steps.astype(np.float32),
    "of two dimensions": lambda steps: steps[:, None],
    "of none": lambda steps: np.int16(1),
    "cut": lambda steps: steps[:-1],
    "longer": lambda steps: np.append(steps, steps[:1]),
    "empty": lambda steps: steps[:0],
    "in the order of Fortran": lambda steps: np.asfortranarray(np.tile(steps[:, None], 2)),
    "big-endian": lambda steps: steps.astype(">i2"),
}


@pytest.mark.parametrize("damage", STEPS)
def test_steps_that_are_not_as_they_were_written_are_refused(damage, tmp_path):
    out = corpus(tmp_path)
    path = out / "steps.npy"
    np.save(path, STEPS[damage](np.load(path)), allow_pickle=True)
    refused(out, lambda: prepare.load_encoded(out, "train"))


@pytest.mark.parametrize("change", [-1, 1, 40])
def test_a_file_of_steps_shorter_or_longer_than_it_says_is_refused(change, tmp_path):
    out = corpus(tmp_path)
    content = (out / "steps.npy").read_bytes()
    (out / "steps.npy").write_bytes((content + bytes(40))[: len(content) + change])
    refused(out / "steps.npy", lambda: prepare.load_encoded(out, "train"))


def test_a_scores_array_larger_than_its_entry_takes_no_memory(tmp_path):
    path = tmp_path / "scores.npz"
    kind = (np.dtype(np.float32), 4)
    np.savez_compressed(path, piece=np.zeros((1, 1, 3, 3), np.float32))
    assert stored.read_packed_array(path, "piece", kind).shape == (1, 1, 3, 3)
    refused(path, lambda: stored.read_packed_array(path, "other", kind), "other")
    refused(path, lambda: stored.read_packed_array(path, "piece", (kind[0], 3)))
    with zipfile.ZipFile(path, "w") as archive, archive.open("piece.npy", "w") as entry:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6, 3, 3)}
        np.lib.format.write_array_header_1_0(entry, header)
    refused(path, lambda: stored.read_packed_array(path, "piece", kind), "0 bytes for an array")


READS = """
import sys
from pathlib import Path
from neuralmusic.files import InputError
from neuralmusic.notes import load_notes
from neuralmusic.prepare import load_encoded

told = [0, 0]
for folder in sorted(Path(sys.argv[1]).iterdir()):
    for at, read in enumerate((
        lambda: [piece.digest() for piece in load_notes(folder / "notes.npz").values()],
        lambda: [int(piece.astype(int).sum()) for piece in load_encoded(folder, "train").pieces],
    )):
        try:
            read()
        except InputError as error:
            assert str(folder) in str(error)
            told[at] += 1
print(*told)
"""


def test_no_damage_ends_the_process_that_reads(tmp_path):
    """Bytes changed at random, half of them where the headers are, and files cut anywhere."""
    out = corpus(tmp_path / "made")
    whole = {"notes.npz": tmp_path / "made/notes/notes.npz", "steps.npy": out / "steps.npy"}
    dice, count = random.Random(3), 200
    for number in range(count):
        folder = tmp_path / "damaged" / f"{number:03d}"
        folder.mkdir(parents=True)
        (folder / "pieces.csv").write_bytes((out / "pieces.csv").read_bytes())
        for name, path in whole.items():
            content = bytearray(path.read_bytes())
            heads = [at for at in range(len(content)) if content[at : at + 2] in (b"PK", b"\x93N")]
            for _ in range(dice.choice([1, 1, 4, 16])):
                near = dice.choice(heads) + dice.randrange(130)
                at = dice.choice([near % len(content), dice.randrange(len(content))])
                content[at] = dice.choice([dice.randrange(256), content[dice.randrange(at + 1)]])
            if dice.random() < 0.2:
                content = content[: dice.randrange(len(content))]
            (folder / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", READS, str(tmp_path / "damaged")],
        env={"PYTHONPATH": str(Path(stored.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(count // 4 < int(refusals) < count for refusals in done.stdout.split())


# Tables.


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.assign(start=t["start"] + 10**6),
        lambda t: t.assign(start=t["start"] - 1),
        lambda t: t.assign(start=0),
        lambda t: t.assign(steps=t["steps"] * 2),
        lambda t: t.assign(steps=-t["steps"]),
        lambda t: t.assign(steps=2**62),
        lambda t: t.assign(steps=2**70),
        lambda t: t.assign(steps="many"),
        lambda t: t.assign(steps=t["steps"] + 0.5),
        lambda t: t.assign(length_seconds=np.inf),
        lambda t: t.assign(length_seconds=""),
        lambda t: t.drop(columns="split"),
        lambda t: t.assign(more=1),
        lambda t: t.iloc[:-1],
        lambda t: t.iloc[1:],
        lambda t: t.iloc[::-1],
        lambda t: t.iloc[:0],
    ],
)
def test_a_table_that_points_elsewhere_than_into_its_steps_is_refused(change, tmp_path):
    out = corpus(tmp_path)
    change(pd.read_csv(out / "pieces.csv")).to_csv(out / "pieces.csv", index=False)
    for part in prepare.SPLITS:
        refused(out / "pieces.csv", lambda part=part: prepare.load_encoded(out, part))


COLUMNS = {"file": str, "bytes": int, "share": float}


def test_a_table_is_read_as_its_columns_say(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('file,bytes,share\nNA,1,0.5\n"a,\nb",2,1e-3\n,3,2\n12,4,-1\n')
    table = stored.read_exact_csv(path, COLUMNS)
    assert table["file"].tolist() == ["NA", "a,\nb", "", "12"]
    assert table["bytes"].tolist() == [1, 2, 3, 4]
    assert table["share"].tolist() == [0.5, 0.001, 2, -1]
    path.write_text("file,bytes,share\n")
    assert stored.read_exact_csv(path, COLUMNS).empty


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "file,bytes\na,1\n",
        "bytes,file,share\n1,a,1\n",
        "file,bytes,share\na\n",
        "file,bytes,share\na,1\n",
        "file,bytes,share\na,1,2,3\n",
        "file,bytes,share\na,1,2\na,1,2,3\n",
        "file,bytes,share\na,-1,2\n",
        "file,bytes,share\na,99999999999999999999,2\n",
        "file,bytes,share\na,x,2\n",
        "file,bytes,share\na,1,nan\n",
        "file,bytes,share\na,1,\n",
        'file,bytes,share\n"a,1,2\n',
    ],
)
def test_a_table_that_is_cut_or_of_another_form_is_refused(text, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(text)
    refused(path, lambda: stored.read_exact_csv(path, COLUMNS), "is damaged")
    path.write_bytes(b"file,bytes,share\n\xff,1,2\n")
    refused(path, lambda: stored.read_exact_csv(path, COLUMNS), "is damaged")


def test_numbers_that_are_none_are_refused(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n1,\n2,3\n")
    assert stored.read_csv(path, [], ["epoch", "loss"])["loss"].isna().tolist() == [True, False]
    path.write_text("epoch,loss\n1,low\n")
    refused(path, lambda: stored.read_csv(path, [], ["epoch", "loss"]), "not every loss")
    refused(path, lambda: stored.read_csv(path, [], ["step"]), r"lacks columns \['step'\]")


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "\xff"])
def test_a_file_that_is_no_json_object_is_refused(text, tmp_path):
    path = tmp_path / "about.json"
    path.write_text(text, encoding="latin-1")
    refused(path, lambda: stored.read_json(path))
    path.write_text(json.dumps({"a": 1}))
    assert stored.read_json(path) == {"a": 1}


def line(folder) -> None:
    """What `fetch` writes, of one file."""
    (folder / "raw/a.mid").parent.mkdir(parents=True)
    (folder / "raw/a.mid").write_bytes(b"MThd")
    manifest = pd.DataFrame({"file": ["a.mid"], "bytes": [4], "sha256": ["0"]})
    write_csv(folder / "raw/manifest.csv", manifest)
    write_csv(folder / "raw/rejected.csv", pd.DataFrame(columns=["file", "reason"]))


@pytest.mark.parametrize(
    "row", ["b.mid,4,0", "a.mid,5,0", "../raw/a.mid,4,0", "/etc/passwd,4,0", "a.mid,4"]
)
def test_a_manifest_of_other_files_than_there_are_is_refused(row, tmp_path):
    line(tmp_path)
    path = tmp_path / "raw/manifest.csv"
    path.write_text(f"file,bytes,sha256\n{row}\n")
    params = {"dataset": "mine", "time": "seconds", "sustain_pedal": False}
    refused(path, lambda: prepare.convert(params, tmp_path / "raw", tmp_path / "out", 1))


@pytest.mark.parametrize(
    "row", ["a.mid,train", "a.mid,train\nb.mid,held", "b.mid,test\na.mid,train"]
)
def test_a_split_of_other_pieces_than_there_are_is_refused(row, tmp_path):
    save_notes(tmp_path / "notes.npz", {"a.mid": melody([60]), "b.mid": melody([62])})
    (tmp_path / "split.csv").write_text(f"piece,split\n{row}\n")
    pieces = load_notes(tmp_path / "notes.npz")
    refused(tmp_path / "split.csv", lambda: prepare.read_parts(tmp_path, pieces))


def test_a_damaged_table_of_groups_is_refused(tmp_path):
    grouped.write_groups(tmp_path, {"a.mid": "a"})
    assert grouped.read(tmp_path, grouped.GROUPS) == {"a.mid": "a"}
    (tmp_path / grouped.GROUPS).write_text("file,group\na.mid\n")
    refused(tmp_path / grouped.GROUPS, lambda: grouped.read(tmp_path, grouped.GROUPS))


def test_the_stored_row_is_the_one_of_the_format():
    assert stored.HEADER.fullmatch(b"{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }\n")
    assert ROW.itemsize == 20
    assert not ROW.hasobject
