"""Flow estimators: what moves by a known vector has that flow, whoever estimates it; the forms in which it is kept."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from flowgrad.errors import InputError
from flowgrad.flow.base import Estimator, FlowEstimator
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
    grey = estimator.prepared(tiny)
    with pytest.raises(ValueError, match="must have one shape"):
        estimator.flow(grey, grey[:5])
    with pytest.raises(ValueError, match=r"first: expected an \(H, W\) uint8"):
        estimator.flow(tiny, grey)


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
