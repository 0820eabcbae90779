"""The stationary filter: boxes that hardly move between two frames belong to parked vehicles.

Paper, section 3: "if a bounding box in f has an IoU greater than 0.95 with one in f+1, both the bounding boxes are
discarded". The released code drops only f's, and compares with the frame 0.5 s later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

EPSILON = 1e-9


def pairwise_iou(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the (N, M) IoU of boxes (N, 4) and (M, 4), each row x1, y1, x2, y2."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    intersection = np.clip(high - low, 0, None).prod(axis=2)
    area_first = (first[:, 2:] - first[:, :2]).prod(axis=1)
    area_second = (second[:, 2:] - second[:, :2]).prod(axis=1)
    return np.asarray(intersection / (area_first[:, None] + area_second[None, :] - intersection + EPSILON))


def moving(
    boxes: Mapping[int, npt.NDArray[Any]],
    iou: float = 0.95,
    gap: int = 1,
    drop: Literal["both", "first"] = "both",
) -> dict[int, npt.NDArray[np.bool_]]:
    """Tell for every box whether it moves.

    Args:
        boxes: for every frame that was looked at, its boxes (N, 4) as x1, y1, x2, y2; frames without boxes have (0, 4).
        iou: a pair of boxes with an IoU above this stands still. With ``drop="first"`` a pair with exactly this IoU
            stands still too, as in the released code (which keeps IoU < 0.95).
        gap: frames between the two that are compared.
        drop: of a standing pair, drop ``both`` boxes or only the ``first``.

    Returns:
        For every frame a (N,) bool, True for a box that moves. A frame without a successor keeps its boxes.
    """
    keep = {frame: np.ones(len(found), bool) for frame, found in boxes.items()}
    for frame, found in boxes.items():
        later = boxes.get(frame + gap)
        if later is None or len(found) == 0 or len(later) == 0:
            continue
        overlap = pairwise_iou(found, later)
        standing = overlap > iou if drop == "both" else overlap >= iou
        keep[frame] &= ~standing.any(axis=1)
        if drop == "both":
            keep[frame + gap] &= ~standing.any(axis=0)
    return keep
