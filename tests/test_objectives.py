"""What is learnt and from where: the loss, the first weights, the changes of a sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flowgrad.errors import InputError
from flowgrad.models.encoders import build_encoders
from flowgrad.stages.fit import started
from flowgrad.training.augment import augmented
from flowgrad.training.objectives import InfoNCE, start_from_imagenet, start_from_rcgrad

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


def test_flow_filters_start_as_the_mean_of_the_colours():
    rcgrad = build_encoders("rcgrad", WIDTH)
    colours = rcgrad["image_encoder"].conv1.weight.detach()
    ic = start_from_rcgrad("flowgrad-ic", rcgrad, WIDTH)["image_encoder"].conv1_flow.weight
    torch.testing.assert_close(ic[:, :3], colours)
    torch.testing.assert_close(ic[:, 3], colours.mean(dim=1))
    en = start_from_rcgrad("flowgrad-en", rcgrad, WIDTH)
    torch.testing.assert_close(en["flow_encoder"].conv1_flow.weight[:, 0], colours.mean(dim=1))
    for key, value in rcgrad["image_encoder"].state_dict().items():
        torch.testing.assert_close(en["image_encoder"].state_dict()[key], value)
        if key != "conv1.weight":
            torch.testing.assert_close(en["flow_encoder"].state_dict()[key], value)


def test_a_start_that_does_not_fit_is_named(tmp_path):
    wide = tmp_path / "wide.pt"
    torch.save(build_encoders("rcgrad", 32).state_dict(), wide)
    with pytest.raises(
        InputError, match=r"training.init.flowgrad-en: .*wide.pt: has width 32, and training.width is 16"
    ):
        started("flowgrad-en", "rcgrad", wide, WIDTH)
    other = tmp_path / "other.pt"
    torch.save(build_encoders("flowgrad-ic", WIDTH).state_dict(), other)
    with pytest.raises(InputError, match=r"other.pt: is no rcgrad checkpoint"):
        started("rcgrad", "rcgrad", other, WIDTH)


def test_start_from_an_imagenet_resnet18():
    from torchvision.models import resnet18

    state = resnet18().state_dict()
    encoders = start_from_imagenet(state)
    torch.testing.assert_close(encoders["image_encoder"].layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    with pytest.raises(InputError, match="no ResNet-18"):
        start_from_imagenet({"conv1.weight": state["conv1.weight"]})


def test_a_change_of_the_picture_is_the_same_change_of_the_flow():
    ramp = torch.linspace(0, 1, 32).repeat(4, 32, 1)
    picture = ramp[:, None].repeat(1, 3, 1, 1)
    generator = torch.Generator().manual_seed(3)
    changed, flow, _ = augmented(picture, ramp[:, None], torch.randn(4, 100), generator)
    for one, moved in zip(changed.mean(dim=1), flow[:, 0], strict=True):
        inner = slice(4, 28)
        assert np.corrcoef(one[inner, inner].ravel(), moved[inner, inner].ravel())[0, 1] > 0.99
    again, *_ = augmented(picture, ramp[:, None], torch.randn(4, 100), torch.Generator().manual_seed(3))
    assert not torch.equal(changed, picture)
    torch.testing.assert_close(changed, again)
