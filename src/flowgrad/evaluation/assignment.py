"""Class-aware maps and the sources of a frame: which map belongs to which source, and how well each is found.

A model that knows classes makes several maps of one frame, and nobody says which of them is meant for which source. Two
questions can be asked of them, and their answers are no figures of one column:

===============  =======================================================================================
frame-wise       everything that any map marks, against all sources together: is what sounds found at all
source-wise      each source against the one map that is assigned to it: are the sources told apart
===============  =======================================================================================

The assignment is the one with the highest sum of cIoU, no map for two sources (the Hungarian method). Some published
tables call it source-wise when a map is cropped to the half of a picture of two that its source is in; that is another
question, and not asked here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from flowgrad.evaluation.metrics import ciou

NONE = -1
"""Stands for no map."""


def ciou_of_pairs(masks: npt.NDArray[np.bool_], sources: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the cIoU of every map with every source (:func:`flowgrad.evaluation.metrics.ciou`).

    Args:
        masks: (K, H, W) bool, what counts as predicted in each map.
        sources: (S, H, W) in [0, 1], the truth of each source.

    Returns:
        (K, S) float64 in [0, 1]; 0 where a source is empty.

    Raises:
        ValueError: the arrays are not (K, H, W) bool and (S, H, W) of one height and width.

    >>> masks = np.array([[[True, False]], [[True, True]]])
    >>> ciou_of_pairs(masks, np.array([[[1, 0]], [[0, 1]]])).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    masks, sources = _checked(masks, sources)
    found = [ciou(masks, np.broadcast_to(source, masks.shape)) for source in sources]
    return np.stack(found, axis=1) if found else np.empty((len(masks), 0))


def assigned(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the map that each source is assigned: the highest sum of scores, no map for two sources.

    Every map is used where there are fewer than sources, and every source has one where there are fewer of these.

    Args:
        scores: (K, S), finite.

    Returns:
        (S,) int64, the number of a map, or :data:`NONE`.

    Raises:
        ValueError: ``scores`` is not (K, S) or not finite.

    >>> assigned(np.array([[0.9, 0.8], [0.7, 0.1]])).tolist()
    [1, 0]
    >>> assigned(np.array([[0.2, 0.8, 0.3]])).tolist()
    [-1, 0, -1]
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 2 or not np.isfinite(scores).all():
        raise ValueError(f"scores: expected finite (K, S), got {scores.shape}")
    found = np.full(scores.shape[1], NONE, np.int64)
    maps, sources = linear_sum_assignment(scores, maximize=True)
    found[sources] = maps
    return found


def frame_wise(masks: npt.NDArray[np.bool_], sources: npt.NDArray[Any]) -> float:
    """Return the cIoU of everything that any map marks with all sources together, in [0, 1].

    A pixel counts by the source in which it counts most. Shapes and errors are those of :func:`ciou_of_pairs`.

    >>> masks = np.array([[[True, False, False]], [[False, True, False]]])
    >>> frame_wise(masks, np.array([[[1, 0, 0]], [[0, 1, 1]]])) == 2 / 3
    True
    """
    masks, sources = _checked(masks, sources)
    everything = np.asarray(masks.any(axis=0))
    truth = sources.max(axis=0) if len(sources) else np.zeros(everything.shape)
    return float(ciou(everything[None], truth[None])[0])


def source_wise(masks: npt.NDArray[np.bool_], sources: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the cIoU of each source with the map that is assigned to it; 0 where none is left for it.

    Shapes and errors are those of :func:`ciou_of_pairs`.

    Returns:
        (S,) float64 in [0, 1].

    >>> masks = np.array([[[False, True, False]], [[True, False, False]]])
    >>> source_wise(masks, np.array([[[1, 0, 0]], [[0, 1, 1]]])).tolist()
    [1.0, 0.5]
    """
    scores = ciou_of_pairs(masks, sources)
    maps = assigned(scores)
    found = np.zeros(scores.shape[1])
    has_one = maps != NONE
    found[has_one] = scores[maps[has_one], np.flatnonzero(has_one)]
    return found


def _checked(masks: npt.NDArray[Any], sources: npt.NDArray[Any]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]:
    masks, sources = np.asarray(masks), np.asarray(sources)
    if masks.ndim != 3 or masks.dtype != np.bool_:
        raise ValueError(f"masks: expected (K, H, W) bool, got {masks.shape} {masks.dtype}")
    if sources.ndim != 3 or sources.shape[1:] != masks.shape[1:]:
        raise ValueError(f"sources: expected (S, {masks.shape[1]}, {masks.shape[2]}), got {sources.shape}")
    return masks, sources
