"""The network that the families share: a ResNet-18 without classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.errors import InputError
from flowgrad.models.checkpoints import read_state
from flowgrad.models.inputs import IMAGENET_DEVIATION, IMAGENET_MEAN
from flowgrad.models.layout import GROWTH, PUBLISHED_WIDTH


class Block(nn.Module):
    """Two convolutions and the way around them, which is one of 1x1 where the shape changes (He et al., CVPR 2016).

    Its keys are those of every ResNet-18 that torchvision or its like has written.
    """

    def __init__(self, before: int, after: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample: nn.Sequential | None = None
        if before != after:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, after, H / stride, W / stride) of (N, before, H, W)."""
        around = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.bn2(self.conv2(x))
        x += around
        return F.relu(x, inplace=True)


class Encoder(nn.Module):
    """A ResNet-18 without classifier.

    Args:
        channels: input channels.
        first: name of the first convolution in the checkpoint (``conv1``, or ``conv1_flow``).
        dense: keep stride 1 in the last stage, so that 224x224 gives a 14x14 grid instead of 7x7.
        width: channels of the first stage; the last has eight times as many.
    """

    def __init__(self, channels: int, first: str = "conv1", dense: bool = True, width: int = PUBLISHED_WIDTH):
        super().__init__()
        self.add_module(first, nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False))
        self._first = first
        self.bn1 = nn.BatchNorm2d(width)
        one, two, three, four = (growth * width for growth in GROWTH)
        self.layer1 = _stage(width, one, stride=1)
        self.layer2 = _stage(one, two, stride=2)
        self.layer3 = _stage(two, three, stride=2)
        self.layer4 = _stage(three, four, stride=1 if dense else 2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return the last stage's activations (N, 8 width, h, w), all >= 0, of an input (N, channels, H, W)."""
        found: Tensor = self.layer4(self.below(x))
        return found

    def below(self, x: Tensor) -> Tensor:
        """Return the activations of the last stage but one, (N, 4 width, h, w), of an input (N, channels, H, W)."""
        x = F.relu(self.bn1(getattr(self, self._first)(x)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = self.layer3(self.layer2(self.layer1(x)))
        return x


def pictures(
    frames: Tensor, mean: Sequence[float] = IMAGENET_MEAN, deviation: Sequence[float] = IMAGENET_DEVIATION
) -> Tensor:
    """Return frames (N, H, W, 3) uint8 as (N, 3, H, W) float32 with mean and deviation of each colour taken out."""
    return standardised(frames.permute(0, 3, 1, 2).float() / 255, mean, deviation)


def standardised(
    frames: Tensor, mean: Sequence[float] = IMAGENET_MEAN, deviation: Sequence[float] = IMAGENET_DEVIATION
) -> Tensor:
    """Return frames (N, 3, H, W) in 0..1 with mean and deviation of each colour taken out, channels last in memory."""
    of, by = (frames.new_tensor(values).view(1, 3, 1, 1) for values in (mean, deviation))
    return ((frames - of) / by).contiguous(memory_format=torch.channels_last)


def imagenet_encoder(path: Path, width: int, key: str) -> dict[str, Tensor]:
    """Return the tensors of an encoder of frames from a ResNet-18 that was trained on ImageNet (torchvision's file).

    Args:
        path: the file.
        width: of the encoder that is wanted.
        key: of the configuration, for a sentence.

    Raises:
        InputError: the file is no such ResNet-18, or of another width.
    """
    state = read_state(path)
    needed = Encoder(3, width=width).state_dict()
    missing = [name for name, value in needed.items() if name not in state or state[name].shape != value.shape]
    if missing:
        raise InputError(f"{key}: {path}: is no ResNet-18: {missing[0]} is missing, or not of training.width {width}")
    return {name: state[name] for name in needed}


def _stage(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(Block(before, after, stride), Block(after, after))
