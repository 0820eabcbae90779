"""Random changes of a batch that leave what sounds where it is: against learning single clips by heart.

The papers name none ("no augmentation" in RCGrad's code), so it is off by default; with few videos it is needed.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from flowgrad.training.objective import Samples

SMALLEST_CROP = 0.6
"""Side of the part of a frame that is shown, as a share of the side."""
LIGHT = 0.3
"""Brightness, contrast and the balance of colours vary by this share."""
TILT = 0.7
"""Coefficient of the filter that makes a sound duller or brighter."""
LOUDEST_NOISE = 0.2
"""Noise is added with up to this share of the sound's deviation."""


def augmented(samples: Samples, generator: torch.Generator, turns_flow: bool = True) -> Samples:
    """Return a batch in which every sample is cropped, mirrored, lit and filtered in a way of its own.

    Args:
        samples: the flow is cropped and mirrored as the frame is: what is enlarged moves faster, and what is mirrored
            moves the other way. The audio is mono, so that mirroring does not concern it.
        generator: on the CPU; the same state gives the same changes.
        turns_flow: what is mirrored moves the other way; else it is mirrored alone (fault of released code).
    """
    frame, flow, audio = samples.frame, samples.flow, samples.audio
    count = len(frame)

    def drawn(low: float, high: float, *shape: int) -> Tensor:
        return (low + (high - low) * torch.rand(count, *shape, generator=generator)).to(frame.device)

    side = drawn(SMALLEST_CROP, 1)
    mirror = torch.sign(drawn(-1, 1))
    place = torch.zeros(count, 2, 3, device=frame.device)
    place[:, 0, 0], place[:, 1, 1] = side * mirror, side
    place[:, :, 2] = (1 - side)[:, None] * drawn(-1, 1, 2)
    grid = F.affine_grid(place, list(frame.shape), align_corners=False)
    frame = _sampled(frame, grid)
    if flow is not None:
        # flow may be of another size than the frame; the grid is relative
        to_flow = grid if flow.shape[2:] == frame.shape[2:] else F.affine_grid(place, list(flow.shape), False)
        flow = _sampled(flow, to_flow) / side.view(-1, 1, 1, 1)
        if turns_flow and flow.shape[1] == 2:
            flow = flow * torch.stack((mirror, torch.ones_like(mirror)), dim=1).view(-1, 2, 1, 1)

    mean = frame.mean(dim=(2, 3), keepdim=True)
    frame = (frame - mean) * drawn(1 - LIGHT, 1 + LIGHT, 1, 1, 1) + mean * drawn(1 - LIGHT, 1 + LIGHT, 3, 1, 1)

    dull = drawn(-TILT, TILT, 1)
    audio = torch.cat((audio[:, :1], audio[:, 1:] + dull * audio[:, :-1]), dim=1)
    noise = torch.randn(audio.shape, generator=generator).to(audio.device)
    audio = audio + noise * audio.std(dim=1, keepdim=True) * drawn(0, LOUDEST_NOISE, 1)
    return replace(samples, frame=frame.clamp(0, 1), flow=flow, audio=audio)


def _sampled(x: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
