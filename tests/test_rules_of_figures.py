"""Rules of maps, metrics and the stationary filter, each held by literal values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flowgrad.datasets.base import Annotations, Box, SoundEvent
from flowgrad.detection.labels import vehicle_labels
from flowgrad.detection.stationary import moving, pairwise_iou
from flowgrad.errors import InputError
from flowgrad.evaluation.ground_truth import BoxFaults, box_faults, rasterise, scored_boxes
from flowgrad.evaluation.metrics import area_under_curve, ciou, success_rate
from flowgrad.evaluation.outlook import outlook
from flowgrad.evaluation.scaling import normalise
from flowgrad.flow.magnitude import jpeg_magnitude, map_magnitude, network_input
from flowgrad.models.inputs import fitted_audio, window_start
from flowgrad.models.registry import get_model
from flowgrad.protocols import BUILT_IN, PAPER, RELEASED, Protocol

# What another signature would change stands here once.


def mask_of(boxes: list[tuple[float, float, float, float]], protocol: Protocol, side: int = 4) -> list[list[int]]:
    """The mask of boxes in a frame of 40 x 20 px."""
    return rasterise(boxes, 40, 20, protocol.boxes.box_raster, side).astype(int).tolist()


def scored_frames(box: tuple[float, float, float, float], protocol: Protocol) -> list[int]:
    """The scored frames of a car at 1 s in a frame of 40 x 20 px, while a car is heard."""
    known = Annotations((Box(1.0, *box, "car", True),), (SoundEvent(0, 2, "car", True),))
    return list(scored_boxes(known, **dict(protocol.ground_truth), size=(40, 20)))


def fitted(audio: np.ndarray, seconds: float) -> np.ndarray:
    return fitted_audio(audio, 16000, 16000, seconds)


def start_of_window(time: float) -> int:
    return window_start(time, 5.0, 16000)


# Protocols


PARTS = {
    "paper": {
        "detection": {"frame_storage": "exact"},
        "stationary": {"stationary_iou": 0.95, "stationary_gap": 1, "stationary_drop": "both"},
        "ground_truth": {"ground_truth": "sounding", "event_edges": "closed", "boxes_past_edge": "clip"},
        "threshold": {"threshold": "own", "map_threshold": 0.5, "normalise_maps": True},
        "boxes": {"box_raster": "round", "topline_successor": "any", "no_detections": "zero"},
    },
    "released": {
        "detection": {"frame_storage": "jpeg"},
        "stationary": {"stationary_iou": 0.95, "stationary_gap": 4, "stationary_drop": "first"},
        "ground_truth": {
            "ground_truth": "any-visible",
            "event_edges": "open",
            "boxes_past_edge": "drop-negative",
        },
        "threshold": {"threshold": "own", "map_threshold": 0.5, "normalise_maps": False},
        "boxes": {"box_raster": "truncate", "topline_successor": "scored", "no_detections": "leave-out"},
    },
}
SEEN = {
    "paper": {
        "sample_rate": 16000,
        "audio_seconds": 5.0,
        "audio_bits": "float",
        "audio_batch_norm": "running",
        "cam": "raw",
        "frame_storage": "exact",
    },
    "released": {
        "sample_rate": 22050,
        "audio_seconds": 1.0,
        "audio_bits": "16",
        "audio_batch_norm": "clip",
        "cam": "raw",
        "frame_storage": "jpeg",
    },
}
FLOW = {
    "paper": {"flow_storage": "float16", "flow_input": "float"},
    "released": {"flow_storage": "jpeg", "flow_input": "wrap"},
}


PLAIN = {"flow_seconds": 0.125, "flow_camera": "kept", "flow_scale": "linear", "flow_smoothing": 0}
"""Flow as it is."""


@pytest.mark.parametrize("name", ["paper", "released"])
def test_a_built_in_protocol_is_this(name):
    assert BUILT_IN[name].model_dump() == {"preset": name, "inputs": {}, **PARTS[name]}


@pytest.mark.parametrize("name", ["paper", "released"])
def test_the_presets_of_a_built_in_protocol_are_these(name):
    def settings(model: str) -> dict[str, object]:
        return get_model(model).settings(BUILT_IN[name]).model_dump()

    assert settings("rcgrad") == SEEN[name]
    assert settings("flowgrad-ic") == settings("flowgrad-en") == SEEN[name] | FLOW[name] | PLAIN
    storage = FLOW[name]["flow_storage"]
    assert settings("flow") == PLAIN | {"flow_storage": storage, "normalise_maps": name == "paper"}
    product = "min-max" if name == "paper" else "raw"
    assert settings("flowgrad-h") == PLAIN | {"flow_storage": storage, "flow_in_product": product}
    assert settings("hear-the-flow") == {"flow_storage": storage}
    assert [get_model(model).threshold for model in ("flow", "rcgrad", "hear-the-flow")] == ["fixed", "fixed", "median"]


@pytest.mark.parametrize("name", ["paper", "released"])
def test_the_values_of_a_built_in_protocol_are_within_bounds(name):
    """Defaults are not validated where they stand; written in a configuration they must be accepted."""
    assert Protocol.model_validate(BUILT_IN[name].model_dump()) == BUILT_IN[name]


# Metrics


def test_half_a_pixel_of_truth_counts_half():
    """One pixel on which annotators disagree and one that nobody marked, both predicted: 0.5 of 0.5 + 1."""
    assert ciou(np.array([[[1.0, 1.0, 0.0]]]), np.array([[[0.5, 0.0, 0.0]]])).tolist() == [0.5 / 1.5]


def test_truth_that_is_not_predicted_is_in_the_union():
    assert ciou(np.array([[[1.0, 0.0, 0.0]]]), np.array([[[1.0, 0.5, 0.5]]])).tolist() == [0.5]


def test_a_pixel_at_the_threshold_is_predicted():
    below = np.nextafter(0.5, 0)
    assert ciou(np.array([[[0.5]], [[below]]]), np.ones((2, 1, 1))).tolist() == [1, 0]
    assert ciou(np.array([[[0.25]]]), np.ones((1, 1, 1)), 0.25).tolist() == [1]


def test_a_map_is_normalised_by_its_own_ends():
    maps = np.array([[[-1.0, 0.0, 3.0]], [[10.0, 30.0, 20.0]]])
    assert normalise(maps).tolist() == [[[0, 0.25, 1]], [[0, 1, 0.5]]]
    assert normalise(maps).dtype == np.float32


def test_a_value_at_the_bound_is_a_success():
    assert success_rate(np.array([0.3, 0.29, 0.5, 0.0]), 0.3) == 0.5


@pytest.mark.parametrize(
    ("values", "area"),
    # the third threshold is 0.15000000000000002, as in the released code
    [([1.0], 1.0), ([0.5], 0.525), ([0.15], 0.125), ([0.0, 1.0], 0.5125), ([0.99], 0.975)],
)
def test_the_area_has_21_thresholds(values, area):
    assert area_under_curve(np.array(values)) == pytest.approx(area, abs=1e-12)


# Flow


def test_flow_shrinks_by_area():
    """One pixel of sixteen moves by 16 px: 1 px on average, which pixels in between would miss."""
    sparse = np.zeros((896, 896), np.float32)
    sparse[::4, ::4] = 16
    found = map_magnitude(sparse)
    assert found.shape == (224, 224)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, 1)


def test_flow_grows_between_pixels():
    """Enlarged flow has values in between, and keeps native pixels."""
    found = map_magnitude(np.array([[0, 8], [0, 8]], np.float32), 4)
    assert found.tolist() == [[0, 2, 6, 8]] * 4
    narrow = map_magnitude(np.tile(np.array([0, 8], np.float32), (8, 1)), 4)
    assert narrow.tolist() == [[0, 2, 6, 8]] * 4, "one side that grows is enough"


def test_released_flow_is_whole_pixels_up_to_255():
    for magnitude, stored in ((0.4, 0), (7.4, 7), (7.6, 8), (254.6, 255), (300, 255)):
        found = jpeg_magnitude(np.full((448, 448), magnitude, np.float32))
        assert found.shape == (224, 224)
        assert set(found.ravel().tolist()) == {stored}, magnitude


def test_networks_see_flow_with_its_offset():
    magnitude = np.array([0, 0.5, 45, 250, 251, 255, 300], np.float32)
    np.testing.assert_allclose(network_input(magnitude), [0.025, 0.0275, 0.25, 1.275, 1.28, 1.3, 1.525], rtol=1e-6)
    wrapped = network_input(magnitude, "wrap")
    np.testing.assert_allclose(wrapped, [0.025, 0.025, 0.25, 1.275, 0, 0.02, 0.02], rtol=1e-6)
    assert network_input(magnitude).dtype == wrapped.dtype == np.float32


# Boxes


def test_a_mask_has_rows_from_top_to_bottom():
    """A box at the upper right corner of a frame that is wider than high."""
    assert mask_of([(20, 0, 20, 5)], PAPER) == [[0, 0, 1, 1], [0] * 4, [0] * 4, [0] * 4]
    assert mask_of([(20, 0, 20, 5)], RELEASED) == [[0, 0, 1, 1], [0] * 4, [0] * 4, [0] * 4]


def test_edges_are_rounded_or_truncated():
    """From 6 to 16 of 40 px on four columns: 0.6 to 1.6 is column 1 rounded, columns 0 (one wide) truncated."""
    assert mask_of([(6, 0, 10, 20)], PAPER) == [[0, 1, 0, 0]] * 4
    assert mask_of([(6, 0, 10, 20)], RELEASED) == [[1, 0, 0, 0]] * 4


def test_a_box_past_the_edge_is_cut_there():
    assert mask_of([(-10, 10, 20, 30)], PAPER) == [[0] * 4, [0] * 4, [1, 0, 0, 0], [1, 0, 0, 0]]
    assert mask_of([(30, -5, 50, 10)], RELEASED)[3] == [0] * 4


def test_boxes_unite():
    assert mask_of([(0, 0, 20, 20), (10, 0, 20, 20)], PAPER) == [[1, 1, 1, 0]] * 4


@pytest.mark.parametrize(
    ("box", "paper", "released"),
    [
        ((0, 0, 5, 5), [8], [8]),
        ((-1, 0, 5, 5), [8], []),
        ((0, -1, 5, 5), [8], []),
        ((-5, 0, 5, 5), [], []),
        ((0, -5, 5, 5), [], []),
        ((40, 0, 5, 5), [], [8]),
        ((0, 20, 5, 5), [], [8]),
        ((39, 19, 5, 5), [8], [8]),
    ],
)
def test_what_a_box_at_the_edge_scores(box, paper, released):
    assert scored_frames(box, PAPER) == paper
    assert scored_frames(box, RELEASED) == released


def test_what_is_said_of_boxes():
    assert str(BoxFaults(0, 0)) == ""
    assert str(BoxFaults(2, 0)) == "boxes outside the frame, which do not count: 2"
    assert str(BoxFaults(1, 3)) == (
        "boxes outside the frame, which do not count: 1; boxes that reach past the frame: 3"
    )


@pytest.mark.parametrize(
    ("box", "faults"),
    [
        ((0, 0, 40, 20), (0, 0)),
        ((-0.5, -0.5, 41, 21), (0, 0)),
        ((-0.6, 0, 5, 5), (0, 1)),
        ((0, -0.6, 5, 5), (0, 1)),
        ((36, 0, 4.6, 5), (0, 1)),
        ((0, 16, 5, 4.6), (0, 1)),
        ((40, 0, 5, 5), (1, 0)),
        ((0, 20, 5, 5), (1, 0)),
        ((-5, 0, 5, 5), (1, 0)),
        ((0, -5, 5, 5), (1, 0)),
    ],
)
def test_which_boxes_are_outside_or_past_the_edge(box, faults):
    """Half a pixel past an edge is rounding."""
    found = box_faults([Box(0, *box, "car", True)], 40, 20)
    assert (found.outside, found.past_edge) == faults


def test_boxes_up_to_a_pixel_look_like_fractions():
    rules = {name: protocol.ground_truth for name, protocol in BUILT_IN.items()}

    def said(width: float) -> bool:
        known = Annotations((Box(1, 0, 0, width, 1, "car", True),), (SoundEvent(0, 2, "car", True),))
        return any("fractions" in sentence for sentence in outlook({"a": known}, ["a"], rules))

    assert said(1)
    assert not said(1.5)


def test_iou_of_literal_boxes():
    """Half on another, beside it, within it, and touching."""
    others = np.array([[5, 0, 15, 10], [20, 20, 30, 30], [2, 2, 4, 7], [10, 0, 20, 10]])
    found = pairwise_iou(np.array([[0, 0, 10, 10]]), others)
    np.testing.assert_allclose(found, [[1 / 3, 0, 0.1, 0]], atol=1e-9)


HERE, AWAY = np.array([[0.0, 0, 10, 10]]), np.array([[50.0, 50, 60, 60]])


def test_what_stands_is_compared_over_the_gap():
    frames = {0: HERE, 1: AWAY, 2: HERE}
    assert {k: v.tolist() for k, v in moving(frames, gap=1).items()} == {0: [True], 1: [True], 2: [True]}
    assert {k: v.tolist() for k, v in moving(frames, gap=2).items()} == {0: [False], 1: [True], 2: [False]}
    first = moving(frames, gap=2, drop="first")
    assert {k: v.tolist() for k, v in first.items()} == {0: [False], 1: [True], 2: [True]}


def test_only_the_box_that_stands_goes():
    both = np.concatenate([HERE, AWAY])
    found = moving({3: both, 4: AWAY + 0.1})
    assert {k: v.tolist() for k, v in found.items()} == {3: [True, False], 4: [False]}


def test_vehicles_are_known_by_usual_names_in_any_case():
    names = {0: "person", 1: " Cars", 2: "MOTORBIKE", 3: "bus", 4: "truck", 5: "train"}
    assert vehicle_labels(Path("w.pt"), names, {}) == {1: "car", 2: "motorcycle", 3: "bus", 4: "truck"}
    own = vehicle_labels(Path("w.pt"), {0: "car", 1: "tram", 2: "bus"}, {"bus": ["tram"]})
    assert own == {0: "car", 1: "bus"}, "a label with names of its own has no usual ones"
    with pytest.raises(InputError, match=r"w.pt: has no class 'lorry' \(detector.classes.truck\); it has 'car'"):
        vehicle_labels(Path("w.pt"), {0: "car"}, {"truck": ["lorry"]})


# Sound


def test_long_sound_is_cut_about_its_centre():
    """An impulse in the middle of 3 s is in the middle of the second that is kept; short sound is padded about it."""
    audio = np.zeros((2, 48000), np.float32)
    audio[:, 24000] = 1
    assert np.flatnonzero(fitted(audio, 1.0)[1]).tolist() == [8000]
    assert np.flatnonzero(fitted(audio, 5.0)[1]).tolist() == [40000]
    assert fitted(audio, 5.0).shape == (2, 80000)


def test_a_window_begins_half_its_length_before_its_frame():
    assert [start_of_window(time) for time in (0, 0.125, 2.5, 10)] == [-40000, -38000, 0, 120000]
