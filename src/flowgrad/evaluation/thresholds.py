"""From localization maps to masks: the rules by which a pixel counts as predicted. Pure functions on (N, H, W).

===================  ========================================================  =====================================
rule                 a pixel counts when its value is                          used by
===================  ========================================================  =====================================
``fixed``            >= a threshold                                            FlowGrad and RCGrad: 0.5, after min-max
``median``           > the median of its map (upper, where it is even)         LVS, Hear The Flow, SSLalign
``top-half``         >= that median                                            EZ-VSL, SLAVC
``at-least-median``  >= the median of its map (between both, where it is even)  visual context
``relative``         > a share of the highest of its map                       coarse to fine: 0.5
``tenth``            >= 0.1                                                    coarse to fine, original version
``adaptive``         > the |G|-th highest of its map, |G| the truth's pixels    SSLalign, "Adap."
===================  ========================================================  =====================================

Scores under different rules are not comparable. ``median``, ``top-half`` and ``at-least-median`` predict half of every
map and differ by the pixels that equal the median. ``adaptive`` is told how large the truth is: it is an oracle.
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
    maps = _checked(maps)
    return np.asarray(maps > _upper_median(maps))


def top_half(maps: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return the pixels that are at least the median of their map: ``>= sorted(pixels)[H * W // 2]``.

    As the released code of EZ-VSL and SLAVC has it. Equal values are never split: a constant map is predicted whole.

    Args:
        maps: (N, H, W), any real dtype.

    Returns:
        (N, H, W) bool.

    Raises:
        ValueError: ``maps`` is not (N, H, W), or has no pixels.

    >>> top_half(np.array([[[0.1, 0.2], [0.3, 0.4]], [[5, 5], [5, 5]]])).tolist()
    [[[False, False], [True, True]], [[True, True], [True, True]]]
    """
    maps = _checked(maps)
    return np.asarray(maps >= _upper_median(maps))


def at_least_median(maps: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return the pixels that are at least ``np.median`` of their map, the mean of the two middle ones.

    As the released code of visual context semantics has it. These are the pixels of :func:`top_half`, but where both
    middle values are neighbours among the floats: their mean may then round to the lower one, which counts as well.

    Args:
        maps: (N, H, W), any real dtype; the mean is computed in it.

    Returns:
        (N, H, W) bool.

    Raises:
        ValueError: ``maps`` is not (N, H, W), or has no pixels.

    >>> at_least_median(np.array([[[0.1, 0.2], [0.3, 0.4]]])).tolist()
    [[[False, False], [True, True]]]
    """
    maps = _checked(maps)
    return np.asarray(maps >= np.median(_pixels(maps), axis=1)[:, None, None])


def relative(maps: npt.NDArray[Any], above: float) -> npt.NDArray[np.bool_]:
    """Return the pixels that are above a share of the highest of their map: ``map / max(map) > above``.

    As the released code of coarse to fine has it, whose maps are never negative: 0.5. A map whose highest value is 0
    or less predicts nothing. Of a map that is min-max normalised the highest value is 1 already: leave that away
    (``normalise_maps: false``) for the published rule.

    Args:
        maps: (N, H, W), any real dtype.
        above: the share, in [0, 1].

    Returns:
        (N, H, W) bool.

    Raises:
        ValueError: ``maps`` is not (N, H, W), or has no pixels.

    >>> relative(np.array([[[0.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]]), 0.5).tolist()
    [[[False, False], [True, True]], [[False, False], [False, False]]]
    """
    maps = _checked(maps)
    highest = _pixels(maps).max(axis=1)[:, None, None]
    share = np.zeros(maps.shape, np.result_type(maps, np.float32))
    np.divide(np.maximum(maps, 0), highest, out=share, where=highest > 0)
    return np.asarray(share > above)


def adaptive(maps: npt.NDArray[Any], truth: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return about as many of the highest pixels as the truth has: ``> sorted(pixels)[H * W - |G|]``.

    As the released code of SSLalign has it for its columns "Adap.". ``|G|`` counts the pixels of the truth that are not
    0. One less is predicted, and fewer where values are equal. Where the truth is empty its size says nothing, and the
    rule is that of :func:`median`, as there.

    Args:
        maps: (N, H, W), any real dtype.
        truth: (N, H, W) in [0, 1].

    Returns:
        (N, H, W) bool.

    Raises:
        ValueError: ``maps`` is not (N, H, W), has no pixels, or ``truth`` has another shape.

    >>> adaptive(np.array([[[0.1, 0.2], [0.3, 0.4]]]), np.array([[[1, 0], [0.5, 1]]])).tolist()
    [[[False, False], [True, True]]]
    """
    maps, truth = _checked(maps), np.asarray(truth)
    if truth.shape != maps.shape:
        raise ValueError(f"truth: expected {maps.shape} as the maps have, got {truth.shape}")
    pixels = np.sort(_pixels(maps), axis=1)
    count = pixels.shape[1]
    size = (truth != 0).sum(axis=(1, 2))
    place = np.where(size > 0, count - size, count // 2)
    return np.asarray(maps > np.take_along_axis(pixels, place[:, None], axis=1)[:, :, None])


def _upper_median(maps: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return ``sorted(pixels)[H * W // 2]`` of each map, (N, 1, 1)."""
    pixels = _pixels(maps)
    middle = pixels.shape[1] // 2
    return np.asarray(np.partition(pixels, middle, axis=1)[:, middle, None, None])


def _pixels(maps: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return maps as (N, H * W); raises ``ValueError`` where they have no pixels."""
    if maps.shape[1] * maps.shape[2] == 0:
        raise ValueError(f"maps: expected pixels, got {maps.shape}")
    return maps.reshape(len(maps), maps.shape[1] * maps.shape[2])


def _checked(maps: npt.NDArray[Any]) -> npt.NDArray[Any]:
    maps = np.asarray(maps)
    if maps.ndim != 3:
        raise ValueError(f"maps: expected (N, H, W), got {maps.shape}")
    return maps


def _tenth(maps: npt.NDArray[Any], _: float) -> npt.NDArray[np.bool_]:
    return fixed(maps, 0.1)


def _median(maps: npt.NDArray[Any], _: float) -> npt.NDArray[np.bool_]:
    return median(maps)


def _top_half(maps: npt.NDArray[Any], _: float) -> npt.NDArray[np.bool_]:
    return top_half(maps)


def _at_least_median(maps: npt.NDArray[Any], _: float) -> npt.NDArray[np.bool_]:
    return at_least_median(maps)


def _adaptive(maps: npt.NDArray[Any], _: float, truth: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return adaptive(maps, truth)


# the rules as a protocol names them
FIXED, MEDIAN = ThresholdRule("fixed", fixed), ThresholdRule("median", _median)
TOP_HALF, AT_LEAST_MEDIAN = ThresholdRule("top-half", _top_half), ThresholdRule("at-least-median", _at_least_median)
TENTH = ThresholdRule("tenth", _tenth)
RELATIVE, ADAPTIVE = ThresholdRule("relative", relative), ThresholdRule("adaptive", _adaptive, needs_truth=True)
