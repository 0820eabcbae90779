"""What becomes of both components of flow: the signed 224x224 map, and what Hear The Flow's released code kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from flowgrad.constants import MAP_SIZE
from flowgrad.errors import MediaError
from flowgrad.flow.magnitude import jpeg_magnitude, map_magnitude


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


def published_components(right: Path, down: Path, size: int = MAP_SIZE) -> dict[str, npt.NDArray[Any]]:
    """Return the forms ``signed`` and ``signed_jpeg`` of flow that a dataset brings as two 8-bit pictures.

    Both are what :func:`jpeg_components` gives: motion to the left and upwards was lost when the pictures were written.

    Raises ``MediaError`` where one is absent or no picture.
    """
    kept = np.stack([_picture(path, size) for path in (right, down)])
    return {"signed": kept.astype(np.float16), "signed_jpeg": kept}


def _picture(path: Path, size: int) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("L").resize((size, size), Image.Resampling.BICUBIC))
    except (OSError, SyntaxError, ValueError) as error:
        raise MediaError(f"{path.name}: is no picture of flow that can be read") from error


def _both(flow: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if flow.ndim != 3 or len(flow) != 2:
        raise ValueError(f"flow: expected (2, H, W), got {flow.shape}")
    return flow
