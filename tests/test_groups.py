"""Near copies and named groups: what belongs together lies in one part of the split."""

import itertools

import numpy as np
import pandas as pd
import pytest

from neuralmusic import near_copies as searching
from neuralmusic import prepare
from neuralmusic.datasets import grouped
from neuralmusic.description_text import groups_section
from neuralmusic.files import InputError
from neuralmusic.groups import NUMBERS, TEXTS, NearCopy, united
from neuralmusic.melodic_lines import lines, stretches
from neuralmusic.near_copies import near_copies
from neuralmusic.notes import NoteList, save_notes

QUARTER = 0.5
SCALE = [0, 2, 4, 5, 7, 9, 11]


def figure(generator, notes):
    """A stretch of a tune in scale steps from its first degree, with its lengths in quarters."""
    steps = generator.choice([-2, -1, -1, 1, 1, 2, 3, -3], notes - 1)
    return np.cumsum([0, *steps]), generator.choice([0.5, 0.5, 1.0], notes)


def tune(generator, stock=(), phrases=6):
    """Rows of a tune of ten-note phrases, a third of them from `stock` where there is one."""
    rows = []
    onset = 0.0
    for index in range(phrases):
        is_stock = len(stock) and index % 3 == 2
        degrees, lengths = (
            stock[generator.integers(len(stock))] if is_stock else figure(generator, 10)
        )
        start = 0 if is_stock else generator.integers(-3, 4)
        for degree, length in zip(degrees + start, lengths, strict=True):
            pitch = 72 + 12 * (degree // 7) + SCALE[degree % 7]
            rows.append((onset, onset + length * QUARTER, int(pitch), 80))
            onset += length * QUARTER
    return rows


def chords(generator, seconds, low=40):
    """Rows of an accompaniment in quarters of three notes, below any tune."""
    rows = []
    for onset in np.arange(0, seconds, QUARTER):
        root = low + generator.integers(0, 9)
        rows += [(onset, onset + QUARTER, int(root + step), 60) for step in (0, 4, 7)]
    return rows


def moved(rows, semitones=0, stretch=1.0):
    return [(a * stretch, b * stretch, pitch + semitones, v) for a, b, pitch, v in rows]


def planted(seed, tunes):
    """Tunes with a stock of phrases, and a near copy of each in one of six ways, by name."""
    generator = np.random.default_rng(seed)
    stock = [figure(generator, 10) for _ in range(4)]
    pieces = {}
    ways = itertools.cycle(
        ["transposed", "faster", "melody", "another chords", "played", "ornamented"]
    )
    for index in range(tunes):
        rows, way = tune(generator, stock), next(ways)
        seconds = rows[-1][1]
        name = f"{index:03}"
        pieces[f"{name} tune"] = NoteList.of(rows)
        copy = moved(rows, int(generator.integers(-6, 7)))
        if way == "faster":
            copy = moved(copy, stretch=0.8)
        elif way == "melody":  # one part of several
            pieces[f"{name} tune"] = NoteList.of(rows + chords(generator, seconds))
        elif way == "another chords":
            pieces[f"{name} tune"] = NoteList.of(rows + chords(generator, seconds))
            copy = copy + chords(generator, seconds, low=30)
        elif way == "played":  # off the grid by a few hundredths of a second
            copy = [
                (max(a + shift, 0.0), b + shift, pitch, v)
                for (a, b, pitch, v), shift in zip(
                    copy, generator.normal(0, 0.01, len(copy)), strict=True
                )
            ]
        elif way == "ornamented":  # every fifteenth note has a turn to the one above
            copy = [
                row
                for at, (a, b, pitch, v) in enumerate(copy)
                for row in (
                    [(a, a + (b - a) / 2, pitch, v), (a + (b - a) / 2, b, pitch + 2, v)]
                    if at % 15 == 7
                    else [(a, b, pitch, v)]
                )
            ]
        pieces[f"{name} {way}"] = NoteList.of(copy)
    return pieces


def group_of(pieces):
    """piece -> group, as the split has them."""
    return united(sorted(pieces), [], near_copies(pieces))


def test_planted_near_copies_are_found_and_nothing_else():
    pieces = planted(seed=3, tunes=60)
    groups = pd.Series(group_of(pieces))
    of_tune = groups.groupby([name[:3] for name in groups.index])
    apart = of_tune.nunique()
    assert apart[apart > 1].empty
    assert groups.nunique() == 60


@pytest.mark.parametrize("voice", range(4))
def test_each_part_of_four_is_found_in_the_whole(voice):
    generator = np.random.default_rng(5)
    parts = [moved(tune(generator), -12 * at) for at in range(4)]
    whole = NoteList.of([row for part in parts for row in part])
    others = {f"other {at}": NoteList.of(tune(generator)) for at in range(20)}
    found = near_copies({"whole": whole, "part": NoteList.of(moved(parts[voice], 3)), **others})
    assert [(pair.piece, pair.other) for pair in found] == [("part", "whole")]
    assert found[0].semitones == 9  # up to the whole, by pitch class


def test_a_revoiced_piece_is_found():
    """Its parts are other octaves, the tune no longer on top."""
    generator = np.random.default_rng(6)
    parts = [moved(tune(generator), -12 * at) for at in range(3)]
    voiced = [moved(part, 24 * at - 24) for at, part in enumerate(parts)]
    pieces = {
        "one": NoteList.of([row for part in parts for row in part]),
        "two": NoteList.of([row for part in voiced for row in part]),
    }
    assert near_copies(pieces)


def test_what_was_found_says_how_much_and_how_far():
    rows = tune(np.random.default_rng(7))
    pieces = {"a": NoteList.of(rows), "b": NoteList.of(moved(rows, 14, 1.5))}
    assert near_copies(pieces) == [NearCopy("a", "b", 1.0, 2)]


def test_figures_and_scales_that_pieces_share_do_not_join_them():
    """Repeated notes, an arpeggio and a scale are in many pieces, however often each is played."""
    generator = np.random.default_rng(8)
    common = {
        "repeated": [0] * 32,
        "arpeggio": [0, 4, 7, 12] * 8,
        "scale": [0, 2, 4, 5, 7, 9, 11, 12] * 4,
    }
    for steps in common.values():
        opening = [(0.25 * at, 0.25 * at + 0.25, 60 + step, 80) for at, step in enumerate(steps)]
        pieces = {}
        for name in ("a", "b", "c"):
            own = [(a + 8, b + 8, pitch, v) for a, b, pitch, v in tune(generator, phrases=3)]
            pieces[name] = NoteList.of(opening + own)
        assert near_copies(pieces) == []


def test_what_is_found_does_not_depend_on_order_or_on_what_is_remembered(monkeypatch):
    pieces = planted(seed=4, tunes=12)
    found = near_copies(pieces)
    monkeypatch.setattr(searching, "REMEMBERED", 1)
    monkeypatch.setattr(searching, "PAIRS_AT_ONCE", 10)
    assert near_copies(dict(reversed(pieces.items()))) == found


def test_many_copies_of_one_tune_are_one_group():
    """More than a stretch is followed to in the index."""
    rows = tune(np.random.default_rng(9))
    pieces = {f"{at:02}": NoteList.of(moved(rows, at % 12)) for at in range(40)}
    assert set(group_of(pieces).values()) == {"00"}


def test_a_sampled_index_finds_whole_copies(monkeypatch):
    """Of corpora too large for their index, one stretch in several is looked up."""
    generator = np.random.default_rng(10)
    pieces = {}
    for at in range(10):
        rows = tune(generator, phrases=20)
        pieces |= {f"{at} a": NoteList.of(rows), f"{at} b": NoteList.of(moved(rows, 5))}
    notes = sum(map(len, pieces.values()))
    monkeypatch.setattr(searching, "INDEXED", notes)  # a quarter of what it would be
    assert [(pair.piece[0], pair.other[0]) for pair in near_copies(pieces)] == [
        (str(at), str(at)) for at in range(10)
    ]


def test_nothing_is_found_in_nothing():
    empty, one = NoteList.of([], 1.0), NoteList.of([(0, 1, 60, 80)])
    chord = NoteList.of([(0, 1, pitch, 80) for pitch in range(30, 90)])
    assert near_copies({}) == []
    assert near_copies({"a": empty, "b": empty, "c": one, "d": one, "e": chord, "f": chord}) == []


def test_lines_of_four_parts_are_the_parts():
    """Hand-made: a held soprano, moving inner parts, one note of its own in the bass."""
    rows = [
        *[(0, 2, 72, 80), (2, 4, 74, 80)],
        *[(0, 1, 67, 80), (1, 2, 65, 80), (2, 4, 67, 80)],
        *[(0, 1.5, 60, 80), (1.5, 2, 62, 80), (2, 4, 59, 80)],
        *[(0, 2, 48, 80), (2, 3, 43, 80), (3, 4, 41, 80)],
    ]
    found = [pitch.tolist() for _, pitch in lines(NoteList.of(rows))]
    assert found[0] == [72, 65, 62, 74, 41]  # the highest that begin together
    for part in ([72, 74], [67, 65, 67], [60, 62, 59], [48, 43, 41]):
        assert part in found


def test_a_melody_has_one_line():
    assert len(lines(NoteList.of(tune(np.random.default_rng(0))))) == 1


def test_stretches_are_equal_in_all_keys_and_tempos_and_know_rhythm():
    onsets, pitch = np.arange(9) * 0.5, np.array([60, 62, 64, 65, 67, 65, 64, 62, 60])
    one = stretches(onsets, pitch)
    assert one.shape == (2,)
    assert one[0] != one[1]
    assert (stretches(onsets * 0.7 + 3, pitch + 5) == one).all()
    dotted = np.cumsum([0, 1.5, 0.5] * 3)[:9]
    assert not np.isin(stretches(dotted, pitch), one).any()
    assert stretches(onsets[:7], pitch[:7]).shape == (0,)


# groups that are named


def test_named_groups_and_near_copies_are_united():
    """b and c by the source, c and d by the rule, a and b as near copies."""
    tables = [{"b": "work", "c": "work", "e": "other"}, {"c": "y", "d": "y", "f": "alone"}]
    found = [NearCopy("a", "b", 0.9, 0)]
    groups = united(list("abcdefg"), tables, found)
    assert groups == {**dict.fromkeys("abcd", "a"), "e": "other", "f": "alone", "g": "g"}


def split(tmp_path, pieces, **changed):
    """The split's two tables."""
    save_notes(tmp_path / "notes/notes.npz", pieces)
    shares = {"train": 0.4, "valid": 0.3, "test": 0.3}
    params = {"dataset": "mine", "seed": 1, "split": shares} | changed
    prepare.split(params, tmp_path / "notes", tmp_path / "splits")
    return (
        pd.read_csv(tmp_path / "splits/split.csv"),
        pd.read_csv(tmp_path / "splits/groups.csv"),
    )


def test_a_group_lies_in_one_part_and_is_listed(tmp_path):
    pieces = planted(seed=11, tunes=30)
    table, groups = split(tmp_path, pieces)
    assert table["piece"].tolist() == list(pieces)
    assert set(groups["piece"]) == set(pieces)
    assert groups.groupby("group")["split"].nunique().max() == 1
    assert (groups["piece"].str[:3] == groups["near_copy_of"].str[:3]).all()
    assert groups["share"].between(0.5, 1).all()
    assert groups["named"].isna().all()
    parts = table.set_index("piece")["split"]
    assert (groups["split"] == parts[groups["piece"]].to_numpy()).all()


def test_an_official_split_decides_and_near_copies_across_it_are_listed(tmp_path):
    pieces = planted(seed=12, tunes=6)
    names = list(pieces)
    official = dict(zip(names[:9], ["train", "valid", "test"] * 3, strict=True))
    grouped.write_official(tmp_path / "notes", official)
    table, groups = split(tmp_path, pieces, official=True)
    parts = table.set_index("piece")["split"].to_dict()
    assert {name: parts[name] for name in official} == official
    assert parts[names[9]] == official[names[8]]  # not official, but a near copy of one that is
    across = groups.groupby("group")["split"].nunique()
    assert (across > 1).sum() == 4


def test_groups_are_described(tmp_path):
    """Named ones have no share; near copies across an official split are counted by part."""
    table = pd.DataFrame(
        [
            *[("a", "train", "g", "", "b", 0.9, 0), ("b", "test", "g", "", "a", 0.8, 0)],
            *[("c", "train", "h", "h", "", None, None), ("d", "train", "h", "h", "", None, None)],
            ("e", "valid", "g", "", "a", 0.5, 3),
        ],
        columns=[*TEXTS, *NUMBERS],
    )
    section = groups_section(table)
    assert "5 pieces belong with others, in 2 groups: 3 are near copies" in section.title
    assert "1 train, 1 valid, 1 test pieces are in such groups" in section.title
    assert section.table[1:] == [
        ["a, b, e", "3", "50.0 % to 90.0 %", "train, valid, test"],
        ["c, d", "2", "", "train"],
    ]
    assert "one part of the split" in groups_section(table[table["split"] == "train"]).title
    assert not groups_section(table[:0]).table


RANDOM = {
    f"{folder}{name}.mid": NoteList.of(tune(np.random.default_rng(at)))
    for at, (folder, name) in enumerate(
        itertools.product(["", "x/", "y/", "z/", "z/w/", "v/"], ["1_a", "1_b", "2_a"])
    )
}


def test_groups_by_folder(tmp_path):
    table, groups = split(tmp_path, RANDOM, group_by="folder")
    assert set(groups["named"]) == {"x", "y", "z", "z/w", "v"}
    assert groups.groupby("named")["split"].nunique().max() == 1
    assert len(groups) == 15  # those in no folder are by themselves
    assert len(table) == 18


def test_groups_by_a_pattern_on_the_name(tmp_path):
    _, groups = split(tmp_path, RANDOM, group_by=r"(\w+)/(\d)_")
    assert set(groups["named"]) == {"x/1", "y/1", "z/1", "w/1", "v/1"}
    assert groups.groupby("named")["split"].nunique().max() == 1


def test_a_pattern_that_matches_nothing_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"group_by: '\^\(op\\\\.\)' matches the name of no piece"):
        split(tmp_path, RANDOM, group_by=r"^(op\.)")


def test_pieces_that_are_all_one_group_are_an_error_that_says_so(tmp_path):
    with pytest.raises(InputError, match="pieces of mine, in 1 groups of pieces that belong "):
        split(tmp_path, {f"a/{name}": piece for name, piece in RANDOM.items()}, group_by="^(a)/")


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("folder", None),
        (r"^(\d+)_", None),
        ("foldr", "in parentheses"),
        ("([", "neither `folder` nor a regular expression: "),
    ],
)
def test_a_rule_that_is_none_is_named(rule, problem):
    found = grouped.rule_problem(rule)
    assert found is None if problem is None else problem in found
