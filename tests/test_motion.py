"""The row motion and what it is made of: the camera's motion, the background, flow on other scales."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given as sampled
from hypothesis import settings
from hypothesis import strategies as st

from flowgrad import artifacts, frames
from flowgrad.errors import InputError
from flowgrad.flow.background import UNKNOWN, difference, lower_median
from flowgrad.flow.camera import camera_motion, displacement, without_camera
from flowgrad.flow.prepared import averaged, compressed, given, magnitudes, smoothed
from flowgrad.flow.windows import COUNT, REACH, compared, pairs_around
from flowgrad.models.base import FlowSpec, Needs
from flowgrad.models.loading import load_model
from flowgrad.models.motion import motion
from flowgrad.models.presets import Motion, times_motion
from flowgrad.models.registry import get_model
from flowgrad.protocols import PAPER
from flowgrad.stages import background as stage

SIZE = 224
SMALL = st.floats(-8, 8)


def affine(motion: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Return the flow (2, S, S) of a motion."""
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    return np.stack([motion[0, part] + motion[1, part] * columns + motion[2, part] * rows for part in (0, 1)])


# the camera


@settings(max_examples=20, deadline=None)
@sampled(st.lists(SMALL, min_size=6, max_size=6))
def test_the_motion_of_the_camera_is_found_beside_a_vehicle(values):
    camera = np.array(values).reshape(3, 2)
    flow = affine(camera)
    flow[:, 60:150, 40:140] += np.array([12.0, -5.0])[:, None, None]
    np.testing.assert_allclose(camera_motion(flow), camera, atol=0.1)
    left = without_camera(flow)
    assert np.abs(left[:, :40]).max() < 0.2, "the street stands still"
    assert np.hypot(*left[:, 100, 100]) == pytest.approx(13, abs=0.3), "the vehicle keeps its own motion"


def test_where_nothing_moves_nothing_is_fitted():
    assert np.abs(without_camera(np.zeros((2, 32, 32)))).max() == 0


def test_a_displacement_takes_points_where_the_flow_takes_them():
    """A frame of 448x112 pixels: a pixel of its flow is half a pixel across in the picture of 224, and two down."""
    camera = np.array([[4.0, 3.0], [8.0, 0.0], [0.0, -2.0]])
    matrix = displacement(camera, 448, 112, SIZE)
    centre, right = (matrix @ [112, 112, 1])[:2], (matrix @ [168, 112, 1])[:2]
    np.testing.assert_allclose(centre, [112 + 2, 112 + 6])
    np.testing.assert_allclose(right, [168 + 2 + 1, 112 + 6], err_msg="a quarter of the width farther: 8/4 px more")
    np.testing.assert_allclose((matrix @ [112, 168, 1])[:2], [112 + 2, 168 + 6 - 1])


# flow on other scales


def test_a_mean_over_time_takes_the_pairs_that_there_are():
    magnitude = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    found = averaged(magnitude, [10, 11, 12, 13, 14], [10, 12, 14], seconds=0.5)
    # frame 12: pairs 10 to 13; frame 10: 8 to 11, of which two are there; frame 14: 12 to 15, of which three
    np.testing.assert_allclose(found[:, 0, 0], [0.5, 1.5, 3.0])
    assert list(pairs_around(12, 0.125)) == [12]


def test_scales():
    frame = np.linspace(0, 100, 101, dtype=np.float32).reshape(1, 1, 101)
    np.testing.assert_allclose(compressed(frame, "root"), np.sqrt(frame))
    np.testing.assert_allclose(compressed(frame, "percentile"), np.minimum(frame, 95))
    np.testing.assert_array_equal(compressed(frame, "linear"), frame)


def test_smoothing_spreads_and_keeps_the_sum():
    point = np.zeros((1, 33, 33), np.float32)
    point[0, 16, 16] = 1
    found = smoothed(point, 2)
    assert found.sum() == pytest.approx(1, abs=1e-4)
    assert found[0, 16, 16] == pytest.approx(1 / (2 * np.pi * 4), rel=0.01)
    np.testing.assert_array_equal(smoothed(point, 0), point)


def test_what_is_kept_is_given_untouched():
    """The default asks for nothing: the figures of the papers' rows do not move by a bit."""
    flow = np.random.default_rng(1).integers(0, 255, (3, SIZE, SIZE)).astype(np.uint8)
    found = given(flow, [4, 5, 6], [4, 6], FlowSpec("magnitude_jpeg"), width=640)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, flow[[0, 2]])


@pytest.mark.parametrize("form", ["signed", "magnitude"])
def test_pixels_per_second_keep_their_signs(form):
    shape = (3, 2, SIZE, SIZE) if form == "signed" else (3, SIZE, SIZE)
    flow = np.random.default_rng(1).normal(0, 9, shape).astype(np.float16)
    found = given(flow, [4, 5, 6], [4, 6], FlowSpec(form, per_second=True), width=640)
    np.testing.assert_array_equal(found, flow[[0, 2]].astype(np.float32) * 8)
    once, again = (given(flow, [4, 5, 6], [5], FlowSpec(form, True, 0.5, per_second=per), 640) for per in (False, True))
    np.testing.assert_allclose(again, 8 * once, rtol=1e-5)


def test_the_unit_of_the_map_does_not_depend_on_the_size_of_the_video():
    spec = FlowSpec("signed", magnitude=True, unit="map")
    flow = np.full((1, 2, SIZE, SIZE), 3.0) * np.array([1.0, 4 / 3])[:, None, None]
    np.testing.assert_allclose(given(flow, [0], [0], spec, width=448), 2.5)
    np.testing.assert_allclose(given(2 * flow, [0], [0], spec, width=896), 2.5)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"camera": "removed"}, "camera removed needs a signed form"),
        ({"form": "signed", "scale": "root"}, "of a signed form need magnitude=True"),
        ({"seconds": 0}, "expected seconds in 0..5, got 0"),
        ({"seconds": 6}, "expected seconds in 0..5, got 6"),
    ],
)
def test_flow_that_cannot_be_had(fields, words):
    with pytest.raises(InputError, match=words):
        FlowSpec(**fields)


def test_jpeg_keeps_no_direction():
    with pytest.raises(ValueError, match="JPEG keeps no direction"):
        Motion(flow_storage="jpeg", flow_camera="removed")
    with pytest.raises(ValueError, match=r"expected \(N, 2, S, S\)"):
        magnitudes(np.zeros((1, 4, 4)), "removed")


@pytest.mark.parametrize(
    ("needs", "reach"),
    [
        (Needs(), 0),
        (Needs(flow=FlowSpec()), 0),
        (Needs(flow=FlowSpec(seconds=0.25)), 1),
        (Needs(flow=FlowSpec(seconds=0.5)), 2),
        (Needs(flow=FlowSpec(), background=True), REACH),
    ],
)
def test_how_far_a_row_looks(needs, reach):
    """While only annotated frames are computed, no row has more of them decoded than it looks at."""
    assert needs.reach == reach


# the background


@pytest.mark.parametrize("count", range(1, 20))
def test_the_median_is_that_of_each_pixel(count):
    pictures = np.random.default_rng(count).integers(0, 4 if count % 2 else 256, (count, 9, 7, 3), np.uint8)
    middle = (count - 1) // 2
    np.testing.assert_array_equal(lower_median(list(pictures)), np.sort(pictures, axis=0)[middle])


def street(seed: int = 3, width: int = SIZE + 80) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 255, (SIZE + 80, width, 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 200, cv2.NORM_MINMAX)


def test_a_vehicle_differs_from_the_background():
    wide = street()[:SIZE, :SIZE]
    pictures = []
    for number in range(5):
        picture = wide.copy()
        picture[80:120, 40 * number : 40 * number + 30] = (255, 255, 255)
        pictures.append(picture)
    found = difference(pictures[2], pictures, [np.eye(3)] * 5)
    expected = 255 - wide[80:120, 80:110].astype(int).min(axis=-1)
    np.testing.assert_array_equal(found[80:120, 80:110], expected)
    found[80:120, 80:110] = 0
    assert found.max() == 0, "all else is background, and where it was before, too"


def test_pictures_of_a_camera_that_pans_are_laid_upon_each_other():
    wide = street()
    shifts = [0, 10, 20, 30, 40]
    pictures = [np.ascontiguousarray(wide[:SIZE, shift : shift + SIZE]) for shift in shifts]
    matrices = []
    for shift in shifts:
        matrix = np.eye(3)
        # what is at x in the middle picture is further left in one taken further right
        matrix[0, 2] = 20 - shift
        matrices.append(matrix)
    assert difference(pictures[2], pictures, matrices).max() <= 1
    assert difference(pictures[2], pictures, [np.eye(3)] * 5).max() > 20


def test_without_pictures_of_the_same_scene_all_may_be_foreground():
    picture, other = np.zeros((SIZE, SIZE, 3), np.uint8), np.full((SIZE, SIZE, 3), 90, np.uint8)
    for others in ([picture, picture], [picture, picture, other, other, other]):
        assert (difference(picture, others, [np.eye(3)] * len(others)) == UNKNOWN).all()
    assert (difference(picture, [picture] * 3, [np.eye(3)] * 3) == 0).all()


@sampled(st.integers(0, 300), st.integers(0, 300))
def test_compared_frames_lie_within_reach_and_number_no_more(number, last):
    number = min(number, last)
    found = compared(number, 0, last)
    assert len(found) <= COUNT
    assert found == sorted(set(found))
    assert all(max(number - REACH, 0) <= one <= min(number + REACH, last) for one in found)
    assert found[-1] == min(number + REACH, last)


# the row


def test_both_factors_are_wanted_and_saturate():
    moving, differing = np.zeros((1, SIZE, SIZE)), np.zeros((1, SIZE, SIZE), np.uint8)
    moving[:, :, 50:] = 0.2
    differing[:, 50:] = 16
    found = motion(moving, differing, smoothing=0)
    assert found[0, :50].max() == 0
    assert found[0, :, :50].max() == 0
    np.testing.assert_allclose(found[0, 50:, 50:], 0.25, rtol=1e-6)
    fast = motion(100 * moving, differing, smoothing=0)
    assert fast.max() < 0.51, "a hundred times as fast is not twice as much"


def test_a_localizer_weighs_as_much_as_its_share_says():
    flow, background = np.ones((1, 2, SIZE, SIZE), np.float32), np.full((1, SIZE, SIZE), 16, np.uint8)
    flow[:, :, :40, :40] = 9
    alone = load_model("motion")(frames=np.zeros((1, 100, SIZE, 3), np.uint8), flow=flow, background=background)
    model = get_model("rcgrad-motion")
    assert model.parents == ["rcgrad"]
    from flowgrad.models.base import Batch, Runtime

    maps = np.zeros((1, SIZE, SIZE), np.float32)
    maps[:, :, 112:] = 5
    magnitude = given(flow, [0], [0], model.needs(PAPER).flow, SIZE)
    for share, ratio in ((1.0, 0.0), (0.5, 0.5), (0.0, 1.0)):
        preset = times_motion()["paper"].model_copy(update={"share_of_localizer": share})
        found = model.loaded(None, preset, Runtime())(Batch(flow=magnitude, background=background, maps=maps))
        np.testing.assert_allclose(found[..., 112:], alone[..., 112:], rtol=1e-5)
        np.testing.assert_allclose(found[..., :112], ratio * alone[..., :112], rtol=1e-5)


def test_what_the_python_call_lacks_is_named():
    flow, background = np.ones((1, 2, SIZE, SIZE), np.float32), np.zeros((1, SIZE, SIZE), np.uint8)
    with pytest.raises(ValueError, match="background: motion needs"):
        load_model("motion")(frames=np.zeros((1, 9, 9, 3), np.uint8), flow=flow)
    with pytest.raises(ValueError, match="frames: motion needs them, too"):
        load_model("motion")(flow=flow, background=background)


def pan(path: Path, seconds: float, speed: float, step: int = 4) -> Path:
    """Write a clip at 8 fps: a camera that pans by ``speed`` px a frame over a wall, and a square going ``step``."""
    import av

    wide = street(5, width=600)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=8)
        video.width, video.height, video.pix_fmt = 224, 224, "yuv420p"
        video.options = {"crf": "12", "preset": "ultrafast"}
        for number in range(round(seconds * 8)):
            left = round(speed * number)
            image = wide[:224, left : left + 224].copy()
            at = 20 + step * number
            image[90:130, at % 180 : at % 180 + 40] = (250, 250, 90)
            for packet in video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")):
                container.mux(packet)
        for packet in video.encode():
            container.mux(packet)
    return path


@pytest.fixture(scope="module")
def panned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of a camera that pans by 6 px a frame, one that stands, and one of two seconds, with their annotations."""
    root = tmp_path_factory.mktemp("panned")
    (root / "clips").mkdir()
    (root / "annotations").mkdir()
    boxes = ["filename,time,x,y,w,h,visibility,label"]
    events = ["filename,start,end,label,non_identifiable_vehicle_sound"]
    for name, seconds, speed, step in (("pans", 5, 6.0, 4), ("short", 2, 0.0, 9), ("stands", 5, 0.0, 4)):
        pan(root / f"clips/{name}.mp4", seconds, speed, step)
        boxes += [f"{name},{at / 2},{(20 + 4 * step * at) % 180},90,40,40,1,car" for at in range(2 * seconds)]
        events.append(f"{name},0,9,car,0")
    (root / "annotations/video_annotations.csv").write_text("\n".join(boxes) + "\n")
    (root / "annotations/audio_annotations.csv").write_text("\n".join(events) + "\n")
    return root


def test_motion_finds_the_vehicle_where_the_camera_pans(workflow, panned):
    """And its row is added to a finished run without a job of those that were done."""
    config = {"dataset": {"root": str(panned)}, "models": ["flow"], "protocols": ["paper"], "pictures": 0}
    assert workflow(config).status == 0
    run = workflow(config | {"models": ["flow", "motion"]})
    assert run.status == 0, run.output
    # the frames were released: the new jobs decode for themselves, and nothing is decoded for others
    assert run.jobs == {
        "flow": 1,
        "background": 1,
        "arithmetic": 1,
        "release": 1,
        "score": 1,
        "summary": 1,
        "slices": 1,
    }, run.output
    frames = pd.read_csv(run.folder / "results/metrics/frames.csv")
    mean = frames.groupby(["model", "video"])["ciou"].mean()
    assert mean["flow", "pans"] < 0.2, "the whole picture moves"
    for video in ("pans", "stands"):
        assert mean["motion", video] > 0.5, mean
    assert mean["motion", "short"] > 0.4, mean
    assert workflow(config | {"models": ["flow", "motion"]}).nothing_to_do


def test_pictures_far_behind_are_forgotten(workflow, tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    pan(root / "long.mp4", 30, 1.0)
    config = {"dataset": {"format": "videos", "root": str(root)}, "models": ["motion"], "protocols": ["paper"]}
    run = workflow(
        config | {"pictures": 0, "frames_on_disk": 4}, "--notemp", "--", "results/background/farneback/00001.h5"
    )
    assert run.status == 0, run.output
    results = run.folder / "results"
    with (
        artifacts.open_artifact(results / "frames/00001.h5", frames.KIND) as source,
        artifacts.open_artifact(results / "flow/farneback/signed/00001.h5") as flow,
        artifacts.open_artifact(results / "background/farneback/00001.h5", "background") as made,
    ):
        clip = stage._Clip(source, flow, "long")
        kept = []
        for number in made.read("long", "frame").tolist():
            (there,) = made.rows("long", "difference", [number])
            np.testing.assert_array_equal(clip.difference(number), there)
            kept.append(len(clip._pictures) + len(clip._steps))
        assert max(kept) <= 2 * (2 * REACH + 1) + 2, "whatever the length of the clip"
        assert len(kept) == 239
