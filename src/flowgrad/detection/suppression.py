"""Non-maximum suppression: of boxes that overlap much, the most confident one is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def suppress(boxes: npt.NDArray[np.float32], confidences: npt.NDArray[np.float32], iou: float) -> npt.NDArray[np.int64]:
    """Return which boxes are kept, the most confident first.

    Args:
        boxes: (N, 4) as x1, y1, x2, y2.
        confidences: (N,); of equal ones the first goes before.
        iou: a box that overlaps a kept one by more is dropped.
    """
    order = np.argsort(-confidences, kind="stable")
    areas = _area(boxes[:, 2:] - boxes[:, :2])
    kept = []
    while len(order):
        first, order = order[0], order[1:]
        kept.append(first)
        low = np.maximum(boxes[first, :2], boxes[order, :2])
        high = np.minimum(boxes[first, 2:], boxes[order, 2:])
        common = _area(np.clip(high - low, 0, None))
        # in single precision, as torchvision divides, and compared in double, as it does
        with np.errstate(invalid="ignore"):  # boxes without a size overlap nothing
            overlap = common / (areas[first] + areas[order] - common)
        order = order[~(overlap > np.float64(iou))]
    return np.array(kept, np.int64)


def _area(sides: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    return np.asarray(sides[:, 0] * sides[:, 1])
