"""Coarse to Fine: parity with the released code, what it needs, and what its files look like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ENGINES
from PIL import Image

import flowgrad
from flowgrad.errors import InputError
from flowgrad.evaluation.thresholds import relative
from flowgrad.models.base import Batch, Runtime
from flowgrad.models.checkpoint_file import check_layout
from flowgrad.models.checkpoints import shapes
from flowgrad.models.coarse_to_fine.labels import CLASS_NAMES
from flowgrad.models.coarse_to_fine.layout import COARSE, LAYOUT, Sizes, sizes
from flowgrad.models.coarse_to_fine.model import CoarseToFine, InPipeline, joined, shares
from flowgrad.models.coarse_to_fine.network import CoarseToFineNetwork
from flowgrad.models.coarse_to_fine.presets import PRESETS
from flowgrad.models.coarse_to_fine.spectrogram import log_mel, mel_bands, peak_one
from flowgrad.resizing import resized


@pytest.fixture(scope="module")
def published(reference: Path, tmp_path_factory) -> Path:
    """The seeded stand-in for a checkpoint of the released code."""
    folder = tmp_path_factory.mktemp("coarse_to_fine")
    script = reference / "golden/checkpoints.py"
    subprocess.run([sys.executable, script, folder, "--only", "coarse_to_fine"], check=True, capture_output=True)
    return folder / "c2f_stage_2.pth"


@pytest.fixture(scope="module")
def expected(reference: Path) -> dict[str, np.ndarray]:
    with np.load(reference / "golden/expected.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def picture(reference: Path) -> np.ndarray:
    (path,) = (reference / "golden/inputs").glob("*.frame.jpg")
    return np.asarray(Image.open(path).convert("RGB"))[None]


@pytest.fixture(scope="module")
def sound(expected) -> np.ndarray:
    return np.tile(expected["audio_22050"], 5)[None]


def test_spectrogram_of_the_released_code(expected, sound):
    found = log_mel(peak_one(torch.from_numpy(sound)))[0]
    np.testing.assert_allclose(found, expected["c2f_logmel"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_maps_of_the_released_code(engine, expected, published, picture, sound):
    model = CoarseToFine(published, peak="one", engine=engine)
    frames = resized(picture[0], 256)[None]
    maps, probabilities = model.by_class(frames, sound)
    np.testing.assert_allclose(probabilities[0], expected["c2f_prob_audio"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(maps[0], expected["c2f_class_maps_16"], atol=1e-5, rtol=0)
    (large,) = model(frames, sound, size=256)
    np.testing.assert_allclose(large / large.max(), expected["coarse_to_fine"], atol=1e-5, rtol=0)


def test_the_map_of_the_pipeline_is_the_published_one_at_its_own_size(expected, published, picture, sound):
    model = flowgrad.load_model("coarse-to-fine", published, protocol="released", device="cpu")
    (small,) = model(picture, sound, 22050)
    # both are enlarged from 16x16: at the same places of the frame they are alike
    from_large = torch.nn.functional.interpolate(
        torch.from_numpy(expected["coarse_to_fine"])[None, None], (224, 224), mode="bilinear", align_corners=False
    )[0, 0]
    np.testing.assert_allclose(small / small.max(), from_large, atol=0.01, rtol=0)


def test_layout_is_that_of_the_module_and_of_the_file(published):
    with torch.device("meta"):
        module = CoarseToFineNetwork()
    found = shapes(torch.load(published, weights_only=True))
    assert LAYOUT.needed(found) == shapes(module.state_dict())
    assert LAYOUT.needed(found) | LAYOUT.unused(found) == found


@pytest.fixture(scope="module")
def network() -> CoarseToFineNetwork:
    """A narrow network whose statistics are those of data that it has seen."""
    torch.manual_seed(5)
    network = CoarseToFineNetwork(Sizes.of_width(8)._replace(hidden=24))
    with torch.no_grad():
        network.seen(torch.rand(4, 3, 256, 256))
        network.heard(log_mel(torch.randn(4, 110250) / 10))
    return network.eval()


@pytest.fixture
def file(network, tmp_path) -> Path:
    path = tmp_path / "narrow.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {
        "frames": rng.integers(0, 256, (3, 256, 256, 3), np.uint8),
        "audio": rng.normal(0, 0.1, (3, 110250)).astype(np.float32) * np.float32([[1], [0.3], [0.01]]),
    }


def test_a_map_does_not_depend_on_its_batch(file, inputs):
    together = CoarseToFine(file, batch_size=3)(**inputs)
    assert together.shape == (3, 224, 224)
    assert together.dtype == np.float32
    assert together.max() > 0
    np.testing.assert_allclose(CoarseToFine(file, batch_size=2)(**inputs), together, atol=1e-5)
    none = {name: array[:0] for name, array in inputs.items()}
    assert CoarseToFine(file)(**none).shape == (0, 224, 224)
    assert [part.shape for part in CoarseToFine(file).by_class(**none)] == [(0, 7, 16, 16), (0, 7)]


def test_classes_come_with_the_map_of_the_pipeline(file, inputs):
    model = InPipeline(file, PRESETS["paper"], Runtime())
    batch = Batch(**inputs)
    maps, parts = model.parted(batch)
    np.testing.assert_array_equal(maps, model(batch))
    by_class, probabilities = CoarseToFine(file, engine=Runtime().engine).by_class(**inputs)
    np.testing.assert_allclose(parts.maps, by_class, atol=1e-6)
    np.testing.assert_allclose(parts.scores, probabilities, atol=1e-6)
    np.testing.assert_array_equal(parts.counted, shares(probabilities, 0.3) > 0)
    assert parts.names == CLASS_NAMES


@pytest.mark.parametrize("name", ["frames", "audio"])
def test_every_input_counts(file, inputs, name):
    model = CoarseToFine(file)
    other = model(**inputs | {name: inputs[name][::-1]})
    assert np.abs(other[0] - model(**inputs)[0]).max() > 1e-3, "a hundred times what rounding does"


def test_bfloat16_is_close(file, inputs):
    half, whole = (CoarseToFine(file, precision=kind)(**inputs) for kind in ("bfloat16", "float32"))
    assert half.dtype == np.float32
    assert 0 < np.abs(half - whole).max() < 0.05


def test_only_released_hears_a_quiet_clip_as_a_loud_one(file, inputs):
    quiet = Batch(frames=inputs["frames"], audio=inputs["audio"] / 4)
    loud = Batch(frames=inputs["frames"], audio=inputs["audio"])
    released, paper = (InPipeline(file, PRESETS[name], Runtime()) for name in ("released", "paper"))
    np.testing.assert_allclose(released(quiet), released(loud), atol=1e-4)
    assert np.abs(paper(quiet) - paper(loud)).max() > 1e-3


def test_seen_and_heard_give_the_same_maps_and_scale_to_the_same(file, inputs):
    batch, model = Batch(**inputs), InPipeline(file, PRESETS["paper"], Runtime())
    maps, apart = model(batch), model.apart(batch)
    np.testing.assert_allclose(maps, CoarseToFine(file)(**inputs), atol=1e-5)
    np.testing.assert_allclose(joined(3 * apart.seen, apart.heard), maps, atol=1e-5)
    np.testing.assert_allclose(joined(apart.seen, 3 * apart.heard), 3 * maps, atol=1e-5)
    assert np.abs(joined(apart.seen, apart.heard[::-1].copy()) - maps).max() > 1e-3


def test_the_classes_that_are_heard_share_the_map():
    given = np.float32([[0.31, 0.3, 0.9], [0.1, 0.2, 0.05]])
    np.testing.assert_allclose(shares(given, 0.3), [[0.31 / 1.21, 0, 0.9 / 1.21], [0, 1, 0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"frames": np.zeros((3, 224, 224, 3), np.uint8)},
            r"frames: expected \(3, 256, 256, 3\) uint8 RGB, got \(3, 22",
        ),
        ({"audio": np.zeros((3, 110249), np.float32)}, r"audio: expected \(3, 110250\) float samples"),
        ({"audio": np.zeros((3, 110250), np.int16)}, "audio: expected .* float samples .* int16"),
    ],
)
def test_wrong_inputs_are_named(file, inputs, change, words):
    with pytest.raises(ValueError, match=words):
        CoarseToFine(file)(**inputs | change)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda state: state.pop("project_v.2.weight"), "1 missing keys: project_v.2.weight"),
        (
            lambda state: state.update({"vision.conv1_flow.weight": torch.zeros(9)}),
            "1 unexpected keys: vision.conv1_fl",
        ),
        (
            lambda state: state.update({"class_v.weight": torch.zeros(9, 64, 1, 1)}),
            "1 wrong shapes: class_v.weight (9, 64, 1, 1) instead of (7, 64, 1, 1)",
        ),
    ],
)
def test_one_wrong_key_is_found_before_and_at_loading(tmp_path, network, edit, words):
    state = dict(network.state_dict())
    edit(state)
    path = tmp_path / "edited.pth"
    torch.save(state, path)
    for use in (lambda: check_layout(path, LAYOUT), lambda: CoarseToFine(path)):
        with pytest.raises(InputError) as caught:
            use()
        assert str(caught.value).startswith(f"{path}: is no coarse-to-fine checkpoint: ")
        assert words in str(caught.value)


def test_a_file_of_the_first_stage_makes_no_maps(tmp_path, network):
    state = {key: value for key, value in network.state_dict().items() if not key.startswith("project_")}
    path = tmp_path / "stage_1.pth"
    torch.save({"state_dict": state}, path)
    check_layout(path, COARSE)
    with pytest.raises(InputError, match=r"4 missing keys: project_a\.0\.weight"):
        CoarseToFine(path)


def test_sizes_are_those_of_the_file(network):
    assert sizes(shapes(network.state_dict())) == Sizes(8, hidden=24, embedding=16, pairs=16, classes=7)
    assert sizes({}) == Sizes.of_width(64)


def test_the_layout_is_read_without_torch():
    script = "import sys, flowgrad.models.coarse_to_fine.layout; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_tone_is_in_its_band():
    """Slaney's scale: 64 bands from 0 to 11,025 Hz; 440 Hz is 6.6 of 52.03 mel in all."""
    bands = mel_bands()
    assert bands.shape == (64, 442)
    np.testing.assert_allclose(bands[:, 1:].sum(axis=1)[32:] * 25, 1, rtol=0.05, err_msg="the area of a band is 1")
    time = np.arange(110250) / 22050
    rows = log_mel(torch.from_numpy(np.sin(2 * np.pi * 440 * time))[None])[0, 5:-5]
    assert set(rows.argmax(dim=1).tolist()) == {round(6.6 / (15 + np.log(11.025) / (np.log(6.4) / 27)) * 65) - 1}


def test_silence_is_the_floor_and_stays_silent():
    silence = torch.zeros(1, 4410)
    assert (peak_one(silence) == 0).all()
    np.testing.assert_allclose(log_mel(silence), np.log(np.spacing(1)), rtol=1e-6)


def test_relative_is_strict_and_empty_maps_predict_nothing():
    assert relative(np.float32([[[0.25, 0.5, 0.51]], [[-1, 0, 0]]]) * 2, 0.5).tolist() == [[[0, 1, 1]], [[0, 0, 0]]]
    assert relative(np.array([[[1, 2, 4]]]), 0.5).tolist() == [[[False, False, True]]]
    with pytest.raises(ValueError, match=r"maps: expected pixels, got \(1, 0, 4\)"):
        relative(np.zeros((1, 0, 4)), 0.5)
