"""What a corpus is, in numbers by hand, in words, and in its figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import style

from neuralmusic.description import Description, measured, piece_row
from neuralmusic.description_text import Told, aligned, as_markdown, percent, summary_table
from neuralmusic.files import write_csv
from neuralmusic.measures.polyphony import sounding
from neuralmusic.notes import NoteList
from neuralmusic.plots.corpus import corpus, limits
from neuralmusic.plots.saving import STYLE
from neuralmusic.rejected import by_kind
from neuralmusic.tempo import Tempo
from tests.described import (
    CHORDS,
    NOTHING,
    ONE_NOTE,
    PARTS,
    PIECES,
    REJECTED,
    SILENCE,
    made,
)
from tests.drawing import said

# Measures.


def test_polyphony_of_overlapping_notes_is_weighted_by_time():
    found = sounding(CHORDS)
    assert (found.any_seconds, found.several_seconds, found.note_seconds) == (5, 2, 8)
    assert found.polyphony == 8 / 5
    assert found.several_share == 2 / 5


def test_polyphony_of_little():
    assert sounding(ONE_NOTE).polyphony == 1
    assert sounding(ONE_NOTE).several_share == 0
    for piece in (SILENCE, NOTHING, NoteList.of([(1, 1, 60, 80)], 2.0)):  # a note without length
        assert sounding(piece).polyphony is None
        assert sounding(piece).several_share is None


def test_polyphony_of_unisons_and_of_notes_that_follow_each_other():
    unison = NoteList.of([(0, 1, 60, 80), (0, 1, 60, 80)])
    assert sounding(unison).polyphony == 2
    legato = NoteList.of([(0, 0.3, 60, 80), (0.3, 0.9, 60, 80), (0.1 + 0.8, 1.2, 62, 80)])
    assert sounding(legato).polyphony == pytest.approx(1)
    assert sounding(legato).several_share == pytest.approx(0)


def test_a_row_of_a_piece_by_hand():
    row = piece_row("a", "train", CHORDS, Tempo(90.0, 2, True))
    assert row == {
        "piece": "a",
        "split": "train",
        "length_seconds": 8.0,
        "notes": 4,
        "lowest_pitch": 60,
        "highest_pitch": 72,
        "notes_per_second": 0.5,
        "sounding_seconds": 5.0,
        "polyphony": 1.6,
        "several_share": 0.4,
        "median_ioi_seconds": 1.0,  # onsets 0, 1, 2, 5
        "tempo": 90.0,
        "tempo_changes": 2,
        "tempo_stated": "yes",
    }


@pytest.mark.parametrize("piece", [SILENCE, NOTHING])
def test_a_row_of_silence_has_no_numbers_of_notes(piece):
    row = piece_row("a", "train", piece, None)
    assert row["notes"] == row["sounding_seconds"] == 0
    assert row["notes_per_second"] == (0 if piece is SILENCE else None)
    undefined = ("lowest_pitch", "highest_pitch", "polyphony", "several_share", "tempo")
    assert [row[name] for name in (*undefined, "median_ioi_seconds")] == [None] * 6


# A corpus.


@pytest.fixture(scope="module")
def small() -> Description:
    return made(PIECES)


def test_summary_by_hand(small):
    rows = small.summary.set_index("part")
    assert rows.index.tolist() == ["train", "valid", "test", "all"]
    assert rows["pieces"].tolist() == [2, 0, 1, 3]
    assert rows["pieces_share"].tolist() == pytest.approx([2 / 3, 0, 1 / 3, 1])
    assert (rows["hours"] * 3600).tolist() == pytest.approx([12, 0, 10, 22])
    assert rows["hours_share"].tolist() == pytest.approx([12 / 22, 0, 10 / 22, 1])
    assert rows["notes"].tolist() == [5, 0, 0, 5]
    train, every = rows.loc["train"], rows.loc["all"]
    assert train["notes_per_second"] == pytest.approx(5 / 12)
    assert every["notes_per_second"] == pytest.approx(5 / 22)
    assert train["length_median_seconds"] == 6
    assert (train["lowest_pitch"], train["highest_pitch"]) == (60, 72)
    # 5 s and 2 s of sound, in which notes sound for 8 s and 2 s: not the mean of 1.6 and 1.
    assert train["polyphony"] == every["polyphony"] == pytest.approx(10 / 7)
    assert train["several_share"] == pytest.approx(2 / 7)
    tempos = ["tempo_low", "tempo_median", "tempo_high"]
    assert train[tempos].tolist() == [60, 75, 90]
    counted = ["tempo_changing", "tempo_unstated", "tempo_unknown"]
    assert every[counted].tolist() == [1, 1, 1]


def test_an_empty_part_and_a_part_of_silence_have_no_numbers(small):
    rows = small.summary.set_index("part")
    undefined = ["lowest_pitch", "highest_pitch", "polyphony", "several_share", "tempo_median"]
    assert rows.loc[["valid", "test"], undefined].isna().all(axis=None)
    assert np.isnan(rows.loc["valid", "notes_per_second"])
    assert rows.loc["test", "notes_per_second"] == 0


def test_rejected_files_by_kind(small):
    assert small.rejected_count == 5
    assert small.rejected.to_numpy().tolist() == [
        ["an error of the reading library (KeyError)", 2, "d.mid", "KeyError: 'x'"],
        ["the same notes as another piece", 2, "a.mid", "the same notes as one.mid"],
        ["no notes", 1, "b.mid", "no notes"],
    ]


# In words.


def test_shares_in_percent():
    shares = (0, 1, 0.5, 0.1234, 1e-9, 1 - 1e-9, float("nan"))
    assert [percent(share) for share in shares] == [
        *("0 %", "100 %", "50.0 %", "12.3 %", "0.1 %", "99.9 %", "–")
    ]


def test_the_table_has_every_measure_of_every_part(small):
    rows = {name: cells for name, *cells in summary_table(small.summary)}
    assert rows[""] == ["train", "valid", "test", "all"]
    assert rows["pieces"] == ["2 (66.7 %)", "0 (0 %)", "1 (33.3 %)", "3 (100 %)"]
    assert rows["lowest pitch"] == ["C4 (60)", "–", "–", "C4 (60)"]
    assert rows["highest pitch"] == ["C5 (72)", "–", "–", "C5 (72)"]
    assert rows["notes at once"] == ["1.43", "–", "–", "1.43"]
    assert rows["time with several at once"] == ["28.6 %", "–", "–", "28.6 %"]
    assert rows["seconds a piece, middle half"] == [
        *("5.0 to 7.0", "–", "10.0 to 10.0", "6.0 to 9.0")
    ]
    assert rows["quarters a minute, median (range)"] == ["75 (60 to 90)", "–", "–", "75 (60 to 90)"]
    assert rows["pieces whose tempo changes"] == ["1 (50.0 %)", "0", "0 (0 %)", "1 (33.3 %)"]
    assert "pieces whose tempo cannot be read" in rows
    only = made({"chords.mid": CHORDS})
    assert not [name for name, *_ in summary_table(only.summary) if name.startswith("pieces w")]


def test_the_written_summary_reads_the_same(small, tmp_path):
    write_csv(tmp_path / "summary.csv", small.summary)
    read = pd.read_csv(tmp_path / "summary.csv")
    assert summary_table(read) == summary_table(small.summary)


def test_lines_are_aligned():
    assert aligned([["", "a", "bb"], ["long", "10", ""]]) == ["       a  bb", "long  10"]


def test_a_bar_in_a_files_name_is_none_of_the_table(small):
    rejected = by_kind(pd.DataFrame([("a|b.mid", "no notes")], columns=["file", "reason"]))
    assert "| 1 | no notes | a\\|b.mid: no notes |" in as_markdown(
        Told("m", small.summary, rejected, "")
    )


# The figure.


def drawn(description: Description):
    with style.context(["default", str(STYLE)]):
        figure = corpus(description)
        figure.draw_without_rendering()
    return figure


def heights(axes) -> list[float]:
    return [bar.get_height() for bar in axes.patches]


def titled(figure, start: str):
    """The panel of a title: of a histogram the one below the strip that has the title."""
    every = figure.axes
    at = next(i for i, axes in enumerate(every) if axes.get_title(loc="left").startswith(start))
    return every[at] if every[at].axison else every[at + 1]


def test_the_figure_counts_pieces_notes_and_rejected_files(small):
    figure = drawn(small)
    for name, known in (("Length", 3), ("Density", 3), ("Polyphony", 2), ("Tempo", 2)):
        assert sum(heights(titled(figure, name))) == known
    shares = heights(titled(figure, "Notes by piano key"))
    assert len(shares) == 88
    assert {21 + key: share for key, share in enumerate(shares) if share} == pytest.approx(
        {60: 40, 64: 20, 67: 20, 72: 20}
    )
    bars = titled(figure, "5 of 8 files were rejected (62.5 %)").patches
    assert [bar.get_width() for bar in bars] == [2, 2, 1]
    for text in ("made: 3 pieces, 0.0 hours, 5 notes", "C4 (60) to C5 (72)", "train (2)"):
        assert text in said(figure)
    assert "1 not known" in said(figure)


def test_the_figure_of_little_says_so():
    nothing = by_kind(pd.DataFrame([], columns=["file", "reason"]))
    table, counts = measured([("silence.mid", SILENCE)], PARTS, {})
    text = said(drawn(Description("made", True, table, counts, nothing)))
    assert "None of 1 file was rejected" in text
    assert text.count("not known of any piece") == 2  # polyphony and tempo
    assert "no note" in text
    assert "Tempo (not used)" in text


def test_notes_beyond_a_piano_are_told():
    table, counts = measured([("a", NoteList.of([(0, 1, 10, 80), (0, 1, 60, 80)]))], {}, {})
    text = said(drawn(Description("made", False, table, counts, by_kind(REJECTED))))
    assert "A♯-1 (10) to C4 (60); 50.0 % of notes beyond a piano" in text


def test_many_kinds_of_rejected_files_end_in_the_rest():
    names = [f"{letter} is wrong" for letter in "abcdefghijkl"]
    rejected = pd.DataFrame({"file": names, "reason": names})
    figure = drawn(made(PIECES, rejected))
    panel = titled(figure, "12 of 15 files")
    assert [bar.get_width() for bar in panel.patches] == [1] * 8 + [4]
    assert panel.get_yticklabels()[-1].get_text() == "4 other reasons"


def test_an_axis_holds_all_but_a_few_far_values():
    near = np.arange(200.0)
    assert limits(near) == (0, 199)
    assert limits(np.append(near, 1e6)) == (0, 199)
    assert limits(np.append(near, [1e6] * 20)) == (0, 1e6)  # so many are no exception
    assert limits(np.array([1.0] * 9 + [5.0])) == (1, 5)
