"""Sets that are damaged on purpose: each damage is seen by what should see it, and by that alone.

Many measures, and p values of them, are worth what they say of sets of which it is known what they
should say.
"""

import numpy as np
import pytest

from neuralmusic.measures.registry import KEY, MEASURES
from neuralmusic.piece_sets import COPIED, piece_set, with_originality
from neuralmusic.set_comparison import FRECHET, compare_sets
from neuralmusic.significance import LEVEL
from tests.damaged import composed, dropped, repeated, shuffled, transposed

PIECES, RESAMPLES = 40, 60
MUSIC = composed(1, 2 * PIECES)
UNDAMAGED = MUSIC[PIECES:]
DAMAGED = {
    "shuffled": shuffled(UNDAMAGED),
    "repeated": repeated(UNDAMAGED),
    "transposed": transposed(UNDAMAGED, 5),
    "a tenth dropped": dropped(UNDAMAGED, 10),
    "a third dropped": dropped(UNDAMAGED, 3),
}
TIME = {
    *("notes", "notes_per_minute", "mean_ioi_seconds", "median_ioi_seconds"),
    *("mean_note_seconds", "longest_note_seconds"),
}
LOUDNESS = {"mean_velocity", "velocity_spread"}
REPETITION = {"short_repetition", "middle_repetition"}
PLAYED_AT_ONCE = {"mean_polyphony", "polyphony_rate"}


@pytest.fixture(scope="module")
def found():
    sets = {"undamaged": UNDAMAGED, **DAMAGED}
    return compare_sets(
        piece_set("real", MUSIC[:PIECES]),
        {name: [piece_set(name, of)] for name, of in sets.items()},
        resamples=RESAMPLES,
    )


def significant(found, name) -> set[str]:
    """The measures, all numbers, by which a set differs from the reference."""
    return {measure for measure, row in found.of(name).items() if row.is_significant}


def farther(found, name) -> set[str]:
    """By which it is farther from the reference than the undamaged set, histograms included."""
    return {
        pair.measure
        for pair in found.pairs
        if (pair.first, pair.second) == ("undamaged", name)
        and pair.test.p_corrected < LEVEL
        and pair.difference.value < 0
    }


def overlaps(found, name) -> dict[str, float]:
    return {measure: row.overlap.value for measure, row in found.of(name).items()}


def unchanged(found, name, measures) -> bool:
    """Whether these measures say of a set to the last bit what they say of the undamaged one."""
    of = [{m: found.of(set_)[m].overlap.value for m in measures} for set_ in (name, "undamaged")]
    means = [{m: found.of(set_)[m].mean.value for m in measures} for set_ in (name, "undamaged")]
    return of[0] == pytest.approx(of[1], nan_ok=True) and means[0] == pytest.approx(
        means[1], nan_ok=True
    )


def test_what_is_undamaged_is_nearest_and_differs_in_nothing(found):
    first, *others = found.standings[:-1]
    assert first.name == "undamaged"
    assert significant(found, "undamaged") == set()
    assert {of.name for of in others} == set(DAMAGED)
    # Almost as near as two halves of the reference: these have half of the pieces, and chance
    assert first.frechet.value < 2 * found.standings[-1].frechet.value
    assert len(found.in_frechet) > 20


def test_the_damaged_sets_are_told_from_it_by_the_distance(found):
    told = {name for name in DAMAGED if FRECHET in farther(found, name)}
    # Five semitones are one deviation of two or three measures, which is within what chance does.
    assert told == set(DAMAGED) - {"transposed"}
    places = {of.name: of.place for of in found.standings}
    assert places["a tenth dropped"] < places["a third dropped"]


def test_shuffled_notes_are_seen_in_what_follows_what(found):
    seen = {"mean_interval_semitones", *REPETITION}
    assert seen <= significant(found, "shuffled")
    assert {"mean_interval_semitones", "short_repetition"} <= farther(found, "shuffled")
    of = overlaps(found, "shuffled"), overlaps(found, "undamaged")
    assert of[0]["mean_interval_semitones"] < 0.5 < 0.9 < of[1]["mean_interval_semitones"]
    pitches = {"used_pitches", "lowest_pitch", "highest_pitch", "pitch_class_entropy_bits"}
    assert unchanged(found, "shuffled", {*pitches, "pitch_class_shares", *TIME, *LOUDNESS})


def test_a_repeated_piece_is_seen_in_the_diversity_and_the_overlaps(found):
    diversity = {of.name: of.diversity for of in found.standings}
    assert diversity["repeated"].value == 0.0
    assert diversity["undamaged"].interval()[0] < diversity["real"].value
    assert diversity["undamaged"].value == pytest.approx(diversity["real"].value, rel=0.2)
    of = [
        np.nanmedian([of for of in overlaps(found, name).values() if of < 1 - 1e-9])
        for name in ("repeated", "undamaged")
    ]
    assert of[0] < of[1] - 0.1


def test_transposed_pieces_are_seen_in_the_pitches_and_not_in_the_intervals(found):
    assert {"lowest_pitch", "highest_pitch"} <= significant(found, "transposed")
    assert {"pitch_class_shares", "highest_pitch"} <= farther(found, "transposed")
    of = overlaps(found, "transposed"), overlaps(found, "undamaged")
    assert of[0]["pitch_class_shares"] < of[1]["pitch_class_shares"] - 0.2
    others = {name for name, measure in MEASURES.items() if KEY not in measure.depends_on}
    assert unchanged(found, "transposed", others)


def test_dropped_notes_are_seen_in_time_and_repetition_and_not_in_loudness(found):
    # A tenth of the notes is less than pieces of one set differ by, but breaks what repeats.
    a_tenth, a_third = (significant(found, f"a {part} dropped") for part in ("tenth", "third"))
    assert {*REPETITION, *PLAYED_AT_ONCE} <= a_tenth
    gone = {"notes", "notes_per_minute", "mean_ioi_seconds", "median_ioi_seconds"}
    assert a_tenth | gone <= a_third
    assert not (LOUDNESS | {"mean_note_seconds", "pitch_class_entropy_bits"}) & a_third
    rows = [found.of(f"a {part} dropped") for part in ("tenth", "third")]
    for measure in {*gone, *REPETITION}:
        assert abs(rows[0][measure].difference.value) < abs(rows[1][measure].difference.value)
    kept = found.of("undamaged")["notes_per_minute"].mean.value
    assert rows[0]["notes_per_minute"].mean.value == pytest.approx(0.9 * kept, rel=0.01)
    assert rows[1]["notes_per_minute"].mean.value == pytest.approx(2 / 3 * kept, rel=0.01)


def test_copied_pieces_show_beside_music_that_was_not_trained_on():
    training = composed(2, 16)
    sets = {"copied": transposed(training[:12], 2), "shuffled": shuffled(training[:12])}
    learned = piece_set("training", training)
    real = with_originality(piece_set("real", MUSIC[:12]), learned)
    made = {name: [with_originality(piece_set(name, of), learned)] for name, of in sets.items()}
    found = compare_sets(real, made, resamples=RESAMPLES)
    notes = np.mean([len(piece) for piece in training[:12]])
    for measure in COPIED:
        assert found.of("copied")[measure].mean.value == pytest.approx(notes)
        assert found.of("copied")[measure].is_significant
        assert found.of("real")[measure].mean.value < notes / 5
        # What is dealt out at random shares even less than music of the same kind.
        assert found.of("shuffled")[measure].difference.value < 0
