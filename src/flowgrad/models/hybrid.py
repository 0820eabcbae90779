"""The two rows that need no network of their own: optical flow as the map, and FlowGrad-H (paper, section 2.2)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.scaling import normalise
from flowgrad.models.base import Batch, Localize, Maps, Runtime

if TYPE_CHECKING:
    from flowgrad.models import presets


def load_flow(checkpoint: Path | None, settings: presets.Motion, runtime: Runtime) -> Localize:
    """Return the row ``flow``; it has no checkpoint and runs nowhere in particular."""

    def localize(batch: Batch) -> Maps:
        assert batch.flow is not None
        return flow_map(batch.flow, settings.normalise_maps)

    return localize


def load_flowgrad_h(checkpoint: Path | None, settings: presets.Product, runtime: Runtime) -> Localize:
    """Return FlowGrad-H; its checkpoint is that of the maps that it is given."""

    def localize(batch: Batch) -> Maps:
        assert batch.maps is not None
        assert batch.flow is not None
        return flowgrad_h(batch.maps, batch.flow, settings.flow_in_product)

    return localize


def flow_map(magnitude: npt.NDArray[Any], normalised: bool = True) -> npt.NDArray[np.float32]:
    """Return flow magnitude as localization maps, (N, S, S) float32.

    In [0, 1] per frame, or the raw magnitude in pixels (released code: a pixel counts as soon as it moves by half a
    pixel or more).
    """
    return normalise(magnitude) if normalised else np.asarray(magnitude, np.float32)


def flowgrad_h(
    rcgrad: npt.NDArray[Any], magnitude: npt.NDArray[Any], flow_in_product: Literal["min-max", "raw"] = "min-max"
) -> npt.NDArray[np.float32]:
    """Return FlowGrad-H: RCGrad's maps times the flow, element by element, (N, S, S) float32.

    Both factors are normalised per frame, or the flow is raw.
    """
    maps = np.asarray(rcgrad, np.float32)
    flow = np.asarray(magnitude, np.float32)
    if maps.shape != flow.shape:
        raise ValueError(f"maps and flow must have one shape (N, S, S), got {maps.shape} and {flow.shape}")
    return maps * flow if flow_in_product == "raw" else normalise(maps) * normalise(flow)
