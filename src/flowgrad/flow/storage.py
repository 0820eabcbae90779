"""A flow in the forms in which it is kept (:mod:`flowgrad.flow.forms`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.flow.components import jpeg_components, map_components
from flowgrad.flow.forms import DTYPES, Kind, shape_of
from flowgrad.flow.magnitude import jpeg_magnitude, length, map_magnitude


def stored(flow: npt.NDArray[np.float32], kind: Kind) -> dict[str, npt.NDArray[Any]]:
    """Return the forms of a kind, by name, of a native flow (2, H, W)."""
    if kind == "signed":
        return {"signed": map_components(flow), "signed_jpeg": jpeg_components(flow)}
    magnitude = length(flow)
    return {"magnitude": map_magnitude(magnitude), "magnitude_jpeg": jpeg_magnitude(magnitude)}


def still(kind: Kind) -> dict[str, npt.NDArray[Any]]:
    """Return the forms of a kind, by name, where nothing moves."""
    return {form: np.zeros(shape_of(form), dtype) for form, dtype in DTYPES[kind].items()}
