"""Note lists: sorted, cut, stretched, one note a key, stored."""

import numpy as np
import pytest

from neuralmusic.notes import (
    NoteList,
    PackedPiece,
    load_notes,
    one_per_key,
    save_notes,
    writing_notes,
)
from tests.played import random_piece, rows, voices


def test_notes_are_sorted_and_the_length_covers_them():
    piece = NoteList.of([(1, 2, 64, 80), (0, 3, 67, 80), (1, 2, 60, 80)], 2.0)
    assert rows(piece) == [(0, 3, 67), (1, 2, 60), (1, 2, 64)]
    assert piece.length_seconds == 3
    assert NoteList.of([]).length_seconds == 0


def test_cut_ends_notes_that_sound_across_it():
    piece = NoteList.of([(0, 3, 67, 80), (1, 2, 60, 80), (2, 4, 64, 80)], 5.0)
    cut = piece.cut(2.0)
    assert rows(cut) == [(0, 2, 67), (1, 2, 60)]
    assert cut.length_seconds == 2
    assert rows(piece.cut(9.0)) == rows(piece)
    assert piece.cut(9.0).length_seconds == 5


def test_stretched_notes_are_slower_and_the_same():
    piece = NoteList.of([(0, 3, 67, 80), (1, 2, 60, 20)], 5.0)
    slow = piece.stretched(1.5)
    assert rows(slow) == [(0, 4.5, 67), (1.5, 3, 60)]
    assert slow.velocity.tolist() == [80, 20]
    assert slow.length_seconds == 7.5
    assert rows(piece) == [(0, 3, 67), (1, 2, 60)]


def test_one_note_a_key_by_hand():
    piece = NoteList.of(
        [
            (0, 4, 60, 10),  # ends where the key is struck again, at 1
            (1, 2, 60, 90),  # inside the first, and ends by itself
            (3, 5, 60, 30),
            (0, 1, 64, 70),  # in unison with the next: the longest and the loudest of both
            (0, 3, 64, 20),
            (2, 2.5, 64, 50),
            (0, 9, 67, 40),  # alone on its key
            (5, 6, 60, 30),  # where the one before ends
        ],
        12.0,
    )
    found = one_per_key(piece)
    assert rows(found) == [
        (0, 1, 60),
        (0, 2, 64),
        (0, 9, 67),
        (1, 2, 60),
        (2, 2.5, 64),
        (3, 5, 60),
        (5, 6, 60),
    ]
    assert found.velocity.tolist() == [10, 70, 40, 90, 50, 30, 30]
    assert found.length_seconds == 12
    assert len(piece) == 8
    assert piece.offset_seconds.max() == 9
    assert len(one_per_key(NoteList.of([], 2.0))) == 0
    assert one_per_key(NoteList.of([], 2.0)).length_seconds == 2


@pytest.mark.parametrize("seed", range(3))
def test_no_key_is_struck_while_it_is_down(seed):
    piece = voices(seed)
    found = one_per_key(piece)
    assert np.array_equal(np.lexsort((found.pitch, found.onset_seconds)), np.arange(len(found)))
    strikes = set(zip(piece.onset_seconds, piece.pitch, strict=True))
    assert sorted(strikes) == list(zip(found.onset_seconds, found.pitch, strict=True))
    for onset, offset, pitch, velocity in zip(
        found.onset_seconds, found.offset_seconds, found.pitch, found.velocity, strict=True
    ):
        at_once = (piece.pitch == pitch) & (piece.onset_seconds == onset)
        later = found.onset_seconds[(found.pitch == pitch) & (found.onset_seconds > onset)]
        assert velocity == piece.velocity[at_once].max()
        assert offset == min(piece.offset_seconds[at_once].max(), *later, np.inf)
    again = one_per_key(found)
    assert rows(again) == rows(found)
    for column in ("onset_seconds", "offset_seconds", "pitch", "velocity"):
        assert getattr(found, column).dtype == getattr(piece, column).dtype
    alone = random_piece(seed)  # whose keys are each struck one time after the other
    assert rows(one_per_key(alone)) == rows(alone)


def test_digest_is_equal_for_copies_and_differs_for_other_notes():
    notes = [(0, 1, 60, 80), (1, 2, 62, 80)]
    digest = NoteList.of(notes).digest()
    assert NoteList.of([(0.0001, 1, 60, 90), (1, 2, 62, 80)][::-1]).digest() == digest
    for other in (notes[:1], [notes[0], (1, 2, 63, 80)], [notes[0], (1, 2.01, 62, 80)]):
        assert NoteList.of(other).digest() != digest


def test_stored_pieces_come_back(tmp_path):
    pieces = {"b/é.mid": random_piece(1), "a.mid": NoteList.of([], 2.0), "c.mid": random_piece(2)}
    save_notes(tmp_path / "notes.npz", pieces)
    back = load_notes(tmp_path / "notes.npz")
    assert list(back) == list(pieces)
    for name, piece in pieces.items():
        for column in ("onset_seconds", "offset_seconds", "pitch", "velocity"):
            stored = getattr(back[name], column)
            assert stored.dtype == getattr(piece, column).dtype
            assert np.array_equal(stored, getattr(piece, column))
        assert back[name].length_seconds == piece.length_seconds
    save_notes(tmp_path / "none.npz", {})
    assert load_notes(tmp_path / "none.npz") == {}


def test_stored_pieces_stay_in_their_file_until_they_are_asked_for(tmp_path):
    path = tmp_path / "notes.npz"
    with writing_notes(path) as append:
        for seed in range(5):
            append(f"{seed}.mid", PackedPiece.of(random_piece(seed)))
        assert not path.exists()
    stored = load_notes(path)
    assert isinstance(stored._rows, np.memmap)
    assert (len(stored), "3.mid" in stored, "9.mid" in stored) == (5, True, False)
    piece = stored["3.mid"]
    for column in ("onset_seconds", "offset_seconds", "pitch", "velocity"):
        values = getattr(piece, column)
        assert np.array_equal(values, getattr(random_piece(3), column))
        assert values.flags.owndata  # and lies in memory one after the other
        assert values.flags.c_contiguous
    with np.load(path, allow_pickle=False) as archive:  # as any program may read it
        rows = archive["rows"]
    assert np.array_equal(rows["pitch"], np.concatenate([p.pitch for p in stored.values()]))
    save_notes(tmp_path / "again.npz", stored)
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_pieces_that_fail_to_be_written_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="stop"), writing_notes(tmp_path / "notes.npz") as append:
        append("a.mid", PackedPiece.of(random_piece(1)))
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []
