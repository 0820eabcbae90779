"""Which frame of a clip is worth a look: where most moves, or where it is loudest. Pure functions on (T,) and maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

STANDS_OUT = 1.25
"""So many times the median of a clip's values one must be to stand out."""


def stir(flow: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return how much moves in each frame besides the whole picture, (T,) float64.

    It is the mean length of the flow above its median: a camera that pans moves the median as well.

    Args:
        flow: lengths (T, H, W), or vectors (T, 2, H, W); any real dtype.
    """
    lengths = np.asarray(flow, np.float32)
    if lengths.ndim == 4:
        lengths = np.hypot(lengths[:, 0], lengths[:, 1])
    above = lengths - np.median(lengths, axis=(1, 2), keepdims=True)
    return np.asarray(np.maximum(above, 0).mean(axis=(1, 2)), np.float64)


def loudness(sound: npt.NDArray[Any], rate: int, frames: int, fps: int) -> npt.NDArray[np.float64]:
    """Return the power of the sound about each frame, (frames,) float64; 0 where there is no sound.

    Args:
        sound: (S,) samples from t = 0 on.
        rate: of the samples, Hz.
        frames: how many frames there are.
        fps: frames a second.
    """
    edges = np.clip(np.round((np.arange(frames + 1) - 0.5) / fps * rate), 0, len(sound)).astype(int)
    total = np.concatenate([[0.0], np.cumsum(np.asarray(sound, np.float64) ** 2)])
    return np.asarray((total[edges[1:]] - total[edges[:-1]]) / np.maximum(np.diff(edges), 1))


def liveliest(values: npt.NDArray[Any]) -> int:
    """Return the row of the highest value, the earliest of equals; the middle one where none stands out.

    The median of each value and its two neighbours counts: what lasts a single frame is mostly a cut.

    Args:
        values: (T,), not negative; T is at least 1.

    >>> liveliest(np.array([0, 9, 0, 0, 3, 4, 3])), liveliest(np.array([5, 5, 6, 5, 5]))
    (4, 2)
    """
    values = np.asarray(values, np.float64)
    if len(values) > 2:
        padded = np.pad(values, 1, mode="edge")
        values = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    return int(np.argmax(values)) if values.max() > STANDS_OUT * np.median(values) else len(values) // 2
