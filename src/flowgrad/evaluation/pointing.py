"""The metric ``pointing_game``: whether the highest pixel of a map lies where the sound is (Zhang et al., IJCV 2018).

Where several pixels are the highest, as in the mask of a row that gives boxes, an item counts by the share of them that
lie in the truth: what one of them, drawn by chance, would score on average. A constant map so scores the area of the
truth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.base import Metric, Prediction, Values


def hits(maps: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]) -> Values:
    """Return the share of each map's highest pixels that lie in the truth.

    Args:
        maps: (N, H, W), finite.
        truth: (N, H, W) in [0, 1]; a pixel above 0 is in it.

    Returns:
        (N,) float64 in [0, 1].

    >>> hits(np.array([[[0.2, 0.9]], [[7, 7]]]), np.array([[[0, 1]], [[0, 1]]])).tolist()
    [1.0, 0.5]
    """
    highest = maps == maps.max(axis=(1, 2), keepdims=True)
    return np.asarray((highest & (truth > 0)).sum(axis=(1, 2)) / highest.sum(axis=(1, 2)))


def of_items(prediction: Prediction, truth: npt.NDArray[np.float32]) -> Values:
    """Return the share for every item, (N,)."""
    return hits(prediction.maps, truth)


def figures(clips: Sequence[Values]) -> dict[str, float]:
    """Return the mean over the items.

    >>> figures([np.array([1.0, 0.0]), np.array([1.0, 1.0])])
    {'pointing_game': 0.75}
    """
    return {"pointing_game": float(np.concatenate(clips).mean())}


POINTING_GAME = Metric("pointing_game", of_items, ("pointing_game",), figures, means=("pointing_game",))
