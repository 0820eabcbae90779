"""Stretching frames to the size that networks see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from flowgrad.constants import MAP_SIZE


def resized(frame: npt.NDArray[np.uint8], size: int = MAP_SIZE) -> npt.NDArray[np.uint8]:
    """Stretch an (H, W, 3) uint8 RGB frame to (size, size, 3) with PIL's bicubic filter, as RCGrad does."""
    return np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BICUBIC))
