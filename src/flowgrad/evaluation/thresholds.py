"""From localization maps to masks: the rules by which a pixel counts as predicted. Pure functions on (N, H, W).

============  =================================================  =====================================================
rule          a pixel counts when its value is                   used by
============  =================================================  =====================================================
``fixed``     >= a threshold                                     FlowGrad and RCGrad: 0.5, after min-max
``median``    > the median of its map (upper, where it is even)  LVS, Hear The Flow, SSLalign: about half of every map
``relative``  > a share of the maximum of its map                Coarse to Fine: 0.5
``tenth``     >= 0.1                                             the original version of Coarse to Fine
============  =================================================  =====================================================

Scores under different rules are not comparable.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.base import ThresholdRule


def fixed(maps: npt.NDArray[Any], at: float) -> npt.NDArray[np.bool_]:
    """Return the pixels whose value is >= ``at`` (FlowGrad paper, section 3 "Metrics": 0.5).

    Args:
        maps: (N, H, W), any real dtype.
        at: the threshold, on the scale of the maps.

    Returns:
        (N, H, W) bool.

    Raises:
        ValueError: ``maps`` is not (N, H, W).

    >>> fixed(np.array([[[0.2, 0.5, 0.9]]]), 0.5).tolist()
    [[[False, True, True]]]
    """
    return np.asarray(_checked(maps) >= at)


def median(maps: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return the pixels above the median of their map: greater than ``sorted(pixels)[H * W // 2]``.

    This is the relative threshold of LVS (Chen et al., CVPR 2021) as its released code and that of Hear The Flow
    compute it. Equal values are never split: of a constant map nothing is predicted.

    Args:
        maps: (N, H, W), any real dtype.

    Returns:
        (N, H, W) bool.

    Raises:
        ValueError: ``maps`` is not (N, H, W), or has no pixels.

    >>> median(np.array([[[0.1, 0.2], [0.3, 0.4]], [[5, 5], [5, 5]]])).tolist()
    [[[False, False], [False, True]], [[False, False], [False, False]]]
    """
    maps = _with_pixels(maps)
    pixels = maps.reshape(len(maps), maps.shape[1] * maps.shape[2])
    middle = pixels.shape[1] // 2
    return np.asarray(maps > np.partition(pixels, middle, axis=1)[:, middle, None, None])


def relative(maps: npt.NDArray[Any], at: float) -> npt.NDArray[np.bool_]:
    """Return the pixels above ``at`` of the maximum of their map (Coarse to Fine, released code: 0.5).

    A map whose maximum is not positive predicts nothing.

    Args:
        maps: (N, H, W), any real dtype.
        at: the share of the maximum.

    Returns:
        (N, H, W) bool.

    Raises:
        ValueError: ``maps`` is not (N, H, W), or has no pixels.

    >>> relative(np.array([[[1.0, 2.0, 4.0]], [[0.0, 0.0, 0.0]]]), 0.5).tolist()
    [[[False, False, True]], [[False, False, False]]]
    """
    maps = _with_pixels(maps)
    largest = maps.max(axis=(1, 2), keepdims=True)
    shares = np.divide(maps, largest, out=np.zeros(maps.shape), where=largest > 0)
    return np.asarray(shares > at)


def _with_pixels(maps: npt.NDArray[Any]) -> npt.NDArray[Any]:
    maps = _checked(maps)
    if 0 in maps.shape[1:]:
        raise ValueError(f"maps: expected pixels, got {maps.shape}")
    return maps


def _checked(maps: npt.NDArray[Any]) -> npt.NDArray[Any]:
    maps = np.asarray(maps)
    if maps.ndim != 3:
        raise ValueError(f"maps: expected (N, H, W), got {maps.shape}")
    return maps


def _median(maps: npt.NDArray[Any], _: float) -> npt.NDArray[np.bool_]:
    return median(maps)


def _tenth(maps: npt.NDArray[Any], _: float) -> npt.NDArray[np.bool_]:
    return fixed(maps, 0.1)


FIXED, MEDIAN = ThresholdRule("fixed", fixed), ThresholdRule("median", _median)
RELATIVE, TENTH = ThresholdRule("relative", relative), ThresholdRule("tenth", _tenth)
"""The rules as a protocol names them."""
