"""Intervals for figures that are means over frames: frames of one clip are not independent, so clips are resampled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
SEED = 20221
AT_ONCE = 100
"""Resamples that are in memory together; a divisor of all of them."""


def clip_bootstrap(values: npt.NDArray[Any], clips: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean over frames, resampling whole clips (cluster bootstrap).

    Args:
        values: (N,) a value a frame (a success as 0 or 1, a cIoU).
        clips: (N,) the clip of each frame.

    Returns:
        Lower and upper bound. With fewer than two clips both are NaN: nothing can be said.
    """
    names, member = np.unique(clips, return_inverse=True)
    if len(names) < 2:
        return float("nan"), float("nan")
    sums = np.bincount(member, weights=np.asarray(values, np.float64))
    counts = np.bincount(member)
    generator, means = np.random.default_rng(SEED), []
    for _ in range(RESAMPLES // AT_ONCE):
        drawn = generator.integers(0, len(names), (AT_ONCE, len(names)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)
