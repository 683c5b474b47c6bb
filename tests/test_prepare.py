"""The way of files to arrays: convert, split, encode."""

import dataclasses
import zipfile

import numpy as np
import pandas as pd
import pytest

from neuralmusic import prepare
from neuralmusic.files import InputError, write_csv
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList, load_notes, save_notes
from neuralmusic.representations import REPRESENTATIONS
from tests.constructed import drawn, melody
from tests.fetching import fetch, midi_bytes, rejected
from tests.tiny import contents

TUNES = drawn(1, 6)


def convert(raw, out, **changed):
    prepare.convert(
        {"dataset": "mine", "time": "seconds", "sustain_pedal": False} | changed, raw, out, 1
    )
    return load_notes(out / "notes.npz")


def test_files_that_cannot_be_read_are_told_and_the_others_go_on(tmp_path):
    home = tmp_path / "music"
    for index in range(3):
        write_midi(home / f"{index}.mid", TUNES[index])
    write_midi(home / "silent.mid", melody([]))
    write_midi(home / "z/copy.mid", TUNES[1])
    (home / "letter.mid").write_text("dear diary")
    (home / "cut.mid").write_bytes((home / "1.mid").read_bytes()[:-20])
    fetch(home, tmp_path / "raw")
    pieces = convert(tmp_path / "raw", tmp_path / "notes")
    assert list(pieces) == ["0.mid", "1.mid", "2.mid"]
    for index, piece in enumerate(pieces.values()):
        assert piece.digest() == TUNES[index].digest()
    reasons = rejected(tmp_path / "notes")
    assert list(reasons) == ["cut.mid", "letter.mid", "silent.mid", "z/copy.mid"]
    assert reasons["letter.mid"].startswith("no MIDI file (")
    assert reasons["cut.mid"].startswith("truncated (")
    assert reasons["silent.mid"] == "no notes"
    assert reasons["z/copy.mid"] == "the same notes as 1.mid"


def test_copies_in_several_collections_of_one_folder_are_found(tmp_path):
    """One dataset, one split: a piece is on one side of it, in whatever files it came."""
    write_midi(tmp_path / "music/one/a.mid", TUNES[0])
    write_midi(tmp_path / "music/two/b.mid", TUNES[0])
    louder = dataclasses.replace(TUNES[0], velocity=TUNES[0].velocity + 9)
    write_midi(tmp_path / "music/two/c.mid", louder)
    write_midi(tmp_path / "music/two/d.mid", TUNES[1])
    fetch(tmp_path / "music", tmp_path / "raw")
    pieces = convert(tmp_path / "raw", tmp_path / "notes")
    assert list(pieces) == ["one/a.mid", "two/d.mid"]
    assert rejected(tmp_path / "notes") == {
        "two/b.mid": "the same notes as one/a.mid",
        "two/c.mid": "the same notes as one/a.mid",
    }


def test_what_fetch_rejected_stays_in_the_list(tmp_path):
    with zipfile.ZipFile(tmp_path / "music.zip", "w") as archive:
        for name in ("../up.mid", "good.mid"):
            archive.writestr(name, midi_bytes(tmp_path / "made", TUNES[0]))
    fetch(tmp_path / "music.zip", tmp_path / "raw")
    assert list(convert(tmp_path / "raw", tmp_path / "notes")) == ["good.mid"]
    assert list(rejected(tmp_path / "notes")) == ["../up.mid"]


def test_no_file_left_is_an_error_with_examples(tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "letter.mid").write_text("dear diary")
    fetch(tmp_path / "music", tmp_path / "raw")
    with pytest.raises(InputError, match=r"no file of mine .*letter\.mid: no MIDI file"):
        convert(tmp_path / "raw", tmp_path / "notes")


# split


def parts(tmp_path, names, seed=1, shares=(0.7, 0.1, 0.2)) -> dict[str, str]:
    """piece -> part."""
    silence = NoteList.of([], 1.0)  # near copies of each other are in one part, see test_groups
    save_notes(tmp_path / "notes/notes.npz", dict.fromkeys(names, silence))
    shared = dict(zip(prepare.SPLITS, shares, strict=True))
    params = {"dataset": "mine", "seed": seed, "split": shared}
    prepare.split(params, tmp_path / "notes", tmp_path / "splits")
    table = pd.read_csv(tmp_path / "splits/split.csv", keep_default_na=False)
    assert table["piece"].tolist() == list(names)
    return dict(zip(table["piece"], table["split"], strict=True))


NAMES = [f"{index}.mid" for index in range(2000)]


def test_the_shares_come_out(tmp_path):
    found = list(parts(tmp_path, NAMES).values())
    for part, share in zip(prepare.SPLITS, (0.7, 0.1, 0.2), strict=True):
        assert found.count(part) / len(found) == pytest.approx(share, abs=0.03)
    reversed_shares = list(parts(tmp_path, NAMES, shares=(0.2, 0.1, 0.7)).values())
    assert reversed_shares.count("train") / len(found) == pytest.approx(0.2, abs=0.03)


def test_pieces_that_come_or_go_move_no_other(tmp_path):
    all_of_them = parts(tmp_path, NAMES)
    half = parts(tmp_path, NAMES[::-2])
    assert half == {name: all_of_them[name] for name in half}


def test_another_seed_splits_anew(tmp_path):
    one, other = parts(tmp_path, NAMES), parts(tmp_path, NAMES, seed=2)
    moved = sum(one[name] != other[name] for name in NAMES)
    assert moved / len(NAMES) == pytest.approx(1 - 0.7**2 - 0.1**2 - 0.2**2, abs=0.05)
    assert parts(tmp_path, NAMES) == one


def test_an_empty_part_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"pieces of mine falls into the (train|valid|test) part"):
        parts(tmp_path, NAMES[:2])


# encode


def encode(folder, pieces: dict[str, NoteList], of: dict[str, str], name: str, rate=8, **changed):
    """The corpus of pieces in a representation."""
    save_notes(folder / "notes/notes.npz", pieces)
    table = pd.DataFrame(list(of.items()), columns=["piece", "split"])
    write_csv(folder / "splits/split.csv", table)
    settings = {"name": name, "steps_per_second": rate, "stretches": [1.0]} | changed
    params = {"representation": settings}
    prepare.encode(params, folder / "notes", folder / "splits", folder / "encoded")
    return folder / "encoded"


PIECES = dict(zip(["a.mid", "NA", "12", "d,e.mid", "f.mid", "ü.mid"], TUNES, strict=True))
PARTS = dict(zip(PIECES, ["train", "test", "valid", "train", "test", "train"], strict=True))
each = pytest.mark.parametrize("name", REPRESENTATIONS)


@each
def test_every_piece_comes_back_encoded_in_its_part(name, tmp_path):
    representation = REPRESENTATIONS[name]
    out = encode(tmp_path, PIECES, PARTS, name)
    assert sorted(contents(out)) == ["pieces.csv", "steps.npy"]
    for part in prepare.SPLITS:
        loaded = prepare.load_encoded(out, part)
        assert loaded.names == [piece for piece, own in PARTS.items() if own == part]
        for piece, steps, seconds in zip(
            loaded.names, loaded.pieces, loaded.length_seconds, strict=True
        ):
            expected = representation.encode(PIECES[piece], 8)
            assert steps.dtype == expected.dtype
            assert np.array_equal(steps, expected)
            assert seconds == pytest.approx(PIECES[piece].length_seconds, rel=1e-5)


@each
def test_pieces_stay_in_their_file_until_they_are_read(name, tmp_path):
    """Views of one file, which nothing can change."""
    out = encode(tmp_path, PIECES, PARTS, name)
    whole = np.load(out / "steps.npy", allow_pickle=False)
    table = pd.read_csv(out / "pieces.csv", keep_default_na=False)
    assert table["start"].tolist() == [0, *np.cumsum(table["steps"])[:-1]]
    assert len(whole) == table["steps"].sum()
    for part in prepare.SPLITS:
        for steps in prepare.load_encoded(out, part).pieces:
            assert not steps.flags.owndata
            assert not steps.flags.writeable
            base = steps
            while isinstance(base.base, np.ndarray):
                base = base.base
            assert isinstance(base, np.memmap)


@each
def test_only_training_pieces_are_stretched(name, tmp_path):
    """Once for every factor, all of their times; what is held out is as it was."""
    representation = REPRESENTATIONS[name]
    stretches = [0.8, 1.0, 1.25]
    plain = encode(tmp_path / "plain", PIECES, PARTS, name, rate=20)
    out = encode(tmp_path / "stretched", PIECES, PARTS, name, rate=20, stretches=stretches)
    for part in ("valid", "test"):
        one, other = (prepare.load_encoded(folder, part) for folder in (plain, out))
        assert (one.names, one.length_seconds) == (other.names, other.length_seconds)
        assert all(map(np.array_equal, one.pieces, other.pieces))
    train = prepare.load_encoded(out, "train")
    names = [piece for piece, part in PARTS.items() if part == "train"]
    assert train.names == [piece for piece in names for _ in stretches]
    for index, (piece, steps) in enumerate(zip(train.names, train.pieces, strict=True)):
        factor, notes = stretches[index % 3], PIECES[piece]
        assert np.array_equal(steps, representation.encode(notes.stretched(factor), 20))
        assert representation.durations(steps).sum() == notes.length_seconds * factor * 20
        assert train.length_seconds[index] == pytest.approx(notes.length_seconds * factor)
    table = pd.read_csv(out / "pieces.csv", keep_default_na=False)
    in_train = table["split"] == "train"
    assert table["stretch"][in_train].tolist() == stretches * len(names)
    assert (table["stretch"][~in_train] == 1).all()
    # Where no factor is 1 too.
    without = encode(tmp_path / "without", PIECES, PARTS, name, stretches=[0.5])
    table = pd.read_csv(without / "pieces.csv", keep_default_na=False)
    factors = dict(zip(table["piece"], table["stretch"], strict=True))
    assert factors == {piece: 0.5 if part == "train" else 1 for piece, part in PARTS.items()}


@each
def test_a_piece_of_nothing_is_encoded_too(name, tmp_path):
    pieces = {"nothing.mid": NoteList.of([]), "a.mid": TUNES[0], "again.mid": NoteList.of([])}
    for order in (list(pieces), list(pieces)[::-1], ["nothing.mid"]):
        some = {piece: pieces[piece] for piece in order}
        out = encode(tmp_path / str(len(order)), some, dict.fromkeys(some, "train"), name)
        loaded = prepare.load_encoded(out, "train")
        assert loaded.names == order
        for piece, steps in zip(order, loaded.pieces, strict=True):
            assert np.array_equal(steps, REPRESENTATIONS[name].encode(pieces[piece], 8))


def test_a_piece_that_a_pianoroll_cannot_hold_is_left_out_and_told(tmp_path):
    pieces = {
        "a.mid": melody([21, 108]),
        "some.mid": melody([20, 60, 61, 109]),
        "none.mid": melody([0, 127]),
        "b.mid": TUNES[0],
        "silent.mid": NoteList.of([]),
    }
    kept = ["a.mid", "b.mid", "silent.mid"]
    out = encode(tmp_path / "roll", pieces, dict.fromkeys(pieces, "train"), "pianoroll")
    assert prepare.load_encoded(out, "train").names == kept
    assert rejected(out) == {
        "none.mid": "no note within the range of the representation (21 to 108)",
        "some.mid": "notes outside the range of the representation (2 of 4 are not in 21 to 108)",
    }
    alone = {name: pieces[name] for name in kept}
    other = encode(tmp_path / "kept", alone, dict.fromkeys(alone, "train"), "pianoroll")
    assert (other / "steps.npy").read_bytes() == (out / "steps.npy").read_bytes()
    assert (other / "pieces.csv").read_bytes() == (out / "pieces.csv").read_bytes()
    for name in ("events", "melody"):
        out = encode(tmp_path / name, pieces, dict.fromkeys(pieces, "train"), name)
        assert prepare.load_encoded(out, "train").names == list(pieces)
        assert not (out / "rejected.csv").exists()


def array_file(path, arrays) -> np.ndarray:
    """What NumPy reads of a file that arrays were appended to."""
    with path.open("wb") as file, prepare.ArrayFile(file) as grown:
        for array in arrays:
            grown.append(array)
        length = grown.length
    back = np.load(path, allow_pickle=False)
    assert len(back) == length
    assert np.array_equal(np.load(path, mmap_mode="r"), back)
    return back


@pytest.mark.parametrize("shape", [(), (88,), (2, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.int16, np.uint8])
@pytest.mark.parametrize(
    "lengths", [[7], [3, 0, 5, 1], [0, 4], [0, 0], [1] * 5000, [70_000]], ids=len
)
def test_a_file_grown_array_by_array_is_one_array(shape, dtype, lengths, tmp_path):
    generator = np.random.default_rng(1)
    arrays = [generator.integers(0, 99, (n, *shape)).astype(dtype) for n in lengths]
    back = array_file(tmp_path / "steps.npy", arrays)
    assert (back.dtype, back.shape[1:]) == (dtype, shape)
    assert np.array_equal(back, np.concatenate(arrays))


def test_a_file_that_nothing_was_appended_to_is_empty(tmp_path):
    assert len(array_file(tmp_path / "steps.npy", [])) == 0


def test_arrays_that_lie_otherwise_in_memory_are_written_in_order(tmp_path):
    array = np.arange(60, dtype=np.int16).reshape(12, 5)
    back = array_file(tmp_path / "steps.npy", [array.T, array.T[::-1], np.asfortranarray(array.T)])
    assert np.array_equal(back, np.concatenate([array.T, array.T[::-1], array.T]))
