"""Intervals and differences: what they promise, values worked out by hand, and how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowgrad.errors import InputError
from flowgrad.evaluation.base import Metric
from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.intervals import GROUPS, differences, names, replicated, with_intervals
from flowgrad.evaluation.statistics import (
    difference,
    holm,
    interval,
    scatter,
    student_quantile,
    student_tail,
    wilson,
)
from flowgrad.report import DIGITS, _interval

values = st.lists(st.floats(0, 1), min_size=1, max_size=5)
places = st.lists(st.lists(values, min_size=1, max_size=3), min_size=2, max_size=6)


def arrays(of_places):
    return [[np.array(clip) for clip in place] for place in of_places]


def median(clips):
    """The median: a figure that is no mean."""
    return {"median": float(np.median(np.concatenate(clips)))}


MEDIAN = Metric("median", CIOU.item, ("median",), median)
BOTH = [CIOU, MEDIAN]


@pytest.mark.parametrize("metric", BOTH, ids=lambda metric: metric.name)
@settings(deadline=None, max_examples=50)
@given(places)
def test_an_interval_holds_its_figure_and_stays_in_range(metric, of_places):
    found = with_intervals(metric, arrays(of_places))
    for column in metric.columns:
        low, high = (found[name] for name in names(column))
        assert 0 <= low <= found[column] <= high <= 1
        assert low < high, "a finite number of places never tells everything"


@settings(deadline=None, max_examples=50)
@given(places, st.randoms(use_true_random=False))
def test_the_order_of_places_and_clips_does_not_matter(of_places, random):
    before = with_intervals(CIOU, arrays(of_places))
    shuffled = [random.sample(place, len(place)) for place in random.sample(of_places, len(of_places))]
    assert with_intervals(CIOU, arrays(shuffled)) == pytest.approx(before, abs=1e-9)


@pytest.mark.parametrize("metric", BOTH, ids=lambda metric: metric.name)
@settings(deadline=None, max_examples=50)
@given(places)
def test_more_places_of_the_same_kind_narrow_it(metric, of_places):
    once, twice = (with_intervals(metric, arrays(of_places * times)) for times in (1, 4))
    for column in metric.columns:
        low, high = names(column)
        assert once[column] == pytest.approx(twice[column])
        if metric is CIOU:
            assert twice[high] - twice[low] < once[high] - once[low]


def test_items_of_one_place_do_not_narrow_it():
    """Forty items of two places say no more than two do; nothing can be said from one place."""
    zero, one = np.zeros(20), np.ones(20)
    many, few = with_intervals(CIOU, [[zero], [one]]), with_intervals(CIOU, [[zero[:1]], [one[:1]]])
    assert many == pytest.approx(few)
    assert (many["success_at_0_5_low"], many["success_at_0_5_high"]) == pytest.approx((0.0, 1.0), abs=0.01)
    alone = with_intervals(CIOU, [[zero, one]])
    assert alone["mean_ciou"] == 0.5
    assert math.isnan(alone["mean_ciou_low"])
    assert math.isnan(alone["mean_ciou_high"])


@pytest.mark.parametrize("count", [10, 30])
def test_nothing_found_is_not_nothing_there(count):
    """0 of n: Wilson's upper bound with a place for an item, q^2 / (J + q^2)."""
    found = with_intervals(CIOU, [[np.zeros(7)] for _ in range(count)])
    quantile = {10: 2.262157, 30: 2.045230}[count]
    assert found["success_at_0_3_low"] == 0
    assert found["success_at_0_3_high"] == pytest.approx(quantile**2 / (count + quantile**2), abs=1e-6)
    full = with_intervals(CIOU, [[np.ones(7)] for _ in range(count)])
    assert full["success_at_0_3_low"] == pytest.approx(1 - found["success_at_0_3_high"])
    assert full["success_at_0_3_high"] == 1


@pytest.mark.parametrize(
    ("hits", "number", "low", "high"),
    # (2 n p + q^2 -+ q sqrt(q^2 + 4 n p (1 - p))) / (2 (n + q^2)) with q = 1.959964, by hand; Newcombe (1998), table I
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_that_of_the_literature(hits, number, low, high):
    assert wilson(hits / number, number, 1.959964) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    # two-sided 5 %, from the printed tables
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (5, 2.5706), (10, 2.2281), (30, 2.0423), (120, 1.9799), (1e6, 1.95997)],
)
def test_students_t_is_that_of_the_tables(freedom, quantile):
    assert student_quantile(freedom) == pytest.approx(quantile, abs=6e-5)
    assert student_tail(quantile, freedom) == pytest.approx(0.05, abs=1e-5)
    assert student_tail(-quantile, freedom) == student_tail(quantile, freedom)


def test_students_t_of_one_and_two_degrees_is_closed():
    for statistic in (0.0, 0.1, 1.0, 7.0, 1e3):
        assert student_tail(statistic, 1) == pytest.approx(1 - 2 / math.pi * math.atan(statistic), abs=1e-12)
        assert student_tail(statistic, 2) == pytest.approx(1 - statistic / math.sqrt(2 + statistic**2), abs=1e-12)


def test_the_scatter_of_a_mean_is_its_standard_error():
    """Of places with one item each; with n equal deviations all places count, of one that deviates only that one."""
    sample = np.array([0.1, 0.4, 0.5, 0.9, 0.2])
    replicates = (sample.sum() - sample) / 4
    assert scatter(sample.mean(), replicates).error == pytest.approx(sample.std(ddof=1) / math.sqrt(5))
    alike = scatter(0.0, np.array([1.0, -1.0, 1.0, -1.0]))
    assert alike.freedom == 3, "not more than there are places, less one"
    alone = scatter(0.0, np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0]))
    assert alone.freedom == 3, "1.5 for a place, and at least 3"
    four = scatter(0.0, np.array([1.0, -1.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0]))
    assert four.freedom == pytest.approx(6)


def test_a_mean_takes_the_short_way_to_the_same_replicates():
    """The replicates of the figures of CIOU, of unequal places, are what its summary gives without each place."""
    rng = np.random.default_rng(4)
    of_places = [[rng.random(rng.integers(1, 9)) for _ in range(rng.integers(1, 4))] for _ in range(7)]
    made = replicated(CIOU, of_places)
    for left_out in range(7):
        clips = [clip for number, place in enumerate(of_places) if number != left_out for clip in place]
        for column, figure in CIOU.figures(clips).items():
            assert made.replicates[column][left_out] == pytest.approx(figure, abs=1e-12)


def test_what_is_no_mean_is_not_taken_for_one():
    wrong = Metric("median", CIOU.item, ("median",), median, means=("median",))
    with pytest.raises(InputError, match="median is no mean over items"):
        with_intervals(wrong, [[np.array([0.0, 0.0, 1.0])], [np.array([1.0])]])


def test_many_places_are_left_out_in_groups():
    rng = np.random.default_rng(5)
    of_places = [[rng.random(3)] for _ in range(3 * GROUPS)]
    made = replicated(MEDIAN, of_places)
    assert len(made.replicates["median"]) == GROUPS
    kept = [place[0] for number, place in enumerate(of_places) if number % GROUPS != 7]
    assert made.replicates["median"][7] == np.median(np.concatenate(kept))


def test_a_summary_that_needs_a_place_has_no_interval():
    def needs_a_hit(clips):
        hits = np.concatenate(clips) >= 0.5
        if not hits.any():
            raise ValueError("no hit")
        return {"odd": float(hits.mean())}

    found = with_intervals(Metric("odd", CIOU.item, ("odd",), needs_a_hit), [[np.array([0.0])], [np.array([1.0])]])
    assert found["odd"] == 0.5
    assert math.isnan(found["odd_low"])


def test_a_figure_without_bounds_has_students_interval():
    sample = np.array([10.0, 12.0, 11.0, 13.0])
    replicates = (sample.sum() - sample) / 3
    found = scatter(11.5, replicates)
    half = student_quantile(found.freedom) * found.error
    assert interval(11.5, replicates, (0, math.inf)) == pytest.approx((11.5 - half, 11.5 + half))
    assert interval(11.5, replicates) == pytest.approx((11.5 - half, 11.5 + half)), "undeclared, and beyond 0..1"
    unit, tenfold = interval(0.3, np.array([0.2, 0.35, 0.4])), interval(3.0, np.array([2.0, 3.5, 4.0]), (0, 10))
    assert tenfold == pytest.approx([10 * bound for bound in unit])


# Differences


@settings(deadline=None, max_examples=50)
@given(places)
def test_a_row_does_not_differ_from_itself(of_places):
    for found in differences(CIOU, arrays(of_places), arrays(of_places)).values():
        assert found.value == 0
        assert found.p == 1
        assert -1 <= found.low < 0 < found.high <= 1


@settings(deadline=None, max_examples=50)
@given(places, places)
def test_p_and_interval_say_the_same(ours, theirs):
    """p is below 0.05 exactly where the interval leaves out 0; and the other way round it is the other way round."""
    count = min(len(ours), len(theirs))
    pairs = [(a[0][0], b[0][0]) for a, b in zip(ours[:count], theirs[:count], strict=True)]
    row, other = ([[np.array([pair[side]])] for pair in pairs] for side in (0, 1))
    for column, found in differences(CIOU, row, other).items():
        back = differences(CIOU, other, row)[column]
        assert (back.value, back.low, back.high) == pytest.approx((-found.value, -found.high, -found.low))
        assert back.p == pytest.approx(found.p)
        assert found.low <= found.value <= found.high
        if abs(found.p - 0.05) > 1e-6:
            assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_a_paired_difference_is_that_of_the_textbook():
    """Places of one item: the mean of the differences, and its t; degrees of freedom are those of the scatter."""
    gaps = np.array([0.1, 0.3, 0.2, 0.0, 0.4, 0.2])
    found = difference(float(gaps.mean()), (gaps.sum() - gaps) / 5)
    error = gaps.std(ddof=1) / math.sqrt(6)
    deviations = (gaps - 0.2) ** 2
    freedom = 1.5 * deviations.sum() ** 2 / (deviations**2).sum()
    assert 3 < freedom < 5
    assert found.p == pytest.approx(student_tail(0.2 / error, freedom))
    assert found.high - found.value == pytest.approx(student_quantile(freedom) * error)


def test_pairs_say_more_than_two_intervals():
    """Places differ much, the two rows differ little and always in one direction."""
    level = np.linspace(0.1, 0.7, 12)
    row, other = (
        [[np.array([value + 0.05 + 0.01 * (value > 0.4)])] for value in level],
        [[np.array([v])] for v in level],
    )
    found = differences(CIOU, row, other)["mean_ciou"]
    assert found.low > 0.04
    assert found.p < 1e-6
    ours, theirs = with_intervals(CIOU, row), with_intervals(CIOU, other)
    assert ours["mean_ciou_low"] < theirs["mean_ciou_high"]


def test_holm_is_that_of_the_paper():
    """Step down: 4 x 0.005, 3 x 0.01, 2 x 0.03, 1 x 0.04 raised to what stands before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    corrected = holm([0.5, math.nan, 0.9])
    assert corrected[0] == 1
    assert math.isnan(corrected[1])
    assert corrected[2] == 1


# Coverage


def simulated(rng, count, share, alike=0.2):
    """Successes of places of unequal size, whose items are alike as much as ``alike`` (0 not, 1 wholly)."""
    sizes = rng.integers(1, 5, count) * rng.integers(1, 20, count)
    spread = (1 - alike) / alike
    of_place = rng.beta(share * spread, (1 - share) * spread, count)
    return sizes, rng.binomial(sizes, of_place)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_intervals_of_thirty_places_hold_the_truth_as_often_as_they_say(share):
    """A small part of benchmarks/coverage.py; of 1000 draws the standard error is 0.7 points."""
    rng, held = np.random.default_rng(11), 0
    for _ in range(1000):
        sizes, hits = simulated(rng, 30, share)
        figure, replicates = hits.sum() / sizes.sum(), (hits.sum() - hits) / (sizes.sum() - sizes)
        low, high = interval(figure, replicates)
        held += low <= share <= high
    assert 0.92 <= held / 1000 <= 0.98


@pytest.mark.parametrize(
    ("figures", "sign", "printed"),
    [
        ((0.5, 0.25, 0.75), "", "0.500 (.250-.750)"),
        ((-0.1, -0.2, 0.05), "+", "-0.100 (-.200 +.050)"),
        ((120.0, 110.25, 130.0), "", "120.000 (110.250-130.000)"),
        ((0.9, 0.0, 1.0), "", "0.900 (.000-1.000)"),
        ((0.5, math.nan, math.nan), "", "0.500"),
        ((math.nan, 0.0, 1.0), "", "-"),
    ],
)
def test_an_interval_in_print_loses_no_digit(figures, sign, printed):
    """But the zero before the point, where it is the whole part."""
    row = dict(zip(("auc", *names("auc")), figures, strict=True))
    assert _interval(row, "auc", DIGITS, sign).strip() == printed
