"""The samples of a folder of MIDI files: what is read, in which order, how it is cut and drawn."""

import json

import mido
import numpy as np
import pandas as pd
import pytest

from neuralmusic import jobs
from neuralmusic.__main__ import main
from neuralmusic.files import CONTENTS, InputError
from neuralmusic.midi import read_midi
from neuralmusic.midi_folder import files_of, fingerprint
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList
from neuralmusic.sample_folder import sample_folder
from neuralmusic.sample_real import sample_real
from neuralmusic.sampled import COLUMNS, END_COLUMNS, REAL
from tests.constructed import melody as tune
from tests.constructed import random_piece
from tests.edited import with_folder
from tests.tiny import TRAINED, contents, corpus, job


def parameters(folder, experiment="monophonic", seconds=4.0, pieces=10, **changed) -> dict:
    """The parameters of a folder's sample job."""
    given = jobs.model_parameters(with_folder(folder, experiment), experiment, "theirs", "sample")
    given["sampling"] |= {"seconds": seconds, "pieces": pieces}
    return given | changed


def sampled(params: dict, out):
    out.mkdir(parents=True)
    sample_folder(params, out)
    return out


def table(folder, name="pieces") -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv")


@pytest.mark.parametrize("experiment", TRAINED)
def test_a_file_comes_out_as_the_same_piece_does_among_the_real_ones(experiment, tmp_path):
    """Whatever the representation: cut, encoded and decoded alike, to the same bytes."""
    held = NoteList.of([(0, 0.5, 60, 80), (0.5, 3.5, 64, 80), (1, 9, 67, 80)], 9)
    pieces = [tune([60, 64, 67, 72] * 8), held, tune([60], 1.0), random_piece(3, 30, 90)]
    home = tmp_path / "theirs"
    for index, piece in enumerate(pieces):
        write_midi(home / f"test{index}.mid", piece)
    read = [read_midi(path) for path in sorted(home.iterdir())]
    encoded = corpus(tmp_path / "corpus", {"train": read, "valid": read, "test": read}, experiment)
    changed = {"seconds": 4.1, "max_note_seconds": 2}
    given = parameters(home, experiment)
    given["sampling"] |= changed
    ours = sampled(given, tmp_path / "ours")
    sample_real(job(REAL, experiment, sampling=changed), encoded, tmp_path / "real")
    found = contents(ours)
    assert found.pop("rejected.csv") == b"file,reason\n"
    assert found == contents(tmp_path / "real")
    assert list(table(ours)) == COLUMNS
    assert list(table(ours, "note_ends")) == END_COLUMNS
    lengths = [read_midi(ours / file).length_seconds for file in table(ours)["file"]]
    assert lengths[:3] == pytest.approx([4.1, 4.1, 1.0], abs=0.1)


def test_all_files_below_the_folder_are_read_in_the_order_of_their_paths(tmp_path):
    home = tmp_path / "theirs"
    for index, name in enumerate(["b.MID", "a/z.midi", "c/d/e.Mid", "a/ü.mid"]):
        write_midi(home / name, tune([60 + index, 62]))
    write_midi(home / "same.mid", tune([60, 62]))  # a copy counts: the system made it twice
    (home / "notes.txt").write_text("no music")
    (home / "folder.mid").mkdir()
    out = sampled(parameters(home), tmp_path / "out")
    found = table(out)
    assert found["primer_piece"].tolist() == [
        "a/z.midi",
        "a/ü.mid",
        "b.MID",
        "c/d/e.Mid",
        "same.mid",
    ]
    assert found["file"].tolist() == [f"{index:04d}.mid" for index in range(5)]
    assert (found["primer_start_step"] == 0).all()
    firsts = [int(read_midi(out / file).pitch[0]) for file in found["file"]]
    assert firsts == [61, 63, 60, 62, 60]
    assert table(out, "rejected").empty


def test_bad_files_are_listed_with_their_reason_and_stop_nothing(tmp_path):
    home = tmp_path / "theirs"
    write_midi(home / "good.mid", tune([60, 62, 64]))
    write_midi(home / "silent.mid", NoteList.of([], 5.0))
    write_midi(home / "whole.mid", tune([60, 62, 64] * 20))
    whole = (home / "whole.mid").read_bytes()
    (home / "whole.mid").write_bytes(whole[: len(whole) // 2])
    (home / "sub").mkdir()
    (home / "sub/text.mid").write_text("this is no music")
    (home / "empty.mid").write_bytes(b"")
    (home / "large.mid").write_bytes(bytes(20_000_001))
    out = sampled(parameters(home), tmp_path / "out")
    rejected = dict(table(out, "rejected").itertuples(index=False))
    assert set(rejected) == {"sub/text.mid", "empty.mid", "large.mid", "whole.mid"}
    assert "over the limit" in rejected["large.mid"]
    assert "no MIDI file" in rejected["sub/text.mid"]
    found = table(out)
    assert found["primer_piece"].tolist() == ["good.mid", "silent.mid"]
    # Silence is what the system made, as it may be what a model samples.
    assert found["notes"].tolist() == [3, 0]


def test_a_folder_of_bad_files_alone_is_an_error_that_names_them(tmp_path):
    home = tmp_path / "theirs"
    home.mkdir()
    (home / "text.mid").write_text("this is no music")
    with pytest.raises(InputError, match=r"theirs.*text\.mid: no MIDI file"):
        sampled(parameters(home), tmp_path / "out")


def test_a_piece_that_the_representation_cannot_hold_is_listed(tmp_path):
    home = tmp_path / "theirs"
    write_midi(home / "high.mid", tune([60, 120]))
    write_midi(home / "low.mid", tune([60, 64]))
    out = sampled(parameters(home, "polyphonic_pianoroll"), tmp_path / "out")
    rejected = dict(table(out, "rejected").itertuples(index=False))
    assert "1 of 2 are not in 21 to 108" in rejected["high.mid"]
    assert table(out)["primer_piece"].tolist() == ["low.mid"]


@pytest.mark.parametrize(("time", "onset"), [("beats", 0.5), ("seconds", 1.0)])
def test_files_are_read_with_the_time_and_the_pedal_of_the_dataset(time, onset, tmp_path):
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=1_000_000)])
    track += [mido.Message("control_change", control=64, value=127)]
    for pitch in (60, 62):
        track += [mido.Message("note_on", note=pitch, velocity=80)]
        track += [mido.Message("note_off", note=pitch, time=480)]
    track += [mido.MetaMessage("end_of_track", time=480)]
    (tmp_path / "theirs").mkdir()
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(tmp_path / "theirs/a.mid")
    for pedal in (False, True):
        given = parameters(tmp_path / "theirs", "polyphonic_events", time=time, sustain_pedal=pedal)
        piece = read_midi(sampled(given, tmp_path / f"out {pedal}") / "0000.mid")
        assert piece.onset_seconds.tolist() == pytest.approx([0, onset], abs=0.01)
        ends = [3 * onset] * 2 if pedal else [onset, 2 * onset]
        assert piece.offset_seconds.tolist() == pytest.approx(ends, abs=0.01)


def test_of_more_files_than_pieces_a_draw_by_the_seed_counts(tmp_path):
    home = tmp_path / "theirs"
    for index in range(30):
        write_midi(home / f"{index:02d}.mid", tune([40 + index, 41 + index]))
    drawn = {seed: files_of(str(home), 8, seed) for seed in (1, 2)}
    assert all(len(set(files)) == 8 and files == sorted(files) for files in drawn.values())
    assert drawn[1] == files_of(str(home), 8, 1) != drawn[2]
    assert files_of(str(home), 30, 1) == sorted(home.iterdir())
    assert set(files_of(str(home), 7, 1)) < set(drawn[1])
    out = sampled(parameters(home, pieces=8, seed=1), tmp_path / "out")
    assert table(out)["primer_piece"].tolist() == [path.name for path in drawn[1]]
    moved = home.rename(tmp_path / "elsewhere")
    assert [p.name for p in files_of(str(moved), 8, 1)] == [p.name for p in drawn[1]]


def test_a_fingerprint_is_of_names_and_contents_of_the_files_that_count(tmp_path):
    home = tmp_path / "theirs"
    for index in range(6):
        write_midi(home / f"{index}.mid", tune([40 + index]))

    def found(pieces: int = 9) -> dict:
        return fingerprint(str(home), pieces, 1)

    first = found()
    (home / "0.mid").touch()
    (home / "notes.txt").write_text("no music")
    assert found() == first
    (home / "0.mid").rename(home / "00.mid")
    renamed = found()
    assert renamed != first
    content = bytearray((home / "1.mid").read_bytes())
    content[-8] ^= 1
    (home / "1.mid").write_bytes(content)
    assert found() != renamed
    few = found(3)
    for path in set(home.glob("*.mid")) - set(files_of(str(home), 3, 1)):
        path.write_text("not drawn, and so of no matter")
    assert found(3) == few
    (home / "large.mid").write_bytes(bytes(20_000_001))  # whose content nothing is made of
    assert found() != first


@pytest.mark.parametrize("made", ["", "file", "folder"])
def test_what_is_no_folder_of_midi_files_is_named_with_what_to_do(made, tmp_path):
    place = tmp_path / "place"
    if made == "file":
        place.write_text("no folder")
    if made == "folder":
        place.mkdir()
        (place / "notes.txt").write_text("no music")
    why = {"": "does not exist", "file": "is no folder", "folder": "holds no MIDI file"}[made]
    with pytest.raises(InputError, match=rf"place' {why}\. Set it to a folder"):
        files_of(str(place), 5, 1)


def test_the_command_needs_no_corpus_of_a_folder_but_of_a_model(tmp_path, capsys):
    write_midi(tmp_path / "theirs/a.mid", tune([60, 62]))
    for name, given in (("ours", job("basic")), ("theirs", parameters(tmp_path / "theirs"))):
        (tmp_path / f"{name}.json").write_text(json.dumps(given))
    paths = ["--params", str(tmp_path / "theirs.json"), "--out", str(tmp_path / "out")]
    assert main(["sample", *paths]) == 0
    assert np.isin(
        ["0000.mid", CONTENTS, "params.json", "rejected.csv"], list(contents(tmp_path / "out"))
    ).all()
    paths = ["--params", str(tmp_path / "ours.json"), "--out", str(tmp_path / "none")]
    assert main(["sample", *paths]) == 1
    assert "--encoded" in capsys.readouterr().err
