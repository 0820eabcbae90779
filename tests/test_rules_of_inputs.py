"""Rules of what models and estimators are given: colours, windows of audio, flow, and which rows apply to a still."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from flowgrad.errors import InputError
from flowgrad.flow.base import estimated
from flowgrad.flow.dis import Dis
from flowgrad.flow.farneback import PARAMETERS, Farneback
from flowgrad.flow.magnitude import map_magnitude
from flowgrad.flow.pairs import grey
from flowgrad.flow.raft import RaftSmall
from flowgrad.models.base import AudioSpec, FlowSpec, FrameSpec, Model, Needs, Settings
from flowgrad.models.inputs import (
    PIXEL_DEVIATION,
    PIXEL_MEAN,
    fitted_audio,
    stored_audio,
    window_length,
    window_start,
)
from flowgrad.models.registry import MODELS
from flowgrad.models.resnet import pictures
from flowgrad.models.rows import Row
from flowgrad.resizing import resized

NOISE = np.random.default_rng(7).integers(0, 256, (40, 56, 3), np.uint8)


# frames


def standardised(frames: np.ndarray) -> np.ndarray:
    return pictures(torch.from_numpy(frames), PIXEL_MEAN, PIXEL_DEVIATION).numpy()


def test_black_and_white_are_these_values_to_a_network():
    """CLIP's mean and deviation: what RCGrad's image encoder was made for."""
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    frames[1] = 255
    found = standardised(frames)
    assert found.shape == (2, 3, 4, 4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, :, 0, 0], [-1.792263, -1.752097, -1.480220], atol=1e-5)
    np.testing.assert_allclose(found[1, :, 0, 0], [1.930337, 2.074884, 2.145897], atol=1e-5)


def test_colours_stay_in_their_channel_and_places_in_theirs():
    frames = np.zeros((1, 3, 3, 3), np.uint8)
    frames[0, 1, 2, 0] = 255
    found = standardised(frames) - standardised(np.zeros_like(frames))
    assert np.argwhere(found).tolist() == [[0, 0, 1, 2]]


def test_a_frame_is_stretched_to_a_square():
    found = resized(NOISE, 16)
    assert found.shape == (16, 16, 3)
    np.testing.assert_array_equal(resized(np.full((9, 30, 3), 77, np.uint8)), np.full((224, 224, 3), 77))


# audio


def test_sixteen_bits_are_whole_steps_up_to_their_ends():
    audio = np.array([-2.0, -1.0, -1 / 32768, 0.4 / 32768, 0.6 / 32768, 1.0, 32767 / 32768], np.float32)
    found = stored_audio(audio, "16") * 32768
    assert found.tolist() == [-32768, -32768, -1, 0, 1, 32767, 32767]
    assert stored_audio(audio, "float") is audio


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([1, 2, 3, 4, 5, 6], [2, 3, 4, 5]),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4]),
        ([1, 2, 3, 4], [1, 2, 3, 4]),
        ([1, 2, 3], [1, 2, 3, 0]),
        ([1, 2], [0, 1, 2, 0]),
        ([1], [0, 1, 0, 0]),
    ],
)
def test_audio_is_cut_or_filled_about_its_centre(samples, expected):
    found = fitted_audio(np.array([samples], np.float32), 4, 4, 1.0)
    assert found.tolist() == [expected]


def test_audio_at_another_rate_keeps_its_pitch():
    time = np.arange(8000) / 8000
    found = fitted_audio(np.sin(2 * np.pi * 100 * time)[None].astype(np.float32), 8000, 16000, 1.0)
    assert found.shape == (1, 16000)
    assert int(np.abs(np.fft.rfft(found[0])).argmax()) == 100


@pytest.mark.parametrize(
    ("audio", "rate", "words"),
    [
        (np.zeros(5, np.float32), 8, r"windows \(N, S\) with S > 0, got \(5,\)"),
        (np.zeros((2, 0), np.float32), 8, r"got \(2, 0\)"),
        (np.zeros((1, 4), np.float32), 0, "a positive rate in Hz, got 0"),
        (np.zeros((1, 4), np.int16), 8, "divide integers by their range"),
    ],
)
def test_audio_that_is_none(audio, rate, words):
    with pytest.raises(ValueError, match=words):
        fitted_audio(audio, rate, 8, 1.0)


def test_where_a_window_lies():
    assert window_length(0.5, 22050) == 11025
    assert window_length(1.00003, 16000) == 16000
    assert window_start(0, 5, 16000) == -40000
    assert window_start(3, 1, 16000) == 40000


# flow


def test_farneback_is_opencvs_with_the_parameters_of_the_released_code():
    assert PARAMETERS == {
        "pyr_scale": 0.5, "levels": 3, "winsize": 15, "iterations": 3, "poly_n": 5, "poly_sigma": 1.2, "flags": 0,
    }  # fmt: skip
    assert Farneback.settings == PARAMETERS


@pytest.mark.parametrize("shape", [(100, 400), (400, 100), (100, 100)])
def test_a_flow_that_is_too_small_on_one_side_is_enlarged_between_its_pixels(shape):
    """An average over areas needs a whole pixel for each of the map's, in both directions."""
    magnitude = np.random.default_rng(1).uniform(0, 9, shape).astype(np.float32)
    expected = cv2.resize(magnitude, (224, 224), interpolation=cv2.INTER_LINEAR).astype(np.float16)
    np.testing.assert_array_equal(map_magnitude(magnitude), expected)


def test_grey_weighs_the_colours_as_television_does():
    for colour, value in (((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)):
        assert grey(np.full((1, 1, 3), colour, np.uint8)).tolist() == [[value]]


@pytest.mark.parametrize("size", [(15, 40), (40, 15), (16, 16), (5, 5)])
def test_dis_repeats_the_edge_of_a_frame_that_is_too_small(size):
    """And of one that is not, it is OpenCV's flow to the bit."""
    first, second = grey(NOISE)[: size[0], : size[1]], grey(NOISE)[: size[0], 1 : size[1] + 1]
    found = Dis().flow(first, second)
    assert found.shape == (2, *size)
    room = ((0, max(16 - size[0], 0)), (0, max(16 - size[1], 0)))
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    expected = method.calc(np.pad(first, room, "edge"), np.pad(second, room, "edge"), None)
    np.testing.assert_array_equal(found, np.moveaxis(expected, -1, 0)[:, : size[0], : size[1]])


@pytest.fixture(scope="module")
def raft(tmp_path_factory: pytest.TempPathFactory) -> RaftSmall:
    from torchvision.models.optical_flow import raft_small

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("raft") / "raft.pth"
    torch.save(raft_small(weights=None).state_dict(), path)
    return RaftSmall(path)


def test_raft_sees_minus_one_to_one_with_sides_that_eight_divides(raft):
    frame = np.zeros((130, 137, 3), np.uint8)
    frame[:, 68:] = 255
    found, size = raft.prepared(frame)
    assert size == (130, 137)
    assert tuple(found.shape) == (1, 3, 136, 144)
    assert found[..., 0].unique().tolist() == [-1]
    assert found[..., 136:].unique().tolist() == [1], "the edge is repeated"
    assert tuple(raft.prepared(np.zeros((9, 200, 3), np.uint8))[0].shape) == (1, 3, 128, 200)


def test_raft_runs_no_code_of_a_file(tmp_path):
    torch.save({"x": Path("/")}, tmp_path / "code.pth")
    with pytest.raises(InputError, match=r"code\.pth: holds no RAFT-small"):
        RaftSmall(tmp_path / "code.pth")


class Stub:
    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape

    def flow(self, first: object, second: object) -> np.ndarray:
        return np.zeros(self.shape)


def test_flow_of_another_shape_is_refused():
    assert estimated("stub", Stub((2, 3, 5)), None, None, (5, 3)).dtype == np.float32
    for shape in ((2, 5, 3), (2, 3, 3), (1, 3, 5), (2, 5, 5)):
        with pytest.raises(InputError, match=r"stub: expected flow \(2, 3, 5\)"):
            estimated("stub", Stub(shape), None, None, (5, 3))


# rows


def row(needs: Needs, *starts: Needs) -> Row:
    return Row(MODELS["flow"], "paper", needs, starts)


SIGNED, MAGNITUDE = Needs(flow=FlowSpec("signed")), Needs(flow=FlowSpec())


@pytest.mark.parametrize(
    ("found", "still", "published", "applies"),
    [
        (row(MAGNITUDE), False, False, True),
        (row(MAGNITUDE), True, False, False),
        (row(MAGNITUDE), True, True, False),
        (row(SIGNED), True, False, False),
        (row(SIGNED), True, True, True),
        (row(SIGNED, MAGNITUDE), True, True, False),
        (row(Needs(), SIGNED), True, False, False),
        (row(Needs(boxes="moving")), True, True, False),
        (row(Needs(boxes="all")), True, False, True),
        (row(Needs(frames=FrameSpec())), True, False, True),
    ],
)
def test_which_rows_a_still_has(found, still, published, applies):
    """A still has no motion; where its dataset brings flow, that has a direction."""
    assert found.applies(still, published) is applies


def test_a_row_needs_what_its_start_needs():
    plain = row(Needs(frames=FrameSpec()))
    assert (plain.listens, plain.flow, plain.kinds) == (False, False, set())
    started = row(MAGNITUDE, Needs(audio=AudioSpec(16000, 5)), SIGNED)
    assert (started.listens, started.flow, started.kinds) == (True, True, {"magnitude", "signed"})


@pytest.mark.parametrize(
    ("needs", "decoded", "motion"),
    [
        (Needs(), False, False),
        (Needs(frames=FrameSpec()), True, False),
        (Needs(audio=AudioSpec(8000, 1)), True, False),
        (Needs(flow=FlowSpec()), False, True),
        (Needs(boxes="moving"), False, True),
        (Needs(boxes="all"), False, False),
        (Needs(maps_of="rcgrad"), False, False),
    ],
)
def test_what_needs_decoding_and_what_needs_motion(needs, decoded, motion):
    assert (needs.decoded, needs.motion) == (decoded, motion)


class Wide(Settings):
    wide: bool = False

    def needs(self) -> Needs:
        return Needs(frames=FrameSpec(448 if self.wide else 224))


def test_a_changed_field_is_one_of_the_preset():
    from flowgrad.protocols import PAPER

    model = Model("wide", "x:y", {"paper": Wide()})
    assert model.needs(PAPER).frames == FrameSpec(224)
    assert model.needs(PAPER.changed(wide=True, of_another_model=3)).frames == FrameSpec(448)
    assert model.settings(PAPER) is model.presets["paper"]
