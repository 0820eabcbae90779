"""A localization map over its frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.scaling import normalise

OPACITY = 0.55


def at_half(maps: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return what counts in maps under the rule of most models: at least 0.5."""
    return np.asarray(maps >= 0.5)


def overlay(
    frame: npt.NDArray[np.uint8],
    localization_map: npt.NDArray[Any],
    counted: Callable[[npt.NDArray[Any]], npt.NDArray[np.bool_]] = at_half,
    normalised: bool = True,
) -> npt.NDArray[np.uint8]:
    """Return a frame with a map laid over it, (H, W, 3) uint8 RGB.

    The map is min-max normalised and coloured; where it is low the frame shines through. The outline is that
    of what the metrics count.

    Args:
        frame: (H, W, 3) uint8 RGB.
        localization_map: (S, S), any scale.
        counted: (N, H, W) maps to what counts in them.
        normalised: whether it is asked of the normalised map, or of the map as it is (``normalise_maps`` of a
            protocol).
    """
    height, width = frame.shape[:2]
    heat = cv2.resize(normalise(np.asarray(localization_map)[None])[0], (width, height))
    coloured = cv2.applyColorMap((heat * 255).astype(np.uint8), colours())
    weight = OPACITY * np.sqrt(heat)
    picture = np.asarray(cv2.blendLinear(frame, coloured, 1 - weight, weight), np.uint8)
    values = heat if normalised else cv2.resize(np.asarray(localization_map, np.float32), (width, height))
    contours, _ = cv2.findContours(
        counted(values[None])[0].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    cv2.drawContours(picture, contours, -1, (255, 255, 255), max(1, height // 300), cv2.LINE_AA)
    return picture


@cache
def colours() -> npt.NDArray[np.uint8]:
    """Return the colour of every grey level, (256, 1, 3) uint8 RGB; OpenCV has them the other way round."""
    levels = np.arange(256, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1])


def captioned(picture: npt.NDArray[np.uint8], text: str) -> npt.NDArray[np.uint8]:
    """Return an (H, W, 3) picture with a line of text under it."""
    width = picture.shape[1]
    scale = max(0.35, width / 1600)
    strip = np.full((round(40 * scale) + 8, width, 3), 24, np.uint8)
    place = (8, strip.shape[0] - round(12 * scale) - 2)
    # OpenCV's font has ASCII only
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(strip, plain, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (235, 235, 235), 1, cv2.LINE_AA)
    return np.concatenate([picture, strip])
