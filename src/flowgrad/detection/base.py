"""What a detector is to the rest of the product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

CLASSES = ("car", "motorcycle", "bus", "truck")
"""The COCO classes that are vehicles of Urbansas (paper, section 3)."""


@dataclass(frozen=True)
class Detections:
    """What was found in one frame.

    Attributes:
        boxes: (N, 4) float64, x1, y1, x2, y2 in pixels of the source frame.
        labels: N class names.
        confidences: (N,) float64 in [0, 1].
    """

    boxes: npt.NDArray[np.float64]
    labels: tuple[str, ...]
    confidences: npt.NDArray[np.float64]


class Detector(Protocol):
    """Finds vehicles in frames."""

    def detect(self, frames: Sequence[npt.NDArray[np.uint8]]) -> list[Detections]:
        """Return the vehicles of each (H, W, 3) uint8 RGB frame."""
