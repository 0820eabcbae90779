"""The controls: rows that look at nothing, and a dataset whose clips have the sound of another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_generated import SIZE, moving_square

import flowgrad
from flowgrad.errors import InputError
from flowgrad.evaluation.ground_truth import rasterise
from flowgrad.models.controls import centre_box, whole_frame
from flowgrad.models.registry import DEFAULT_MODELS
from flowgrad.protocols import PAPER, RELEASED

AREA = SIZE[0] * SIZE[1]
SQUARE = 30 * 30


@pytest.mark.parametrize("protocol", [PAPER, RELEASED])
@pytest.mark.parametrize("size", [(160, 96), (1279, 719), (3, 7), (400, 225)])
def test_they_cover_what_they_say_to_the_pixel(size, protocol):
    assert rasterise(whole_frame(*size), *size, protocol).all()
    mask = rasterise(centre_box(*size), *size, protocol)
    assert mask[56:168, 56:168].all()
    assert mask.sum() == 112 * 112


def test_rows_that_look_at_nothing(workflow, tmp_path):
    """Added by name, they redo no map, are scored on the same frames, and score what arithmetic says they must."""
    root = moving_square(tmp_path / "data", "apple")
    config = {"dataset": {"root": str(root)}, "models": ["flow"], "frames": "annotated"}
    before = workflow(config)
    assert before.status == 0, before.output
    alone = pd.read_csv(before.folder / "results/metrics/frames.csv")
    named = workflow(config | {"models": ["flow", "whole-frame", "centre-box"]})
    assert named.status == 0, named.output
    assert named.jobs == {"score": 1, "summary": 1}
    frames = pd.read_csv(named.folder / "results/metrics/frames.csv")
    pd.testing.assert_frame_equal(frames[frames["model"] == "flow"].reset_index(drop=True), alone)
    assert set(frames["status"]) == {"ok"}

    whole = frames[frames["model"] == "whole-frame"]
    assert list(whole.groupby("protocol").size()) == [5, 5]
    np.testing.assert_allclose(whole["ciou"], SQUARE / AREA, atol=0.002)
    left = (5 + 3 * (whole["time_s"] * 24)) % (SIZE[0] - 30)
    # the square is 30 wide and lies between the box's upper and lower edge; the box spans 40..120 of 160
    hit = 30 * (np.minimum(left + 30, 120) - np.maximum(left, 40)).clip(lower=0)
    expected = hit / (AREA / 4 + SQUARE - hit)
    np.testing.assert_allclose(frames.loc[frames["model"] == "centre-box", "ciou"], expected, atol=0.005)


def test_they_are_no_models_that_run_by_themselves():
    assert len(DEFAULT_MODELS) == 7
    assert not {"whole-frame", "centre-box"} & set(DEFAULT_MODELS)
    with pytest.raises(InputError, match="whole-frame is a control"):
        flowgrad.load_model("whole-frame")
