"""The network of visual context semantics, with the key names of its checkpoints."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.models.layout import GROWTH, PUBLISHED_WIDTH
from flowgrad.models.resnet import Encoder, pictures
from flowgrad.models.visual_context.layout import FIRST, PUBLISHED_NODES


class Embedded(NamedTuple):
    """What the network makes of N pairs; all float32.

    Attributes:
        visual: (N, C, H / 16, W / 16) features of the places, each of length 1.
        audio: (N, C) features of the audio, of length 1.
        heatmaps: (N, K, H / 16, W / 16) of the nodes.
        nodes: (N, K, C) features of the nodes.
    """

    visual: Tensor
    audio: Tensor
    heatmaps: Tensor
    nodes: Tensor


class Nodes(nn.Module):
    """The nodes of the picture's graph: a heatmap each, from its features.

    Args:
        features: channels of the picture's places.
        nodes: how many there are.
    """

    def __init__(self, features: int, nodes: int):
        super().__init__()
        self.conv_proj = nn.Conv2d(features, nodes, 1, bias=False)

    def forward(self, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Return the heatmaps (N, K, h, w) of features (N, C, h, w), and the features of each node (N, K, C)."""
        heatmaps: Tensor = self.conv_proj(visual)
        return heatmaps, torch.einsum("nchw,nkhw->nkc", visual, heatmaps)


class VisualContextNetwork(nn.Module):
    """Two ResNet-18, of frame and audio, whose last stage keeps its stride; a scale; the nodes.

    Args:
        width: channels of the encoders' first stage; their last has eight times as many.
        nodes: of the picture's graph.
    """

    def __init__(self, width: int = PUBLISHED_WIDTH, nodes: int = PUBLISHED_NODES):
        super().__init__()
        self.imgnet, self.audnet = (Encoder(channels, first, width=width) for first, channels in FIRST.values())
        self.scale = nn.Parameter(torch.ones(1))
        self.gluenet = Nodes(GROWTH[-1] * width, nodes)

    def embed(self, frames: Tensor, spectrograms: Tensor) -> Embedded:
        """Return what frames (N, 3, H, W), standardised, and spectrograms (N, 1, F, T) are to the network."""
        visual: Tensor = self.imgnet(frames)
        audio: Tensor = self.audnet(spectrograms)
        heatmaps, nodes = self.gluenet(visual)
        return Embedded(
            F.normalize(visual.float(), dim=1),
            F.normalize(F.adaptive_max_pool2d(audio, 1).flatten(1).float(), dim=1),
            heatmaps.float(),
            nodes.float(),
        )

    def forward(self, frames: Tensor, spectrograms: Tensor) -> Embedded:
        """Return what :meth:`embed` does, of frames (N, H, W, 3) uint8."""
        return self.embed(pictures(frames), spectrograms)
