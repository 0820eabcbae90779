"""The threshold rules: against their definitions pixel by pixel, how they relate, and the published masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import flowgrad
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.evaluation.registry import THRESHOLDS
from flowgrad.evaluation.scaling import normalise
from flowgrad.evaluation.thresholds import adaptive, at_least_median, median, relative, top_half
from flowgrad.protocols import PAPER

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5))
# few values, so that many are equal
EQUAL = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 2.0])
ANY = st.floats(-1e3, 1e3, width=32)


@st.composite
def maps_and_truth(draw):
    """Maps and a truth of their shape, with fractions in it."""
    shape = draw(SHAPES)
    maps = draw(hnp.arrays(np.float32, shape, elements=draw(st.sampled_from([EQUAL, ANY]))))
    return maps, draw(hnp.arrays(np.float32, shape, elements=st.sampled_from([0.0, 0.0, 0.5, 1.0])))


def pixels(one: np.ndarray) -> list[float]:
    return sorted(map(float, one.ravel()))


@given(maps_and_truth())
def test_rules_are_those_of_sorting(drawn):
    maps, truth = drawn
    for one, true, *masks in zip(
        maps, truth, median(maps), top_half(maps), relative(maps, 0.5), adaptive(maps, truth), strict=True
    ):
        values, count, size = pixels(one), one.size, int((true > 0).sum())
        above, at_least, share, largest = masks
        middle = values[count // 2]
        np.testing.assert_array_equal(above, one > middle)
        np.testing.assert_array_equal(at_least, one >= middle)
        # a half is exact among the floats
        np.testing.assert_array_equal(share, (one > 0) & (2 * one > values[-1]))
        np.testing.assert_array_equal(largest, one > values[count - size if size else count // 2])


@given(maps_and_truth())
def test_the_adaptive_mask_is_smaller_than_the_truth(drawn):
    maps, truth = drawn
    assume((truth > 0).any(axis=(1, 2)).all())
    areas, sizes = adaptive(maps, truth).sum(axis=(1, 2)), (truth > 0).sum(axis=(1, 2))
    assert (areas < sizes).all()
    for one, area, size in zip(maps, areas, sizes, strict=True):
        if len(np.unique(one)) == one.size:
            assert area == size - 1


@given(hnp.arrays(np.float32, SHAPES, elements=EQUAL))
def test_at_ties_the_rules_differ_by_what_equals_the_median(maps):
    below = median(-maps)
    if maps[0].size % 2:
        # of an odd number the median of the mirrored map is its mirror image
        np.testing.assert_array_equal(top_half(maps), ~below)
    equal = top_half(maps) & ~median(maps)
    for one, tied in zip(maps, equal, strict=True):
        np.testing.assert_array_equal(tied, one == pixels(one)[one.size // 2])
    assert (median(maps).mean(axis=(1, 2)) <= 0.5).all()
    assert (top_half(maps).mean(axis=(1, 2)) >= 0.5).all()


@given(hnp.arrays(np.float32, SHAPES, elements=st.one_of(EQUAL, ANY)))
def test_both_ways_to_take_the_median_agree_but_for_rounding(maps):
    wide = maps.astype(np.float64)
    np.testing.assert_array_equal(at_least_median(wide), top_half(wide))
    assert (at_least_median(maps) >= top_half(maps)).all()


def test_the_mean_of_neighbouring_floats_may_round_to_the_lower_one():
    low = np.float32(1)
    neighbours = np.array([[[low, np.nextafter(low, np.float32(2))]]])
    assert at_least_median(neighbours).tolist() == [[[True, True]]]
    assert top_half(neighbours).tolist() == [[[False, True]]]


@given(hnp.arrays(np.float32, SHAPES, elements=ANY), st.integers(-10, 10), st.floats(0.01, 0.99))
def test_a_relative_threshold_knows_no_scale(maps, exponent, above):
    # a power of two loses no digit
    assume((np.abs(maps[maps != 0]) > 1e-20).all())
    np.testing.assert_array_equal(relative(maps * np.float32(2.0**exponent), above), relative(maps, above))


@given(hnp.arrays(np.float32, SHAPES, elements=ANY), st.floats(0.01, 0.99))
def test_a_relative_threshold_predicts_the_highest_pixel_where_it_is_above_zero(maps, above):
    for one, mask in zip(maps, relative(maps, above), strict=True):
        assert mask.any() == (one.max() > 0)
        assert not mask[one <= 0].any()


@given(hnp.arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32)), st.floats(0.01, 0.99))
def test_of_normalised_maps_relative_is_fixed_without_the_threshold_itself(maps, above):
    scaled = normalise(maps)
    np.testing.assert_array_equal(relative(scaled, above), scaled > above)


def test_a_map_of_zeros_predicts_nothing_or_all():
    zeros, truth = np.zeros((1, 4, 4)), np.ones((1, 4, 4))
    assert not relative(zeros, 0.5).any()
    assert not median(zeros).any()
    assert not adaptive(zeros, truth).any()
    assert top_half(zeros).all()
    assert at_least_median(zeros).all()


def test_without_truth_the_adaptive_rule_takes_half():
    maps = np.arange(16.0).reshape(1, 4, 4)
    np.testing.assert_array_equal(adaptive(maps, np.zeros_like(maps)), median(maps))


@pytest.mark.parametrize("rule", ["fixed", "median", "top-half", "at-least-median", "relative", "adaptive"])
def test_every_rule_gives_masks_and_refuses_other_shapes(rule):
    known, truth = THRESHOLDS[rule], np.zeros((2, 3, 4), np.float32)
    truth[:, :2] = 1
    masks = known.apply(np.random.default_rng(3).random((2, 3, 4), np.float32), 0.5, truth)
    assert (masks.shape, masks.dtype) == ((2, 3, 4), np.bool_)
    assert known.apply(np.zeros((0, 3, 4)), 0.5, np.zeros((0, 3, 4))).shape == (0, 3, 4)
    with pytest.raises(ValueError, match=r"expected \(N, H, W\), got \(4, 4\)"):
        known.apply(np.zeros((4, 4)), 0.5, np.zeros((4, 4)))
    if rule != "fixed":
        with pytest.raises(ValueError, match=r"expected pixels, got \(2, 0, 3\)"):
            known.apply(np.zeros((2, 0, 3)), 0.5, np.zeros((2, 0, 3)))


def test_only_the_adaptive_rule_needs_the_truth():
    assert [rule.name for rule in THRESHOLDS.values() if rule.needs_truth] == ["adaptive"]
    with pytest.raises(ValueError, match="threshold adaptive: needs the truth, and there is none"):
        THRESHOLDS["adaptive"].apply(np.zeros((1, 2, 2)), 0.5, None)
    with pytest.raises(ValueError, match=r"truth: expected \(1, 2, 2\) as the maps have, got \(1, 2, 3\)"):
        adaptive(np.zeros((1, 2, 2)), np.zeros((1, 2, 3)))
    asked = []
    mine = ThresholdRule("mine", lambda *given: asked.append(len(given)), needs_truth=True)
    mine.apply(np.zeros((1, 2, 2)), 0.5, np.zeros((1, 2, 2)))
    assert asked == [3]


def test_scores_of_arrays_follow_every_rule():
    maps = np.random.default_rng(5).random((3, 224, 224), np.float32)
    truth = np.zeros_like(maps)
    truth[:, :100, :100] = 1
    for name in THRESHOLDS.built_in:
        protocol = PAPER.changed(threshold=name)
        masks = THRESHOLDS[name].apply(normalise(maps), 0.5, truth)
        hit, union = (masks & (truth > 0)).sum(axis=(1, 2)), (masks | (truth > 0)).sum(axis=(1, 2))
        np.testing.assert_allclose(flowgrad.score(maps, truth, protocol), hit / union)
    with pytest.raises(ValueError, match="expected one shape"):
        flowgrad.score(maps, truth[:2])


def test_masks_of_the_released_code(reference: Path):
    """Visual context: at least ``np.median``. Half of the map, and no pixel equals the median."""
    expected = np.load(reference / "golden/expected.npz")
    published, maps = expected["vcs_binary_median"], expected["visual_context"][None]
    for rule in (at_least_median, top_half):
        np.testing.assert_array_equal(rule(maps)[0], published)
    np.testing.assert_array_equal(median(expected["hear_the_flow"][None])[0], expected["htf_binary_median"])
