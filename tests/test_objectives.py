"""What is learnt and from where: the loss, the first weights, the changes of a sample."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from flowgrad.errors import InputError
from flowgrad.models.checkpoint_file import check_layout
from flowgrad.models.hear_the_flow.objective import HearTheFlow, trimap_loss
from flowgrad.models.rcgrad.encoders import build_encoders
from flowgrad.models.rcgrad.objective import FlowGradEN, FlowGradIC, RCGrad
from flowgrad.models.registry import get_model
from flowgrad.models.resnet import Encoder
from flowgrad.models.visual_context.objective import (
    VisualContext,
    discrimination_loss,
    diversity_loss,
    localization_loss,
    node_order,
    own_map,
)
from flowgrad.training.augment import augmented
from flowgrad.training.objective import InfoNCE, Samples, Start
from flowgrad.training.statistics import measure

WIDTH = 16


def test_infonce_is_the_cross_entropy_both_ways():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 5, 8)).astype(np.float32)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second)]
    similar = unit[0] @ unit[1].T / 0.07
    expected = 0.0
    for table in (similar, similar.T):
        expected += -np.mean(np.diag(table) - np.log(np.exp(table).sum(axis=1))) / 2
    loss = InfoNCE()(torch.from_numpy(first), torch.from_numpy(second))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_flow_filters_start_as_the_mean_of_the_colours(tmp_path):
    rcgrad = build_encoders("rcgrad", WIDTH)
    torch.save(rcgrad.state_dict(), tmp_path / "rcgrad.pt")
    start = Start("rcgrad", tmp_path / "rcgrad.pt", WIDTH)
    colours = rcgrad["image_encoder"].conv1.weight.detach()
    ic = FlowGradIC.started(start).image_encoder.conv1_flow.weight
    torch.testing.assert_close(ic[:, :3], colours)
    torch.testing.assert_close(ic[:, 3], colours.mean(dim=1))
    en = FlowGradEN.started(start)
    torch.testing.assert_close(en.flow_encoder.conv1_flow.weight[:, 0], colours.mean(dim=1))
    for key, value in rcgrad["image_encoder"].state_dict().items():
        torch.testing.assert_close(en.image_encoder.state_dict()[key], value)
        if key != "conv1.weight":
            torch.testing.assert_close(en.flow_encoder.state_dict()[key], value)


def test_a_start_that_does_not_fit_is_named(tmp_path):
    wide = tmp_path / "wide.pt"
    torch.save(build_encoders("rcgrad", 32).state_dict(), wide)
    with pytest.raises(
        InputError, match=r"training.init.flowgrad-en: .*wide.pt: has width 32, and training.width is 16"
    ):
        FlowGradEN.started(Start("rcgrad", wide, WIDTH))
    other = tmp_path / "other.pt"
    torch.save(build_encoders("flowgrad-ic", WIDTH).state_dict(), other)
    with pytest.raises(InputError, match=r"other.pt: is no rcgrad checkpoint"):
        RCGrad.started(Start("rcgrad", other, WIDTH))


def test_start_from_an_imagenet_resnet18(tmp_path):
    from torchvision.models import resnet18

    state = resnet18().state_dict()
    torch.save(state, tmp_path / "resnet18.pth")
    found = RCGrad.started(Start("imagenet", tmp_path / "resnet18.pth", 64))
    torch.testing.assert_close(found.image_encoder.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    torch.save({"conv1.weight": state["conv1.weight"]}, tmp_path / "part.pth")
    with pytest.raises(InputError, match=r"training.init.rcgrad: .*part.pth: is no ResNet-18: bn1"):
        RCGrad.started(Start("imagenet", tmp_path / "part.pth", 64))


def test_a_change_of_the_frame_is_the_same_change_of_the_flow():
    ramp = torch.linspace(0, 1, 32).repeat(4, 32, 1)
    given = Samples(ramp[:, None].repeat(1, 3, 1, 1), ramp[:, None], torch.randn(4, 100))
    changed = augmented(given, torch.Generator().manual_seed(3))
    for one, moved in zip(changed.frame.mean(dim=1), changed.flow[:, 0], strict=True):
        inner = slice(4, 28)
        assert np.corrcoef(one[inner, inner].ravel(), moved[inner, inner].ravel())[0, 1] > 0.99
    again = augmented(given, torch.Generator().manual_seed(3))
    assert not torch.equal(changed.frame, given.frame)
    torch.testing.assert_close(changed.frame, again.frame)


# Hear The Flow and visual context semantics


def seeded(key: str, shape: list[int]) -> torch.Tensor:
    """As the golden vectors draw it."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little"))
    scale = (2.0 / np.prod(shape[1:])) ** 0.5 if len(shape) >= 3 else 0.02
    return torch.from_numpy(rng.normal(0.0, scale, shape).astype(np.float32))


@pytest.fixture(scope="module")
def golden(reference):
    with np.load(reference / "golden/expected.npz") as file:
        return {name: float(file[name]) for name in file.files if name.startswith("loss")}


@pytest.fixture(scope="module")
def features() -> tuple[torch.Tensor, torch.Tensor]:
    image = F.normalize(seeded("loss.image", [4, 512, 7, 7]), dim=1)
    audio = F.normalize(F.normalize(seeded("loss.audio", [4, 512]), dim=1) + 2 * image.mean(dim=(2, 3)), dim=1)
    return image, audio


def test_losses_of_the_released_code(golden, features):
    visual, audio = features
    cosines = torch.einsum("nchw,mc->nmhw", visual, audio)
    assert trimap_loss(cosines, "released").item() == pytest.approx(golden["loss_hear_the_flow"], abs=1e-5)
    assert InfoNCE()(visual.mean(dim=(2, 3)), audio).item() == pytest.approx(golden["loss_rcgrad"], abs=1e-5)
    weight = seeded("module.gluenet.conv_proj.weight", [16, 512, 1, 1])
    heatmaps = F.conv2d(visual, weight)
    nodes = torch.einsum("nchw,nkhw->nkc", visual, heatmaps)
    assert localization_loss(visual, audio).item() == pytest.approx(golden["loss_visual_context_loc"], abs=1e-5)
    assert discrimination_loss(nodes, audio).item() == pytest.approx(golden["loss_visual_context_dis"], abs=1e-5)
    found = diversity_loss(heatmaps, own_map(visual, audio), node_order(nodes, audio))
    assert found.item() == pytest.approx(golden["loss_visual_context_div"], abs=1e-5)


def test_a_right_pair_that_comes_nearer_costs_less(features):
    """In every loss; and who stands where in the batch does not matter."""
    visual, audio = features
    nearer = F.normalize(audio + 2 * visual[:, :, 3, 3], dim=1)
    order = torch.tensor([2, 0, 3, 1])
    for loss in (
        lambda seen, heard: trimap_loss(torch.einsum("nchw,mc->nmhw", seen, heard)),
        localization_loss,
    ):
        assert loss(visual, nearer) < loss(visual, audio)
        torch.testing.assert_close(loss(visual[order], audio[order]), loss(visual, audio))


def test_the_own_sound_is_no_distractor():
    """The released diagonal makes one of it wherever its cosine is negative."""
    cosines = torch.full((3, 3, 2, 2), -0.2)
    assert trimap_loss(cosines).item() == pytest.approx(np.log(4), abs=1e-5)
    assert trimap_loss(cosines, "released") > 200


def test_a_frame_that_fits_everywhere_has_a_loss():
    """Nothing is around what sounds; the share of it is small, and no division by nothing."""
    cosines = torch.full((3, 3, 2, 2), 0.99, requires_grad=True)
    loss = trimap_loss(cosines)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(cosines.grad).all()


def test_divergence_of_equal_maps_is_nothing():
    maps = torch.randn(3, 4, 4)
    order = torch.arange(6).repeat(3, 1)
    heatmaps = torch.cat((maps[:, None].expand(3, 3, 4, 4), torch.randn(3, 3, 4, 4)), dim=1)
    assert diversity_loss(heatmaps, maps, order).item() == pytest.approx(0, abs=1e-6)
    assert 0 < diversity_loss(heatmaps, maps, order.flip(1)) < np.log(2)


@pytest.mark.parametrize("kind", [HearTheFlow, VisualContext])
def test_statistics_of_frozen_parts_stay(kind, tmp_path):
    """Hear The Flow's image encoder from ImageNet learns nothing, its BatchNorm neither."""
    torch.manual_seed(0)
    encoder = Encoder(3, width=WIDTH).state_dict()
    torch.save(encoder, tmp_path / "resnet18.pth")
    learnt = kind.started(Start("imagenet", tmp_path / "resnet18.pth", WIDTH)).train()
    samples = Samples(torch.rand(4, 3, 224, 224), torch.randn(4, 2, 224, 224), torch.randn(4, 72000).clamp(-1, 1))
    measure(learnt, learnt.measured_parts(), [samples], learnt.embeddings)
    loss = learnt.loss(learnt.embeddings(samples))
    loss.backward()
    frozen = kind is HearTheFlow
    same = all(torch.equal(value, encoder[name]) for name, value in learnt.imgnet.state_dict().items())
    assert same is frozen
    assert all((one.grad is None) is frozen for one in learnt.imgnet.parameters())
    if frozen:
        torch.testing.assert_close(learnt.flownet.layer4[1].conv2.weight, encoder["layer4.1.conv2.weight"])
    assert torch.isfinite(loss)
    path = tmp_path / "saved.pth"
    torch.save(learnt.content(learnt.state_dict(), 1), path)
    weights = get_model(kind.name).weights
    check_layout(path, weights.layout)


def test_released_hear_the_flow_has_the_faults_of_its_code(tmp_path):
    """The distractor, unturned flow, drifting statistics; flow without sign is a matter of the samples."""
    torch.manual_seed(0)
    torch.save(Encoder(3, width=WIDTH).state_dict(), tmp_path / "resnet18.pth")

    def learnt(preset: str) -> HearTheFlow:
        torch.manual_seed(1)
        return HearTheFlow.started(Start("imagenet", tmp_path / "resnet18.pth", WIDTH, preset=preset)).train()

    paper, released = learnt("paper"), learnt("released")
    cosines = {"visual": torch.full((3, 1, 2, 2), -0.2), "audio": torch.ones(3, 1)}
    assert paper.loss(cosines).item() == pytest.approx(np.log(4), abs=1e-5)
    assert released.loss(cosines) > 200

    assert (paper.turns_flow, released.turns_flow) == (True, False)
    right = Samples(torch.rand(8, 3, 16, 16), torch.ones(8, 2, 16, 16), torch.randn(8, 100))
    unturned = augmented(right, torch.Generator().manual_seed(1), turns_flow=False)
    assert (unturned.flow > 0).all()

    samples = Samples(torch.rand(4, 3, 224, 224), torch.randn(4, 2, 224, 224), torch.randn(4, 66150).clamp(-1, 1))
    for one, drifts in ((paper, False), (released, True)):
        before = one.imgnet.bn1.running_mean.clone()
        one.embeddings(samples)
        assert torch.equal(one.imgnet.bn1.running_mean, before) is not drifts
        assert not any(parameter.requires_grad for parameter in one.imgnet.parameters())


@pytest.mark.parametrize("kind", [FlowGradIC, FlowGradEN])
def test_released_flowgrad_is_given_flow_as_its_code_scales_it(kind):
    flow = torch.rand(1, 1, 224, 224) * 9
    samples = Samples(torch.rand(1, 3, 224, 224), flow, torch.zeros(1, 80000))
    paper, released = (kind.started(Start("random", None, WIDTH, preset=preset)) for preset in ("paper", "released"))
    torch.testing.assert_close(released._moved(samples), (flow + 5) / 200)
    paper.measure([samples])
    assert paper._moved(samples).mean().item() == pytest.approx(0, abs=1e-4)
    assert not any(key.startswith("flow_input") for key in released.state_dict())


def test_mirrored_flow_goes_the_other_way():
    """Where a frame is mirrored: to the right becomes to the left; down stays down."""
    right_and_down = torch.stack((torch.ones(8, 16, 16), torch.ones(8, 16, 16)), dim=1)
    ramp = torch.linspace(0, 1, 16).repeat(8, 3, 16, 1)
    changed = augmented(Samples(ramp, right_and_down, torch.randn(8, 100)), torch.Generator().manual_seed(1))
    mirrored = changed.frame[:, :, :, :4].mean(dim=(1, 2, 3)) > changed.frame[:, :, :, -4:].mean(dim=(1, 2, 3))
    assert set(mirrored.tolist()) == {True, False}
    assert ((changed.flow[:, 0].mean(dim=(1, 2)) < 0) == mirrored).all()
    assert (changed.flow[:, 1] > 0).all()
