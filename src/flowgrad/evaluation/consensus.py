"""Ground truth of stills: how much each pixel counts, by the annotators who marked it.

Flickr-SoundNet (Senocak et al., CVPR 2018) has three annotators a picture, and a pixel counts in full where two of them
agree. VGG-SS (Chen et al., CVPR 2021) has one: its ground truth is the union of the boxes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from flowgrad.constants import MAP_SIZE
from flowgrad.datasets.base import Region


def consensus(regions: Iterable[Region], agree: int, size: int = MAP_SIZE) -> npt.NDArray[np.float32]:
    """Return the weight of each pixel, 0..1: the number of boxes that cover it, divided by ``agree``, at most 1.

    Edges are truncated to whole pixels, and the right and lower ones lie outside the box, as in the released
    evaluations: a box of less than a pixel may vanish.

    Args:
        regions: boxes in 0..1 of the picture.
        agree: how many boxes must cover a pixel for its full weight, at least 1.
        size: side of the result.

    Returns:
        (size, size) float32.

    Raises:
        ValueError: a box reaches past the picture, or ``agree`` is less than 1.

    >>> consensus([Region(0, 0, 0.5, 1), Region(0.25, 0, 0.75, 0.5)], agree=2, size=4)
    array([[0.5, 1. , 0.5, 0. ],
           [0.5, 1. , 0.5, 0. ],
           [0.5, 0.5, 0. , 0. ],
           [0.5, 0.5, 0. , 0. ]], dtype=float32)
    """
    if agree < 1:
        raise ValueError(f"agree is {agree}, at least 1 is needed")
    votes = np.zeros((size, size), np.float32)
    for region in regions:
        edges = region.x1, region.y1, region.x2, region.y2
        if not all(0 <= edge <= 1 for edge in edges):
            raise ValueError(f"{region} reaches past the picture: its edges are fractions in 0..1")
        left, top, right, bottom = (int(size * edge) for edge in edges)
        votes[top:bottom, left:right] += 1
    return np.minimum(votes / agree, np.float32(1))
