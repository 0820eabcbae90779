"""Properties of metrics, ground truth and the stationary filter, and the documented values of open cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import flowgrad
from flowgrad.datasets.base import Annotations, Box, SoundEvent
from flowgrad.detection import moving, pairwise_iou
from flowgrad.evaluation.ground_truth import box_faults, rasterise, scored_boxes
from flowgrad.evaluation.metrics import area_under_curve, ciou, success_rate
from flowgrad.evaluation.scaling import normalise
from flowgrad.protocols import PAPER, RELEASED

values = st.floats(-1e3, 1e3, width=32)
maps = hnp.arrays(np.float32, (2, 6, 6), elements=values)
masks = hnp.arrays(np.float32, (2, 6, 6), elements=st.sampled_from([0.0, 0.5, 1.0]))


@given(maps, masks)
def test_ciou_lies_between_none_and_all(found, truth):
    scores = ciou(normalise(found), truth)
    assert ((scores >= 0) & (scores <= 1)).all()


@given(maps)
def test_normalise_spans_zero_to_one_or_is_zero(found):
    normalised = normalise(found)
    for before, after in zip(found, normalised, strict=True):
        if before.max() > before.min():
            assert after.min() == 0
            assert after.max() == 1
        else:
            assert not after.any()


@given(hnp.arrays(np.bool_, (1, 6, 6)))
def test_the_truth_itself_scores_one(truth):
    assert ciou(truth.astype(float), truth)[0] == (1 if truth.any() else 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_area_is_between_its_bounds_and_follows_the_mean(scores):
    area = area_under_curve(np.array(scores))
    assert 0.025 - 1e-12 <= area <= 1
    assert abs(area - np.mean(scores)) <= 0.026 + 1e-9


def test_open_cases_have_their_documented_values():
    empty, full = np.zeros((1, 8, 8)), np.ones((1, 8, 8))
    assert ciou(empty, full)[0] == 0, "an empty prediction"
    assert ciou(full, empty)[0] == 0, "an empty truth"
    assert ciou(empty, empty)[0] == 0, "an empty truth without a prediction"
    assert flowgrad.score(3 * full, full, protocol="paper")[0] == 0, "a constant map"
    assert area_under_curve(np.zeros(4)) == pytest.approx(0.025)
    with pytest.raises(ValueError, match="at least one value"):
        success_rate(np.array([]), 0.5)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 9), (2, 8, 8)])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(ValueError, match=r"\(N, H, W\)"):
        flowgrad.score(np.zeros(shape), np.zeros((1, 8, 8)))


def test_score_normalises_as_the_protocol_says():
    raw = np.array([[[0.0, 1.0], [2.0, 10.0]]])
    truth = np.array([[[0, 1], [1, 1]]])
    assert flowgrad.score(raw, truth, protocol="released")[0] == 1, "raw: every value >= 0.5 counts"
    assert flowgrad.score(raw, truth, protocol="paper")[0] == pytest.approx(1 / 3), "normalised: only the largest"


def box(x: float, y: float, w: float, h: float, label: str = "car", time: float = 1.0, visible: bool = True) -> Box:
    return Box(time, x, y, w, h, label, visible)


@given(st.floats(-50, 450), st.floats(-50, 280), st.floats(0.01, 500), st.floats(0.01, 300), st.sampled_from([224, 14]))
def test_a_box_that_touches_the_frame_is_never_lost(x, y, w, h, size):
    """The released code loses boxes of less than a pixel; ours keeps at least one pixel, and only inside the frame."""
    inside = min(x + w, 400) - max(x, 0) > 0 and min(y + h, 225) - max(y, 0) > 0
    mask = rasterise([(x, y, w, h)], 400, 225, PAPER.boxes.box_raster, size)
    assert mask.any() == inside
    if inside:
        covered = (min(x + w, 400) - max(x, 0)) / 400 * (min(y + h, 225) - max(y, 0)) / 225
        assert abs(mask.mean() - covered) <= 4 / size


def test_the_frame_itself_fills_the_mask():
    assert rasterise([(0, 0, 400, 225)], 400, 225, PAPER.boxes.box_raster).all()
    released = RELEASED.boxes.box_raster
    assert rasterise([(0, 0, 400, 225)], 400, 225, released).all()
    assert not rasterise([(10, 10, 1, 0.5)], 400, 225, released).any(), "the released code truncates it away"


def test_boxes_beside_the_frame_are_counted():
    faults = box_faults([box(-3, 0, 10, 10), box(500, 0, 5, 5), box(395, 220, 4, 4)], 400, 225)
    assert (faults.outside, faults.past_edge) == (1, 1)
    assert "outside" in str(faults)


EVENTS = (
    SoundEvent(1.0, 2.0, "car", True),
    SoundEvent(3.0, 4.0, "bus", False),
    SoundEvent(5.0, 6.0, "offscreen", True),
)


def test_paper_scores_what_is_heard_and_seen():
    boxes = tuple(
        box(1, 1, 5, 5, label, time, visible)
        for label in ("car", "bus")
        for time in (0.5, 1.0, 1.5, 2.0, 3.5, 5.5)
        for visible in (True, False)
    )
    annotations = Annotations(boxes, EVENTS)
    paper = scored_boxes(annotations, **dict(PAPER.ground_truth))
    assert {frame: [b.label for b in found] for frame, found in paper.items()} == {
        8: ["car"],
        12: ["car"],
        16: ["car"],
    }
    released = scored_boxes(annotations, **dict(RELEASED.ground_truth))
    assert {frame: [b.label for b in found] for frame, found in released.items()} == {12: ["car", "bus"]}


corner = st.floats(0, 0.8)
boxes = st.lists(st.tuples(corner, corner, st.floats(0.05, 0.2), st.floats(0.05, 0.2)), max_size=5).map(
    lambda rows: np.array([[x, y, x + w, y + h] for x, y, w, h in rows]).reshape(-1, 4)
)


@given(boxes, boxes)
def test_iou_is_symmetric_and_one_with_itself(first, second):
    overlap = pairwise_iou(first, second)
    np.testing.assert_allclose(overlap, pairwise_iou(second, first).T)
    assert ((overlap >= 0) & (overlap <= 1)).all()
    np.testing.assert_allclose(np.diag(pairwise_iou(first, first)), 1, atol=1e-6)


@given(boxes)
def test_what_stands_still_goes(found):
    """The same boxes in two frames are parked: the paper drops them in both, the released code in the first."""
    both = moving({0: found, 1: found}, gap=1, drop="both")
    assert not both[0].any()
    assert not both[1].any()
    first = moving({0: found, 4: found}, gap=4, drop="first")
    assert not first[0].any()
    assert first[4].all()


@given(boxes, boxes, boxes)
@settings(max_examples=50)
def test_dropping_both_is_what_dropping_each_way_gives(first, second, third):
    frames = {0: first, 1: second, 2: third}
    forward = moving(frames, gap=1, drop="first", iou=0.95 + 1e-12)
    backward = moving({2 - number: found for number, found in frames.items()}, gap=1, drop="first", iou=0.95 + 1e-12)
    both = moving(frames, gap=1, drop="both")
    for number in frames:
        np.testing.assert_array_equal(both[number], forward[number] & backward[2 - number])


def test_the_threshold_itself():
    """IoU exactly 0.95: the paper wants 'greater than', the released code keeps what is less than."""
    wide = np.array([[0.0, 0.0, 100.0, 1.0]])
    cut = np.array([[0.0, 0.0, 95.0, 1.0]])
    overlap = float(pairwise_iou(wide, cut)[0, 0])
    assert moving({0: wide, 1: cut}, iou=overlap, drop="both")[0].all()
    assert not moving({0: wide, 1: cut}, iou=overlap, drop="first")[0].any()


def test_no_successor_keeps_the_boxes():
    """The released filter fails on a later frame without boxes; ours keeps them."""
    found = np.array([[0.0, 0.0, 1.0, 1.0]])
    assert moving({0: found, 1: np.zeros((0, 4))})[0].all()
    assert moving({0: found})[0].all()
