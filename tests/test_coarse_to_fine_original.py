"""The original Coarse to Fine: its checkpoint's layout, which classes are heard, and what its maps depend on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from flowgrad.errors import InputError
from flowgrad.models.base import Batch, Runtime
from flowgrad.models.coarse_to_fine.original import CoarseToFineOriginal, InPipeline
from flowgrad.models.coarse_to_fine.original_layout import LAYOUT, Sizes, sizes
from flowgrad.models.coarse_to_fine.original_network import OriginalNetwork, fit
from flowgrad.models.coarse_to_fine.presets import ORIGINAL
from flowgrad.models.coarse_to_fine.spectrogram import log_mel
from flowgrad.models.registry import get_model

SIZE = Sizes(width=4, hidden=6, embedding=10)


@pytest.fixture(scope="module")
def sounds() -> np.ndarray:
    """A tone that ends, noise that comes and goes, and a faint high tone."""
    time, rng = np.arange(110250) / 22050, np.random.default_rng(3)
    audio = [0.3 * np.sin(2 * np.pi * 440 * time) * (time < 2.5), rng.normal(0, 0.1, 110250) * np.sin(3 * time)]
    audio.append(0.01 * np.sin(2 * np.pi * 3000 * time))
    return (np.stack(audio) + rng.normal(0, 1e-3, (3, 110250))).astype(np.float32)


@pytest.fixture(scope="module")
def network(sounds) -> OriginalNetwork:
    """A narrow network whose statistics are those of what it has seen and heard, and in which classes are active."""
    torch.manual_seed(5)
    network = OriginalNetwork(SIZE)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            module.momentum = 1.0
    with torch.no_grad():
        network.places(torch.rand(4, 3, 256, 256))
        network.heard(log_mel(torch.from_numpy(sounds)))
        network.audio.outputlayer.weight *= 6
        network.audio.features[11].conv[3].weight *= 3
        network.audio.gru["rnn"].weight_ih_l0 *= 2
    return network.eval()


@pytest.fixture
def file(network, tmp_path) -> Path:
    path = tmp_path / "narrow.pth.tar"
    torch.save({"state_dict": network.state_dict(), "epoch": 3}, path)
    return path


@pytest.fixture(scope="module")
def inputs(sounds) -> dict[str, np.ndarray]:
    return {"frames": np.random.default_rng(3).integers(0, 256, (3, 256, 256, 3), np.uint8), "audio": sounds}


def test_layout_is_that_of_the_module():
    for size in (Sizes(), SIZE):
        with torch.device("meta"):
            module = OriginalNetwork(size)
        found = {key: tuple(value.shape) for key, value in module.state_dict().items()}
        assert sizes(found) == size
        assert LAYOUT.needed(found) == found


def test_a_file_of_the_released_code_holds_this(network):
    """700 tensors, counted where its module was made; their shapes were compared there, too."""
    whole = LAYOUT.needed({}) | LAYOUT.unused({})
    assert len(whole) == 700
    assert whole["audio.features.0.1.weight"] == (64, 1, 5, 5)
    assert whole["audio.features.11.conv.0.0.weight"] == (3072, 512, 1, 1)
    assert whole["audio.gru.rnn.weight_ih_l0_reverse"] == (384, 1024)
    assert whole["prior_a.outputlayer.weight"] == (527, 256)
    assert whole["avalign.model.discrim.0.weight"] == (128, 1024)
    assert whole["visual.fc.weight"] == (7, 512)


def test_the_layout_is_read_without_torch():
    script = "import sys, flowgrad.models.coarse_to_fine.original_layout; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_one_wrong_key_is_named(tmp_path, network):
    state = network.state_dict()
    del state["audio.outputlayer.bias"]
    torch.save({"state_dict": state}, tmp_path / "part.pth.tar")
    with pytest.raises(InputError, match=r"is no coarse-to-fine-original checkpoint: 1 missing keys: audio\.outputlay"):
        CoarseToFineOriginal(tmp_path / "part.pth.tar")


def test_a_place_fits_where_it_is_near():
    """Mean squared differences of 0, 0.1 and 0.2 at three places: e to the -10 times that, over the largest."""
    places = torch.tensor([0.0, 0.1**0.5, 0.2**0.5]).view(1, 1, 1, 3).expand(1, 4, 1, 3)
    np.testing.assert_allclose(fit(places, torch.zeros(1, 1, 4))[0, 0, 0], np.exp([0, -1, -2]), rtol=1e-5)


def test_a_class_is_heard_where_its_gradient_map_is_above_a_tenth(network, sounds):
    """The mask of a class, made again from numerical gradients of its probability."""
    spectrograms = log_mel(torch.from_numpy(sounds[:1]))
    found = network.heard(spectrograms)
    features = network.audio.features(spectrograms[:, None]).detach().double()
    tagger = network.audio.double()
    try:
        with torch.no_grad():
            for number in range(7):
                weights = torch.zeros(features.shape[1], dtype=torch.float64)
                for channel in range(len(weights)):
                    bent = [features.clone(), features.clone()]
                    for sign, one in zip((1, -1), bent, strict=True):
                        one[:, channel] += sign * 1e-6
                    high, low = (tagger.tags(one)[0, number] for one in bent)
                    weights[channel] = (high - low) / 2e-6
                heat = torch.einsum("c,ctf->tf", weights, features[0])
                assert found.active[0, number].item() == pytest.approx((heat > 0.1).double().mean().item(), abs=0.02)
    finally:
        network.float()
    assert ((found.active > 0.05) & (found.active < 0.6)).all(), "every class is heard in some cells alone"


def test_a_map_does_not_depend_on_its_batch(file, inputs):
    together = CoarseToFineOriginal(file, batch_size=3)(**inputs)
    assert together.shape == (3, 224, 224)
    assert together.dtype == np.float32
    assert 0 < together.max() <= 1
    np.testing.assert_allclose(CoarseToFineOriginal(file, batch_size=2)(**inputs), together, atol=1e-5)
    none = {name: array[:0] for name, array in inputs.items()}
    assert CoarseToFineOriginal(file)(**none).shape == (0, 224, 224)


@pytest.mark.parametrize("name", ["frames", "audio"])
def test_every_input_counts(file, inputs, name):
    model = CoarseToFineOriginal(file)
    other = model(**inputs | {name: inputs[name][::-1]})
    assert np.abs(other[0] - model(**inputs)[0]).max() > 1e-3, "a hundred times what rounding does"


def test_maps_of_classes_and_of_the_whole(file, inputs):
    model = CoarseToFineOriginal(file)
    maps, probabilities = model.by_class(**inputs)
    assert maps.shape == (3, 7, 16, 16)
    assert probabilities.shape == (3, 7)
    np.testing.assert_allclose(maps.max(axis=(2, 3)), 1)
    assert ((probabilities > 0) & (probabilities <= 1)).all()


def test_classes_come_with_the_map_of_the_pipeline(file, inputs):
    model = InPipeline(file, ORIGINAL["paper"], Runtime())
    batch = Batch(**inputs)
    maps, parts = model.parted(batch)
    np.testing.assert_array_equal(maps, model(batch))
    weights = parts.scores * parts.counted
    whole = np.einsum("nk,nkhw->nhw", weights / weights.sum(axis=1, keepdims=True), parts.maps)
    np.testing.assert_allclose(maps[:, 4::14, 4::14].mean(), whole.mean(), atol=0.05)
    assert parts.counted.any(axis=1).all()


def test_in_the_pipeline_only_released_takes_out_loudness(file, inputs):
    quiet, loud = (Batch(frames=inputs["frames"], audio=inputs["audio"] * gain) for gain in (0.25, 1))
    released, paper = (InPipeline(file, ORIGINAL[name], Runtime()) for name in ("released", "paper"))
    np.testing.assert_allclose(released(quiet), released(loud), atol=1e-3)
    assert np.abs(paper(quiet) - paper(loud)).max() > 1e-3


def test_what_it_declares():
    model = get_model("coarse-to-fine-original")
    assert (model.threshold, model.joined, model.default) == ("tenth", None, False)
