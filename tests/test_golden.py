"""Parity with what the released code computes (reference/golden/README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import ENGINES
from PIL import Image

import flowgrad
from flowgrad.detection import moving
from flowgrad.evaluation.ground_truth import rasterise
from flowgrad.evaluation.metrics import area_under_curve, ciou, success_rate
from flowgrad.protocols import RELEASED

FILES = {
    "flow": None,
    "rcgrad": "rc_grad.pt",
    "flowgrad-h": "rc_grad.pt",
    "flowgrad-ic": "flowgrad_IC.ckpt",
    "flowgrad-en": "flowgrad_EN.ckpt",
}


@pytest.fixture(scope="module")
def expected(reference: Path) -> dict[str, np.ndarray]:
    with np.load(reference / "golden/expected.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def frame(reference: Path) -> np.ndarray:
    (path,) = (reference / "golden/inputs").glob("*.frame.jpg")
    return np.asarray(Image.open(path).convert("RGB"))[None]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", FILES)
def test_maps_and_scores(name, engine, expected, frame, checkpoints):
    file = FILES[name] and checkpoints / FILES[name]
    model = flowgrad.load_model(name, checkpoint=file, protocol="released", device="cpu", engine=engine)
    maps = model(frame, expected["audio_22050"][None], 22050, expected["flow_224_uint8"][None])
    key = name.replace("-", "_")
    assert maps.shape == (1, 224, 224)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps[0], expected[key], atol=1e-4, rtol=0)
    score = flowgrad.score(maps, expected["gt_map"][None], protocol="released")
    assert score[0] == pytest.approx(float(expected[f"ciou_{key}"]), abs=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["rcgrad", "flowgrad-en"])
def test_running_statistics(name, engine, expected, frame, checkpoints):
    protocol = RELEASED.changed(audio_batch_norm="running")
    file = checkpoints / FILES[name]
    model = flowgrad.load_model(name, checkpoint=file, protocol=protocol, device="cpu", engine=engine)
    maps = model(frame, expected["audio_22050"][None], 22050, expected["flow_224_uint8"][None])
    key = name.replace("-", "_") + "_audio_eval"
    np.testing.assert_allclose(maps[0], expected[key], atol=1e-4, rtol=0)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_audio_embedding(mode, expected, checkpoints):
    import torch

    from flowgrad.models.rcgrad.encoders import load_encoders, use_clip_statistics

    audio = load_encoders(checkpoints / "rc_grad.pt", "rcgrad")["audio_encoder"]
    if mode == "train":
        use_clip_statistics(audio)
    with torch.inference_mode():
        embedding = audio.eval()(torch.from_numpy(expected["audio_22050"][None]))[0].numpy()
    np.testing.assert_allclose(embedding, expected[f"audio_embedding_{mode}"], atol=1e-5)


def test_a_map_does_not_depend_on_its_batch(expected, frame, checkpoints):
    """The released code standardises over the batch; ours gives each frame the same map in any company."""
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 22050)).astype(np.float32)
    audio = np.concatenate([expected["audio_22050"][None], noise])
    frames = np.concatenate([frame, frame[:, ::-1], frame[:, :, ::-1]])
    model = flowgrad.load_model("rcgrad", checkpoint=checkpoints / "rc_grad.pt", protocol="released", device="cpu")
    alone = model(frame, audio[:1], 22050)
    np.testing.assert_allclose(model(frames, audio, 22050)[:1], alone, atol=1e-5)


def test_metrics_exactly(expected):
    values = ciou(expected["metric_maps_uint8"] / 255, expected["metric_gt"], 0.5)
    known = np.nan_to_num(expected["metric_ciou"], nan=0.0)
    np.testing.assert_array_equal(values, known)
    assert success_rate(values, 0.3) == float(expected["metric_success_at_0.3"])
    assert success_rate(values, 0.5) == float(expected["metric_success_at_0.5"])
    assert area_under_curve(values) == pytest.approx(float(expected["metric_auc"]), abs=1e-15)


def corners(boxes: np.ndarray) -> np.ndarray:
    centre, size = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1)


def test_stationary_filter_exactly(expected):
    boxes = {0: corners(expected["boxes_f"]), 4: corners(expected["boxes_f1"])}
    keep = moving(boxes, iou=0.95, gap=4, drop="first")
    np.testing.assert_array_equal(expected["boxes_f"][keep[0]], expected["boxes_f_moving"])
    assert keep[4].all(), "the released filter drops boxes of the earlier frame only"


def test_box_mask_exactly(expected):
    boxes = [(x - w / 2, y - h / 2, w, h) for x, y, w, h in expected["boxes_f"]]
    np.testing.assert_array_equal(rasterise(boxes, 1, 1, RELEASED.boxes.box_raster), expected["box_mask"])


def test_ground_truth_exactly(reference, expected, frame):
    (path,) = (reference / "golden/inputs").glob("*.boxes.txt")
    boxes = [tuple(map(float, line.split()[1:])) for line in path.read_text().splitlines()]
    height, width = frame.shape[1:3]
    np.testing.assert_array_equal(rasterise(boxes, width, height, RELEASED.boxes.box_raster), expected["gt_map"])
