"""What is learnt and from where: the loss, the first weights, the changes of a sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flowgrad.errors import InputError
from flowgrad.models.rcgrad.encoders import build_encoders
from flowgrad.models.rcgrad.objective import FlowGradEN, FlowGradIC, RCGrad
from flowgrad.training.augment import augmented
from flowgrad.training.objective import InfoNCE, Samples, Start

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
