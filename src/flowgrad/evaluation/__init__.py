"""Scoring: ground truth, metrics and statistics as pure functions on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.metrics import area_under_curve, ciou, normalise, success_rate
from flowgrad.protocols import Protocol, get_protocol

__all__ = ["area_under_curve", "ciou", "normalise", "score", "success_rate"]


def score(
    maps: npt.NDArray[Any], ground_truth: npt.NDArray[Any], protocol: str | Protocol = "paper"
) -> npt.NDArray[np.float64]:
    """Return the cIoU of every localization map as a protocol computes it.

    Args:
        maps: (N, 224, 224) localization maps, any scale where the protocol normalises them.
        ground_truth: (N, 224, 224) in [0, 1].
        protocol: ``paper``, ``released`` or a :class:`flowgrad.protocols.Protocol`.

    Returns:
        (N,) float64 in [0, 1].

    Raises:
        ValueError: the shapes differ or are not (N, H, W).
    """
    rules = get_protocol(protocol)
    if np.ndim(maps) != 3:
        raise ValueError(f"maps: expected (N, H, W), got {np.shape(maps)}")
    return ciou(normalise(maps) if rules.normalise_maps else maps, ground_truth, rules.map_threshold)
