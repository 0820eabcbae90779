"""What becomes of a flow magnitude: the 224x224 map, its 8-bit JPEG emulation, and the networks' input."""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from flowgrad.constants import MAP_SIZE

INPUT_OFFSET, INPUT_SCALE = 5, 200
"""The networks see (magnitude + 5) / 200."""


def length(flow: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the length of every vector of a flow (2, H, W), as (H, W) float32."""
    import cv2

    magnitude, _ = cv2.cartToPolar(flow[0], flow[1])
    return np.asarray(magnitude)


def map_magnitude(magnitude: npt.NDArray[np.float32], size: int = MAP_SIZE) -> npt.NDArray[np.float16]:
    """Return a native (H, W) magnitude as a (size, size) float16 map, still in native pixels per 1/8 s.

    Shrinking averages over areas (every native pixel counts); float16 keeps three digits down to 6e-5 px.
    """
    import cv2  # where it is used: the rows without a network read only names of this module

    shrinks = magnitude.shape[0] >= size and magnitude.shape[1] >= size
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(magnitude, (size, size), interpolation=interpolation), np.float16)


def jpeg_magnitude(magnitude: npt.NDArray[np.float32], size: int = MAP_SIZE) -> npt.NDArray[np.uint8]:
    """Return the magnitude as the released FlowGrad code keeps it: (size, size) uint8, whole native pixels.

    It is rounded to 8 bits, saved as a JPEG of quality 95 and resized by PIL's bicubic filter (spec: released
    ``calc_flow.py`` and ``evaluate.py``).
    """
    import cv2

    eight_bit = cv2.convertScaleAbs(magnitude)
    _, encoded = cv2.imencode(".jpg", eight_bit)
    picture = Image.open(io.BytesIO(encoded.tobytes()))
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))


def network_input(
    magnitude: npt.NDArray[Any], arithmetic: Literal["float", "wrap"] = "float"
) -> npt.NDArray[np.float32]:
    """Return the flow input of FlowGrad-IC and -EN, ``(magnitude + 5) / 200``, (N, S, S) float32.

    ``wrap`` rounds to 8 bits and adds there as the released code does: magnitudes of 251..255 px come out as 0..0.02.
    """
    if arithmetic == "wrap":
        magnitude = np.clip(np.rint(magnitude), 0, 255).astype(np.uint8) + np.uint8(INPUT_OFFSET)
    else:
        magnitude = np.asarray(magnitude, np.float32) + INPUT_OFFSET
    return (magnitude / np.float32(INPUT_SCALE)).astype(np.float32)
