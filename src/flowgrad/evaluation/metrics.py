"""Localization metrics: consensus IoU, success rates and their area under the curve.

Sources: Senocak et al. (CVPR 2018) for cIoU; the FlowGrad paper, section 3 "Metrics", for the threshold of 0.5 after
min-max normalisation; the released FlowGrad code for the 21 thresholds ``0.05 * i`` (with their float rounding) of the
area. Values that the formulas leave open are documented here and counted by the summary:

===================  =====================================================================
a constant map       normalises to zeros, so nothing is predicted: cIoU 0
an empty prediction  cIoU 0
an empty truth       cIoU 0, whatever is predicted (0/0 where nothing is)
===================  =====================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

THRESHOLDS = tuple(0.05 * i for i in range(21))


def ciou(maps: npt.NDArray[Any], ground_truth: npt.NDArray[Any], threshold: float = 0.5) -> npt.NDArray[np.float64]:
    """Return the consensus IoU of every map: ``sum(M G) / (sum(G) + sum(M [G = 0]))`` with ``M = map >= threshold``.

    Args:
        maps: (N, H, W) localization maps.
        ground_truth: (N, H, W) in [0, 1]; fractional where annotators disagree.
        threshold: a pixel counts as predicted when its value is >= this.

    Returns:
        (N,) float64 in [0, 1].

    Raises:
        ValueError: the shapes differ or are not (N, H, W).

    >>> ciou(np.array([[[0.9, 0.5, 0.1]]]), np.array([[[1, 0, 1]]])).round(3).tolist()
    [0.333]
    """
    maps, ground_truth = np.asarray(maps), np.asarray(ground_truth)
    if maps.ndim != 3 or maps.shape != ground_truth.shape:
        shapes = f"{maps.shape} and {ground_truth.shape}"
        raise ValueError(f"maps and ground_truth: expected two arrays of one shape (N, H, W), got {shapes}")
    predicted = maps >= threshold
    truth = ground_truth.astype(np.float64)
    hit = (truth * predicted).sum(axis=(1, 2))
    union = truth.sum(axis=(1, 2)) + (predicted & (truth == 0)).sum(axis=(1, 2))
    return np.asarray(np.divide(hit, union, out=np.zeros_like(hit), where=union > 0))


def success_rate(values: npt.NDArray[Any], at: float) -> float:
    """Return the share of cIoU values that are >= ``at``.

    Raises ``ValueError`` for no values.

    >>> success_rate(np.array([0.2, 0.3, 0.7, 0.9]), 0.3)
    0.75
    """
    values = np.asarray(values, np.float64)
    if values.size == 0:
        raise ValueError("a success rate needs at least one value")
    return float((values >= at).mean())


def area_under_curve(values: npt.NDArray[Any]) -> float:
    """Return the area under the success rate over the thresholds 0, 0.05, ..., 1 (trapezoids).

    All values being 0 gives 0.025, since every value is >= 0.

    >>> area_under_curve(np.zeros(3))
    0.025
    """
    rates = [success_rate(values, threshold) for threshold in THRESHOLDS]
    return float(np.trapezoid(rates, THRESHOLDS))
