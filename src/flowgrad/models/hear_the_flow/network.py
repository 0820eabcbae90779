"""The network of Hear The Flow, with the key names of its published checkpoints."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.models.hear_the_flow.layout import PUBLISHED_ATTENTION
from flowgrad.models.layout import GROWTH, PUBLISHED_WIDTH
from flowgrad.models.resnet import Encoder, pictures


class FlowAttention(nn.Module):
    """Attention from places of the frame to places of the flow: ``softmax(Q K^T / sqrt(channels)) V``.

    Queries and values come from the frame's features, keys from the flow's.

    Args:
        features: channels of both.
        channels: of queries and keys.
    """

    def __init__(self, features: int, channels: int):
        super().__init__()
        self.query_conv = nn.Conv2d(features, channels, 1)
        self.key_conv = nn.Conv2d(features, channels, 1)
        self.value_conv = nn.Conv2d(features, features, 1)

    def forward(self, visual: Tensor, flow: Tensor) -> Tensor:
        """Return what is attended to, (N, features, h, w), for features of frame and flow of that shape."""
        query, key, value = (
            projected.flatten(2).transpose(1, 2)
            for projected in (self.query_conv(visual), self.key_conv(flow), self.value_conv(visual))
        )
        return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(visual.shape)


class HearTheFlowNetwork(nn.Module):
    """Three ResNet-18 (frame, audio, flow) and the attention of the flow to the frame.

    Args:
        width: channels of the encoders' first stage; their last has eight times as many.
        attention: channels of queries and keys.
    """

    def __init__(self, width: int = PUBLISHED_WIDTH, attention: int = PUBLISHED_ATTENTION):
        super().__init__()
        self.imgnet = Encoder(channels=3, dense=False, width=width)
        self.audnet = Encoder(channels=1, dense=False, width=width)
        self.flownet = Encoder(channels=2, dense=False, width=width)
        self.flowatt = FlowAttention(GROWTH[-1] * width, attention)

    def embed(self, frames: Tensor, spectrograms: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of the places and of the audio, each of length 1, float32.

        Args:
            frames: (N, 3, H, W), standardised.
            spectrograms: (N, 1, F, T).
            flow: (N, 2, H, W).

        Returns:
            (N, C, H / 32, W / 32) and (N, C).
        """
        visual = self.imgnet(frames)
        visual = visual + self.flowatt(visual, self.flownet(flow))
        audio = F.adaptive_max_pool2d(self.audnet(spectrograms), 1).flatten(1)
        return F.normalize(visual.float(), dim=1), F.normalize(audio.float(), dim=1)

    def forward(self, frames: Tensor, spectrograms: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Return what :meth:`embed` does, of frames (N, H, W, 3) uint8."""
        return self.embed(pictures(frames), spectrograms, flow)
