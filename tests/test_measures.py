"""Every measure by hand, on pieces with too little in them, and under changes of known effect."""

import csv

import numpy as np
import pytest

from neuralmusic.evaluate import evaluate, piece_row
from neuralmusic.files import InputError
from neuralmusic.measures import distances, pitch, rhythm, transitions
from neuralmusic.midi import read_midi
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList
from tests.constructed import drawn, melody

EMPTY = NoteList.of([], 60.0)
ONE_NOTE = NoteList.of([(1.0, 1.5, 60, 80)], 60.0)
# C4, then the chord E4 G4, then C5 twice; half a minute.
CHORD = NoteList.of(
    [(0, 0.5, 60, 80), (1, 2, 67, 80), (1, 3, 64, 80), (2, 2.5, 72, 80), (4, 4.5, 72, 80)], 30.0
)


def test_pitches_by_hand():
    histogram = pitch.pitch_histogram(CHORD)
    assert histogram.shape == (128,)
    assert {int(p): histogram[p] for p in np.flatnonzero(histogram)} == {60: 2, 64: 2, 67: 2, 72: 4}
    classes = pitch.pitch_class_histogram(CHORD)
    assert classes.tolist() == [6, 0, 0, 0, 2, 0, 0, 2, 0, 0, 0, 0]
    assert pitch.used_pitches(CHORD) == 4
    assert (pitch.lowest_pitch(CHORD), pitch.highest_pitch(CHORD)) == (60, 72)


def test_every_pitch_folds_to_its_class():
    folded = pitch.fold_classes(np.eye(128))
    assert folded.shape == (128, 12)
    assert (folded.argmax(axis=1) == np.arange(128) % 12).all()
    assert (folded.sum(axis=1) == 1).all()


def test_transitions_by_hand():
    counts = transitions.transition_counts(CHORD)
    found = {(int(a), int(b)): int(counts[a, b]) for a, b in np.argwhere(counts)}
    # C4-E4, E4-G4 within the chord, G4-C5, C5-C5
    assert found == {(0, 4): 1, (4, 7): 1, (7, 0): 1, (0, 0): 1}
    assert transitions.repeated_notes(CHORD) == 0.25


def test_an_octave_is_a_transition_to_the_same_class_but_no_repeated_note():
    octave = melody([60, 72, 60])
    assert transitions.transition_counts(octave)[0, 0] == 2
    assert transitions.repeated_notes(octave) == 0.0


def test_rhythm_by_hand():
    assert rhythm.mean_ioi_seconds(CHORD) == pytest.approx(4 / 3)  # onsets 0, 1, 2, 4
    assert rhythm.mean_note_seconds(CHORD) == pytest.approx((0.5 + 1 + 2 + 0.5 + 0.5) / 5)
    assert rhythm.longest_note_seconds(CHORD) == 2.0


def test_onsets_that_differ_by_rounding_are_one():
    notes = NoteList.of([(0.1 + 0.2, 1, 60, 80), (0.3, 1, 64, 80), (1.3, 2, 67, 80)])
    assert rhythm.mean_ioi_seconds(notes) == pytest.approx(1.0)


def test_piece_without_notes():
    assert pitch.pitch_histogram(EMPTY).tolist() == [0.0] * 128  # a minute of silence
    assert transitions.transition_counts(EMPTY).sum() == 0
    assert pitch.used_pitches(EMPTY) == 0
    for measure in (
        pitch.lowest_pitch,
        pitch.highest_pitch,
        transitions.repeated_notes,
        rhythm.mean_ioi_seconds,
        rhythm.mean_note_seconds,
        rhythm.longest_note_seconds,
    ):
        assert measure(EMPTY) is None, measure.__name__


def test_piece_of_one_note():
    assert transitions.transition_counts(ONE_NOTE).sum() == 0
    assert transitions.repeated_notes(ONE_NOTE) is None
    assert rhythm.mean_ioi_seconds(ONE_NOTE) is None
    assert rhythm.mean_note_seconds(ONE_NOTE) == 0.5
    assert pitch.lowest_pitch(ONE_NOTE) == pitch.highest_pitch(ONE_NOTE) == 60


def test_chord_alone_has_no_inter_onset_interval():
    assert rhythm.mean_ioi_seconds(NoteList.of([(0, 1, 60, 80), (0, 1, 64, 80)])) is None


def test_piece_without_length_has_no_minute():
    assert np.isnan(pitch.pitch_histogram(NoteList.of([]))).all()


def test_kl_by_hand():
    # One added: (2/3, 1/3) and (1/3, 2/3); 2/3 ln 2 - 1/3 ln 2
    found = distances.kl_divergence(np.array([1, 0]), np.array([0, 1]))
    assert found == pytest.approx(np.log(2) / 3)


def test_kl_of_a_set_from_itself_is_zero_and_else_positive():
    generator = np.random.default_rng(0)
    first, second = generator.poisson(5, (2, 30, 144))
    assert distances.kl_divergence(first, first) == pytest.approx(np.zeros(30), abs=1e-15)
    assert (distances.kl_divergence(first, second) > 0).all()


def test_kl_without_any_count_is_undefined():
    counts, none = np.ones(144), np.zeros(144)
    assert np.isnan(distances.kl_divergence(counts, none))
    assert np.isnan(distances.kl_divergence(none, counts))


def test_distances_by_hand():
    pieces = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    assert distances.intra_distances(pieces).tolist() == [2.5, 5.0, 2.5]
    assert distances.mean_intra_distance(pieces) == pytest.approx(10 / 3)
    assert distances.inter_distances(pieces[:2], pieces[1:]).tolist() == [2.5, 2.5]
    assert distances.mean_inter_distance(pieces, pieces[:1]) == pytest.approx(5 / 3)


def test_distances_of_too_few_pieces_are_undefined():
    one, none = np.ones((1, 128)), np.ones((0, 128))
    assert np.isnan(distances.mean_intra_distance(one))
    assert np.isnan(distances.mean_intra_distance(none))
    assert np.isnan(distances.intra_distances(one)).all()
    assert np.isnan(distances.mean_inter_distance(one, none))
    assert np.isnan(distances.mean_inter_distance(none, one))
    assert distances.mean_inter_distance(one, one) == 0.0


def test_distances_do_not_depend_on_the_order():
    generator = np.random.default_rng(1)
    pieces = generator.random((9, 128))
    shuffled = generator.permutation(pieces)
    assert distances.mean_intra_distance(shuffled) == pytest.approx(
        distances.mean_intra_distance(pieces)
    )
    assert distances.mean_inter_distance(shuffled, pieces) == pytest.approx(
        distances.mean_inter_distance(pieces, pieces)
    )


def test_an_octave_up_changes_pitches_and_no_class():
    for piece in drawn(3, 5):
        higher = NoteList(
            piece.onset_seconds,
            piece.offset_seconds,
            piece.pitch + 12,
            piece.velocity,
            piece.length_seconds,
        )
        before, after = piece_row("a", piece), piece_row("a", higher)
        changed = {key for key in before if before[key] != after[key]}
        assert {"lowest_pitch", "highest_pitch"} <= changed
        assert {key for key in changed if not key.startswith("pitch_")} == {
            "lowest_pitch",
            "highest_pitch",
        }
        assert after["lowest_pitch"] == before["lowest_pitch"] + 12
        assert (pitch.pitch_class_histogram(piece) == pitch.pitch_class_histogram(higher)).all()
        assert (
            pitch.pitch_histogram(higher)[12:].tolist()
            == pitch.pitch_histogram(piece)[:-12].tolist()
        )


def _rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_evaluate_writes_a_row_for_each_piece(tmp_path):
    samples, out = tmp_path / "samples", tmp_path / "out"
    samples.mkdir(), out.mkdir()
    for name, piece in (("0001", CHORD), ("0000", EMPTY), ("0002", ONE_NOTE)):
        write_midi(samples / f"{name}.mid", piece)
    (samples / "pieces.csv").write_text("not,music\n")
    evaluate(samples, out)
    empty, chord, one = _rows(out / "pieces.csv")
    assert [row["file"] for row in (empty, chord, one)] == ["0000.mid", "0001.mid", "0002.mid"]
    assert len(empty) == 11 + 128 + 144
    assert list(empty)[:4] == ["file", "length_seconds", "notes", "stuck_notes"]
    assert empty["stuck_notes"] == chord["stuck_notes"] == ""  # its pieces.csv is another's
    assert empty["length_seconds"] == "60" and empty["notes"] == empty["used_pitches"] == "0"
    for column in ("mean_ioi_seconds", "mean_note_seconds", "repeated_notes", "lowest_pitch"):
        assert empty[column] == ""
    assert chord["pitch_72"] == "2" and chord["transition_4_7"] == "1"
    assert float(chord["mean_ioi_seconds"]) == pytest.approx(4 / 3, rel=1e-5)
    assert (chord["lowest_pitch"], chord["highest_pitch"]) == ("60", "72")
    assert one["mean_ioi_seconds"] == "" and one["mean_note_seconds"] == "0.5"
    assert b"\r" not in (out / "pieces.csv").read_bytes()
    assert list(out.iterdir()) == [out / "pieces.csv"]


def test_evaluate_copies_the_stuck_notes_that_the_samples_say(tmp_path):
    for name in ("0000", "0001", "0002"):
        write_midi(tmp_path / f"{name}.mid", CHORD)
    (tmp_path / "pieces.csv").write_text(
        "file,primer_piece,primer_start_step,steps,notes,stuck_notes\n"
        "0001.mid,a.mid,0,128,5,2\n0000.mid,b.mid,4,128,5,0\n9999.mid,c.mid,4,128,5,1\n"
    )
    evaluate(tmp_path, tmp_path / "out")
    assert [row["stuck_notes"] for row in _rows(tmp_path / "out" / "pieces.csv")] == ["0", "2", ""]


def test_evaluate_without_or_with_a_damaged_list_of_pieces(tmp_path):
    write_midi(tmp_path / "0000.mid", CHORD)
    evaluate(tmp_path, tmp_path / "out")
    assert _rows(tmp_path / "out" / "pieces.csv")[0]["stuck_notes"] == ""
    (tmp_path / "pieces.csv").write_text("")
    with pytest.raises(InputError, match=r"pieces\.csv is damaged"):
        evaluate(tmp_path, tmp_path / "out")


def test_evaluate_names_every_unreadable_file(tmp_path):
    write_midi(tmp_path / "good.mid", CHORD)
    (tmp_path / "bad.mid").write_bytes(b"no music")
    (tmp_path / "worse.mid").write_bytes(b"")
    with pytest.raises(InputError, match=r"(?s)bad\.mid.*worse\.mid") as error:
        evaluate(tmp_path, tmp_path)
    assert "good.mid" not in str(error.value)
    assert not (tmp_path / "pieces.csv").exists()


def test_evaluate_of_no_samples_says_so(tmp_path):
    with pytest.raises(InputError, match=r"no \*\.mid"):
        evaluate(tmp_path / "nowhere", tmp_path)


def test_silence_is_read_only_where_it_is_allowed(tmp_path):
    write_midi(tmp_path / "silence.mid", EMPTY)
    assert len(read_midi(tmp_path / "silence.mid", allow_empty=True)) == 0
    with pytest.raises(InputError, match="no notes"):
        read_midi(tmp_path / "silence.mid")
