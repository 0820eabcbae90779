"""Does a model listen? Its scores under its own sound, the mean of all sounds, and that of another clip."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_generated import moving_square

from flowgrad.evaluation.listening import donors, foreign_sound, listening, mean_sound
from flowgrad.models.base import Batch, Runtime
from flowgrad.models.registry import MODELS
from flowgrad.protocols import PAPER
from flowgrad.schemas.listening import LISTENING

EAR = '''
"""A model that hears how loud it is: loud, it marks the bright square; quiet, all else. So its sound matters."""

import numpy as np

from flowgrad.models.base import Apart, AudioSpec, FrameSpec, Model, Needs, Settings


class EarSettings(Settings):
    def needs(self):
        return Needs(frames=FrameSpec(), audio=AudioSpec(16000, 0.5))


class Ear:
    def __init__(self, checkpoint, settings, runtime):
        self.settings = settings

    def __call__(self, batch):
        apart = self.apart(batch)
        return joined(apart.seen, apart.heard, self.settings)

    def apart(self, batch):
        loud = np.sqrt((batch.audio**2).mean(axis=1)) > 0.1
        red = batch.frames[..., 0].astype(np.float32) > 180
        return Apart(red[:, None, None].astype(np.float32), np.stack([loud, ~loud], axis=1).astype(np.float32))


def joined(seen, heard, settings):
    marked = seen[:, 0, 0]
    return heard[:, 0, None, None] * marked + heard[:, 1, None, None] * (1 - marked)


EAR = Model("ear", "ear:Ear", {"paper": EarSettings()}, joined="ear:joined")
'''


@given(st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=30, unique=True))
def test_every_clip_gives_its_sound_to_one_other(clips):
    found = donors(clips)
    assert set(found) == set(found.values()) == set(clips)
    assert all(clip != donor for clip, donor in found.items())
    assert found == donors(clips[::-1])


def test_a_new_clip_changes_one_donor():
    before, after = donors(["a", "b", "c", "d"]), donors(["a", "b", "c", "d", "new"])
    assert sum(after[clip] != donor for clip, donor in before.items()) == 1
    assert donors(["alone"]) == {}


def test_the_mean_sound_counts_every_clip_once_whatever_its_length_and_loudness():
    heard = [np.array([[5.0, 0.0]] * 9, np.float32), np.array([[0.0, 0.1]], np.float32)]
    np.testing.assert_allclose(mean_sound(heard), [0.5, 0.5], rtol=1e-6)
    assert mean_sound([np.zeros((2, 3), np.float32)]).tolist() == [0, 0, 0]
    assert foreign_sound(np.array([[1.0], [2.0]], np.float32), 5)[:, 0].tolist() == [1, 2, 1, 2, 1]


def test_a_model_whose_score_does_not_fall_is_deaf():
    rng = np.random.default_rng(3)
    places, own = np.repeat(np.arange(10), 20), rng.uniform(0.3, 0.7, 200)
    hears = listening(own, own - rng.normal(0.2, 0.05, 200), own - 0.3, places)
    assert not hears["deaf"]
    assert hears["gain_over_mean_sound"] == pytest.approx(0.2, abs=0.02)
    assert hears["gain_over_mean_sound_low"] > 0
    deaf = listening(own, own + rng.normal(0, 0.01, 200), own, places)
    assert deaf["deaf"]
    assert deaf["gain_over_mean_sound_low"] < 0 < deaf["gain_over_mean_sound_high"]
    assert (deaf["frames"], deaf["places"]) == (200, 10)
    assert set(deaf) | {"model", "protocol"} == set(LISTENING)
    one_place = listening(own[:20], own[:20], own[:20], places[:20])
    assert not one_place["deaf"], "of one place nothing is known"


@pytest.mark.parametrize("name", ["random-weights"])
def test_what_is_seen_and_heard_apart_makes_the_same_maps(name):
    rng = np.random.default_rng(0)
    model = MODELS[name]
    settings = model.settings(PAPER)
    loaded = model.loaded(None, settings, Runtime())
    batch = Batch(
        frames=rng.integers(0, 255, (2, 224, 224, 3), np.uint8), audio=rng.normal(0, 0.1, (2, 80000)).astype(np.float32)
    )
    apart = loaded.apart(batch)
    maps = loaded(batch)
    np.testing.assert_array_equal(model.met(apart, settings), maps)
    largest = np.abs(apart.seen).max(axis=(2, 3, 4), keepdims=True)
    kept = type(apart)((apart.seen / largest).astype(np.float16).astype(np.float32), apart.heard)
    # but for pixels at the median, below which all is 0
    assert (np.abs(model.met(kept, settings) - maps) > 0.02).mean() < 0.001, "as it is kept"


def test_a_run_asks_each_model_that_listens(workflow, tmp_path):
    """One that hears loses by another sound, one with random weights does not; a run that is asked later, too."""
    (tmp_path / "ear.py").write_text(EAR)
    root = moving_square(tmp_path / "data", "apple", "berry")
    config = {
        "dataset": {"root": str(root)},
        "models": ["random-weights", "ear", "flow"],
        "protocols": ["paper"],
        "plugins": [str(tmp_path / "ear.py")],
        "frames": "annotated",
        "pictures": 0,
        "listening": True,
        "clips_per_job": 1,
    }
    run = workflow(config, environment={"PYTHONPATH": str(tmp_path)})
    assert run.status == 0, run.output
    assert run.jobs["heatmaps_apart"] == 4
    assert run.jobs["listening"] == 2
    table = pd.read_csv(run.folder / "results/metrics/listening.csv").set_index("model")
    summary = pd.read_csv(run.folder / "results/metrics/summary.csv").set_index("model")
    assert list(table.index) == ["ear", "random-weights"]
    for name in table.index:
        kept = pd.read_csv(run.folder / f"results/listening/paper/{name}.csv")
        assert set(kept["frame"] % 4) == {0}
        assert table.loc[name, "mean_ciou_own"] == pytest.approx(summary.loc[name, "mean_ciou"], abs=0.01)
    assert table.loc["random-weights", "deaf"]
    assert "random-weights (paper) is deaf" in run.output
    assert workflow(config, environment={"PYTHONPATH": str(tmp_path)}).nothing_to_do
