"""Rules of what is true and what is said of it: edges, votes, thresholds, reasons, each held by literal values."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from flowgrad.datasets.base import Annotations, Box, Region, SoundEvent
from flowgrad.errors import InputError
from flowgrad.evaluation import unscored
from flowgrad.evaluation.base import Metric
from flowgrad.evaluation.consensus import consensus
from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.ground_truth import heard_labels, is_outside, is_seen, rasterise, scored_boxes
from flowgrad.evaluation.outlook import outlook, past_the_end
from flowgrad.evaluation.thresholds import fixed, median
from flowgrad.evaluation.truth import scored_items, truth_mask
from flowgrad.evaluation.unscored import why_unscored
from flowgrad.protocols import BUILT_IN, PAPER, RELEASED, Boxes, GroundTruth, Stationary, Threshold, get_protocol

CAR = SoundEvent(1, 2, "car", True)


def box(time: float = 1.5, label: str = "car", visible: bool = True, **place: float) -> Box:
    return Box(time, **({"x": 5, "y": 5, "w": 10, "h": 10} | place), label=label, visible=visible)


# pixels


def rows(mask: np.ndarray) -> list[str]:
    return ["".join("#" if value else "." for value in row) for row in mask]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((0, 0, 10, 10), ["#...", "....", "....", "...."]),
        ((-10, -10, 20, 20), ["#...", "....", "....", "...."]),
        ((30, 20, 50, 50), ["....", "....", "...#", "...#"]),
        ((10, 10, 20, 10), ["....", ".##.", "....", "...."]),
        # too small for a pixel: that in which its middle lies
        ((11, 31, 2, 2), ["....", "....", "....", ".#.."]),
        ((39, 39, 1, 1), ["....", "....", "....", "...#"]),
        ((40, 0, 10, 10), ["....", "....", "....", "...."]),
        ((-10, 0, 10, 10), ["....", "....", "....", "...."]),
    ],
)
def test_a_rounded_box(place, expected):
    assert rows(rasterise([place], 40, 40, "round", 4)) == expected


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((0, 0, 19, 19), ["#...", "....", "....", "...."]),
        ((11, 31, 2, 2), ["....", "....", "....", "...."]),
        ((-15, 0, 25, 10), ["#...", "....", "....", "...."]),
        ((20, 20, 100, 20), ["....", "....", "..##", "..##"]),
    ],
)
def test_a_truncated_box(place, expected):
    assert rows(rasterise([place], 40, 40, "truncate", 4)) == expected


def test_votes_of_annotators():
    """Two of three must agree for the full weight; a third vote adds nothing."""
    regions = [Region(0, 0, 1, 1), Region(0, 0, 0.5, 1), Region(0, 0, 0.5, 0.5)]
    assert consensus(regions, 2, size=2).tolist() == [[1, 0.5], [1, 0.5]]
    np.testing.assert_allclose(consensus(regions[1:], 3, size=2), [[2 / 3, 0], [1 / 3, 0]], rtol=1e-6)
    assert consensus(regions[:1], 1, size=2).tolist() == [[1, 1], [1, 1]]
    assert consensus([], 1, size=2).tolist() == [[0, 0], [0, 0]]
    # edges are cut to whole pixels
    assert rows(consensus([Region(0.24, 0.26, 0.76, 0.99)], 1, size=4)) == ["....", "###.", "###.", "...."]


@pytest.mark.parametrize("edges", [(-0.1, 0, 1, 1), (0, -0.1, 1, 1), (0, 0, 1.1, 1), (0, 0, 1, 1.1)])
def test_a_region_past_the_picture(edges):
    with pytest.raises(ValueError, match="reaches past the picture"):
        consensus([Region(*edges)], 1)
    with pytest.raises(ValueError, match="agree is 0"):
        consensus([], 0)


def test_items_of_a_still_are_in_pixels_where_its_size_is_known():
    known = Annotations(regions=(Region(0.25, 0.5, 0.75, 1),))
    assert scored_items(known, PAPER.ground_truth, (40, 20)) == {0: [(10, 10, 20, 10)]}
    assert scored_items(known, PAPER.ground_truth) == {0: [(0.25, 0.5, 0.5, 0.5)]}
    assert truth_mask(known, [], (40, 20), "round").sum() == 112 * 112


# masks


def test_thresholds():
    maps = np.array([[[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 2.0]]])
    assert fixed(maps, 2.0).tolist() == [[[False, True], [True, True]], [[False, False], [False, True]]]
    assert median(maps).tolist() == [[[False, False], [False, True]], [[False, False], [False, True]]]
    wide = np.arange(15.0).reshape(1, 3, 5)
    assert median(wide).sum() == 7
    for wrong in (np.zeros((0, 0)), np.zeros((2, 2, 2, 2))):
        with pytest.raises(ValueError, match=r"expected \(N, H, W\)"):
            fixed(wrong, 0.5)
    with pytest.raises(ValueError, match="expected pixels"):
        median(np.zeros((2, 0, 3)))


# which frames


@pytest.mark.parametrize(
    ("time", "closed", "opened"), [(0.9, False, False), (1, True, False), (1.5, True, True), (2, True, False)]
)
def test_edges_of_events(time, closed, opened):
    known = Annotations(events=(CAR,))
    assert (heard_labels(known, time) == {"car"}) is closed
    assert (heard_labels(known, time, "open") == {"car"}) is opened


def test_what_is_heard_is_identifiable_and_on_screen():
    events = (SoundEvent(0, 9, "car", False), SoundEvent(0, 9, "offscreen", True), SoundEvent(0, 9, "bus", True))
    assert heard_labels(Annotations(events=events), 1) == {"bus"}


def test_boxes_that_count():
    boxes = (box(), box(label="bus"), box(time=2), box(time=0.5), box(visible=False), box(x=100), box(x=-3))
    known = Annotations(boxes, (CAR,))

    def counted(rules: GroundTruth, size: tuple[int, int] | None = (60, 60)) -> dict[int, int]:
        return {frame: len(found) for frame, found in scored_boxes(known, **dict(rules), size=size).items()}

    assert counted(PAPER.ground_truth) == {12: 2, 16: 1}
    assert counted(PAPER.ground_truth, None) == {12: 3, 16: 1}, "where the size is not known, nothing lies outside"
    assert counted(RELEASED.ground_truth) == {12: 3}, "any class, not at an event's end, none past an edge"


@pytest.mark.parametrize(
    ("place", "outside"),
    [
        ({"x": 40}, True), ({"x": 39.9}, False), ({"y": 20}, True), ({"y": 19.9}, False),
        ({"x": -10}, True), ({"x": -9.9}, False), ({"y": -10}, True), ({"y": -9.9}, False),
    ],
)  # fmt: skip
def test_a_box_outside_the_frame(place, outside):
    assert is_outside(box(**place), 40, 20) is outside
    assert is_seen(box(**place), "clip", (40, 20)) is not outside
    assert is_seen(box(**place), "drop-negative", (40, 20)) is (min(box(**place).xywh) >= 0)


# what is said


@pytest.mark.parametrize(
    ("boxes", "events", "reason"),
    [
        ((), (CAR,), unscored.NO_BOX),
        ((box(visible=False),), (CAR,), unscored.NO_VISIBLE_BOX),
        ((box(x=900),), (CAR,), unscored.NO_BOX_IN_FRAME),
        ((box(),), (), unscored.NO_EVENT),
        ((box(),), (SoundEvent(-1, -1, "-1", True),), unscored.NO_EVENT),
        ((box(),), (SoundEvent(1, 2, "offscreen", True),), unscored.NO_EVENT_ON_SCREEN),
        ((box(),), (SoundEvent(1, 2, "car", False),), unscored.NO_IDENTIFIABLE_EVENT),
        ((box(time=5),), (CAR,), unscored.NO_OVERLAP),
        ((box(label="bus"),), (CAR,), unscored.NO_COMMON_CLASS),
        ((box(),), (CAR,), unscored.TOO_SHORT),
    ],
)
def test_why_a_clip_is_not_scored(boxes, events, reason):
    assert why_unscored(Annotations(boxes, events), [PAPER.ground_truth], (60, 60), 12) == reason


def test_a_clip_that_is_scored_has_no_reason():
    known = Annotations((box(),), (CAR,))
    assert why_unscored(known, [PAPER.ground_truth], (60, 60), 13) is None
    bus = Annotations((box(label="bus"),), (CAR,))
    assert why_unscored(bus, [PAPER.ground_truth, RELEASED.ground_truth], (60, 60), 13) is None
    assert why_unscored(bus, [PAPER.ground_truth], (60, 60), 13) == unscored.NO_COMMON_CLASS


RULES = {"paper": PAPER.ground_truth}


def test_what_is_said_before_a_run():
    known = Annotations((box(), box(time=2)), (CAR,))
    assert outlook({"a": known, "b": known}, ["a", "b"], RULES) == ["protocol paper scores 4 frames of 2 clips"]
    one = Annotations((box(),), (CAR,))
    assert outlook({"a": one}, ["a"], RULES) == ["protocol paper scores 1 frame of 1 clip"]
    assert outlook({}, ["a"], RULES) == ["protocol paper scores NO frame: the tables of annotations hold no row"]
    (said,) = outlook({"a": one}, ["b"], RULES | {"other": PAPER.ground_truth})
    assert said == (
        "protocols paper, other score NO frame: no clip of the annotations has a video: the tables name 'a', a video"
        " is called 'b'"
    )


def test_names_that_nearly_fit_are_named_three_at_a_time():
    known = Annotations((box(),), (CAR,))
    annotated = {"fits": known} | {f"street_{number}_x": known for number in range(5)}
    videos = ["fits", *(f"street_{number}_X" for number in range(5))]
    (_, said) = outlook(annotated, videos, RULES)
    assert said.startswith("annotated without a video, and a video without annotations: street_0_x (street_0_X?)")
    assert said.count("?") == 3
    assert said.endswith(" and 2 more")
    (_, said) = outlook({"fits": known, "street_1": known}, ["fits", "Street_1"], RULES)
    assert said.endswith("street_1 (Street_1?)")


@pytest.mark.parametrize(("boxed", "heard", "what"), [(1500, 1, "the times of the boxes"), (1.5, 1000, "the times of")])
def test_milliseconds_are_recognised(boxed, heard, what):
    known = Annotations((box(time=boxed),), (SoundEvent(heard, 2 * heard, "car", True),))
    (said,) = outlook({"a": known}, ["a"], RULES)
    assert what in said
    assert said.endswith("look like milliseconds, as seconds 1 frame would be scored")


def test_annotations_past_the_end():
    known = {"a": Annotations((box(time=11),), ()), "b": Annotations((), (SoundEvent(11.1, 12, "car", True),))}
    assert past_the_end(known, {"a": 10}) is None, "a second is rounding"
    said = past_the_end(known, {"a": 10, "b": 10})
    assert said == (
        "annotated past the end: 1 of 2 clips looked at, for example b, which lasts 10 s and is annotated at 11.1 s"
    )
    late = {"c": Annotations((box(time=9000),), ())}
    assert past_the_end(late, {"c": 10}).endswith("; the times look like milliseconds")


def test_classes_that_do_not_meet_are_named():
    known = {"a": Annotations((box(label="bus"), box(label="truck", visible=False)), (CAR,))}
    (said,) = outlook(known, ["a"], RULES)
    assert said.endswith("(1 clip): boxes are of bus, sound events of car")
    apart = {"a": Annotations((box(),), ()), "b": Annotations((), (CAR,))}
    (said,) = outlook(apart, ["a", "b"], RULES)
    assert said.endswith("no clip is in both tables, the boxes' has 'a', the sound events' 'b'")


# metrics and protocols


def test_figures_of_the_metric():
    found = CIOU.figures([np.array([0.3, 0.5]), np.array([0.1])])
    assert (found["success_at_0_3"], found["success_at_0_5"]) == (2 / 3, 1 / 3)
    assert found["mean_ciou"] == pytest.approx(0.3)


def test_a_metric_that_does_not_keep_its_word():
    with pytest.raises(InputError, match="columns: expected"):
        Metric("m", lambda *_: 0, "x", lambda clips: {})
    for summarise, words in ((lambda clips: {"y": 1.0}, "expected figures"), (lambda clips: 1 / 0, "ZeroDivision")):
        with pytest.raises(InputError, match=words):
            Metric("m", lambda *_: 0, ("x",), summarise).figures([])


@pytest.mark.parametrize(
    ("part", "field", "within", "beyond"),
    [
        (Stationary, "stationary_gap", (1, 80), (0, 81)),
        (Stationary, "stationary_iou", (0.001, 1), (0, 1.001)),
        (Threshold, "map_threshold", (0.001, 0.999), (0, 1)),
    ],
)
def test_bounds_of_a_protocol(part, field, within, beyond):
    for value in within:
        assert getattr(part(**{field: value}), field) == value
    for value in beyond:
        with pytest.raises(ValidationError):
            part(**{field: value})


def test_a_change_goes_to_the_parts_that_have_it():
    changed = PAPER.changed(stationary_gap=3, normalise_maps=False, flow_storage="jpeg", box_raster="truncate")
    assert changed.stationary == Stationary(stationary_gap=3)
    assert changed.threshold == Threshold(normalise_maps=False)
    assert changed.boxes == Boxes(box_raster="truncate")
    assert changed.inputs == {"normalise_maps": False, "flow_storage": "jpeg"}, "models have these, too"
    assert changed.ground_truth == PAPER.ground_truth
    assert changed.changed(flow_storage="float16").inputs == {"normalise_maps": False, "flow_storage": "float16"}
    with pytest.raises(ValidationError):
        PAPER.changed(stationary_gap=0)


def test_protocols_by_name():
    assert get_protocol("paper") is PAPER
    assert get_protocol(RELEASED) is RELEASED
    assert list(BUILT_IN) == ["paper", "released", "robust"]
    with pytest.raises(InputError, match="unknown protocol 'papers': use one of paper, released, robust"):
        get_protocol("papers")
