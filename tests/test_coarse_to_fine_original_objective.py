"""What the original Coarse to Fine learns: its losses, its regions, what stays as it is, and where stages start."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import flowgrad
from flowgrad import artifacts
from flowgrad.errors import InputError
from flowgrad.models.coarse_to_fine.objective import classification, correspondence
from flowgrad.models.coarse_to_fine.original_layout import COARSE, LAYOUT, TRAINED, Sizes
from flowgrad.models.coarse_to_fine.original_objective import (
    CoarseToFineOriginal,
    alignment,
    certain,
    class_of_regions,
    class_of_sounds,
)
from flowgrad.models.coarse_to_fine.regions import cut_out, grid, region_labels
from flowgrad.models.registry import get_model
from flowgrad.training.checkpointing import save
from flowgrad.training.loop import Outcome, Schedule, fit
from flowgrad.training.objective import Samples, Start
from flowgrad.training.samples import KIND, SampleSet, attributes_of

WIDTH = 16
HEADS = ("visual.layer4.", "visual.fc.", "discrim.discrim.")
FINE = ("discrim.transform_a.", "discrim.transform_v.")


# The losses


def test_classes_of_sounds_by_hand():
    found = class_of_sounds(torch.tensor([[0.5, 0.75]]), torch.tensor([[1.0, 0.5]]))
    assert found.item() == pytest.approx((math.log(2) - 0.5 * math.log(0.75) - 0.5 * math.log(0.25)) / 2)
    assert class_of_sounds(torch.tensor([[1.0]]), torch.tensor([[1.0]])).item() == 0


def test_regions_without_a_class_teach_nothing():
    logits = torch.tensor([[[0.0, math.log(3)], [5.0, 1.0]]])
    labels = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]])
    assert class_of_regions(logits, labels).item() == pytest.approx(math.log(4 / 3))
    assert class_of_regions(logits, 0 * labels).item() == 0


def test_only_sounds_that_are_certain_count_in_pairs():
    assert certain(torch.tensor([[0.1, 0.7], [0.6, 0.0], [0.5, 0.5]])).tolist() == [True, True, False]
    assert certain(torch.tensor([[0.1, 0.2], [0.3, 0.0]])).tolist() == [False, True], "at least the likeliest"
    logits = torch.zeros(2, 2, 2)
    logits[0, 0, 1] = logits[0, 1, 0] = math.log(3)
    assert correspondence(logits, torch.tensor([True, False])).item() == pytest.approx(math.log(4 / 3))
    assert correspondence(logits, torch.tensor([False, True])).item() == pytest.approx(math.log(2))
    both = correspondence(logits, torch.tensor([True, True]))
    torch.testing.assert_close(both, correspondence(logits))
    assert both.item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_alignment_by_hand():
    """Two clips, two classes, one channel: squared differences are those of numbers."""
    heard, seen = torch.tensor([[[0.0], [9.0]], [[1.0], [9.0]]]), torch.tensor([[[0.5], [2.0]], [[3.0], [1.0]]])
    first = torch.tensor([[1.0, 0.3], [1.0, 0.0]])
    pulled = (0.5**2 + 2.0**2) / 2
    # of sound 0 to both classes of picture 1, and of sound 1 to both of picture 0
    pushed = (0 + (2 - 1)) / 4 + ((2 - 0.5**2) + (2 - 1)) / 4
    assert alignment(heard, seen, first, torch.ones(2, 2)).item() == pytest.approx(pulled + pushed)
    in_picture = torch.tensor([[0.4, 1.0], [0.3, 1.0]])
    assert alignment(heard, seen, first, in_picture).item() == pytest.approx(0.5**2 + pushed), "seen in one clip"
    assert alignment(heard, seen, 0 * first, in_picture).item() == 0
    assert alignment(heard[:1], seen[:1], first[:1], in_picture[:1]).item() == pytest.approx(0.25), "no other clip"


def test_alignment_falls_as_right_pairs_come_nearer_and_does_not_know_the_order():
    draws = torch.Generator().manual_seed(2)
    heard, seen = (torch.randn(4, 3, 8, generator=draws) for _ in range(2))
    sure = torch.rand(4, 3, generator=draws), torch.rand(4, 3, generator=draws)
    losses = [alignment(heard, torch.lerp(seen, heard, near), *sure).item() for near in (0, 0.3, 0.6, 1)]
    assert losses == sorted(losses, reverse=True)
    order = torch.tensor([2, 0, 3, 1])
    turned = alignment(heard[order], seen[order], *(part[order] for part in sure))
    torch.testing.assert_close(turned, alignment(heard, seen, *sure))


# Regions


def test_regions_are_cut_out_where_they_lie():
    """A frame whose cells are numbered: the mean over a region is that of its cells."""
    numbered = torch.arange(64.0).reshape(1, 1, 8, 8)
    frames = torch.cat((numbered, 100 + numbered))
    boxes = grid(2, 8, 8, frames)
    assert boxes[[0, 3, 4, 15]].tolist() == [[0, 0, 0, 2, 4], [0, 6, 0, 8, 4], [0, 0, 4, 2, 8], [1, 6, 4, 8, 8]]
    means = cut_out(frames, 1).flatten()
    expected = [
        frames[int(n), 0, int(top) : int(low), int(left) : int(right)].mean() for n, left, top, right, low in boxes
    ]
    torch.testing.assert_close(means, torch.stack(expected))
    assert cut_out(frames).shape == (16, 1, 6, 6)


def test_a_region_shows_the_most_active_class_of_its_frame():
    activations = torch.zeros(2, 3, 8, 8)
    activations[:, 0, :, :4], activations[:, 1, :, 4:], activations[:, 2] = 1, 1, 5
    labels = torch.tensor([[0.9, 0.4, 0.3], [0.1, 0.2, 0.0]])
    found = region_labels(activations, labels, 0.3)
    assert found[0].argmax(dim=1).tolist() == [0, 0, 1, 1, 0, 0, 1, 1], "the third class is not there"
    assert (found[0].sum(dim=1) == 1).all()
    assert (found[1] == 0).all(), "nothing is there"


# The objective


def samples(count: int = 4, seed: int = 0, size: int = 64) -> Samples:
    draws = torch.Generator().manual_seed(seed)
    return Samples(
        frame=torch.rand(count, 3, size, size, generator=draws),
        flow=None,
        audio=torch.randn(count, 22050, generator=draws) / 10,
        labels={kind: torch.rand(count, 7, generator=draws) for kind in ("audio", "frame")},
    )


def objective(stage: int = 1, seed: int = 3) -> CoarseToFineOriginal:
    torch.manual_seed(seed)
    return CoarseToFineOriginal(Sizes.of_width(WIDTH), stage)


@pytest.mark.parametrize("stage", [1, 2])
def test_the_loss_is_the_sum_of_its_parts_and_every_part_learns(stage):
    made, given = objective(stage), samples()
    found = made.embeddings(given)
    parts = [
        class_of_sounds(found["in_sound"], given.labels["audio"]),
        classification(found["in_picture"], given.labels["frame"]),
        class_of_regions(found["in_regions"], found["region_labels"]),
        correspondence(made.logits(found).T[:, :, None] * torch.tensor([0.0, 1.0]), certain(given.labels["audio"])),
    ]
    if stage == 2:
        present = found["in_sound"], found["in_picture"].sigmoid()
        parts.append(alignment(found["heard_by_class"], found["seen_by_class"], *present))
    loss = made.loss(found)
    torch.testing.assert_close(loss, sum(parts))
    loss.backward()
    silent = {name for name, value in made.named_parameters() if value.grad is None}
    assert silent == {name for name, _ in made.named_parameters() if stage == 1 and name.startswith(FINE)}
    reached = {
        name.split(".")[1] for name, value in made.named_parameters() if value.grad is not None and value.grad.any()
    }
    assert {"features", "gru", "outputlayer", "conv1", "layer4", "fc", "spa_conv", "temp_conv", "discrim"} <= reached


def test_alignment_teaches_both_sides_and_no_activation():
    """What is heard and seen of a class is told by masks, through which no gradient passes."""
    made = objective(2)
    found = made.embeddings(samples())
    (found["heard_by_class"].square().mean() + found["seen_by_class"].square().mean()).backward()
    silent = {name.rsplit(".", 1)[0] for name, value in made.named_parameters() if value.grad is None}
    assert {"visual.fc", "visual.layer4.0.conv1", "audio.outputlayer"} <= silent
    assert any(name.startswith("audio.gru") for name in silent)
    assert not {"visual.conv1", "audio.features.0.1", "discrim.spa_conv.0.conv1", "discrim.temp_conv.0"} & silent


def test_what_is_heard_of_a_class_is_what_maps_are_made_with():
    """Training and inference agree, with and without recorded gradients."""
    made, given = objective(2).eval(), samples()
    from flowgrad.models.coarse_to_fine.spectrogram import log_mel

    expected = made.heard(log_mel(given.audio))
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with mode():
            found = made.embeddings(given)
            assert torch.isfinite(made.loss(found))
        torch.testing.assert_close(found["heard_by_class"].clone(), expected.classes)
        torch.testing.assert_close(found["in_sound"].clone(), expected.probabilities)


def test_bfloat16_changes_the_loss_little():
    made, given = objective(2), samples(8)
    whole = made.loss(made.embeddings(given)).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = made.loss(made.embeddings(given))
    loss.backward()
    assert loss.item() == pytest.approx(whole, rel=0.05)


def test_the_order_of_the_samples_changes_no_loss():
    made, given, order = objective(2).eval(), samples(), torch.tensor([2, 0, 3, 1])
    turned = Samples(given.frame[order], None, given.audio[order], {k: v[order] for k, v in given.labels.items()})
    with torch.no_grad():
        torch.testing.assert_close(made.loss(made.embeddings(turned)), made.loss(made.embeddings(given)))


def test_chance():
    given, made = samples(), objective(1)
    for layer in (made.visual.fc, made.audio.outputlayer, made.discrim["discrim"][2]):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    assert made.loss(made.embeddings(given)).item() == pytest.approx(made.chance(4), abs=1e-4)
    # of each distance within the margin: it is pulled, and pushed
    same = torch.zeros(3, 2, 4)
    for apart in (0, 1, 2**0.5):
        found = alignment(same, same + apart, torch.ones(3, 2), torch.ones(3, 2)).item()
        assert found == pytest.approx(objective(2).chance(3) - objective(1).chance(3), abs=1e-5)


def test_logits_have_a_row_a_frame():
    made = objective().eval()
    found = made.embeddings(samples())
    no, yes = made.discrim["discrim"](torch.cat((found["heard"][2], found["seen"][1])))
    torch.testing.assert_close(made.logits(found)[1, 2], yes - no)


def test_samples_without_labels_are_refused():
    given = samples()
    with pytest.raises(InputError, match="coarse-to-fine-original learns from labels, and the samples have none of fr"):
        objective().embeddings(Samples(given.frame, None, given.audio, {"audio": given.labels["audio"]}))


# Where stages start


def shapes_of(made: CoarseToFineOriginal) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in made.state_dict().items()}


def test_the_layouts_are_those_of_the_module():
    found = shapes_of(objective(2))
    assert TRAINED.needed(found) == found
    assert COARSE.needed(found) == {key: shape for key, shape in found.items() if not key.startswith(FINE)}
    assert LAYOUT.needed(found) == {key: shape for key, shape in found.items() if not key.startswith(HEADS)}
    assert set(objective(1).content(objective(1).state_dict(), 1)) == set(COARSE.needed(found))
    published = {**LAYOUT.needed({}), **LAYOUT.unused({})}
    assert TRAINED.compare(published) == []
    assert COARSE.compare(published), "a file of the released code is one of the model itself"


def test_the_second_stage_starts_where_the_first_ended(tmp_path):
    first = objective(1)
    torch.save(first.content(first.state_dict(), 1), tmp_path / "coarse.pth")
    with pytest.raises(InputError, match=r"is no coarse-to-fine-original checkpoint: \d+ missing keys: discrim.transf"):
        flowgrad.load_model("coarse-to-fine-original", tmp_path / "coarse.pth", device="cpu")
    second = CoarseToFineOriginal.started(Start("coarse-to-fine-original-coarse", tmp_path / "coarse.pth", WIDTH))
    for key, value in first.content(first.state_dict(), 1).items():
        torch.testing.assert_close(second.state_dict()[key], value)
    assert second.new_branches() == [second.discrim["transform_a"], second.discrim["transform_v"]]
    again = CoarseToFineOriginal.coarse(Start("coarse-to-fine-original-coarse", tmp_path / "coarse.pth", WIDTH))
    assert again.stage == 1
    torch.save({"state_dict": second.state_dict(), "epoch": 3}, tmp_path / "whole.pth.tar")
    further = CoarseToFineOriginal.started(Start("a file", tmp_path / "whole.pth.tar", WIDTH))
    torch.testing.assert_close(further.state_dict(), second.state_dict())
    with pytest.raises(
        InputError, match=r"training.init.coarse-to-fine-original: .*has width 16, and training.width is"
    ):
        CoarseToFineOriginal.started(Start("a file", tmp_path / "whole.pth.tar", 32))
    with pytest.raises(InputError, match="expected a checkpoint of its first stage, got random"):
        CoarseToFineOriginal.started(Start("random", None, WIDTH))


def test_the_first_layers_stay_as_they_came(tmp_path):
    """Through steps, and through the measurement of BatchNorm statistics."""
    from flowgrad.training.statistics import measure

    first = objective(1)
    torch.save(first.content(first.state_dict(), 1), tmp_path / "coarse.pth")
    second = CoarseToFineOriginal.started(Start("coarse-to-fine-original-coarse", tmp_path / "coarse.pth", WIDTH))
    taught(second, samples(), steps=2)
    measure(second, second.measured_parts(), [samples()], second.embeddings)
    frozen = ("visual.conv1.", "visual.bn1.", "visual.layer1.", "audio.features.0.")
    for key, value in first.content(first.state_dict(), 1).items():
        assert torch.equal(second.state_dict()[key], value) == key.startswith(frozen), key


def test_start_from_imagenet(tmp_path):
    from torchvision.models import resnet18

    state = resnet18().state_dict()
    torch.save(state, tmp_path / "resnet18.pth")
    made = CoarseToFineOriginal.coarse(Start("imagenet", tmp_path / "resnet18.pth", 64))
    assert shapes_of(made)["audio.gru.rnn.weight_hh_l0"] == (384, 128)
    for key in ("visual.layer3.1.conv2.weight", "visual.layer4.1.conv2.weight", "discrim.spa_conv.1.conv2.weight"):
        published = key.replace("discrim.spa_conv", "layer4").removeprefix("visual.")
        torch.testing.assert_close(made.state_dict()[key], state[published])
    assert not made.visual.layer1[0].conv1.weight.requires_grad
    assert made.visual.layer2[0].conv1.weight.requires_grad
    assert made.audio.features[0][1].weight.requires_grad, "the tagger starts at random"
    assert made.new_branches() == [made.audio, made.discrim["temp_conv"]]
    with pytest.raises(InputError, match=r"training.init.coarse-to-fine-original: .*not of training.width 16"):
        CoarseToFineOriginal.coarse(Start("imagenet", tmp_path / "resnet18.pth", 16))


def taught(made: CoarseToFineOriginal, given: Samples, steps: int = 8) -> tuple[float, float]:
    optimizer = torch.optim.Adam([value for value in made.parameters() if value.requires_grad], 1e-3)
    losses = []
    for _ in range(steps):
        loss = made.loss(made.embeddings(given))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


def test_both_stages_learn(tmp_path):
    first, given = objective(1), samples(4)
    before, after = taught(first, given)
    assert after < 0.8 * before
    torch.save(first.content(first.state_dict(), 1), tmp_path / "coarse.pth")
    second = CoarseToFineOriginal.started(Start("coarse-to-fine-original-coarse", tmp_path / "coarse.pth", WIDTH))
    before, after = taught(second, given)
    assert after < 0.8 * before


# A real training


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> SampleSet:
    """Small samples of six clips: a bright half of the picture, left with a low tone, right with a high one."""
    spec = replace(get_model("coarse-to-fine-original").training.sample, size=64, seconds=1)
    rng, path = np.random.default_rng(1), tmp_path_factory.mktemp("samples") / "00001.h5"
    time, labels = np.arange(2 * spec.sample_rate) / spec.sample_rate, {}
    with artifacts.create(path, KIND, **attributes_of(spec)) as output:
        for number in range(6):
            of_class, name = np.eye(7, dtype=np.float32)[number % 2], f"clip{number}"
            frame = rng.integers(0, 80, (2, spec.size, spec.size, 3), np.uint8)
            frame[:, :, slice(0, 32) if number % 2 else slice(32, 64)] += 150
            tone = 0.3 * np.sin(2 * np.pi * (300 if number % 2 else 2000) * time) + rng.normal(0, 0.01, len(time))
            group = output.clip(name, end_s=2.0, source_sha256=name)
            group.append(frame=np.array([4, 8], np.int32), rgb=frame)
            group.append(audio=tone.astype(np.float32))
            labels[name] = {"audio": of_class, "frame": of_class}
    return SampleSet([path], labels=labels)


class KilledError(Exception):
    """In place of a kill."""


def trained(made: CoarseToFineOriginal, clips: SampleSet, folder: Path, epochs: int, killed: bool = False) -> Outcome:
    def say(words: str) -> None:
        if killed and words.startswith(f"epoch {epochs} "):
            raise KilledError

    schedule = Schedule(1, 0.34, 4, 1, 1, epochs, 1e-3, 5, 9, False, "float32")
    outcome = fit(made, clips, schedule, folder=folder, device="cpu", say=say)
    assert outcome is not None
    return outcome


def test_a_training_in_two_stages_ends_in_maps(clips, tmp_path):
    """It goes on where it was killed, and ends as one that was not; what it leaves is loaded as others are."""
    first = objective(1)
    outcome = trained(first, clips, tmp_path / "first", 2)
    losses = [row["train_loss"] for row in outcome.history]
    assert losses[-1] < losses[0]
    save(first.content(outcome.state, 2), tmp_path / "coarse.ckpt")

    def second() -> CoarseToFineOriginal:
        torch.manual_seed(4)
        return CoarseToFineOriginal.started(Start("coarse-to-fine-original-coarse", tmp_path / "coarse.ckpt", WIDTH))

    whole = trained(second(), clips, tmp_path / "whole", 2)
    with pytest.raises(KilledError):
        trained(second(), clips, tmp_path / "killed", 2, killed=True)
    resumed = trained(second(), clips, tmp_path / "killed", 2)
    assert [row["held_out_loss"] for row in resumed.history] == [row["held_out_loss"] for row in whole.history]
    assert all(torch.equal(value, resumed.state[key]) for key, value in whole.state.items())
    save(second().content(whole.state, 2), tmp_path / "fine.ckpt")
    model = flowgrad.load_model("coarse-to-fine-original", tmp_path / "fine.ckpt", device="cpu")
    heard = np.random.default_rng(2).normal(0, 0.1, (1, 5 * clips.spec.sample_rate)).astype(np.float32)
    maps = model(np.full((1, 256, 256, 3), 90, np.uint8), heard, clips.spec.sample_rate)
    assert maps.shape == (1, 224, 224)
    assert np.isfinite(maps).all()
    assert maps.std() > 0
