"""The two rows that need no network of their own: optical flow as the map, and FlowGrad-H (paper, section 2.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.metrics import normalise
from flowgrad.protocols import Protocol


def flow_map(magnitude: npt.NDArray[Any], protocol: Protocol) -> npt.NDArray[np.float32]:
    """Return flow magnitude as localization maps, (N, S, S) float32.

    In [0, 1] per frame where the protocol normalises maps, else the raw magnitude in pixels (released code: a pixel
    counts as soon as it moves by half a pixel or more).
    """
    return normalise(magnitude) if protocol.normalise_maps else np.asarray(magnitude, np.float32)


def flowgrad_h(rcgrad: npt.NDArray[Any], magnitude: npt.NDArray[Any], protocol: Protocol) -> npt.NDArray[np.float32]:
    """Return FlowGrad-H: RCGrad's maps times the flow, element by element, (N, S, S) float32.

    Both factors are normalised per frame, or the flow is raw (``flow_in_product``).
    """
    maps = np.asarray(rcgrad, np.float32)
    flow = np.asarray(magnitude, np.float32)
    if maps.shape != flow.shape:
        raise ValueError(f"maps and flow must have one shape (N, S, S), got {maps.shape} and {flow.shape}")
    return maps * flow if protocol.flow_in_product == "raw" else normalise(maps) * normalise(flow)
