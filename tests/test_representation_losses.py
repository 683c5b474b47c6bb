"""What becomes of notes in a representation, by hand."""

import numpy as np
import pytest

from neuralmusic.description_text import losses_section
from neuralmusic.notes import NoteList
from neuralmusic.representation_losses import (
    COLUMNS,
    note_losses,
    representation_losses,
)
from neuralmusic.representations import REPRESENTATIONS

KEPT = {"moved": 0, "merged": 0, "lost": 0}
# Of 8 steps a second. Two notes of one pitch without a gap; a lower note under a higher one;
REPEATED = [(0, 1, 60, 80), (1, 2, 60, 80), (2, 3, 62, 80)]
COVERED = [(0, 1, 60, 80), (0, 1, 67, 80)]
# one that comes out when the higher one has ended; a triplet, 42 and 21 ms off the grid;
COMES_OUT = [(0, 1, 60, 80), (0, 0.5, 67, 80)]
TRIPLET = [(0, 1 / 6, 60, 80), (1 / 6, 2 / 6, 62, 80), (2 / 6, 0.5, 64, 80)]
# and two voices in unison.
UNISON = [(0, 1, 60, 80), (0, 0.5, 60, 80)]


@pytest.mark.parametrize(
    ("rows", "name", "rate", "changed"),
    [
        (REPEATED, "melody", 8, {"merged": 1}),
        (REPEATED, "pianoroll", 8, {"merged": 1}),
        (REPEATED, "events", 100, {}),
        (COVERED, "melody", 8, {"lost": 1}),
        (COVERED, "pianoroll", 8, {}),
        (COVERED, "events", 100, {}),
        (COMES_OUT, "melody", 8, {"moved": 1}),
        (COMES_OUT, "pianoroll", 8, {}),
        (TRIPLET, "melody", 8, {"moved": 2}),
        (TRIPLET, "pianoroll", 8, {"moved": 2}),
        (TRIPLET, "events", 100, {}),
        (UNISON, "melody", 8, {"merged": 1}),
        (UNISON, "pianoroll", 8, {"merged": 1}),
        (UNISON, "events", 100, {"merged": 1}),
    ],
)
def test_losses_by_hand(rows, name, rate, changed):
    assert note_losses(NoteList.of(rows), name, rate) == KEPT | changed


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_nothing_is_lost_of_nothing_or_of_a_tune_on_the_grid(name):
    rate = 100 if name == "events" else 8
    tune = NoteList.of([(at, at + 0.5, 60 + at % 5, 80) for at in range(20)])
    for piece in (NoteList.of([]), NoteList.of([], 3.0), tune):
        assert note_losses(piece, name, rate) == KEPT


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_every_note_has_one_fate_and_no_more_are_kept_than_come_out(name):
    generator = np.random.default_rng(1)
    onset = generator.uniform(0, 10, 200)
    offset = onset + generator.uniform(0, 1, 200)
    pitch = generator.integers(50, 70, 200)
    piece = NoteList.of(np.stack([onset, offset, pitch, np.full(200, 80)], axis=1))
    rate = 100 if name == "events" else 8
    module = REPRESENTATIONS[name]
    found = note_losses(piece, name, rate)
    assert min(found.values()) >= 0
    kept = 200 - found["merged"] - found["lost"]
    assert 0 < kept <= len(module.decode(module.encode(piece, rate), rate).notes)


def test_a_corpus_is_counted_and_what_does_not_fit_is_lost():
    low = NoteList.of([(0, 1, 10, 80), (1, 2, 60, 80)])  # below a piano's keys
    settings = [{"name": name, "steps_per_second": 8} for name in ("pianoroll", "melody")]
    table = representation_losses({"a": NoteList.of(REPEATED), "b": low}, settings)
    assert table.columns.tolist() == COLUMNS
    assert table.to_numpy().tolist() == [
        ["pianoroll", 8, 2, 5, 0, 1, 2, 1],
        ["melody", 8, 2, 5, 0, 1, 0, 0],
    ]
    section = losses_section(table, pieces=2)
    assert section.table[1] == [
        *("pianoroll, 8 steps a second", "5", "0 (0 %)", "1 (20.0 %)", "2 (40.0 %)", "1")
    ]
    assert "Counted in" not in section.title
    assert "Counted in 2 of 4,000 pieces" in losses_section(table, pieces=4_000).title
    assert not losses_section(representation_losses({}, []), 0).table
