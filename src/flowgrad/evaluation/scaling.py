"""Min-max normalisation, under which maps are made as well as scored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def normalise(maps: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Min-max normalise every map to [0, 1]; a constant map becomes zeros.

    Args:
        maps: (N, H, W), any real dtype.

    Returns:
        (N, H, W) float32.

    >>> normalise(np.array([[[1.0, 3.0]], [[7.0, 7.0]]])).tolist()
    [[[0.0, 1.0]], [[0.0, 0.0]]]
    """
    values = np.asarray(maps, np.float32)
    low = values.min(axis=(1, 2), keepdims=True)
    span = values.max(axis=(1, 2), keepdims=True) - low
    return np.asarray(np.divide(values - low, span, out=np.zeros_like(values), where=span > 0))
