"""Dense optical flow after Farneback (2003), OpenCV's implementation, as the FlowGrad paper uses it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

PARAMETERS: dict[str, Any] = {
    "pyr_scale": 0.5,
    "levels": 3,
    "winsize": 15,
    "iterations": 3,
    "poly_n": 5,
    "poly_sigma": 1.2,
    "flags": 0,
}
"""The parameters of the released FlowGrad code; the paper names none."""


class Farneback:
    """Flow magnitude between two frames with the parameters of the released FlowGrad code."""

    name = "farneback"
    settings = PARAMETERS

    def grey(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return what :meth:`magnitude` compares: the (H, W) uint8 grey image of an (H, W, 3) uint8 RGB frame."""
        import cv2

        return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))

    def magnitude(self, first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return how far each pixel moves from ``first`` to ``second``.

        Args:
            first: (H, W) uint8 grey frame f at native size.
            second: (H, W) uint8 grey frame f + 1.

        Returns:
            (H, W) float32, pixels of the native frame, >= 0.

        Raises:
            ValueError: the frames differ in shape or are not 8-bit grey.
        """
        for name, image in (("first", first), ("second", second)):
            if image.ndim != 2 or image.dtype != np.uint8:
                raise ValueError(f"{name}: expected an (H, W) uint8 grey image, got {image.shape} {image.dtype}")
        if first.shape != second.shape:
            raise ValueError(f"frames of one pair must have one shape, got {first.shape} and {second.shape}")
        import cv2

        flow = cv2.calcOpticalFlowFarneback(first, second, None, **PARAMETERS)
        magnitude, _ = cv2.cartToPolar(flow[..., 0], flow[..., 1])
        return np.asarray(magnitude)
