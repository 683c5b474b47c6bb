"""Up to which length samples are measured, and what counts of a sample that is cut there."""

import numpy as np
import pandas as pd
import pytest

from neuralmusic.evaluate import evaluate
from neuralmusic.files import InputError
from neuralmusic.lengths import WHOLE, in_turn, note_ends, read_samples, real_lengths
from neuralmusic.midi import read_midi
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList
from tests.constructed import melody, write_note_ends

REAL = [melody([60, 62], 25.0), melody([64], 30.01), melody([65], 19.0), melody([67], 41.0)]


def written(folder, pieces, named="{:04d}.mid"):
    for number, piece in enumerate(pieces):
        write_midi(folder / named.format(number), piece)
    return folder


def evaluated(folder, lengths=WHOLE):
    evaluate(folder, folder / "out", lengths)
    return pd.read_csv(folder / "out" / "pieces.csv").set_index("file")


def test_lengths_are_those_of_real_pieces_long_enough_whatever_their_names(tmp_path):
    found = real_lengths(written(tmp_path / "real", REAL), 20)
    assert sorted(found) == pytest.approx([25, 30.01, 41], abs=1e-3)
    assert real_lengths(written(tmp_path / "again", REAL[::-1], "x{}.mid"), 20) == found
    assert len(real_lengths(tmp_path / "real", 0)) == 4


def test_where_no_real_piece_is_long_enough_nothing_is_cut(tmp_path):
    assert real_lengths(written(tmp_path, REAL), 60) == WHOLE
    assert in_turn(["b", "a"], WHOLE) == {"a": np.inf, "b": np.inf}


def test_lengths_come_in_turn_by_file_name():
    assert in_turn(["c", "a", "d", "b"], (3.0, 1.0, 2.0)) == {"a": 3, "b": 1, "c": 2, "d": 3}
    assert in_turn(["a"], (3.0, 1.0)) == {"a": 3}  # fewer samples than real pieces
    assert in_turn([], (3.0,)) == {}


def test_missing_and_unreadable_real_pieces_are_named(tmp_path):
    with pytest.raises(InputError, match=r"holds no \*\.mid"):
        real_lengths(tmp_path, 20)
    (tmp_path / "0003.mid").write_bytes(b"no music")
    with pytest.raises(InputError, match=r"0003\.mid"):
        real_lengths(tmp_path, 20)


def test_a_sample_is_measured_up_to_its_length(tmp_path):
    """Notes of 0.25 s from 0 on: of 1.1 s five begin in it, the last of which is cut to 0.1 s."""
    rising = melody(range(60, 72), 60.0)
    found = evaluated(written(tmp_path, [rising, rising, melody([60], 0.5)]), (1.1, 60.0))
    assert found["notes"].tolist() == [5, 12, 1]
    assert found["used_pitches"].tolist() == [5, 12, 1]
    assert found["highest_pitch"].tolist() == [64, 71, 60]
    assert found["length_seconds"].tolist() == [1.1, 60, 0.5]  # none gets longer
    assert found.loc["0000.mid", "mean_note_seconds"] == pytest.approx(
        (4 * 0.25 + 0.1) / 5, abs=1e-3
    )
    assert found.loc["0000.mid", [f"pitch_{p}" for p in range(58, 68)]].sum() == 5
    files = read_samples(tmp_path)
    assert files["0000.mid"].length_seconds == 60  # the file is whole


@pytest.mark.parametrize("centiseconds", [3001, 3002, 3003, 3004, 3005])
def test_a_note_at_the_tick_of_the_cut_is_not_in_it(tmp_path, centiseconds):
    """Where 10 ms fall between ticks too: the table of notes has no ticks, the file has."""
    at = centiseconds / 100
    piece = NoteList.of([(0, 1, 60, 80), (at - 0.01, at, 62, 80), (at, at + 1, 64, 80)], 60.0)
    real = written(tmp_path / "samples/e/real", [NoteList.of([(0, at, 60, 80)], at)])
    folder = written(tmp_path / "samples/e/made", [piece])
    onsets = list(zip(piece.onset_seconds.tolist(), piece.pitch.tolist(), strict=True))
    write_note_ends(tmp_path, "e", "made", [("0000.mid", 3, 1)] * 3, onsets)
    lengths = real_lengths(real, 20)
    assert note_ends(folder, lengths)["pitch"].tolist() == [60, 62]
    assert evaluated(folder, lengths)["notes"].tolist() == [2]
    assert len(read_midi(folder / "0000.mid")) == len(note_ends(folder)) == 3


def with_stuck(tmp_path):
    """Two pieces of four notes, a second each, of which the second and the last are stuck."""
    folder = tmp_path / "samples/e/made"
    notes = [(at, at + 1, 60 + at, 80) for at in range(4)]
    written(folder, [NoteList.of(notes, 60.0)] * 2)
    ends = [(file, 9, stuck) for file in ("0000.mid", "0001.mid") for stuck in (0, 1, 0, 1)]
    write_note_ends(tmp_path, "e", "made", ends, [(float(at), 60 + at) for at in range(4)] * 2)
    (folder / "pieces.csv").write_text("file,stuck_notes\n0000.mid,2\n0001.mid,2\n")
    return folder


def test_stuck_notes_are_those_that_begin_before_the_cut(tmp_path):
    folder = with_stuck(tmp_path)
    assert evaluated(folder)["stuck_notes"].tolist() == [2, 2]
    # The second note begins before and sounds across the cut: stuck as it is in the whole piece.
    assert evaluated(folder, (1.5, 60.0))["stuck_notes"].tolist() == [1, 2]
    assert evaluated(folder, (1.0,))["stuck_notes"].tolist() == [0, 0]


def test_stuck_notes_of_a_cut_piece_are_unknown_where_nobody_says_which_they_are(tmp_path):
    folder = with_stuck(tmp_path)
    (folder / "note_ends.csv").unlink()
    found = evaluated(folder, (1.5, 60.0))["stuck_notes"]
    assert np.isnan(found["0000.mid"]) and found["0001.mid"] == 2
    with pytest.raises(InputError, match=r"note_ends\.csv is missing"):
        note_ends(folder, WHOLE)
