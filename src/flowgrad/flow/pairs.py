"""Pairs of grey frames, which most estimators compare."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def grey(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the (H, W) uint8 grey image of an (H, W, 3) uint8 RGB frame."""
    import cv2

    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def check_pair(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> None:
    """Raise ``ValueError`` where two images are not 8-bit grey of one shape."""
    for name, image in (("first", first), ("second", second)):
        if image.ndim != 2 or image.dtype != np.uint8:
            raise ValueError(f"{name}: expected an (H, W) uint8 grey image, got {image.shape} {image.dtype}")
    if first.shape != second.shape:
        raise ValueError(f"frames of one pair must have one shape, got {first.shape} and {second.shape}")
