"""The public Python API: shapes, errors, what a model needs, precision and batches."""

from __future__ import annotations

import numpy as np
import pytest

import flowgrad
from flowgrad.errors import InputError
from flowgrad.models.device import frames_that_fit, resolve_batch_size
from flowgrad.models.inputs import fitted_audio, stored_audio, window_length, window_start
from flowgrad.models.rcgrad.presets import RCGRAD
from flowgrad.models.registry import MODELS, required
from flowgrad.protocols import get_protocol
from flowgrad.provenance import code_digest, modules_behind


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {
        "frames": rng.integers(0, 256, (3, 90, 160, 3), np.uint8),
        "audio": rng.normal(0, 0.1, (3, 80000)).astype(np.float32),
        "flow": rng.random((3, 224, 224)).astype(np.float32) * 4,
    }


@pytest.fixture(scope="module")
def rcgrad(checkpoints):
    return flowgrad.load_model("rcgrad", checkpoints / "rc_grad.pt", device="cpu")


def test_maps_are_in_range(rcgrad, inputs):
    maps = rcgrad(inputs["frames"], inputs["audio"], 16000)
    assert maps.shape == (3, 224, 224)
    assert maps.dtype == np.float32
    assert maps.min() == 0
    assert maps.max() == 1
    assert (np.median(maps, axis=(1, 2)) >= 0).all()
    assert ((maps == 0).mean(axis=(1, 2)) >= 0.49).all(), "half of each map is cleaned away"


def test_batches_do_not_matter(checkpoints, rcgrad, inputs):
    one = flowgrad.load_model("rcgrad", checkpoints / "rc_grad.pt", device="cpu", batch_size=1)
    arguments = inputs["frames"], inputs["audio"], 16000
    np.testing.assert_allclose(one(*arguments), rcgrad(*arguments), atol=1e-5)


def test_bfloat16_is_close(checkpoints, rcgrad, inputs):
    half = flowgrad.load_model("rcgrad", checkpoints / "rc_grad.pt", device="cpu", precision="bfloat16")
    arguments = inputs["frames"], inputs["audio"], 16000
    difference = np.abs(half(*arguments) - rcgrad(*arguments))
    assert np.median(difference) < 0.02


def test_flowgrad_h_is_the_product_of_normalised_maps(checkpoints, rcgrad, inputs):
    hybrid = flowgrad.load_model("flowgrad-h", checkpoints / "rc_grad.pt", device="cpu")
    maps = hybrid(inputs["frames"], inputs["audio"], 16000, inputs["flow"])
    alone = rcgrad(inputs["frames"], inputs["audio"], 16000)
    flow = flowgrad.load_model("flow")(flow=inputs["flow"])
    np.testing.assert_allclose(maps, alone * flow, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frames": None}, "needs frames"),
        ({"frames": np.zeros((3, 90, 160), np.uint8)}, r"frames: expected \(N, H, W, 3\)"),
        ({"frames": np.zeros((3, 90, 160, 3), np.float32)}, "uint8"),
        ({"audio": None}, "needs audio"),
        ({"audio": np.zeros(80000, np.float32)}, r"audio: expected windows \(N, S\)"),
        ({"audio": np.zeros((2, 80000), np.float32)}, "audio: expected 3 rows"),
        ({"flow": None}, r"flow: flowgrad-ic needs \(N, 224, 224\), got none"),
        ({"flow": np.zeros((3, 112, 112), np.float32)}, r"got \(3, 112, 112\)"),
        ({"flow": np.zeros((2, 224, 224), np.float32)}, "flow: expected 3 rows"),
        ({"audio": np.zeros((3, 80000), np.int16)}, "expected float samples"),
        ({"sample_rate": 0}, "sample_rate"),
    ],
)
def test_wrong_inputs_are_named(checkpoints, inputs, change, words):
    model = flowgrad.load_model("flowgrad-ic", checkpoints / "flowgrad_IC.ckpt", device="cpu")
    with pytest.raises(ValueError, match=words):
        model(**{**inputs, "sample_rate": 16000, **change})


def test_loading_errors():
    with pytest.raises(InputError, match="unknown model 'rcgrab'"):
        flowgrad.load_model("rcgrab")
    with pytest.raises(InputError, match=r"needs a checkpoint \(rc_grad\.pt\)"):
        flowgrad.load_model("rcgrad")
    with pytest.raises(InputError, match="scores detected boxes"):
        flowgrad.load_model("yolo-topline")
    with pytest.raises(InputError, match="unknown protocol"):
        get_protocol("strict")


def test_sound_is_brought_to_the_protocol():
    time = np.arange(44100 * 6) / 44100
    tone = np.sin(2 * np.pi * 440 * time, dtype=np.float32)[None]
    for preset in RCGRAD.values():
        rate, seconds = preset.sample_rate, preset.audio_seconds
        window = fitted_audio(tone, 44100, rate, seconds)
        assert window.shape == (1, window_length(seconds, rate))
        spectrum = np.abs(np.fft.rfft(window[0]))
        assert np.fft.rfftfreq(window.shape[1], 1 / rate)[spectrum.argmax()] == pytest.approx(440, abs=1)
    paper = RCGRAD["paper"]
    short = fitted_audio(np.ones((1, 10), np.float32), 16000, paper.sample_rate, paper.audio_seconds)
    assert short.sum() == 10
    assert short[0, 40000] == 1, "padding lies on both sides"


def test_windows_are_centred_and_clamped():
    paper, released = RCGRAD["paper"], RCGRAD["released"]
    assert window_start(5.0, paper.audio_seconds, paper.sample_rate) == 40000
    assert window_start(0.0, paper.audio_seconds, paper.sample_rate) == -40000
    assert window_start(0.5, released.audio_seconds, released.sample_rate) == 0
    sixteen = stored_audio(np.array([[0.1, 1.5]], np.float32), released.audio_bits)
    assert sixteen[0, 0] == np.float32(3277 / 32768)
    assert sixteen[0, 1] == np.float32(32767 / 32768)


def test_the_released_flow_arithmetic_wraps():
    from flowgrad.flow.magnitude import network_input

    fast = np.array([[[0, 250, 251, 255]]], np.uint8)
    np.testing.assert_allclose(network_input(fast, "wrap")[0, 0] * 200, [5, 255, 0, 4], atol=1e-4)
    np.testing.assert_allclose(network_input(fast, "float")[0, 0] * 200, [5, 255, 256, 260], atol=1e-4)
    exact = np.array([[[0.9, 300.0]]], np.float32)
    np.testing.assert_allclose(network_input(exact, "wrap")[0, 0] * 200, [6, 4], atol=1e-4)


def test_registry_is_read_without_torch():
    import subprocess
    import sys

    script = "import sys, flowgrad.models.registry, flowgrad.workflow.run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_what_derives_runs_after_what_it_starts_from():
    assert [spec.name for spec in required(["flowgrad-h", "flow"])] == ["rcgrad", "flowgrad-h", "flow"]


def test_code_behind_a_stage_is_all_of_it_and_no_more():
    """An edit of the flow code redoes flow, not decoding; a new registry line redoes nothing."""
    decode = modules_behind("flowgrad.stages.decode")
    flow = modules_behind("flowgrad.stages.flow")
    assert "flowgrad.media" in decode
    assert "flowgrad.flow.storage" in flow
    assert "flowgrad.flow.farneback" not in flow, "the estimator is named by the run"
    assert "flowgrad.flow.farneback" not in decode
    assert not any(name.startswith("flowgrad.models") for name in decode)
    for stage in ("flow", "detect", "background"):
        assert "flowgrad.models.inputs" not in modules_behind(f"flowgrad.stages.{stage}"), "it prepares audio, too"
    assert all("registry" not in name for name in modules_behind("flowgrad.stages.heatmaps"))
    assert "flowgrad.models.rcgrad.model" not in modules_behind("flowgrad.stages.heatmaps")
    assert "flowgrad.flow.farneback" not in modules_behind("flowgrad.stages.heatmaps")
    assert code_digest("flowgrad.stages.flow") != code_digest("flowgrad.stages.decode")
    assert set(MODELS) == {spec.name for spec in MODELS.values()}


def test_a_batch_is_sized_to_the_device():
    gib = 1 << 30
    assert resolve_batch_size("auto", "cpu") == 16
    assert resolve_batch_size(5, "cpu") == 5
    assert [frames_that_fit(room) for room in (0, gib // 8, 8 * gib, 80 * gib)] == [1, 2, 128, 256]
