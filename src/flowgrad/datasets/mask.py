"""Masks as annotations: what sounds in a still, pixel by pixel, small enough to stand beside the boxes.

A mask is kept on the grid of the maps, as a PNG written in text. So a corrected mask redoes scores and nothing else.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from flowgrad.constants import MAP_SIZE


def packed(mask: npt.NDArray[Any]) -> str:
    """Return a mask as text for :class:`flowgrad.datasets.base.Annotations`.

    Args:
        mask: (H, W), the weight of each pixel of the picture in 0..1, or whether it counts.

    Raises:
        ValueError: it is not (H, W), or reaches past 0..1.
    """
    weights = np.asarray(mask, np.float32)
    if weights.ndim != 2 or not weights.size or weights.min() < 0 or weights.max() > 1:
        raise ValueError(f"mask: expected (H, W) in 0..1, got {weights.shape}")
    image = Image.fromarray(np.rint(weights * 255).astype(np.uint8))
    file = io.BytesIO()
    image.resize((MAP_SIZE, MAP_SIZE), Image.Resampling.NEAREST).save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def unpacked(text: str) -> npt.NDArray[np.float32]:
    """Return the mask that :func:`packed` wrote, (224, 224) float32 in 0..1.

    >>> unpacked(packed(np.eye(2)))[[0, 0, 223], [0, 223, 223]].tolist()
    [1.0, 0.0, 1.0]
    """
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        return np.asarray(image, np.float32) / np.float32(255)
