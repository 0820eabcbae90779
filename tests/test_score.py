"""Stage ``score`` called directly: which frames are scored, with which value and status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowgrad import artifacts
from flowgrad.datasets.base import Annotations, Box, SoundEvent
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.evaluation.registry import METRICS
from flowgrad.evaluation.thresholds import ADAPTIVE, FIXED
from flowgrad.models.registry import MODELS
from flowgrad.models.rows import Row
from flowgrad.protocols import PAPER, RELEASED, Protocol
from flowgrad.schemas.boxes import DETECTIONS
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.status import STATUS
from flowgrad.stages import score

SIDE = 224
"""Frames are as large as maps, so that pixels are those of the boxes."""
LEFT = (0.0, 0.0, 112.0, 224.0)
Found = dict[tuple[str, int], tuple[float, str]]


# What another signature would change stands here once.


def row_of(model: str, protocol: Protocol) -> Row:
    known = MODELS[model]
    return Row(known, "rules", known.needs(protocol), tuple(MODELS[name].needs(protocol) for name in known.parents))


def run_stage(
    folder: Path,
    models: Sequence[str],
    protocol: Protocol,
    metrics: Sequence[str],
    made: Mapping[tuple[str, str], Path],
    threshold: ThresholdRule = FIXED,
) -> pd.DataFrame:
    """Score what lies in the folder; the long table."""
    score.run(
        status_in=folder / "status.csv",
        annotations_in=folder / "known.json",
        rows=[row_of(model, protocol) for model in models],
        protocols={"rules": protocol},
        thresholds=dict.fromkeys(made, threshold),
        metrics=[METRICS[name] for name in metrics],
        maps_in=made,
        detections_in={"rules": folder / "boxes.csv"},
        out=folder / "scores.csv",
    )
    return pd.read_csv(folder / "scores.csv")


def scored(
    folder: Path,
    boxes: Mapping[int, tuple[float, float, float, float]],
    models: Sequence[str],
    *,
    protocol: Protocol = PAPER,
    frames: int = 72,
    sound_s: float | None = 9.0,
    maps: Mapping[int, np.ndarray] | None = None,
    detections: Sequence[tuple[int, tuple[float, float, float, float], int]] = (),
    threshold: ThresholdRule = FIXED,
) -> Found:
    """Score one clip; ``boxes`` and ``maps`` by frame, ``detections`` as (frame, corners, moving)."""
    known = Annotations(
        tuple(Box(number / 8, *xywh, "car", True) for number, xywh in boxes.items()),
        (SoundEvent(-1, 99, "car", True),),
    )
    artifacts.write_json(folder / "known.json", {"clip": known.to_json()})
    sound = "" if sound_s is None else sound_s
    (folder / "status.csv").write_text(
        f"{','.join(STATUS)}\nclip,ok,,{frames},{SIDE},{SIDE},{sound},,,0\nunannotated,ok,,9,10,10,,,,0\n"
    )
    rows = [("clip", number, number / 8, *corners, "car", 0.9, moves) for number, corners, moves in detections]
    artifacts.write_table(folder / "boxes.csv", pd.DataFrame(rows, columns=list(DETECTIONS)))
    made = {}
    for model in (model for model in models if MODELS[model].gives == "maps"):
        made[model, "rules"] = folder / f"{model}.h5"
        with artifacts.create(made[model, "rules"], HEATMAPS) as output:
            group = output.clip("clip")
            group.append(
                frame=np.array(list(maps or {}), np.int32), maps=np.array(list((maps or {}).values()), np.float16)
            )
    table = run_stage(folder, models, protocol, ["ciou"], made, threshold)
    assert list(table) == ["model", "protocol", "video", "frame", "time_s", "metric", "value", "status"]
    assert set(table["metric"]) <= {"ciou"}
    assert (table["time_s"] == table["frame"] / 8).all()
    assert set(table["video"]) <= {"clip"}
    assert len(table) == len(table[["model", "frame"]].drop_duplicates())
    return {(row.model, row.frame): (row.value, row.status) for row in table.itertuples(index=False)}


def columns(until: int, value: float = 1.0) -> np.ndarray:
    """A map that is bright left of a column."""
    found = np.zeros((SIDE, SIDE), np.float16)
    found[:, :until] = value
    return found


def test_a_rule_that_needs_the_truth_is_shown_that_of_each_item(tmp_path):
    """Of a map that falls from left to right it takes the columns of the truth but for one pixel; of boxes nothing."""
    falling = np.broadcast_to(np.arange(SIDE, 0, -1, dtype=np.float32), (SIDE, SIDE)).copy()
    falling += np.linspace(0, 0.4, SIDE, dtype=np.float32)[:, None]
    maps = dict.fromkeys((0, 4), falling.astype(np.float16))
    boxes = {0: LEFT, 4: (0.0, 0.0, 56.0, 224.0)}
    found = scored(tmp_path, boxes, ["flow", "whole-frame"], maps=maps, threshold=ADAPTIVE)
    assert found["flow", 0][0] > 0.95
    assert found["flow", 4][0] > 0.95
    assert found["whole-frame", 4] == (0.25, "ok")
    fixed = scored(tmp_path, boxes, ["flow"], maps=maps)
    assert fixed["flow", 4][0] == pytest.approx(0.5, abs=0.02)


def test_every_one_of_seventy_frames_has_its_own_value(tmp_path):
    """More than are scored at once; the last ones are scored with their own maps and boxes, to the last digit."""
    maps = {number: columns(112 if number < 64 else 168) for number in range(70)}
    found = scored(tmp_path, dict.fromkeys(range(70), LEFT), ["flow", "whole-frame"], maps=maps)
    assert len(found) == 140
    assert [found["flow", number] for number in range(64)] == [(1.0, "ok")] * 64
    assert [found["flow", number] for number in range(64, 70)] == [(112 / 168, "ok")] * 6, "not rounded"
    assert {found["whole-frame", number] for number in range(70)} == {(0.5, "ok")}


def test_what_a_map_or_a_truth_lacks_is_its_status(tmp_path):
    boxes = {0: LEFT, 1: LEFT, 2: (0.2, 0.2, 0.5, 0.5), 3: LEFT}
    maps = {0: columns(112), 1: columns(224, 0.75), 2: columns(112), 3: columns(112, 0.25)}
    released = scored(tmp_path, boxes, ["flow"], protocol=RELEASED, maps=maps)
    assert released == {
        ("flow", 0): (1.0, "ok"),
        ("flow", 1): (0.5, "ok"),
        ("flow", 2): (0.0, "empty_ground_truth"),
        ("flow", 3): (0.0, "empty_prediction"),
    }
    paper = scored(tmp_path, boxes, ["flow"], maps=maps)
    assert paper == {
        ("flow", 0): (1.0, "ok"),
        ("flow", 1): (0.0, "constant_map"),
        ("flow", 2): (pytest.approx(1 / (112 * 224)), "ok"),
        ("flow", 3): (1.0, "ok"),
    }


def test_a_constant_map_that_predicts_is_no_open_case(tmp_path):
    dark = scored(tmp_path, {0: LEFT}, ["flow"], protocol=RELEASED, maps={0: columns(224, 0.25)})
    assert dark == {("flow", 0): (0.0, "constant_map")}
    bright = scored(tmp_path, {0: LEFT}, ["flow"], protocol=RELEASED, maps={0: columns(224, 0.5)})
    assert bright == {("flow", 0): (0.5, "ok")}


def test_a_frame_that_one_model_cannot_have_is_left_out_for_all(tmp_path):
    """Each row stays, without a value and with the reason; 70 has no successor, 72 is past the end."""
    boxes = dict.fromkeys((0, 5, 70, 71, 72), LEFT)
    maps = {0: columns(112), 70: columns(112)}
    found = scored(tmp_path, boxes, ["flow", "whole-frame"], maps=maps)
    for model, value in (("flow", 1.0), ("whole-frame", 0.5)):
        of_model = {number: cell for (name, number), cell in found.items() if name == model}
        assert [of_model[number] for number in (0, 70)] == [(value, "ok")] * 2
        assert {number: of_model[number][1] for number in (5, 71, 72)} == {
            5: "no_map",
            71: "no_next_frame",
            72: "no_frame",
        }
        assert np.isnan([of_model[number][0] for number in (5, 71, 72)]).all()


def test_the_last_frame_is_scored_where_nothing_needs_its_successor(tmp_path):
    found = scored(tmp_path, dict.fromkeys((71, 72), LEFT), ["whole-frame"])
    assert found["whole-frame", 71] == (0.5, "ok")
    assert found["whole-frame", 72][1] == "no_frame"


def test_a_clip_without_sound_is_left_out_where_a_model_listens(tmp_path):
    maps = {0: columns(112)}
    mute = scored(tmp_path, {0: LEFT}, ["flow", "rcgrad"], maps=maps, sound_s=None)
    assert {key: status for key, (_, status) in mute.items()} == {("flow", 0): "no_sound", ("rcgrad", 0): "no_sound"}
    assert np.isnan([value for value, _ in mute.values()]).all()
    assert scored(tmp_path, {0: LEFT}, ["flow"], maps=maps, sound_s=None) == {("flow", 0): (1.0, "ok")}


def test_boxes_are_scored_as_their_union(tmp_path):
    """Two detections that overlap; the topline has the one that moves."""
    detections = [(0, (0, 0, 112, 224), 1), (0, (56, 0, 168, 224), 0)]
    found = scored(tmp_path, {0: LEFT}, ["yolo-baseline", "yolo-topline"], detections=detections)
    assert found == {("yolo-baseline", 0): (112 / 168, "ok"), ("yolo-topline", 0): (1.0, "ok")}


def test_corners_are_no_sizes(tmp_path):
    detections = [(0, (56, 112, 112, 224), 1)]
    found = scored(tmp_path, {0: LEFT}, ["yolo-baseline"], detections=detections)
    assert found == {("yolo-baseline", 0): (0.25, "ok")}


def test_a_frame_without_detections_is_zero_or_left_out(tmp_path):
    detections = [(1, LEFT, 1), (2, LEFT, 0)]
    boxes = dict.fromkeys((0, 1, 2), LEFT)
    zero = scored(tmp_path, boxes, ["yolo-baseline", "yolo-topline"], detections=detections)
    assert zero == {
        ("yolo-baseline", 0): (0.0, "no_detections"),
        ("yolo-baseline", 1): (1.0, "ok"),
        ("yolo-baseline", 2): (1.0, "ok"),
        ("yolo-topline", 0): (0.0, "no_detections"),
        ("yolo-topline", 1): (1.0, "ok"),
        ("yolo-topline", 2): (0.0, "empty_prediction"),
    }
    left_out = PAPER.changed(no_detections="leave-out")
    found = scored(tmp_path, boxes, ["yolo-baseline"], protocol=left_out, detections=detections)
    assert np.isnan(found["yolo-baseline", 0][0])
    assert found["yolo-baseline", 0][1] == "no_detections"


def test_the_released_topline_needs_a_scored_successor_with_detections(tmp_path):
    """Frame 0 has one four frames on; that of 1 has no detections, that of 4 is not scored."""
    detections = [(number, LEFT, 1) for number in (0, 1, 4, 8)]
    found = scored(
        tmp_path, dict.fromkeys((0, 1, 4, 5), LEFT), ["yolo-topline"], protocol=RELEASED, detections=detections
    )
    assert {number: status for (_, number), (_, status) in found.items()} == {
        0: "ok",
        1: "empty_prediction",
        4: "empty_prediction",
        5: "no_detections",
    }
    any_successor = RELEASED.changed(topline_successor="any")
    found = scored(tmp_path, {1: LEFT}, ["yolo-topline"], protocol=any_successor, detections=detections)
    assert found == {("yolo-topline", 1): (1.0, "ok")}


def test_the_threshold_is_the_protocols(tmp_path):
    lower = PAPER.changed(map_threshold=0.25)
    ramp = columns(112) + columns(224, 0.25)
    assert scored(tmp_path, {0: LEFT}, ["flow"], maps={0: ramp})["flow", 0] == (1.0, "ok")
    raw = lower.changed(normalise_maps=False)
    assert scored(tmp_path, {0: LEFT}, ["flow"], protocol=raw, maps={0: ramp})["flow", 0] == (0.5, "ok")


def scored_long(
    folder: Path,
    known: Annotations,
    metrics: Sequence[str],
    *,
    protocol: Protocol = PAPER,
    models: Sequence[str] = ("flow",),
    sound_s: float = 2.0,
) -> pd.DataFrame:
    """Score a clip of 17 frames with a map each; one row an item, a column a metric."""
    artifacts.write_json(folder / "known.json", {"clip": known.to_json()})
    (folder / "status.csv").write_text(f"{','.join(STATUS)}\nclip,ok,,17,{SIDE},{SIDE},{sound_s},,,0\n")
    made = {(model, "rules"): folder / f"{model}.h5" for model in models if MODELS[model].gives == "maps"}
    for path in made.values():
        with artifacts.create(path, HEATMAPS) as output:
            maps = np.stack([columns(112, number) for number in range(16)]).astype(np.float16)
            output.clip("clip").append(frame=np.arange(16, dtype=np.int32), maps=maps)
    artifacts.write_table(folder / "boxes.csv", pd.DataFrame(columns=list(DETECTIONS)))
    table = run_stage(folder, models, protocol, metrics, made).pivot(  # noqa: PD010 - pivot_table drops what is NaN
        index=["model", "frame", "status"], columns="metric", values="value"
    )
    return table.reset_index("status")


CAR = (Box(0.5, *LEFT, "car", True, "1"), Box(1.0, *LEFT, "car", True, "1"))
HEARD = (SoundEvent(0.4, 0.7, "car", True),)


def test_frames_without_truth_are_read_by_those_that_ask_for_them(tmp_path):
    """At 0, 1 and 1.5 s nothing sounds; the frame at 2 s has no successor, so it is no row at all."""
    asked = scored_long(tmp_path, Annotations(CAR, HEARD), ["ciou", "success_0_1", "pointing_game", "confidence"])
    flow = asked.loc["flow"]
    assert flow["status"].to_dict() == {0: "negative", 4: "ok", 8: "negative", 12: "negative"}
    assert list(flow.columns) == ["status", "ciou", "confidence", "pointing_game"]
    assert flow.loc[4, ["ciou", "pointing_game"]].tolist() == [1, 1]
    assert flow.loc[[0, 8, 12], ["ciou", "pointing_game"]].isna().all(axis=None)
    assert flow["confidence"].to_dict() == {0: 0, 4: 4, 8: 8, 12: 12}, "not normalised"
    unasked = scored_long(tmp_path, Annotations(CAR, HEARD), ["ciou", "success_0_1", "pointing_game"]).loc["flow"]
    assert unasked["status"].to_dict() == {4: "ok"}


def test_a_detector_that_finds_nothing_where_nothing_sounds_is_right(tmp_path):
    """Also where such a frame leaves its denominator: an item without truth is never left out."""
    protocol = PAPER.changed(no_detections="leave-out")
    table = scored_long(
        tmp_path, Annotations(CAR, HEARD), ["ciou", "highlighted"], protocol=protocol, models=["yolo-baseline"]
    ).loc["yolo-baseline"]
    assert table["status"].to_dict() == {
        0: "negative",
        4: "no_detections",
        8: "negative",
        12: "negative",
        16: "negative",
    }
    assert table["highlighted"].dropna().to_dict() == {0: 0, 8: 0, 12: 0, 16: 0}


def test_a_frame_of_which_nobody_knows_what_sounds_has_no_value(tmp_path):
    """Two cars and one sound that names no track; named, the truth is that car's box alone."""
    right = replace(CAR[0], x=112.0, track="2")
    protocol = PAPER.changed(ground_truth="by-track")
    table = scored_long(tmp_path, Annotations((*CAR, right), HEARD), ["ciou"], protocol=protocol).loc["flow"]
    assert table["status"].to_dict() == {4: "ambiguous"}
    assert table["ciou"].isna().all()
    for track, value in (("1", 1.0), ("2", 0.0)):
        named = (replace(HEARD[0], track=track),)
        table = scored_long(tmp_path, Annotations((*CAR, right), named), ["ciou"], protocol=protocol).loc["flow"]
        assert table.loc[4].tolist() == ["ok", value]
    table = scored_long(tmp_path, Annotations(CAR, HEARD), ["ciou"], protocol=protocol).loc["flow"]
    assert table.loc[4].tolist() == ["ok", 1.0], "the only car"
