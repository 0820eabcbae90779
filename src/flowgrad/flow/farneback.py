"""Dense optical flow after Farneback (2003), OpenCV's implementation, as the FlowGrad paper uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.flow.pairs import check_pair, grey

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
    """Farneback's flow with the parameters of the released FlowGrad code; it has no weights."""

    settings = PARAMETERS

    def __init__(self, weights: Path | None = None):
        self.prepared = grey

    def flow(self, first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the flow (2, H, W) between two grey frames; see :class:`flowgrad.flow.base.FlowEstimator`.

        Raises:
            ValueError: the frames differ in shape or are not 8-bit grey.
        """
        import cv2

        check_pair(first, second)
        found: Any = cv2.calcOpticalFlowFarneback(first, second, None, **PARAMETERS)
        return np.ascontiguousarray(np.moveaxis(found, -1, 0))
