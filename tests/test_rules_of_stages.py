"""Rules of the stages heatmaps and score that no single figure shows: what a model is given, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_clip
from test_score import LEFT, columns, scored
from torch import nn

from flowgrad import artifacts, frames, media
from flowgrad.datasets.base import Annotations, Box, SoundEvent
from flowgrad.errors import InputError
from flowgrad.evaluation.base import Metric, ThresholdRule
from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.thresholds import FIXED
from flowgrad.flow.forms import ARTIFACT as FLOW
from flowgrad.models import engine
from flowgrad.models.base import AudioSpec, Batch, FlowSpec, FrameSpec, Model, Needs, Settings
from flowgrad.models.engine import compute
from flowgrad.models.registry import MODELS
from flowgrad.models.rows import Row
from flowgrad.protocols import PAPER, RELEASED
from flowgrad.schemas.boxes import DETECTIONS
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.status import STATUS
from flowgrad.stages import heatmaps, score

GIVEN: list[Batch] = []


class Asks(Settings):
    """A preset whose needs a test chooses."""

    what: str = "flow"

    def needs(self) -> Needs:
        return {
            "flow": Needs(flow=FlowSpec()),
            "maps": Needs(maps_of="rcgrad"),
            "flow and maps": Needs(flow=FlowSpec(), maps_of="rcgrad"),
            "frames": Needs(frames=FrameSpec(64)),
            "audio": Needs(audio=AudioSpec(8000, 0.5)),
            "frames and flow": Needs(frames=FrameSpec(32), flow=FlowSpec()),
        }[self.what]


def keeps(checkpoint, settings, runtime) -> Callable[[Batch], np.ndarray]:
    """A model that keeps what it is given; its maps count from 0."""

    def localize(batch: Batch) -> np.ndarray:
        GIVEN.append(batch)
        (count,) = {len(value) for value in vars(batch).values() if value is not None}
        return np.arange(count)[:, None, None] * np.ones((1, 224, 224))

    return localize


def decoded(folder: Path, *, sound: bool = True) -> Path:
    """Frames of two clips of 1 s; clip b has no sound."""
    path = folder / "frames.h5"
    clip = make_clip(folder / "clip.mp4", seconds=1, fps=8, sound=False)
    with artifacts.create(path, frames.KIND, sample_rates=[8000]) as output:
        for name in ("a", "b"):
            group = output.clip(name, source_sha256=name * 64)
            encoder = frames.FrameEncoder(group)
            for picture in media.pictures(media.inspect(clip)):
                encoder.add(picture)
            encoder.close()
            if sound and name == "a":
                group.extend("sound_8000", np.ones(8000, np.float32))
    return path


def numbered(path: Path, kind: str, name: str, members: dict[str, list[int]], **attributes: str) -> Path:
    """An artifact whose arrays hold the frame's number everywhere."""
    with artifacts.create(path, kind, **attributes) as output:
        for clip, numbers in members.items():
            array = np.array(numbers, np.float16)[:, None, None] * np.ones((1, 224, 224), np.float16)
            output.clip(clip, source_sha256=clip * 64, source_width=224).append(
                frame=np.array(numbers, np.int32), time_s=np.array(numbers) / 8, **{name: array}
            )
    return path


def made(folder: Path, what: str, **change) -> dict[str, list[int]]:
    """Run the stage, and return the frames of each clip that have maps."""
    GIVEN.clear()
    model = Model("asks", f"{__name__}:keeps", {"paper": Asks()})
    heatmaps.run(
        model=model, settings=Asks(what=what), protocol_name="paper", out=folder / "maps.h5", device="cpu", **change
    )
    with artifacts.open_artifact(folder / "maps.h5", HEATMAPS) as reader:
        assert reader.attributes()["method"] == "asks"
        for clip in reader.clips():
            assert reader.attributes(clip)["source_sha256"] == clip * 64
        return {clip: reader.read(clip, "frame").tolist() for clip in reader.clips()}


def test_a_model_of_flow_is_given_flow_alone_and_64_frames_at_once(tmp_path):
    flow = numbered(tmp_path / "flow.h5", FLOW, "magnitude", {"a": list(range(70))})
    assert made(tmp_path, "flow", flow_in=flow) == {"a": list(range(70))}
    assert [len(batch.flow) for batch in GIVEN] == [64, 6]
    assert all(batch.frames is None and batch.audio is None and batch.maps is None for batch in GIVEN)
    assert np.concatenate([batch.flow[:, 5, 5] for batch in GIVEN]).tolist() == list(range(70))
    with artifacts.open_artifact(tmp_path / "maps.h5") as reader:
        assert "device" not in reader.attributes(), "it runs nowhere in particular"
        assert "weights_sha256" not in reader.attributes()


def test_a_product_is_made_where_both_factors_are(tmp_path):
    flow = numbered(tmp_path / "flow.h5", FLOW, "magnitude", {"a": [0, 1, 2, 3], "b": [0], "c": [1]})
    maps = numbered(tmp_path / "m.h5", HEATMAPS, "maps", {"a": [1, 3, 5], "c": [2]}, weights_sha256="abc")
    assert made(tmp_path, "flow and maps", flow_in=flow, maps_in=maps) == {"a": [1, 3]}
    (batch,) = GIVEN
    assert batch.flow[:, 0, 0].tolist() == batch.maps[:, 0, 0].tolist() == [1, 3]
    with artifacts.open_artifact(tmp_path / "maps.h5") as reader:
        assert reader.attributes()["weights_sha256"] == "abc", "the network behind it"
        assert reader.read("a", "time_s").tolist() == [0.125, 0.375]


def test_a_model_that_looks_does_not_listen(tmp_path):
    path = decoded(tmp_path)
    assert made(tmp_path, "frames", frames_in=path, batch_size=3) == {"a": list(range(8)), "b": list(range(8))}
    assert [batch.frames.shape for batch in GIVEN] == [(3, 64, 64, 3), (3, 64, 64, 3), (2, 64, 64, 3)] * 2
    assert all(batch.audio is None for batch in GIVEN)


def test_a_model_that_listens_has_no_map_of_a_clip_without_sound_and_sees_nothing(tmp_path):
    assert made(tmp_path, "audio", frames_in=decoded(tmp_path), batch_size=16) == {"a": list(range(8))}
    (batch,) = GIVEN
    assert batch.frames is None
    assert batch.audio.shape == (8, 4000)
    # frame 0: silence before the recording, half a second about the frame; frame 3 lies within
    assert batch.audio.sum(axis=1)[[0, 3]].tolist() == [2000, 4000]


def test_frames_that_are_wanted_and_no_others(tmp_path):
    flow = numbered(tmp_path / "flow.h5", FLOW, "magnitude", {"a": [0, 1, 2], "b": [0, 1]})
    path = decoded(tmp_path)
    found = made(tmp_path, "frames and flow", frames_in=path, flow_in=flow, wanted={"a": [2, 0, 7]}, batch_size=4)
    assert found == {"a": [0, 2]}
    (batch,) = GIVEN
    assert batch.frames.shape == (2, 32, 32, 3)
    assert batch.flow[:, 0, 0].tolist() == [0, 2]


def test_a_network_says_where_it_ran(tmp_path):
    made(tmp_path, "frames", frames_in=decoded(tmp_path), checkpoint=tmp_path / "c.pt", checkpoint_sha256="fed")
    with artifacts.open_artifact(tmp_path / "maps.h5") as reader:
        known = reader.attributes()
        assert (known["device"], known["precision"], known["weights_sha256"]) == ("cpu", "float32", "fed")


class Sums(nn.Module):
    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor]:
        return (frames.float().sum(dim=(1, 2, 3)),)


def sums(checkpoint, settings, runtime) -> Callable[[Batch], np.ndarray]:
    """A model whose maps a network computes."""
    network = compute(Sums(), runtime)
    return lambda batch: network(batch.frames)[0][:, None, None] * np.full((1, 224, 224), 1e-6, np.float32)


@pytest.mark.parametrize("works", [True, False])
def test_maps_say_through_which_engine_they_really_came(tmp_path, monkeypatch, works):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    if not works:
        monkeypatch.setattr(engine, "_core", lambda: (_ for _ in ()).throw(ImportError("libopenvino.so is broken")))
    heatmaps.run(
        model=Model("sums", f"{__name__}:sums", {"paper": Asks()}),
        settings=Asks(what="frames"),
        protocol_name="paper",
        out=tmp_path / "maps.h5",
        frames_in=decoded(tmp_path),
        device="cpu",
    )
    with artifacts.open_artifact(tmp_path / "maps.h5", HEATMAPS) as reader:
        known = reader.attributes()
    assert known["engine"] == ("openvino" if works else "torch")
    assert "version_torch" in known
    assert ("version_openvino" in known) == works


# scores


def test_a_metric_or_a_rule_that_gives_something_else_is_named(tmp_path, monkeypatch):
    from flowgrad.stages import score as stage

    monkeypatch.setattr(stage, "_values", stage._values)
    short = Metric("short", lambda prediction, truth: np.zeros(len(truth) + 1), CIOU.summarise, ("x",))
    with pytest.raises(InputError, match=r"metric short: expected values \(2,\), it gives \(3,\)"):
        stage._values(short, None, np.zeros((2, 4, 4), np.float32))
    grey = ThresholdRule("grey", lambda maps, value: maps)
    with pytest.raises(InputError, match=r"threshold grey: expected masks \(1, 2, 2\) bool, it gives .* float32"):
        stage._masked(grey, np.zeros((1, 2, 2), np.float32), 0.5)
    thin = ThresholdRule("thin", lambda maps, value: maps[:, :1] > value)
    with pytest.raises(InputError, match=r"threshold thin: .* it gives \(1, 1, 2\) bool"):
        stage._masked(thin, np.zeros((1, 2, 2), np.float32), 0.5)


def test_the_successor_of_a_topline_frame_is_stationary_gap_frames_later(tmp_path):
    """Released: 4 frames, which must be scored and have any box, moving or not."""
    boxes = dict.fromkeys((0, 4, 8, 12), LEFT)
    moving, standing = (*LEFT[:2], 112.0, 224.0), (112.0, 0.0, 224.0, 224.0)
    found = scored(
        tmp_path,
        boxes,
        ["yolo-topline"],
        protocol=RELEASED,
        detections=[(0, moving, 1), (4, standing, 0), (8, moving, 1), (12, moving, 1)],
    )
    assert found["yolo-topline", 0] == (1.0, "ok"), "frame 4 has a box, though it stands"
    assert found["yolo-topline", 4] == (0.0, "empty_prediction"), "its box stands"
    assert found["yolo-topline", 8] == (1.0, "ok")
    assert found["yolo-topline", 12] == (0.0, "empty_prediction"), "frame 16 is not scored"


def test_controls_are_boxes_of_their_own(tmp_path):
    found = scored(tmp_path, {4: LEFT}, ["whole-frame", "centre-box"])
    assert found["whole-frame", 4] == (0.5, "ok")
    # a quarter of the frame, half of it in the left half
    assert found["centre-box", 4][0] == pytest.approx(0.125 / (0.5 + 0.125))


def test_rows_are_sorted_whatever_the_order_of_models(tmp_path):
    maps = {4: columns(112), 8: columns(56)}
    found = scored(tmp_path, {8: LEFT, 4: LEFT}, ["whole-frame", "flow"], maps=maps)
    assert list(found) == [("flow", 4), ("flow", 8), ("whole-frame", 4), ("whole-frame", 8)]
    assert [value for value, _ in found.values()] == [1, 0.5, 0.5, 0.5]


def test_two_metrics_have_a_row_each(tmp_path):
    known = Annotations((Box(0.5, *LEFT, "car", True),), (SoundEvent(0, 9, "car", True),))
    artifacts.write_json(tmp_path / "known.json", {"clip": known.to_json()})
    (tmp_path / "status.csv").write_text(f"{','.join(STATUS)}\nclip,ok,,72,224,224,9.0,,,0\n")
    artifacts.write_table(tmp_path / "boxes.csv", pd.DataFrame([], columns=list(DETECTIONS)))
    area = Metric("area", lambda prediction, truth: prediction.masks.mean(axis=(1, 2)), CIOU.summarise, ("x",))
    model = MODELS["whole-frame"]
    score.run(
        status_in=tmp_path / "status.csv",
        annotations_in=tmp_path / "known.json",
        rows=[Row(model, "rules", model.needs(PAPER))],
        protocols={"rules": PAPER},
        thresholds={("flow", "rules"): FIXED},
        metrics=[area, CIOU],
        maps_in={},
        detections_in={},
        out=tmp_path / "scores.csv",
    )
    table = pd.read_csv(tmp_path / "scores.csv")
    assert table[["metric", "value", "time_s"]].to_numpy().tolist() == [["area", 1.0, 0.5], ["ciou", 0.5, 0.5]]
