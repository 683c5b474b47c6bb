"""Sets held against a reference: what must not matter, what must hold, sets with too little."""

from dataclasses import replace

import numpy as np
import pytest

from neuralmusic.comparison_frames import FRAMES
from neuralmusic.estimate import Estimate
from neuralmusic.measures.registry import MEASURES
from neuralmusic.notes import NoteList
from neuralmusic.piece_sets import piece_set
from neuralmusic.set_comparison import FRECHET, compare_sets, halves_of
from neuralmusic.set_comparison_text import as_terminal
from tests.damaged import composed, shuffled, transposed

RESAMPLES = 60
MUSIC = composed(0, 24)
NEEDS_BARS = {name for name, measure in MEASURES.items() if measure.needs_bars}


def compared(real, sets, **options):
    return compare_sets(real, sets, **{"resamples": RESAMPLES, **options})


@pytest.fixture(scope="module")
def real():
    return piece_set("real", MUSIC[:12])


@pytest.fixture(scope="module")
def made():
    return piece_set("made", MUSIC[12:])


@pytest.fixture(scope="module")
def worse():
    return piece_set("worse", transposed(shuffled(MUSIC[12:]), 7))


@pytest.fixture(scope="module")
def found(real, made, worse):
    return compared(real, {"worse": [worse], "made": [made]})


def same_frames(first, second):
    """Whether all that is told of two comparisons is the same to the last bit."""
    return all(frame(first).equals(frame(second)) for frame in FRAMES.values())


def test_order_of_pieces_and_names_of_files_do_not_matter(found, made, worse):
    other = {f"other {number}": MUSIC[number] for number in (3, 11, 0, 5, 7, 1, 9, 2, 4, 10, 8, 6)}
    again = compared(
        piece_set("real", other),
        {"worse": [worse], "made": [piece_set("made", MUSIC[:11:-1])]},
    )
    assert same_frames(found, again)


def test_processes_change_nothing(found, real, made, worse):
    assert same_frames(found, compared(real, {"worse": [worse], "made": [made]}, workers=2))


def test_another_seed_moves_intervals_and_no_value(found, real, made, worse):
    again = compared(real, {"worse": [worse], "made": [made]}, seed=1)
    frames = [FRAMES["measures"](of) for of in (found, again)]
    for column in ("mean", "difference_sd", "overlap", "kl_nats"):
        assert frames[0][column].equals(frames[1][column])
        assert not frames[0][f"{column}_ci_low"].equals(frames[1][f"{column}_ci_low"])


def test_another_set_moves_no_interval_of_this(found, real, made):
    """But for the corrected p, which are fewer, and what all sets must have defined."""
    alone = compared(real, {"made": [made]})
    for measure, row in alone.of("made").items():
        beside = found.of("made")[measure]
        assert row.overlap.interval() == pytest.approx(beside.overlap.interval(), nan_ok=True)
        assert row.test.p == pytest.approx(beside.test.p, nan_ok=True)


@pytest.mark.parametrize("name", ["reference", "half 0"])
def test_a_set_against_itself(real, name):
    """Whatever it is called: its resamples are its own."""
    itself = compared(real, {name: [replace(real, name=name)]})
    for measure, row in itself.of(name).items():
        if measure in NEEDS_BARS:
            continue
        assert row.overlap.value == pytest.approx(1, abs=1e-9)
        assert row.kl.value == pytest.approx(0, abs=1e-9)
        assert row.pieces == len(real)
        if np.isfinite(row.difference.value):
            assert row.difference.value == 0.0
            assert row.difference.resamples.std() > 0
            assert row.test.p == row.test.p_corrected == 1.0
    first, ceiling = itself.standings
    assert (first.name, first.frechet.value, first.place) == (name, 0.0, 1)
    assert (ceiling.name, ceiling.place, ceiling.places) == ("real", None, None)
    assert ceiling.frechet.value > 0
    assert first.diversity.value == ceiling.diversity.value > 0


def test_the_halves_of_the_reference_are_disjoint_and_complete():
    for pieces in (0, 1, 2, 7, 12):
        whole = piece_set("real", MUSIC[:pieces])
        first, second = halves_of(whole)
        assert len(first) - len(second) in (0, 1)
        assert sorted(first.files + second.files) == sorted(whole.files)
        assert first.digests == tuple(sorted(first.digests))
        assert [len(of.pieces) for of in (first, second)] == [len(first), len(second)]
    other = piece_set("real", {f"b{at}": piece for at, piece in enumerate(MUSIC[:12])})
    assert halves_of(other)[0].digests == first.digests


def test_the_row_of_the_reference_is_of_its_halves(found, real):
    first, second = halves_of(real)
    beside = compared(first, {"second": [second]})
    for measure, row in found.of("real").items():
        assert row.overlap.value == pytest.approx(
            beside.of("second")[measure].overlap.value, nan_ok=True
        )
        assert np.isnan([row.difference.value, row.test.p, row.test.p_corrected]).all()
        assert row.pieces == (0 if measure in NEEDS_BARS else 12)
        if not MEASURES[measure].shape and measure not in NEEDS_BARS:
            assert row.mean.value == pytest.approx(real.values[measure].mean())


def test_differences_by_hand(found, real, made):
    for measure in ("highest_pitch", "mean_ioi_seconds", "mean_velocity"):
        of_real, of_made = real.values[measure], made.values[measure]
        row = found.of("made")[measure]
        assert row.mean.value == pytest.approx(of_made.mean())
        expected = (of_made.mean() - of_real.mean()) / of_real.std(ddof=1)
        assert row.difference.value == pytest.approx(expected)
        # The error of a difference of two means, in deviations of the reference
        error = np.hypot(of_real.std(), of_made.std()) / np.sqrt(12) / of_real.std(ddof=1)
        assert row.difference.resamples.std() == pytest.approx(error, rel=0.25)
    for row in found.rows:
        if MEASURES[row.measure].shape:
            assert np.isnan(row.mean.value) and np.isnan(row.difference.value)


def test_the_diversity_by_hand():
    """Of two pieces the one distance: root mean square of what they differ by, in deviations."""
    real = piece_set("real", [MUSIC[0], MUSIC[1], MUSIC[2]])
    two = piece_set("two", [MUSIC[3], MUSIC[4]])
    found = compared(real, {"two": [two]})
    squares = []
    for measure in found.in_frechet:
        apart = two.values[measure][0] - two.values[measure][1]
        squares.append((apart / real.values[measure].std()) ** 2)
    standing = next(of for of in found.standings if of.name == "two")
    assert standing.diversity.value == pytest.approx(np.sqrt(np.mean(squares)))


def test_the_nearest_is_first(found):
    names = [of.name for of in found.standings]
    assert names == ["made", "worse", "real"]
    assert [of.place for of in found.standings] == [1, 2, None]
    values = [of.frechet.value for of in found.standings[:2]]
    assert values == sorted(values)
    for standing in found.standings[:2]:
        low, high = standing.places
        assert 1 <= low <= standing.place <= high <= 2


def test_places_are_those_that_resamples_give(real, made):
    """Two sets that are the same pieces have either place, one that is far off has its own."""
    far = piece_set("far", transposed(shuffled(MUSIC[12:]), 24))
    found = compared(real, {"far": [far], "made": [made], "again": [replace(made, name="again")]})
    standings = {of.name: of for of in found.standings}
    assert standings["far"].places == (3, 3)
    assert standings["made"].places == standings["again"].places == (1, 2)
    assert sorted(of.place for of in found.standings if of.place) == [1, 2, 3]


def test_pairs_are_antisymmetric(found, real, made, worse):
    swapped = compared(real, {"made": [made], "worse": [worse]})
    assert len(found.pairs) == len(swapped.pairs) == len(MEASURES) + 1
    for one, other in zip(found.pairs, swapped.pairs, strict=True):
        assert (one.measure, one.first, one.second) == (other.measure, other.second, other.first)
        assert one.difference.value == pytest.approx(-other.difference.value, nan_ok=True)
        assert one.test.p == pytest.approx(other.test.p, nan_ok=True)
        assert one.test.p_corrected == pytest.approx(other.test.p_corrected, nan_ok=True)


def test_pairs_say_who_is_nearer(found):
    pairs = {pair.measure: pair for pair in found.pairs}
    rows = {name: found.of(name) for name in ("worse", "made")}
    frechet = {of.name: of.frechet.value for of in found.standings}
    assert pairs[FRECHET].difference.value == pytest.approx(frechet["worse"] - frechet["made"])
    assert pairs[FRECHET].test.p_corrected < 0.05
    # A number by its difference, what is no number by its overlap
    high = {name: abs(of["highest_pitch"].difference.value) for name, of in rows.items()}
    assert pairs["highest_pitch"].difference.value == pytest.approx(high["worse"] - high["made"])
    share = {name: 1 - of["pitch_class_shares"].overlap.value for name, of in rows.items()}
    expected = share["worse"] - share["made"]
    assert pairs["pitch_class_shares"].difference.value == pytest.approx(expected)


def test_runs_of_one_model_are_its_mean(real, made, worse):
    runs = compared(real, {"model": [made, worse]})
    alone = [compared(real, {"model": [of]}) for of in (made, worse)]
    row, of_runs = runs.of("model"), [of.of("model") for of in alone]
    for measure in ("highest_pitch", "mean_interval_semitones", "pitch_class_shares"):
        for part in ("mean", "difference", "overlap", "kl"):
            value = getattr(row[measure], part).value
            parts = [getattr(of[measure], part).value for of in of_runs]
            assert value == pytest.approx(np.mean(parts), nan_ok=True)
    assert row["highest_pitch"].pieces == 24
    assert row["highest_pitch"].difference.seeds_freedom == 1
    spread = np.var([of["highest_pitch"].difference.value for of in of_runs], ddof=1) / 2
    assert row["highest_pitch"].difference.seeds_variance == pytest.approx(spread)
    # Runs that differ as much as these leave nothing certain.
    assert row["highest_pitch"].test.p > of_runs[1]["highest_pitch"].test.p
    assert runs.standings[0].frechet.value == pytest.approx(
        np.mean([of.standings[0].frechet.value for of in alone])
    )
    assert "12 + 12 pieces" in as_terminal(runs)


def test_runs_of_one_model_have_resamples_of_their_own(real, made):
    runs = compared(real, {"model": [made, made]})
    alone = compared(real, {"model": [made]})
    of_runs, of_one = (of.of("model")["highest_pitch"].mean for of in (runs, alone))
    assert of_runs.value == of_one.value
    # The mean of two that are independent deviates less, by the root of 2.
    assert of_runs.resamples.std() == pytest.approx(of_one.resamples.std() / 2**0.5, rel=0.3)


SILENT, ONE_NOTE = NoteList.of([], 60.0), NoteList.of([(1.0, 1.5, 60, 80)], 60.0)


@pytest.mark.parametrize(
    ("pieces", "undefined"),
    [
        ([], {"highest_pitch", "mean_ioi_seconds", "notes", "pitch_class_shares"}),
        ([SILENT] * 4, {"highest_pitch", "mean_ioi_seconds", "pitch_class_shares"}),
        ([ONE_NOTE] * 4, {"mean_ioi_seconds", "repeated_notes"}),
    ],
)
def test_a_set_with_too_little_in_it_answers_with_a_reason(real, made, pieces, undefined):
    found = compared(real, {"poor": [piece_set("poor", pieces)], "made": [made]})
    rows = found.of("poor")
    for measure in undefined:
        assert "undefined in every piece" in rows[measure].reason
        assert np.isnan([rows[measure].overlap.value, rows[measure].test.p]).all()
        assert rows[measure].pieces == 0
    for row in rows.values():
        assert np.isfinite(row.overlap.value) or row.reason
    told = as_terminal(found)
    assert "poor: undefined in every piece: " in told
    assert "nan" not in told.lower()
    standings = {of.name: of for of in found.standings}
    assert np.isfinite(standings["made"].frechet.value)
    if not pieces:
        assert standings["poor"].place is None
        assert len(found.in_frechet) > 20


def test_a_set_of_one_piece_has_values_and_no_interval(real, made):
    found = compared(real, {"one": [piece_set("one", MUSIC[20:21])], "made": [made]})
    for measure, row in found.of("one").items():
        if measure not in NEEDS_BARS:
            assert 0 <= row.overlap.value < 1.0000001
            assert np.isnan(row.overlap.interval()).all() and np.isnan(row.test.p)
    assert [of.name for of in found.standings] == ["made", "one", "real"]
    assert np.isnan(found.standings[1].frechet.value)
    assert np.isnan(found.standings[1].diversity.value)


@pytest.mark.parametrize("pieces", [0, 1, 2])
def test_a_reference_with_too_little_in_it(pieces, made):
    found = compared(piece_set("real", MUSIC[:pieces]), {"made": [made]})
    row = found.of("made")["highest_pitch"]
    assert np.isfinite(row.mean.value)
    assert np.isfinite(row.overlap.value) == (pieces >= 2)
    assert np.isfinite(found.standings[0].frechet.value) == (pieces >= 3)
    if pieces < 2:
        assert "fewer than two pieces of the reference" in row.reason
        assert np.isnan(row.difference.value)
    assert "made" in as_terminal(found)


def test_without_resamples_there_are_values_alone(real, made):
    found = compared(real, {"made": [made]}, resamples=0)
    row = found.of("made")["highest_pitch"]
    assert np.isfinite([row.mean.value, row.difference.value, row.overlap.value]).all()
    assert np.isnan([row.test.p, *row.mean.interval()]).all()
    assert found.standings[0].place == 1 and found.standings[0].places is None
    assert isinstance(row.kl, Estimate) and len(row.kl.resamples) == 0
