"""Flow estimators: what moves by a known vector has that flow, whoever estimates it; the forms in which it is kept."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgrad
from flowgrad.errors import InputError
from flowgrad.flow import farneback as farneback_module
from flowgrad.flow.base import Estimator, FlowEstimator
from flowgrad.flow.farneback import PARAMETERS, Farneback
from flowgrad.flow.forms import DTYPES, KINDS, kind_of, shape_of
from flowgrad.flow.magnitude import length
from flowgrad.flow.registry import ESTIMATORS
from flowgrad.flow.storage import still, stored


def scene(right: int, down: int, size: tuple[int, int] = (180, 240)) -> tuple[np.ndarray, np.ndarray]:
    """Two frames of a textured scene that moves by whole pixels."""
    height, width = size
    noise = np.random.default_rng(2).integers(0, 255, (height + 40, width + 40, 3), np.uint8)
    wide = cv2.GaussianBlur(noise, (0, 0), 3)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)
    first = wide[20 : 20 + height, 20 : 20 + width]
    second = wide[20 - down : 20 - down + height, 20 - right : 20 - right + width]
    return np.ascontiguousarray(first), np.ascontiguousarray(second)


def flow_of(estimator: FlowEstimator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return estimator.flow(estimator.prepared(first), estimator.prepared(second))


@pytest.mark.parametrize("name", ["farneback", "dis"])
@pytest.mark.parametrize(("right", "down"), [(4, 0), (-3, 2), (0, -5)])
def test_a_known_motion_is_found_with_its_direction(name, right, down):
    found = flow_of(ESTIMATORS[name].loaded(), *scene(right, down))
    assert found.shape == (2, 180, 240)
    assert found.dtype == np.float32
    inner = found[:, 30:-30, 30:-30]
    np.testing.assert_allclose(np.median(inner, axis=(1, 2)), [right, down], atol=0.3)


@pytest.mark.parametrize("name", ["farneback", "dis"])
def test_small_and_wrong_frames(name):
    estimator = ESTIMATORS[name].loaded()
    tiny = np.zeros((7, 9, 3), np.uint8)
    assert flow_of(estimator, tiny, tiny).shape == (2, 7, 9)
    with pytest.raises(ValueError, match="must have one shape"):
        estimator.flow(estimator.prepared(tiny), estimator.prepared(tiny[:5]))
    with pytest.raises(ValueError, match=r"first: expected an \(H, W\) uint8"):
        estimator.flow(tiny, estimator.prepared(tiny))


# Farneback's flow and OpenCV's function


def opencv(first: np.ndarray, second: np.ndarray, **others: object) -> np.ndarray:
    """The reference: (2, H, W) of two grey images."""
    return np.moveaxis(cv2.calcOpticalFlowFarneback(first, second, None, **(PARAMETERS | others)), -1, 0)


def grey_pair(height: int, width: int, seed: int, blur: float, move: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, blurred or not, and the same moved to the right and down, round the edge."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    first = cv2.GaussianBlur(noise, (0, 0), blur) if blur else noise
    return first, np.roll(first, (move // 2, move), (0, 1))


@settings(deadline=None, max_examples=60)
@given(
    height=st.one_of(st.integers(1, 20), st.integers(21, 140)),
    width=st.one_of(st.integers(1, 20), st.integers(21, 140)),
    seed=st.integers(0, 99),
    blur=st.sampled_from([0, 1.5, 6]),
    move=st.integers(-9, 9),
)
def test_farneback_is_opencvs_on_frames_of_any_size(height, width, seed, blur, move):
    """One row, a few pixels, odd sides, portrait. A sum's last digit may decide whether a pixel leaves the image."""
    first, second = grey_pair(height, width, seed, blur, move)
    expected = opencv(first, second)
    found = Farneback().flow(first, second)
    assert found.shape == expected.shape
    apart = np.hypot(*(found - expected))
    assert (apart > 1e-3).mean() <= 1e-3
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (40, 1), (2, 2), (14, 90), (9, 300)])
def test_frames_smaller_than_a_window_go_to_opencv(height, width):
    first, second = grey_pair(height, width, 1, 0, 2)
    assert Farneback().prepared(np.dstack([first] * 3)).levels == ()
    np.testing.assert_array_equal(Farneback().flow(first, second), opencv(first, second))


@pytest.mark.parametrize(
    "change",
    [{"winsize": 9}, {"poly_n": 3}, {"poly_sigma": 1.5}, {"levels": 1}, {"pyr_scale": 0.6}, {"iterations": 1}],
    ids=lambda change: next(iter(change)),
)
def test_every_parameter_of_farneback_is_used(monkeypatch, change):
    monkeypatch.setattr(farneback_module, "PARAMETERS", PARAMETERS | change)
    first, second = grey_pair(270, 300, 3, 1.5, 12)
    expected = opencv(first, second, **change)
    assert np.abs(expected - opencv(first, second)).max() > 0.1
    np.testing.assert_allclose(Farneback().flow(first, second), expected, atol=1e-3)


@pytest.mark.parametrize("name", ["acevedo0103_00_0", "london167_5118", "prague1033_43918"])
@pytest.mark.parametrize("size", [(400, 225), (224, 398), (960, 540)], ids=["native", "portrait", "large"])
def test_farneback_is_opencvs_on_real_clips(mini, name, size):
    """The target: 99.9 % of the pixels within 0.05 px, magnitudes of 224x224 within half a percent of the largest."""
    estimator = Farneback()
    frames = [cv2.resize(frame, size) for frame in flowgrad.read_clip(mini / f"clips/{name}.mp4").frames[:4]]
    prepared = [estimator.prepared(frame) for frame in frames]
    assert all(frame.levels[0].size == size[::-1] for frame in prepared)
    for first, second in itertools.pairwise(prepared):
        found, expected = estimator.flow(first, second), opencv(first.grey, second.grey)
        assert (np.hypot(*(found - expected)) <= 0.05).mean() >= 0.999
        one, other = (
            stored(np.ascontiguousarray(flow), "magnitude")["magnitude"].astype(float) for flow in (found, expected)
        )
        assert np.abs(one - other).max() <= 0.005 * other.max()


def test_a_prepared_frame_serves_both_of_its_pairs():
    """And no call leaves anything behind."""
    estimator = Farneback()
    first, second = grey_pair(90, 120, 5, 1.5, 3)
    frames = [estimator.prepared(np.dstack([image] * 3)) for image in (first, second, first)]
    there = estimator.flow(frames[0], frames[1])
    back = estimator.flow(frames[1], frames[2])
    np.testing.assert_array_equal(there, Farneback().flow(first, second))
    np.testing.assert_array_equal(back, Farneback().flow(second, first))
    np.testing.assert_array_equal(there, estimator.flow(frames[0], second))


@pytest.fixture(scope="module")
def raft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RAFT-small with seeded weights, in torchvision's layout."""
    from torchvision.models.optical_flow import raft_small

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("raft") / "raft_small.pth"
    torch.save(raft_small(weights=None).state_dict(), path)
    return path


def test_raft_runs_on_frames_of_any_size(raft):
    estimator = ESTIMATORS["raft-small"].loaded(raft)
    first, second = scene(3, 0, (100, 137))
    found = flow_of(estimator, first, second)
    assert found.shape == (2, 100, 137)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, flow_of(estimator, first, second))
    with pytest.raises(ValueError, match="must have one shape"):
        estimator.flow(estimator.prepared(first), estimator.prepared(second[:90]))


def test_weights_that_are_no_raft(tmp_path):
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth: holds no RAFT-small"):
        ESTIMATORS["raft-small"].loaded(tmp_path / "other.pth")


@pytest.mark.parametrize("kind", KINDS)
def test_forms_are_as_declared(kind):
    flow = np.random.default_rng(1).normal(0, 5, (2, 300, 400)).astype(np.float32)
    for forms in (stored(flow, kind), still(kind)):
        assert {form: array.dtype for form, array in forms.items()} == DTYPES[kind]
        for form, array in forms.items():
            assert array.shape == shape_of(form)
            assert kind_of(form) == kind


def test_magnitude_is_the_length_and_signed_keeps_the_direction():
    flow = np.zeros((2, 224, 224), np.float32)
    flow[0], flow[1] = -3, 4
    np.testing.assert_allclose(length(flow), 5, rtol=1e-5)
    np.testing.assert_allclose(stored(flow, "magnitude")["magnitude"], 5, rtol=1e-3)
    kept = stored(flow, "signed")
    np.testing.assert_allclose(kept["signed"], flow, rtol=1e-3)
    assert (kept["signed_jpeg"][0] == 0).all(), "8 bits know no motion to the left"
    assert (kept["signed_jpeg"][1] == 4).all()


def test_an_estimator_that_cannot_be_imported():
    with pytest.raises(InputError, match="flow estimator mine: nowhere:Thing cannot be imported"):
        Estimator("mine", "nowhere:Thing").loaded()


def test_an_unknown_form():
    with pytest.raises(ValueError, match="unknown 'speed'; known: magnitude, magnitude_jpeg, signed, signed_jpeg"):
        kind_of("speed")
