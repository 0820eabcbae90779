"""A detector through OpenVINO finds what it finds through torch, and goes through torch where it must."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from detectors import random_detector
from scipy.optimize import linear_sum_assignment
from torch import nn

from flowgrad import media, weights
from flowgrad.check import check
from flowgrad.config import parse
from flowgrad.detection import Detections
from flowgrad.detection.sparse import SparseYolo
from flowgrad.detection.suppression import suppress
from flowgrad.detection.yolo import Yolo
from flowgrad.errors import InputError
from flowgrad.models import engine, runtime
from flowgrad.models.base import Runtime
from flowgrad.models.engine import KEPT, compute
from flowgrad.models.runtime import resolve
from flowgrad.provenance import modules_behind
from flowgrad.workflow import depends, work
from flowgrad.workflow.run import Run

pytest.importorskip("openvino", reason="OpenVINO is not installed")
OPENVINO = Runtime(engine="openvino")
SHIFT = 0.01
"""Pixels; what is promised is one."""


@pytest.fixture(scope="module")
def published(reference) -> Path:
    return reference / "weights/yolov8n.pt"


@pytest.fixture(scope="module")
def frames(reference) -> list[np.ndarray]:
    """Two frames of each of six clips, four of 400x225 and two of 1280x720."""
    clips = sorted((reference / "urbansas_mini/clips").glob("*.mp4"))[::7]
    clips += [reference / "videos/dashcam_720p_silent/test_video.mp4"]
    return [frame for clip in clips for frame in some_frames(clip)]


def some_frames(video: Path) -> list[np.ndarray]:
    pictures = list(media.pictures(media.inspect(video)))
    return [pictures[0].rgb(), pictures[len(pictures) // 2].rgb()]


def both(weights: Path, **settings) -> tuple[Yolo, Yolo]:
    return Yolo(weights, **settings, runtime=Runtime()), Yolo(weights, **settings, runtime=OPENVINO)


def assert_same(expected: Sequence[Detections], found: Sequence[Detections]) -> None:
    assert [one.labels for one in found] == [one.labels for one in expected]
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other.boxes, one.boxes, rtol=0, atol=SHIFT)
        np.testing.assert_allclose(other.confidences, one.confidences, rtol=0, atol=1e-4)
        assert other.boxes.dtype == other.confidences.dtype == np.float64


def in_order_of(expected: Detections, found: Detections) -> Detections:
    """Sort what was found as what was expected: with weights drawn at random, many are equally confident."""
    assert len(found.labels) == len(expected.labels)
    apart = np.abs(expected.boxes[:, None] - found.boxes[None]).max(axis=2)
    apart += 100 * np.abs(expected.confidences[:, None] - found.confidences[None])
    apart[np.array(expected.labels)[:, None] != np.array(found.labels)[None]] = 1e6
    _, rows = linear_sum_assignment(apart)
    return Detections(found.boxes[rows], tuple(found.labels[row] for row in rows), found.confidences[rows])


@pytest.mark.parametrize("confidence", [0.25, 0.01])
def test_boxes_of_real_frames(published, frames, confidence):
    """Each clip as a batch; far below the default most places have a box."""
    through_torch, through_openvino = both(published, confidence=confidence)
    assert len(frames) >= 10
    for start in range(0, len(frames), 2):
        expected = through_torch.detect(frames[start : start + 2])
        assert_same(expected, through_openvino.detect(frames[start : start + 2]))
    assert len(expected[0].labels) > 0


def test_boxes_of_rendered_streets(tmp_path):
    from flowgrad.synthetic.dataset import write_dataset
    from flowgrad.synthetic.settings import StreetSettings

    settings = StreetSettings(seed=3, seconds=1, frames_per_second=8, traffic=6)
    write_dataset(tmp_path, settings, 0, 2, 1)
    shipped = weights.find("streets-detector.pt")
    assert shipped is not None
    through_torch, through_openvino = both(shipped, image_size=320)
    count = 0
    for video in sorted((tmp_path / "unlabelled").rglob("*.mp4")):
        expected = through_torch.detect(some_frames(video))
        assert_same(expected, through_openvino.detect(some_frames(video)))
        count += sum(len(one.labels) for one in expected)
    assert count > 2


@pytest.mark.parametrize(
    "network", ["yolov3-tiny", "yolov5", "yolov8", "yolov9t", "yolov10n", "yolo11", "yolo12", "yolo26"]
)
def test_every_family(tmp_path, frames, network, caplog):
    """Heads with and without suppression, attention, one bin a side; boxes on every edge of the picture."""
    own = random_detector(network, tmp_path / "own.pt", np.stack(frames[:4]))
    caplog.set_level(logging.INFO)
    through_torch, through_openvino = both(own, image_size=320, confidence=0.05)
    expected = through_torch.detect(frames[:1])
    assert len(expected[0].labels) > 5
    (found,) = through_openvino.detect(frames[:1])
    assert_same(expected, [in_order_of(expected[0], found)])
    assert not [line for line in caplog.messages if "through torch" in line]


def test_a_transformer_goes_through_torch(tmp_path, frames, caplog):
    own = random_detector("yolov8-rtdetr", tmp_path / "own.pt")
    caplog.set_level(logging.INFO)
    through_torch, asked = both(own, image_size=320, confidence=0.05)
    assert caplog.messages == ["own.pt: computed through torch, not openvino: its head is a RTDETRDecoder"]
    expected = through_torch.detect(frames[:1])
    assert len(expected[0].labels) > 5
    assert_same(expected, asked.detect(frames[:1]))


@pytest.mark.parametrize("where", [(torch.jit, "trace"), (engine, "_core")])
def test_what_openvino_cannot_take_goes_through_torch(where, published, frames, monkeypatch, caplog):
    def fail(*_, **__):
        raise ImportError("no such operation\nmore words")

    caplog.set_level(logging.INFO)
    through_torch = Yolo(published, image_size=320, runtime=Runtime())
    asked = Yolo(published, image_size=320, runtime=Runtime(engine="openvino", fallback=True))
    monkeypatch.setattr(*where, fail)
    threads = torch.get_num_threads()
    for _ in range(2):
        assert_same(through_torch.detect(frames[:2]), asked.detect(frames[:2]))
    assert caplog.messages == ["computed through torch, not OpenVINO: no such operation"]
    assert torch.get_num_threads() == threads
    with pytest.raises(InputError, match=r"engine: openvino cannot compute this network here \(no such operation\)"):
        Yolo(published, image_size=320, runtime=OPENVINO).detect(frames[:1])


def test_an_error_of_inference_is_no_reason_to_try_again(published, frames, monkeypatch):
    detector = Yolo(published, image_size=320, runtime=Runtime(engine="openvino", fallback=True))
    detector.detect(frames[:1])
    assert isinstance(detector._find, SparseYolo)
    monkeypatch.setattr(detector._find, "_scores", lambda _: (_ for _ in ()).throw(RuntimeError("out of memory")))
    with pytest.raises(RuntimeError, match="out of memory"):
        detector.detect(frames[:1])


def test_a_detector_in_python_takes_what_the_machine_has(published):
    """As load_model does."""
    detector = Yolo(published)
    assert detector._runtime.engine == resolve().engine
    assert isinstance(detector._find, SparseYolo) == (resolve().engine == "openvino")


def test_an_edit_of_what_a_model_is_redoes_no_detection():
    behind = modules_behind(*depends.DETECT)
    assert "flowgrad.models.engine" in behind
    assert not {"flowgrad.models.base", "flowgrad.code", "flowgrad.flow.forms", "flowgrad.flow.windows"} & set(behind)


def test_frames_of_any_size(published, frames):
    """One by one and together, tall, wide, tiny and empty of vehicles; none at all."""
    street = frames[0]
    sizes = [street, street[:, 150:250], street[100:125], street[100:103, 100:104], np.zeros((90, 160, 3), np.uint8)]
    through_torch, through_openvino = both(published, confidence=0.1, image_size=320)
    for frame in sizes:
        assert_same(through_torch.detect([frame]), through_openvino.detect([frame]))
    assert_same(through_torch.detect(sizes), through_openvino.detect(sizes))
    assert through_openvino.detect([]) == []
    (nothing,) = through_openvino.detect([sizes[-1]])
    assert nothing.boxes.shape == (0, 4)
    assert nothing.confidences.shape == (0,)
    assert nothing.labels == ()


def test_a_side_that_is_no_multiple_of_the_stride(published, frames):
    through_torch, through_openvino = both(published, image_size=330)
    assert_same(through_torch.detect(frames[:1]), through_openvino.detect(frames[:1]))


def test_a_vehicle_of_two_names_is_found_once(published, frames):
    names = {"car": ["car", "truck", "bus"]}
    through_torch, through_openvino = both(published, confidence=0.05, classes=names)
    assert_same(through_torch.detect(frames[:2]), through_openvino.detect(frames[:2]))


def test_boxes_do_not_follow_the_precision(published, frames):
    """The stationary filter compares boxes at an IoU of 0.95."""
    exact, asked = (
        Yolo(published, runtime=Runtime(precision=precision, engine="openvino"))
        for precision in ("float32", "bfloat16")
    )
    (one,), (other,) = exact.detect(frames[:1]), asked.detect(frames[:1])
    np.testing.assert_array_equal(one.boxes, other.boxes)


@pytest.mark.parametrize("iou", [0.0, 0.45, 0.7, 1.0])
def test_suppression_is_that_of_torchvision(iou):
    from torchvision.ops import nms

    rng = np.random.default_rng(0)
    for count in (0, 1, 2, 300):
        corners = rng.uniform(0, 60, (count, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(1, 40, (count, 2))], axis=1).astype(np.float32)
        boxes[count // 2 :] = boxes[: count - count // 2]
        confidences = rng.integers(0, 50, count).astype(np.float32) / 50
        # equal confidences are in the order of the boxes in both
        expected = nms(torch.from_numpy(boxes), torch.from_numpy(confidences), iou).numpy()
        np.testing.assert_array_equal(suppress(boxes, confidences, iou), expected)


@pytest.mark.parametrize("installed", [True, False])
def test_a_job_takes_openvino_where_it_is_installed(tmp_path, published, monkeypatch, installed):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos/a.mp4").touch()
    settings = {"dataset": {"format": "videos", "root": str(tmp_path / "videos")}, "models": ["yolo-baseline"]}
    config = parse(settings | {"device": "cpu", "detector": {"weights": str(published)}})
    monkeypatch.chdir(tmp_path)
    run = Run(config, check(config))
    monkeypatch.setattr(runtime, "has_openvino", lambda: installed)
    detector = work.detector(run, threads=1)
    assert isinstance(detector, Yolo)
    assert isinstance(detector._find, SparseYolo) == installed


def test_few_shapes_are_kept_compiled(monkeypatch):
    traced = []
    trace = torch.jit.trace

    def counted(network, examples, **options):
        traced.append(tuple(examples[0].shape))
        return trace(network, examples, **options)

    class Summed(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            return (x.sum(dim=1),)

    monkeypatch.setattr(torch.jit, "trace", counted)
    run = compute(Summed(), OPENVINO, items=1)
    lengths = [*range(1, KEPT + 2), KEPT + 1, 2, 1]
    for length in lengths:
        x = np.arange(length, dtype=np.float32)[None]
        assert run(x)[0].tolist() == [x.sum()]
    assert [length for _, length in traced] == [*range(1, KEPT + 2), 1]
