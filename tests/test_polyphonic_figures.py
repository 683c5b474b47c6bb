"""The figures that only polyphonic pieces have: representations, and notes that stay on."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
import pytest

from neuralmusic.files import InputError, write_csv
from neuralmusic.jobs import EVENTS
from neuralmusic.midi_writing import write_midi
from neuralmusic.notes import NoteList, save_notes
from neuralmusic.plots.run import COLOURS
from neuralmusic.plots.stuck import FEWEST_LEFT, PLAYED, STUCK
from tests.constructed import EXPERIMENTS, melody, write_note_ends
from tests.drawing import FEW, drawing, render, said, starts_of, texts
from tests.whole import ONE_NOTE, SILENCE, in_octaves, write_data, write_pieces, write_whole

DATASET = EXPERIMENTS[EVENTS][0]
LIBRARY, BEGINNING = "figure_5_1", "figure_5_7"
WORST, BY_AGE = "figure_5_8_events", "stuck_notes_events"


@pytest.fixture
def few(tmp_path):
    """Results of the events, of three models, and the data beside them."""
    write_data(tmp_path / "data", DATASET)
    return write_whole(tmp_path / "results", FEW, pieces=2, experiment=EVENTS)


def test_libraries_agree_on_the_grid_and_their_differences_are_counted(few):
    raw = few.parent / "data" / "raw" / DATASET
    text = said(drawing(LIBRARY, few))
    assert "0.mid" in text  # and not f.mid, which is no music
    assert "0 cells differ, 0 only ours and 0 only theirs; 240 cells sound in both" in text
    assert "Had we cut" not in text
    # The first is rounded to one step later than it is cut to, and the second is cut to nothing.
    notes = NoteList.of([(0.1, 0.35, 60, 80), (1.02, 1.1, 62, 80), (2.0, 3.0, 64, 80)], 8.0)
    write_midi(raw / "0.mid", notes)
    figure = drawing(LIBRARY, few)
    assert "3 cells differ, 2 only ours and 1 only theirs; 9 cells sound in both" in said(figure)
    assert "as pretty_midi does, 0 cells would differ" in said(figure)
    only_ours, only_theirs = figure.axes[2].collections[1:3]
    assert starts_of(only_ours) == pytest.approx([0.25, 1.0])
    assert starts_of(only_theirs) == pytest.approx([0.0])


def test_raw_files_that_no_one_reads_are_named(few):
    raw = few.parent / "data" / "raw" / DATASET
    for path in raw.glob("*.mid"):
        path.write_bytes(b"no music")
    with pytest.raises(InputError, match="no MIDI file that both"):
        drawing(LIBRARY, few)


def write_test_pieces(results, piece):
    data = results.parent / "data"
    save_notes(data / "notes" / DATASET / "notes.npz", {"8.mid": piece})
    split = pd.DataFrame({"piece": ["8.mid"], "split": ["test"]})
    write_csv(data / "splits" / DATASET / "split.csv", split)


def test_events_of_the_first_test_piece_are_boxes_in_order(few):
    rows = [(1.0, 1.5, 60, 80), (1.25, 1.5, 64, 77), (9, 10, 70, 80)]
    write_test_pieces(few, NoteList.of(rows))
    figure = drawing(BEGINNING, few)
    words = [text for text in texts(figure) if "\n" in text]
    beginning = ["velocity\n77–80", "on\nC4", "shift\n250 ms", "on\nE4", "shift\n250 ms"]
    assert words[:7] == [*beginning, "off\nC4", "off\nE4"]
    assert words[7:] == ["shift\n1000 ms", "shift\n500 ms"]
    assert "as a pianoroll: 2 notes" in texts(figure)
    assert {"0 s", "0.25 s", "0.5 s"} <= set(texts(figure))


@pytest.mark.parametrize(
    "piece",
    [SILENCE, ONE_NOTE, melody([60] * 300), in_octaves(melody([12, 24, 127] * 9, 2.0))],
    ids=["silent", "one note", "one pitch", "extremes"],
)
def test_events_of_any_piece(few, piece):
    write_test_pieces(few, piece)
    render(drawing(BEGINNING, few))


def test_long_sequences_of_events_are_cut_and_counted(few):
    chord = [(0.01 * i, 0.01 * i + 0.5, 21 + i % 88, 1 + i % 127) for i in range(190)]
    write_test_pieces(few, NoteList.of(chord))
    assert "of which the first 96 are shown" in said(drawing(BEGINNING, few))


def test_sample_with_the_highest_rate_of_stuck_notes_is_shown_with_them_marked(few):
    write_pieces(few, "basic", [melody([60, 62, 64, 65, 67])], experiment=EVENTS, stuck_every=2)
    write_pieces(few, "attn", [melody([60])], experiment=EVENTS, stuck_every=1)
    write_pieces(few, "markov", [melody([60, 62])], experiment=EVENTS, stuck_every=1)
    figure = drawing(WORST, few)
    # One note alone has no rate, and the Markov chain does not compete.
    assert figure.axes[0].get_title(loc="left") == (
        "basic, 0000.mid: 3 of 5 notes stuck (60 %)\nthe highest rate of 2 samples"
    )
    every, stuck = figure.axes[0].collections[:2]
    assert mpl.colors.to_hex(every.get_facecolor()[0]) == PLAYED
    assert mpl.colors.to_hex(stuck.get_facecolor()[0]) == STUCK
    assert starts_of(stuck) == pytest.approx([0, 0.5, 1.0], abs=0.01)
    assert "real, 0000.mid: 0 of" in figure.axes[1].get_title(loc="left")


def test_notes_that_are_one_in_the_file_are_marked_where_one_of_them_is_stuck(few):
    """Sampled were four, of which two begin at once on one key: the file has three."""
    write_pieces(few, "attn", [melody([60, 62, 64])], experiment=EVENTS, stuck_every=1)
    rows = [("0000.mid", 2, of) for of in (0, 0, 1, 1)]
    at = [(0.0, 60), (0.25, 62), (0.2504, 62), (0.5, 64)]
    write_note_ends(few, EVENTS, "attn", rows, at)
    stuck = drawing(WORST, few).axes[0].collections[1]
    assert starts_of(stuck) == pytest.approx([0.25, 0.5], abs=0.01)


@pytest.mark.parametrize("other", [(0.25, 61), (0.26, 62)])
def test_a_stuck_note_that_the_file_does_not_have_is_an_error(few, other):
    write_pieces(few, "attn", [melody([60, 62, 64])], experiment=EVENTS, stuck_every=1)
    write_note_ends(few, EVENTS, "attn", [("0000.mid", 1, 1)] * 2, [(0.0, 60), other])
    with pytest.raises(InputError, match=r"attn.0000\.mid.*sample the model again"):
        drawing(WORST, few)


def test_without_stuck_notes_the_longest_is_shown(few):
    for model in FEW:
        write_pieces(few, model, [melody([60] * 4)] * 2, experiment=EVENTS)
    write_note_ends(few, EVENTS, "attn", [("0000.mid", 3, 0), ("0001.mid", 700, 0)])
    text = said(drawing(WORST, few))
    assert "attn, 0001.mid: 0 of 4 notes stuck (0 %)\nnone of 4 samples has a stuck note" in text
    assert "the longest, 700 events" in text


def test_share_never_turned_off_is_that_of_the_notes_that_reach_an_age(few):
    rows = [("0000.mid", age, int(age == 8), int(age != 8)) for age in [2] * 30 + [8] * 10]
    rows += [("0001.mid", 4, 1, 1)] * 20 + [("0001.mid", 99, 1, 0)]
    write_note_ends(few, EVENTS, "attn", rows)
    figure = drawing(BY_AGE, few)
    line, reached = (
        next(line for line in axes.lines if line.get_color() == COLOURS["attn"])
        for axes in figure.axes
    )
    share = dict(zip(line.get_xdata().tolist(), line.get_ydata(), strict=True))
    assert share[1] == share[2] == pytest.approx(100 * 11 / 61)
    assert share[3] == share[4] == pytest.approx(100 * 11 / 31)
    assert share[8] == pytest.approx(100)
    assert max(share) == 8  # one note is left then, fewer than FEWEST_LEFT
    assert FEWEST_LEFT > 1
    count = dict(zip(reached.get_xdata().tolist(), reached.get_ydata(), strict=True))
    assert (count[1], count[3], count[8], count[max(count)]) == (61, 31, 11, 1)
    assert "window in training:\n128 events" in texts(figure)
    assert "age of a note (events since it began)" in texts(figure)


def test_band_by_age_holds_the_share(few):
    rows = [(f"000{p}.mid", 1 + i, int(i % (3 + p) == 0)) for p in (0, 1) for i in range(60)]
    write_note_ends(few, EVENTS, "attn", rows)
    figure = drawing(BY_AGE, few)
    line = next(line for line in figure.axes[0].lines if line.get_color() == COLOURS["attn"])
    band = figure.axes[0].collections[FEW.index("attn")].get_paths()[0].vertices
    at = line.get_xdata()[5]
    of_band = band[band[:, 0] == at][:, 1]
    assert of_band.min() < line.get_ydata()[5] < of_band.max()


def test_missing_table_of_note_ends_is_named(few):
    (few / "samples" / EVENTS / "attn" / "note_ends.csv").unlink()
    with pytest.raises(InputError, match=r"attn.note_ends\.csv"):
        drawing(BY_AGE, few)
