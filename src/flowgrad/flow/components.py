"""What becomes of both components of flow: the signed 224x224 map, and what Hear The Flow's released code kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flowgrad.flow.magnitude import jpeg_magnitude, map_magnitude
from flowgrad.protocols import MAP_SIZE


def map_components(flow: npt.NDArray[np.float32], size: int = MAP_SIZE) -> npt.NDArray[np.float16]:
    """Return native flow (2, H, W), right and down, as a signed (2, size, size) float16 map, still in native pixels.

    Each component is resized as a magnitude is: shrinking averages over areas, so that opposite motion in one place
    cancels out.

    Raises ``ValueError`` for another shape.
    """
    return np.stack([map_magnitude(component, size) for component in _both(flow)])


def jpeg_components(flow: npt.NDArray[np.float32], size: int = MAP_SIZE) -> npt.NDArray[np.uint8]:
    """Return native flow (2, H, W) as the released code of Hear The Flow keeps it: (2, size, size) uint8.

    Each component is written by ``cv2.imwrite`` to a JPEG of quality 95, which rounds to whole pixels and makes motion
    to the left and upwards 0, and is resized by PIL's bicubic filter.

    Raises ``ValueError`` for another shape.
    """
    return np.stack([jpeg_magnitude(np.maximum(component, 0), size) for component in _both(flow)])


def _both(flow: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if flow.ndim != 3 or len(flow) != 2:
        raise ValueError(f"flow: expected (2, H, W), got {flow.shape}")
    return flow
