"""Visual context semantics: parity with the released code, and what its files look like."""

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
from flowgrad.models.base import Batch, Runtime
from flowgrad.models.checkpoint_file import check_layout
from flowgrad.models.checkpoints import shapes
from flowgrad.models.spectrogram import log_spectrogram
from flowgrad.models.visual_context.layout import LAYOUT
from flowgrad.models.visual_context.model import VisualContext, enlarged, products
from flowgrad.models.visual_context.network import VisualContextNetwork
from flowgrad.models.visual_context.presets import VisualContext as Settings


@pytest.fixture(scope="module")
def published(reference: Path, tmp_path_factory) -> Path:
    """The seeded stand-in for a checkpoint of the released training code."""
    folder = tmp_path_factory.mktemp("visual_context")
    script = reference / "golden/checkpoints.py"
    subprocess.run([sys.executable, script, folder, "--only", "visual_context"], check=True, capture_output=True)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def expected(reference: Path) -> dict[str, np.ndarray]:
    with np.load(reference / "golden/expected.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def batch(reference: Path, expected) -> Batch:
    (path,) = (reference / "golden/inputs").glob("*.frame.jpg")
    # the released test code: the shorter side is 224 long, the middle is cut out
    picture = Image.open(path).convert("RGB")
    size = tuple(int(side * 224 / min(picture.size)) for side in picture.size)
    left = round((size[0] - 224) / 2)
    frame = np.asarray(picture.resize(size, Image.Resampling.BICUBIC).crop((left, 0, left + 224, 224)))
    return Batch(frames=frame[None], audio=expected["vcs_audio_24000"][None])


def test_spectrogram_of_the_released_code(expected):
    found = log_spectrogram(expected["vcs_audio_24000"][None], 24000)
    np.testing.assert_allclose(found, expected["vcs_spectrogram"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_map_of_the_released_code(engine, expected, published, batch):
    model = VisualContext(published, Settings(), Runtime(engine=engine))
    apart = model.apart(batch)
    cosines = products(apart.seen[:, 0], apart.heard)
    np.testing.assert_allclose(cosines[0], expected["vcs_localization_14x14"], atol=2e-6, rtol=0)
    np.testing.assert_allclose(model(batch)[0], expected["visual_context"], atol=2e-6, rtol=0)
    np.testing.assert_allclose(
        enlarged(expected["vcs_localization_14x14"][None])[0], expected["visual_context"], atol=1e-6
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_nodes_of_the_released_code(engine, expected, published, batch):
    model = VisualContext(published, Settings(), Runtime(engine=engine))
    nodes = model.nodes(batch)
    assert nodes.shape == (1, 16, 14, 14)
    np.testing.assert_allclose(nodes[0], expected["vcs_node_maps"], atol=1e-4, rtol=1e-4)
    np.testing.assert_array_equal(model.nodes(Batch(frames=batch.frames)), nodes)


def test_nodes_come_with_the_map_of_the_pipeline(published, batch):
    """Half of them counts: those that fit the sound best."""
    model = VisualContext(published, Settings(), Runtime())
    maps, parts = model.parted(batch)
    np.testing.assert_array_equal(maps, model(batch))
    np.testing.assert_allclose(parts.maps, model.nodes(batch), rtol=1e-4, atol=1e-4)
    assert parts.counted.sum(axis=1).tolist() == [8]
    assert parts.scores[parts.counted].min() >= parts.scores[~parts.counted].max()
    assert np.abs(parts.scores).max() <= 1 + 1e-5
    assert len(set(parts.names)) == 16


def test_layout_is_that_of_the_module_and_of_the_published_file(published):
    with torch.device("meta"):
        module = VisualContextNetwork()
    state = torch.load(published, weights_only=True)["model_state_dict"]
    found = {key.removeprefix("module."): tuple(value.shape) for key, value in state.items()}
    assert LAYOUT.needed({}) == shapes(module.state_dict())
    assert LAYOUT.needed({}) | LAYOUT.unused({}) == found
    check_layout(published, LAYOUT)


def test_it_is_loaded_by_name(published, batch):
    model = flowgrad.load_model("visual-context", published, protocol="released", device="cpu")
    maps = model(batch.frames, batch.audio, 24000)
    assert maps.shape == (1, 224, 224)
    other = model(batch.frames, batch.audio[:, ::-1].copy(), 24000)
    assert np.abs(maps - other).max() > 1e-6, "it hears"
