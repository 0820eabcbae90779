"""Boxes on a picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Boxes = Sequence[tuple[float, float, float, float]]
Colour = tuple[int, int, int]
TRUE, BRIGHT, DIM = (60, 220, 90), (255, 190, 0), (150, 120, 50)
"""Of true boxes, of boxes that move, and of those that stand still; RGB."""


def with_boxes(
    picture: npt.NDArray[np.uint8],
    boxes: Boxes,
    size: tuple[int, int],
    colour: Colour,
    thickness: int = 2,
) -> npt.NDArray[np.uint8]:
    """Return a copy of a picture with the outlines of boxes.

    Args:
        picture: (H, W, 3) uint8 RGB, at any scale.
        boxes: left, top, width and height of each, in pixels of the source frame; what lies past its edge is cut.
        size: width and height of the source frame, pixels.
        colour: RGB.
        thickness: of the lines, pixels of the picture.
    """
    drawn = np.ascontiguousarray(picture).copy()
    height, width = drawn.shape[:2]
    for x, y, w, h in boxes:
        left, right = (round(float(np.clip(edge / size[0], 0, 1)) * (width - 1)) for edge in (x, x + w))
        top, bottom = (round(float(np.clip(edge / size[1], 0, 1)) * (height - 1)) for edge in (y, y + h))
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, thickness)
    return drawn
