"""Boxes around what counts in maps."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Region = tuple[float, float, float, float, float]


def regions(mask: npt.NDArray[np.bool_], values: npt.NDArray[Any], size: tuple[int, int]) -> list[Region]:
    """Return the boxes around the connected regions of a mask, from above to below.

    Regions that touch at a corner are one. A box has the edges of the pixels of its region.

    Args:
        mask: (H, W) bool.
        values: (H, W), the map.
        size: width and height of the source frame, pixels.

    Returns:
        Left, top, width and height in pixels of the source frame, and the highest value in the region.

    >>> regions(np.array([[0, 1, 1, 0], [0, 0, 0, 0]], bool), np.array([[9, 2, 3, 9], [9, 9, 9, 9]]), (40, 10))
    [(10.0, 0.0, 20.0, 5.0, 3.0)]
    """
    count, labels, found, _ = cv2.connectedComponentsWithStats(np.asarray(mask, np.uint8), connectivity=8)
    across, down = size[0] / mask.shape[1], size[1] / mask.shape[0]
    boxes = []
    for number in range(1, count):
        x, y, w, h = (int(value) for value in found[number][:4])
        inside = labels[y : y + h, x : x + w] == number
        highest = float(np.max(values[y : y + h, x : x + w][inside]))
        boxes.append((x * across, y * down, w * across, h * down, highest))
    return boxes
