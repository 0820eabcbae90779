"""``flowgrad.score``: the cIoU of arrays as a protocol computes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.errors import InputError
from flowgrad.evaluation.metrics import ciou
from flowgrad.evaluation.registry import OWN, THRESHOLDS
from flowgrad.evaluation.scaling import normalise
from flowgrad.protocols import Protocol, get_protocol


def score(
    maps: npt.NDArray[Any], ground_truth: npt.NDArray[Any], protocol: str | Protocol = "paper"
) -> npt.NDArray[np.float64]:
    """Return the cIoU of every localization map as a protocol computes it.

    Args:
        maps: (N, 224, 224) localization maps, any scale where the protocol normalises them.
        ground_truth: (N, 224, 224) in [0, 1].
        protocol: ``paper``, ``released`` or a :class:`flowgrad.protocols.Protocol`. Where its threshold is each
            model's own, maps of an unknown model get that of FlowGrad's: fixed.

    Returns:
        (N,) float64 in [0, 1].

    Raises:
        ValueError: the shapes differ or are not (N, H, W).
        InputError: the protocol's threshold rule is unknown.
    """
    rules = get_protocol(protocol).threshold
    if np.ndim(maps) != 3:
        raise ValueError(f"maps: expected (N, H, W), got {np.shape(maps)}")
    name = "fixed" if rules.threshold == OWN else rules.threshold
    if name not in THRESHOLDS:
        raise InputError(f"unknown threshold {name!r}: use one of {OWN}, {', '.join(THRESHOLDS)}")
    values = normalise(maps) if rules.normalise_maps else np.asarray(maps)
    if np.shape(ground_truth) != np.shape(maps):
        raise ValueError(
            f"maps and ground_truth: expected one shape (N, H, W), got {np.shape(maps)} and {np.shape(ground_truth)}"
        )
    return ciou(THRESHOLDS[name].apply(values, rules.map_threshold, ground_truth), ground_truth)
