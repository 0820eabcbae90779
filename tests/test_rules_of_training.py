"""Rules of a training, each held alone: what encoders are shown, what the loss is, what is drawn (no loop runs)."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from flowgrad import artifacts
from flowgrad.config import parse
from flowgrad.config.training import TrainingConfig
from flowgrad.errors import InputError
from flowgrad.flow.magnitude import network_input
from flowgrad.models.base import Recipe, SampleSpec
from flowgrad.models.inputs import PIXEL_DEVIATION, PIXEL_MEAN
from flowgrad.models.rcgrad.objective import FlowGradEN, FlowGradIC, RCGrad
from flowgrad.models.registry import get_model
from flowgrad.models.resnet import Encoder, imagenet_encoder, pictures
from flowgrad.training.augment import augmented
from flowgrad.training.checkpointing import save
from flowgrad.training.data import EpochBatches, HeldOutBatches
from flowgrad.training.learner import Learner, _joined
from flowgrad.training.loop import _rows_if_ended
from flowgrad.training.objective import InfoNCE, Samples
from flowgrad.training.samples import KIND, SampleSet, attributes_of, has_whole_window, split, too_few, windows_of
from flowgrad.workflow.training import schedule_of, settings_of

ENCODERS = {
    "rcgrad": ("image_encoder", "audio_encoder"),
    "flowgrad-ic": ("image_encoder", "audio_encoder"),
    "flowgrad-en": ("image_encoder", "audio_encoder", "flow_encoder"),
}

OBJECTIVES = {objective.name: objective for objective in (RCGrad, FlowGradIC, FlowGradEN)}


class Looking(nn.Module):
    """A small encoder that keeps what it was shown."""

    def __init__(self, channels: int):
        super().__init__()
        self.seen = torch.empty(0)
        self.layer = nn.Conv2d(channels, 6, 1) if channels else nn.Linear(40, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = x.detach().clone()
        return self.layer(x)


class AtEpoch(Learner):
    """The training as it is in an epoch, with what it logs."""

    epoch = 0
    current_epoch = property(lambda self: self.epoch)

    def log(self, name: str, value: torch.Tensor, **_) -> None:
        vars(self).setdefault("logged", {})[name] = float(value.detach())


def training(method: str = "rcgrad", **change) -> AtEpoch:
    torch.manual_seed(0)
    channels = {"image_encoder": 4 if method == "flowgrad-ic" else 3, "audio_encoder": 0, "flow_encoder": 1}
    encoders = nn.ModuleDict({name: Looking(channels[name]) for name in ENCODERS[method]})
    # as Lightning does in a single process, it gathers nothing in evaluation
    objective = OBJECTIVES[method](encoders)
    return AtEpoch(objective, **({"learning_rate": 1e-3, "lr_patience": 3} | change)).eval()


def batch(size: int = 4) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(5)
    return {
        "frame": torch.from_numpy(rng.integers(0, 256, (size, 8, 8, 3), np.uint8)),
        "flow": torch.from_numpy((60 * rng.random((size, 8, 8))).astype(np.float16)),
        "audio": torch.from_numpy(rng.normal(0, 0.1, (size, 40)).astype(np.float32)),
    }


# What the encoders are shown


def test_training_shows_what_inference_shows():
    """Pictures and flow reach the encoders as the models of the table prepare them, flow with its offset."""
    given = batch()
    frame = pictures(given["frame"], PIXEL_MEAN, PIXEL_DEVIATION)
    flow = torch.from_numpy(network_input(given["flow"].numpy()))[:, None]
    en = training("flowgrad-en")
    en.embeddings(given)
    torch.testing.assert_close(en.objective.image_encoder.seen, frame)
    torch.testing.assert_close(en.objective.flow_encoder.seen, flow)
    torch.testing.assert_close(en.objective.audio_encoder.seen, given["audio"])
    ic = training("flowgrad-ic")
    ic.embeddings(given)
    torch.testing.assert_close(ic.objective.image_encoder.seen, torch.cat((frame, flow), dim=1))


@pytest.mark.parametrize("method", ENCODERS)
def test_the_loss_is_the_sum_over_all_pairs(method):
    """EN: picture and sound, picture and flow, flow and sound; the others: picture and sound alone."""
    module, given = training(method), batch()
    found = module.embeddings(given)
    assert set(found) == set(ENCODERS[method])
    loss = InfoNCE()
    expected = loss(found["image_encoder"], found["audio_encoder"])
    if method == "flowgrad-en":
        expected = expected + loss(found["image_encoder"], found["flow_encoder"])
        expected = expected + loss(found["flow_encoder"], found["audio_encoder"])
    torch.testing.assert_close(module.training_step(given, 0), expected)


def test_the_scale_of_the_loss_is_learnt_from_0_07():
    loss = InfoNCE()
    assert loss.logit_scale.exp().item() == pytest.approx(1 / 0.07, rel=1e-6)
    assert loss.logit_scale.requires_grad
    rows = torch.tensor([[3.0, 0.0], [0.0, 0.5]])
    torch.testing.assert_close(loss.logits(rows, rows), torch.eye(2) / 0.07)


@pytest.mark.parametrize(("method", "pairs"), [("rcgrad", 1), ("flowgrad-ic", 1), ("flowgrad-en", 3)])
def test_chance_counts_every_pair(method, pairs):
    module, given = training(method), batch(4)
    module.validation_step(given, 0)
    assert module.logged["held_out_chance"] == pytest.approx(pairs * math.log(4), rel=1e-6)
    assert set(module.logged) == {"held_out_loss", "held_out_chance", "held_out_retrieval"}


def test_retrieval_is_the_share_of_frames_that_find_their_sound():
    module = training()
    embeddings = {
        "image_encoder": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.0, 1.0]]),
        "audio_encoder": torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.1, 1.0]]),
    }
    module.embeddings = lambda *_: embeddings
    module.validation_step(batch(4), 0)
    assert module.logged["held_out_retrieval"] == 0.5


def test_three_of_four_frames_that_find_their_sound():
    module = training()
    frames = torch.eye(4)
    frames[3] = frames[0]
    module.embeddings = lambda *_: {"image_encoder": frames, "audio_encoder": torch.eye(4)}
    module.validation_step(batch(4), 0)
    assert module.logged["held_out_retrieval"] == 0.75


def test_what_processes_gather_is_one_batch_in_their_order():
    parts = torch.arange(12.0).view(2, 3, 2)
    assert _joined(parts).tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]


def test_a_loss_that_is_no_number_ends_the_training_with_advice():
    module = training()
    for loss in (float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"rcgrad: the loss is (nan|inf) in epoch 1; lower training.learning_rate"):
            module._check(torch.tensor(loss))
    module._check(torch.tensor(3.0))


def test_published_files_of_flowgrad_count_epochs_from_0():
    state = {"a": torch.zeros(1)}
    assert training("rcgrad").objective.content(state, 3) == state
    for method in ("flowgrad-ic", "flowgrad-en"):
        assert training(method).objective.content(state, 3) == {"state_dict": state, "epoch": 2}


def test_tensors_have_the_names_of_the_published_files_in_a_checkpoint():
    module, checkpoint = training(), {}
    module.on_save_checkpoint(checkpoint)
    names = set(checkpoint["state_dict"])
    assert "image_encoder.layer.weight" in names
    module.on_load_checkpoint(checkpoint)
    assert set(checkpoint["state_dict"]) == {f"objective.{name}" for name in names} == set(module.state_dict())


def test_the_one_tensor_that_an_imagenet_network_lacks_is_named(tmp_path):
    state, path = Encoder(3, width=16).state_dict(), tmp_path / "resnet18.pth"

    def read(change: dict[str, torch.Tensor], without: str = "") -> dict[str, torch.Tensor]:
        torch.save({key: value for key, value in (state | change).items() if key != without}, path)
        return imagenet_encoder(path, 16, "training.init.rcgrad")

    with pytest.raises(
        InputError, match=r"^training.init.rcgrad: .*resnet18.pth: is no ResNet-18: bn1\.bias is missing, or not"
    ):
        read({}, without="bn1.bias")
    with pytest.raises(InputError, match=r"ResNet-18: conv1.weight is missing, or not of training.width 16"):
        read({"conv1.weight": state["conv1.weight"][:2]})
    found = read({"fc.weight": torch.zeros(3)})
    assert found.keys() == state.keys()
    torch.testing.assert_close(found["conv1.weight"], state["conv1.weight"])


def test_the_learning_rate_follows_the_held_out_loss():
    """It shrinks to a tenth after more than ``lr_patience`` epochs without a better one, and not below 1e-6."""
    found = training(learning_rate=5e-6, lr_patience=2).configure_optimizers()
    assert found["lr_scheduler"]["monitor"] == "held_out_loss"
    optimizer, schedule = found["optimizer"], found["lr_scheduler"]["scheduler"]
    assert type(optimizer) is torch.optim.Adam
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 5, "two encoders and the scale"
    rates = []
    for _ in range(8):
        schedule.step(1.0)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([5e-6] * 3 + [1e-6] * 5)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_step_is_that_of_the_optimizer(optimizer):
    """By hand, from a weight of 2 whose gradient is 3; the decay adds half a weight to it."""
    module = training(learning_rate=0.1, lr_patience=None, optimizer=optimizer, weight_decay=0.5, momentum=0.9)
    found = module.configure_optimizers()
    assert set(found) == {"optimizer"}, "the rate stays"
    scale = module.objective.loss_fn.logit_scale
    weight, velocity, first, second = 2.0, 0.0, 0.0, 0.0
    with torch.no_grad():
        scale.fill_(weight)
    for step in (1, 2):
        scale.grad = torch.tensor(3.0)
        found["optimizer"].step()
        gradient = 3 + 0.5 * weight
        velocity = 0.9 * velocity + gradient
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        adam = first / (1 - 0.9**step) / ((second / (1 - 0.999**step)) ** 0.5 + 1e-8)
        weight -= 0.1 * (velocity if optimizer == "sgd" else adam)
        assert scale.item() == pytest.approx(weight, rel=1e-6)


# How each model is trained unless a key says otherwise


def test_recipes_are_those_of_the_papers():
    """RCGrad and FlowGrad share one; keys of the configuration go before, for every model."""
    training = parse({}).training
    rcgrad = Recipe("adam", 1e-3, 0, 0, 256, 100, 5, 10)
    assert {training.recipe_of(name) for name in ("rcgrad", "flowgrad-ic", "flowgrad-en")} == {
        replace(rcgrad, batch_size=20, epochs=18, lr_patience=3, early_stopping_patience=6)
    }, "the demo's"
    training = TrainingConfig()
    assert {training.recipe_of(name) for name in ("rcgrad", "flowgrad-ic", "flowgrad-en")} == {rcgrad}
    assert training.recipe_of("hear-the-flow") == Recipe("adam", 1e-3, 0, 0, 128, 100, None, None)
    assert training.recipe_of("visual-context") == Recipe("adam", 1e-4, 1e-4, 0, 128, 30, None, None)
    assert training.recipe_of("coarse-to-fine-coarse") == Recipe("sgd", 1e-3, 5e-4, 0.9, 16, 20, None, None)
    assert training.recipe_of("coarse-to-fine") == Recipe("sgd", 1e-4, 5e-4, 0.9, 16, 20, None, None)
    assert training.recipe_of("coarse-to-fine-original") == Recipe("adam", 1e-3, 5e-4, 0, 32, 60, None, None)
    assert training.recipe_of("coarse-to-fine-original-coarse").epochs == 10
    given = {"learning_rate": 0.5, "weight_decay": 0, "optimizer": "adam", "lr_patience": 2, "epochs": None}
    changed = TrainingConfig.model_validate(given).recipe_of("coarse-to-fine")
    assert changed == Recipe("adam", 0.5, 0, 0.9, 16, 20, 2, None)


def test_a_schedule_has_the_recipe_and_the_settings():
    training = TrainingConfig(passes=3, weight_decay=0.01)
    found = schedule_of(training, "coarse-to-fine")
    assert (found.passes, found.weight_decay, found.momentum, found.batch_size) == (3, 0.01, 0.9, 16)
    assert (found.lr_patience, found.ends_after) == (None, 20)
    assert schedule_of(training, "rcgrad").ends_after == 10
    # a checkpoint depends on the rate, wherever it stands
    assert settings_of(TrainingConfig(), "rcgrad") == settings_of(TrainingConfig(learning_rate=1e-3), "rcgrad")
    assert settings_of(TrainingConfig(), "rcgrad") != settings_of(TrainingConfig(learning_rate=1e-4), "rcgrad")


# What is changed at random


def shown(module: AtEpoch, number: int = 0, epoch: int = 0) -> torch.Tensor:
    module.epoch = epoch
    module.training_step(batch(), number)
    return module.objective.image_encoder.seen


def test_changes_follow_from_seed_epoch_and_batch():
    first = shown(training(augment=True, seed=1))
    assert torch.equal(first, shown(training(augment=True, seed=1)))
    assert not torch.equal(first, shown(training(augment=True, seed=2))), "another seed"
    assert not torch.equal(first, shown(training(augment=True, seed=1), epoch=1)), "another epoch"
    assert not torch.equal(first, shown(training(augment=True, seed=1), number=1)), "another batch"


def test_nothing_is_changed_unasked_or_held_out():
    plain = pictures(batch()["frame"], PIXEL_MEAN, PIXEL_DEVIATION)
    torch.testing.assert_close(shown(training()), plain)
    module = training(augment=True)
    module.validation_step(batch(), 0)
    torch.testing.assert_close(module.objective.image_encoder.seen, plain)


def changed(frame: torch.Tensor, flow: torch.Tensor, audio: torch.Tensor, seed: int = 0) -> Samples:
    return augmented(Samples(frame, flow, audio), torch.Generator().manual_seed(seed))


GREY, STILL, SILENT = torch.full((200, 3, 8, 8), 0.5), torch.ones(200, 1, 8, 8), torch.zeros(200, 50)


def test_what_is_enlarged_moves_faster():
    """Crops have 0.6 to 1 of the side, so that a flow of 1 px becomes 1 to 1 / 0.6 px."""
    flow = changed(GREY, STILL, SILENT).flow[:, 0, 4, 4]
    assert 1 <= flow.min() < 1.05
    assert 1.6 < flow.max() <= 1 / 0.6 + 1e-6


def test_half_of_the_frames_are_mirrored_and_none_is_turned_upside_down():
    ramp = torch.linspace(0, 1, 8)
    rightwards = changed(GREY, ramp.repeat(200, 1, 8, 1), SILENT).flow[:, 0]
    mirrored = (rightwards[:, 4, 2] > rightwards[:, 4, 5]).float().mean()
    assert 0.4 < mirrored < 0.6
    downwards = changed(GREY, ramp[:, None].repeat(200, 1, 1, 8), SILENT).flow[:, 0]
    assert (downwards[:, 5, 4] > downwards[:, 2, 4]).all()


def test_light_varies_by_three_tenths_a_colour():
    light = changed(GREY, STILL, SILENT).frame[:, :, 4, 4] / 0.5
    assert 0.7 <= light.min() < 0.72
    assert 1.28 < light.max() <= 1.3
    assert ((light[:, 0] - light[:, 1]).abs() > 0.1).any(), "the balance of colours varies too"


def test_frames_stay_between_black_and_white():
    frame = torch.stack((torch.zeros(200, 8, 8), torch.ones(200, 8, 8), torch.ones(200, 8, 8)), dim=1)
    found = changed(frame, STILL, SILENT).frame
    assert found.min() == 0
    assert found.max() == 1


def test_sound_is_made_duller_or_brighter_and_noisy():
    """An impulse gets a neighbour of -0.7 to 0.7; noise has up to a fifth of the sound's deviation."""
    impulse = torch.zeros(200, 400)
    impulse[:, 100] = 1
    found = changed(GREY, STILL, impulse).audio
    # of the impulse; its neighbour makes it up to 1.22 times as large
    deviation = 0.05
    noise = found[:, 200:].std(dim=1)
    assert noise.min() < 0.1 * deviation
    assert 0.17 * deviation < noise.max() < 0.26 * deviation
    assert found[:, 101].min() == pytest.approx(-0.7, abs=0.06)
    assert found[:, 101].max() == pytest.approx(0.7, abs=0.06)
    torch.testing.assert_close(found[:, 100], torch.ones(200), atol=0.06, rtol=0)
    assert found[:, 99].abs().max() < 0.06, "what comes after sounds on, not what comes before"
    assert not changed(GREY, STILL, SILENT).audio.any(), "silence stays silence"


# Which samples


@pytest.mark.parametrize(
    ("frame", "end", "whole"),
    [(20, 5.0, True), (19, 9.0, False), (20, 4.99, False), (60, 10.0, True), (61, 10.0, False)],
)
def test_a_sample_has_its_whole_window(frame, end, whole):
    """2.5 s of sound before and after the frame."""
    assert has_whole_window(frame, end, 5) is whole


def test_how_many_windows_fit():
    assert [windows_of(seconds, 5) for seconds in (0, 4.99, 5, 9.9, 14.9, 15, 20, 65)] == [0, 0, 1, 1, 1, 2, 3, 12]


def test_what_is_held_out_follows_from_seed_and_name():
    clips = [f"clip{number:02d}" for number in range(12)]
    kept, aside = split(clips, 0.25, 1)
    assert (len(kept), len(aside)) == (9, 3)
    assert split(list(reversed(clips)), 0.25, 1) == (kept, aside)
    assert split(clips, 0.25, 2)[1] != aside, "another seed"
    assert len(split(clips, 0.01, 1)[1]) == 2, "two at least"


def test_too_few_clips_are_said():
    assert too_few(10, 2, 8, 8, 5) is None
    sentence = too_few(10, 2, 7, 8, 5)
    assert sentence == (
        "10 usable clips with 7 windows of 5 s, beside 2 that are held out, are too few for training.batch_size: 8;"
        " add videos, or set it to 7 or less"
    )
    nothing = too_few(1, 0, 1, 8, 5)
    assert nothing is not None
    assert nothing.endswith("and none to hold out, are too few for training.batch_size: 8; add videos")
    assert too_few(10, 1, 8, 8, 5) is not None, "one clip held out is too few"


def sample_set(folder: Path, end: float, rate: int = 16000, every: int = 4, lag: float = 0.0) -> SampleSet:
    """One clip whose frames, flow and audio tell their own time."""
    numbers = np.arange(0, int(end * 8), every, dtype=np.int32)
    with artifacts.create(folder / "samples.h5", KIND, **attributes_of(SampleSpec(lag=lag))) as output:
        group = output.clip("clip", end_s=end, source_sha256="0" * 64)
        group.extend("audio", np.arange(round(end * rate), dtype=np.float32) / rate)
        group.append(
            frame=numbers,
            rgb=np.broadcast_to(numbers.astype(np.uint8)[:, None, None, None], (len(numbers), 2, 2, 3)),
            flow=np.broadcast_to(numbers.astype(np.float16)[:, None, None], (len(numbers), 2, 2)),
        )
    return SampleSet([folder / "samples.h5"])


def test_a_sample_is_of_one_moment(tmp_path):
    """Pixels and flow of frame 20 + 4 n, and the sound from 2.5 s before it to 2.5 s after."""
    samples = sample_set(tmp_path, 7.0)
    assert samples.length("clip") == 5
    assert samples.sources == {"clip": "0" * 64}
    for number in range(5):
        one, frame = samples.read("clip", number), 20 + 4 * number
        assert set(one.frame.ravel()) == set(one.flow.ravel()) == {frame}
        assert one.audio.shape == (80000,)
        assert one.audio[40000] == pytest.approx(frame / 8)
        assert one.audio[0] == pytest.approx(frame / 8 - 2.5)


def test_a_frame_may_come_after_the_middle_of_its_sound(tmp_path):
    """Visual context as released: frame and sound are 1 s apart, and the sound is whole nevertheless."""
    released = get_model("visual-context").training.sample_of("released")
    assert (released.lag, get_model("visual-context").training.sample_of("paper").lag) == (1, 0)
    samples = sample_set(tmp_path, 7.0, lag=1.0)
    assert samples.spec.lag == 1
    assert samples.length("clip") == 5, "frames from 3.5 to 5.5 s"
    for number in range(5):
        one, frame = samples.read("clip", number), 28 + 4 * number
        assert set(one.frame.ravel()) == {frame}
        assert one.audio[40000] == pytest.approx(frame / 8 - 1)
    assert has_whole_window(44, 7, 5, 1)
    assert not has_whole_window(45, 7, 5, 1)


def test_a_sample_that_the_sound_misses_by_one_is_filled(tmp_path):
    samples = sample_set(tmp_path, 5 + 1e-6)
    assert samples.length("clip") == 1
    assert samples.read("clip", 0).audio.shape == (80000,)


def test_only_the_clips_that_are_wanted_are_there(tmp_path):
    sample_set(tmp_path, 6.0)
    assert SampleSet([tmp_path / "samples.h5"], only=["clip"]).clips == ["clip"]
    assert SampleSet([tmp_path / "samples.h5"], only=["other"]).clips == []


def test_windows_move_along_a_clip(tmp_path):
    """20 s have middles from 2.5 s to 17.5 s: three windows, that start anew at each offset."""
    samples = sample_set(tmp_path, 20.0)
    assert samples.length("clip") == 31
    assert samples.apart("clip", 0) == [0, 10, 20]
    assert samples.apart("clip", 0.5) == [5, 15, 25]
    assert samples.apart("clip", 0.999) == [10, 20, 30]


# Which batches


def many_clips(folder: Path, count: int, seconds: float) -> SampleSet:
    with artifacts.create(folder / "many.h5", KIND, **attributes_of(SampleSpec())) as output:
        for number in range(count):
            group = output.clip(f"c{number:02d}", end_s=seconds, source_sha256="0")
            group.append(frame=np.arange(0, int(seconds * 8), 4, dtype=np.int32))
    return SampleSet([folder / "many.h5"])


def test_every_pass_shows_every_clip_once(tmp_path):
    samples = many_clips(tmp_path, 12, 9.0)
    batches = list(EpochBatches(samples, samples.clips, 4, 3, 2, 1))
    assert [len(one) for one in batches] == [4] * 9
    for start in (0, 3, 6):
        assert sorted(clip for one in batches[start : start + 3] for clip, _ in one) == samples.clips
    assert len(EpochBatches(samples, samples.clips, 5, 3, 2, 1)) == 6, "what fills no batch is left"


def test_batches_that_are_not_shuffled_are_the_same_in_every_epoch(tmp_path):
    """Hear The Flow as released: clips in the order of their names, always with the same neighbours."""
    samples = many_clips(tmp_path, 9, 10.0)
    batches = EpochBatches(samples, samples.clips, 4, 1, together=1, seed=3, shuffled=False)
    epochs = []
    for epoch in range(2):
        batches.set_epoch(epoch)
        epochs.append(list(batches))
    assert epochs[0] == epochs[1]
    assert [clip for batch in epochs[0] for clip, _ in batch] == [f"c{number:02d}" for number in range(8)]
    assert len({number for batch in epochs[0] for _, number in batch}) == 1
    assert len(batches) == 2


def test_windows_of_a_clip_follow_each_other(tmp_path):
    samples = many_clips(tmp_path, 6, 25.5)
    (one,) = EpochBatches(samples, samples.clips, 24, 1, 2, 1)
    clips = [clip for clip, _ in one]
    assert clips[0::2] == clips[1::2]
    assert clips[0::2] != sorted(clips[0::2])
    (apart,) = EpochBatches(samples, samples.clips, 24, 1, 1, 1)
    assert [clip for clip, _ in apart][0::2] != [clip for clip, _ in apart][1::2]


def test_held_out_batches_have_nearly_one_size(tmp_path):
    """Seven windows in batches of four: two parts of four and three, at each of two offsets."""
    samples = many_clips(tmp_path, 7, 9.0)
    batches = list(HeldOutBatches(samples, samples.clips, 4, 2))
    assert [len(one) for one in batches] == [4, 3, 4, 3]
    assert [{number for _, number in one} for one in batches] == [{2}, {2}, {6}, {6}]
    assert len(HeldOutBatches(samples, samples.clips, 16, 1)) == 1


# Where it ends


@pytest.mark.parametrize(("waited", "ended"), [(1, False), (2, True), (3, True)])
def test_a_training_has_ended_when_it_waited_long_enough(tmp_path, waited, ended):
    callbacks = {"EarlyStopping{}": {"wait_count": waited}, "History": {"rows": [{"epoch": 1.0}]}}
    save({"callbacks": callbacks}, tmp_path / "last.ckpt")
    assert _rows_if_ended(tmp_path / "last.ckpt", 2) == ([{"epoch": 1.0}] if ended else None)
    assert _rows_if_ended(tmp_path / "none.ckpt", 2) is None
