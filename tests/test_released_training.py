"""Preset ``released`` of a training: each fault of released training code that can be had back, beside ``paper``."""

from __future__ import annotations

import copy
from typing import ClassVar

import numpy as np
import pytest
import torch

from flowgrad.config import parse
from flowgrad.flow.components import jpeg_components
from flowgrad.models.coarse_to_fine.original_objective import CoarseToFineOriginal, class_of_sounds
from flowgrad.models.hear_the_flow.objective import HearTheFlow, trimap_loss
from flowgrad.models.rcgrad.encoders import log_spectrogram
from flowgrad.models.rcgrad.objective import FlowGradEN, FlowGradIC, RCGrad
from flowgrad.models.registry import get_model, trainable
from flowgrad.models.resnet import Encoder
from flowgrad.plan import Plan
from flowgrad.stages.samples import _flow
from flowgrad.training.augment import augmented
from flowgrad.training.learner import Learner
from flowgrad.training.objective import Samples, Start
from flowgrad.workflow.training import TrainingRun, declared

WIDTH = 16
PRESETS = ("paper", "released")


def run_of(preset: str, tmp_path) -> TrainingRun:
    training = {"preset": preset, "init": dict.fromkeys(("rcgrad", "hear-the-flow"), "random")}
    config = parse({"dataset": {"format": "streets"}, "training": training})
    return TrainingRun(config, Plan(tmp_path / "plan"), update=False)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_key_reaches_samples_and_objectives(preset, tmp_path):
    run = run_of(preset, tmp_path)
    start = run.fit_settings("hear-the-flow")["start"]
    assert start.preset == preset
    assert run.train_params("hear-the-flow")["preset"] == preset
    for method in trainable():
        spec = declared(method).sample_of(preset)
        assert run.spec(spec.name) == spec
    assert HearTheFlow.started(start).turns_flow is (preset == "paper")
    assert parse({}).training.preset == "paper"


def test_the_own_sound_is_multiplied():
    """Hear The Flow: by -99, so that it is the strongest distractor where its cosine is negative."""
    places = torch.nn.functional.normalize(torch.ones(3, 4, 2, 2) + 0.1 * torch.randn(3, 4, 2, 2), dim=1)
    found = {"visual": places, "audio": -torch.nn.functional.normalize(torch.ones(3, 4), dim=1)}
    losses = {name: HearTheFlow.started(Start("random", None, WIDTH, preset=name)).loss(found) for name in PRESETS}
    cosines = torch.einsum("nchw,mc->nmhw", places, found["audio"])
    assert losses["paper"] == trimap_loss(cosines)
    assert losses["released"] == trimap_loss(cosines, "released")
    assert losses["paper"] < 3 < 1000 < losses["released"]


@pytest.mark.parametrize("preset", PRESETS)
def test_chance_is_the_loss_of_equal_cosines(preset):
    """As released the own pair, of cosine 0, stands among the distractors once more."""
    learnt = HearTheFlow.started(Start("random", None, WIDTH, preset=preset))
    nothing = {"visual": torch.zeros(8, 4, 2, 2), "audio": torch.zeros(8, 4)}
    assert learnt.loss(nothing).item() == pytest.approx(learnt.chance(8), abs=1e-5)


def test_the_loss_of_classes_heard_is_not_divided_in_the_coarse_stage():
    """The original Coarse to Fine."""
    torch.manual_seed(0)
    made = {name: CoarseToFineOriginal.coarse(Start("random", None, WIDTH, preset=name)).eval() for name in PRESETS}
    made["released"].load_state_dict(made["paper"].state_dict())
    labels = {kind: torch.full((2, 7), 0.5) for kind in ("audio", "frame")}
    samples = Samples(torch.rand(2, 3, 256, 256), None, torch.randn(2, 110250) / 10, labels)
    with torch.no_grad():
        found = made["paper"].embeddings(samples)
        paper, released = (one.loss(found).item() for one in made.values())
        of_sounds = class_of_sounds(found["in_sound"], labels["audio"]).item()
    assert released - paper == pytest.approx(6 * of_sounds, rel=1e-4)
    assert made["released"].chance(2) - made["paper"].chance(2) == pytest.approx(6 * np.log(2))


class Moving:
    """An estimator that finds 2.6 px to the left and 3.4 px down, everywhere."""

    settings: ClassVar[dict[str, float]] = {}

    def prepared(self, rgb):
        return rgb

    def flow(self, first, second):
        return np.stack([np.full(first.shape[:2], -2.6, np.float32), np.full(first.shape[:2], 3.4, np.float32)])


def test_flow_is_kept_in_eight_bits_without_a_sign():
    """Hear The Flow: motion to the left is none, and down is whole pixels."""
    training, picture = get_model("hear-the-flow").training, np.zeros((240, 320, 3), np.uint8)
    kept = {name: _flow(picture, picture, training.sample_of(name), "moving", Moving()) for name in PRESETS}
    assert kept["paper"].dtype == np.float16
    np.testing.assert_allclose(kept["paper"].reshape(2, -1).T, np.tile([-2.6, 3.4], (224 * 224, 1)), atol=2e-3)
    assert kept["released"].dtype == np.uint8
    np.testing.assert_array_equal(kept["released"], jpeg_components(Moving().flow(picture, picture)))
    assert [set(one.ravel()) for one in kept["released"]] == [{0}, {3}]


def test_mirrored_flow_is_not_turned():
    """Hear The Flow: where the frame is mirrored, motion to the right stays motion to the right."""
    given = Samples(torch.rand(16, 3, 16, 16), torch.ones(16, 2, 16, 16), torch.randn(16, 100))
    kept, turned = (augmented(given, torch.Generator().manual_seed(1), turns) for turns in (False, True))
    assert (kept.flow > 0).all()
    assert (turned.flow[:, 0] < 0).any()
    torch.testing.assert_close(turned.flow.abs(), kept.flow)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_learner_asks_whether_flow_is_turned(preset):
    module = Learner(HearTheFlow.started(Start("random", None, WIDTH, preset=preset)), 1e-3, None, augment=True)
    module.objective.embeddings = lambda samples: {"flow": samples.flow}
    shown = {
        "frame": torch.zeros(16, 8, 8, 3, dtype=torch.uint8),
        "flow": torch.ones(16, 2, 8, 8, dtype=torch.float16),
        "audio": torch.randn(16, 100),
    }
    found = module.eval().embeddings(shown, torch.Generator().manual_seed(1))["flow"]
    assert bool((found > 0).all()) is (preset == "released")


@pytest.mark.parametrize("preset", PRESETS)
def test_statistics_of_a_frozen_encoder_drift(preset, tmp_path):
    """Hear The Flow: its weights learn nothing; what BatchNorm divides by changes with every batch."""
    torch.manual_seed(0)
    torch.save(Encoder(3, width=WIDTH).state_dict(), tmp_path / "resnet18.pth")
    learnt = HearTheFlow.started(Start("imagenet", tmp_path / "resnet18.pth", WIDTH, preset=preset)).train()
    before = copy.deepcopy(learnt.imgnet.state_dict())
    samples = Samples(torch.rand(2, 3, 224, 224), torch.zeros(2, 2, 224, 224), torch.randn(2, 66150).clamp(-1, 1))
    learnt.loss(learnt.embeddings(samples)).backward()
    assert all(one.grad is None for one in learnt.imgnet.parameters())
    changed = {name for name, value in learnt.imgnet.state_dict().items() if not torch.equal(value, before[name])}
    statistics = {name for name in before if "running" in name or "batches" in name}
    assert changed == (statistics if preset == "released" else set())
    assert not set(learnt.measured_parts()) & {learnt.imgnet}


def test_spectrograms_are_standardised_over_the_batch():
    """RCGrad: so a quiet sound beside a loud one has another mean than 0."""
    audio = torch.randn(2, 16000) * torch.tensor([[0.001], [0.5]])
    learnt = {name: RCGrad.started(Start("random", None, WIDTH, preset=name)).eval() for name in PRESETS}
    learnt["released"].load_state_dict(learnt["paper"].state_dict())
    with torch.no_grad():
        for name, model in learnt.items():
            together, alone = model.audio_encoder(audio), model.audio_encoder(audio[:1])
            assert torch.allclose(together[:1], alone, atol=1e-5) is (name == "paper")
        torch.testing.assert_close(alone, learnt["paper"].audio_encoder(audio[:1]))
    found = log_spectrogram(audio, "batch")
    assert found.mean().item() == pytest.approx(0, abs=1e-5)
    assert found.std().item() == pytest.approx(1, abs=1e-5)
    assert found[0].mean() < -0.5 < 0.5 < found[1].mean()


@pytest.mark.parametrize("kind", [FlowGradIC, FlowGradEN])
def test_flow_enters_as_a_constant_nearly(kind):
    """FlowGrad: as (magnitude + 5) / 200; the checkpoint says nothing of a standardisation."""
    learnt = {name: kind.started(Start("random", None, WIDTH, preset=name)) for name in PRESETS}
    samples = Samples(torch.rand(2, 3, 8, 8), torch.full((2, 1, 8, 8), 15.0), torch.randn(2, 16000))
    for model in learnt.values():
        model.measure([samples])
    for name, value in (("released", 0.1), ("paper", 0.0)):
        torch.testing.assert_close(learnt[name]._moved(samples), torch.full((2, 1, 8, 8), value))
    gone = set(learnt["paper"].state_dict()) - set(learnt["released"].state_dict())
    assert gone == {"flow_input.mean", "flow_input.deviation"}
