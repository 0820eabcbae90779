"""Two sounds that are heard at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


def whole(blocks: Iterable[Mapping[int, Samples]], rates: Sequence[int]) -> dict[int, Samples]:
    """Return the blocks of :func:`flowgrad.media.audio.sound` as one, (S,) float32 by sample rate."""
    parts: dict[int, list[Samples]] = {rate: [] for rate in rates}
    for block in blocks:
        for rate, samples in block.items():
            parts[rate].append(samples)
    return {rate: np.concatenate([np.empty(0, np.float32), *some]) for rate, some in parts.items()}


def mixture(first: Samples, second: Samples) -> Samples:
    """Return the sum of two sounds whose middles coincide, as long as the first; it may leave -1..1.

    Args:
        first: (S,) float32.
        second: (T,) float32 at the same rate: what reaches past the first is left out, what it lacks is silence.

    >>> mixture(np.float32([1, 1, 1, 1]), np.float32([2, 3])).tolist()
    [1.0, 3.0, 4.0, 1.0]
    >>> mixture(np.float32([1, 1]), np.float32([2, 3, 4, 5])).tolist()
    [4.0, 5.0]
    """
    late = (len(first) - len(second)) // 2
    total = first.copy()
    start, end = max(late, 0), min(late + len(second), len(first))
    total[start:end] += second[start - late : end - late]
    return total
