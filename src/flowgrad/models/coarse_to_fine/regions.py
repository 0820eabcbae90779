"""The regions of a frame that the original Coarse to Fine looks at one by one, and which class each of them shows."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import roi_align

COLUMNS, ROWS = 4, 2
REGIONS = COLUMNS * ROWS
"""As many as the released code has proposals of a frame. Frames are stretched to squares; in a wide one a region that
is higher than wide was nearly square."""
SIZE = 6
"""Cells across and down that a region is sampled at."""


def grid(count: int, height: float, width: float, like: Tensor) -> Tensor:
    """Return the boxes (count * 8, 5) of the regions of frames: number of the frame, left, top, right, bottom.

    Rows are from left to right first.

    >>> grid(1, 8, 16, torch.zeros(1))[5].tolist()
    [0.0, 4.0, 4.0, 8.0, 8.0]
    """
    down, across = torch.meshgrid(torch.arange(ROWS), torch.arange(COLUMNS), indexing="ij")
    cell = torch.tensor([width / COLUMNS, height / ROWS] * 2)
    corners = torch.stack((across, down, across + 1, down + 1), dim=2).reshape(REGIONS, 4) * cell
    frames = torch.arange(count).repeat_interleave(REGIONS)[:, None]
    return torch.cat((frames, corners.repeat(count, 1)), dim=1).to(like)


def cut_out(features: Tensor, size: int = SIZE) -> Tensor:
    """Return the regions (N * 8, C, size, size) of features (N, C, h, w), by RoIAlign."""
    # in bfloat16 the samples would be rounded twice
    with torch.autocast(features.device.type, enabled=False):
        features = features.float()
        count, _, height, width = features.shape
        boxes = grid(count, height, width, features)
        found: Tensor = roi_align(features, boxes, (size, size), aligned=True)
        return found


def region_labels(activations: Tensor, labels: Tensor, least: float) -> Tensor:
    """Return which class each region shows: of the classes of its frame the one that is most active in it.

    Args:
        activations: (N, K, h, w) of the classes.
        labels: (N, K) in 0..1, of the whole frames.
        least: a frame has the classes that are likelier.

    Returns:
        (N, 8, K), 1 for the class and 0 for all others; all 0 where a frame has no class.
    """
    active = cut_out(activations, 1).reshape(len(labels), REGIONS, -1)
    there = (labels > least)[:, None]
    shown = active.masked_fill(~there, -torch.inf).argmax(dim=2)
    chosen = torch.nn.functional.one_hot(shown, labels.shape[1])
    return (chosen * there).to(activations.dtype)
