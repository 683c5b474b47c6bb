"""`make check-midi`: what readers agree on, counted, and what they do not, by kind."""

import numpy as np

from benchmarks import check_midi
from neuralmusic.isolated import Failure
from tests.bytes_made import END, midi, off, on


def test_each_kind_of_disagreement_is_counted_with_an_example():
    ours = np.array([(0, 1, 60), (1, 2, 60), (2, 3, 60), (3, 4, 61), (4, 4, 62), (5, 6, 63.0)])
    theirs = np.array(
        [(0.001, 1, 60), (1, 2.5, 60), (2, 2.5, 60), (3, 3, 61), (4, 5, 62), (9, 10, 63.0)]
    )
    only_ours, only_theirs = check_midi.unmatched(ours, theirs)
    assert (len(only_ours), len(only_theirs)) == (5, 5)
    kinds = [kind for kind, _ in check_midi.kinds_of(only_ours, only_theirs)]
    assert sorted(kinds) == sorted(check_midi.KINDS)
    told = check_midi.compared(["a.mid", "b.mid"], [ours, ours], [theirs, Failure("no file")])
    assert "1 of 6 notes agree (16.6667%)" in told
    assert "files that they cannot read\n           such as b.mid: no file" in told
    assert "such as a.mid: pitch 61 from 3.000 to 4.000 s" in told


def test_notes_match_one_to_one():
    once, twice = np.array([(0, 1, 60.0)]), np.array([(0, 1, 60), (0, 1, 60.0)])
    assert [len(left) for left in check_midi.unmatched(twice, once)] == [1, 0]
    assert [len(left) for left in check_midi.unmatched(once, twice)] == [0, 1]


def test_a_folder_is_checked_against_every_reader(tmp_path, capsys):
    (tmp_path / "a.mid").write_bytes(midi(on(0, 60) + off(480, 60) + END))
    (tmp_path / "b.mid").write_bytes(b"no music")
    assert check_midi.main([str(tmp_path), "--workers", "1"]) == 0
    told = capsys.readouterr().out
    for name in check_midi.READERS:
        assert f"{name}:\n  1 files that both read: 1 of 1 notes agree (100.0000%)" in told
    assert "files that we cannot read" in told
    assert check_midi.main([str(tmp_path / "none")]) == 1
