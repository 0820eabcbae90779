"""From the maps that a model tells apart to masks on the grid of the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from flowgrad.constants import MAP_SIZE
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.evaluation.scaling import normalise

if TYPE_CHECKING:
    from flowgrad.protocols import Threshold


def enlarged(maps: npt.NDArray[np.float32], size: int = MAP_SIZE) -> npt.NDArray[np.float32]:
    """Return maps (K, h, w) as (K, size, size) float32, bilinearly: pixels have their centres where the grid's are.

    >>> enlarged(np.array([[[0, 1]]], np.float32), 4)[0, 0].tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    import cv2

    if not len(maps):
        return np.empty((0, size, size), np.float32)
    return np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_LINEAR) for one in maps])


def masks_of(
    maps: npt.NDArray[np.float32], rule: ThresholdRule, settings: Threshold, truth: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Return what counts as predicted in each map, (K, S, S) bool.

    Args:
        maps: (K, S, S), of one item.
        rule: the threshold rule.
        settings: whether maps are scaled to 0..1 first, and the threshold.
        truth: (S, S) in [0, 1], for rules that are told it.
    """
    if not len(maps):
        return np.empty(maps.shape, np.bool_)
    scaled = normalise(maps) if settings.normalise_maps else maps
    return np.asarray(rule.apply(scaled, settings.map_threshold, np.broadcast_to(truth, maps.shape)))
