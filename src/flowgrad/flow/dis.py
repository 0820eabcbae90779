"""Dense inverse search (Kroeger et al., ECCV 2016), OpenCV's implementation with its preset ``medium``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.flow.pairs import check_pair, grey

SMALLEST = 16
"""A side below this many pixels has no patch to search for; the frame is repeated at its edge."""


class Dis:
    """DIS flow; it has no weights."""

    settings: dict[str, Any] = {"preset": "medium"}  # noqa: RUF012 - what the protocol asks for

    def __init__(self, weights: Path | None = None):
        import cv2

        self.prepared = grey
        self._method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def flow(self, first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the flow (2, H, W) between two grey frames; see :class:`flowgrad.flow.base.FlowEstimator`.

        Raises:
            ValueError: the frames differ in shape or are not 8-bit grey.
        """
        check_pair(first, second)
        height, width = first.shape
        room = ((0, max(0, SMALLEST - height)), (0, max(0, SMALLEST - width)))
        one, two = (np.pad(image, room, mode="edge") for image in (first, second))
        found: Any = self._method.calc(one, two, None)
        return np.ascontiguousarray(np.moveaxis(found, -1, 0)[:, :height, :width])
