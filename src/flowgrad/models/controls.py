"""Control rows: boxes that look at nothing. They say what a figure is worth before any model is credited with it.

Boxes and not maps, because a map that is the same everywhere does not survive the min-max normalisation of protocol
``paper`` (it becomes zeros, nothing is predicted). Boxes are rasterised as those of a detector are, under every
protocol, and these two fall on whole pixels of the 224x224 grid whatever the frame's size.
"""

from __future__ import annotations

Boxes = list[tuple[float, float, float, float]]


def blank(width: int, height: int) -> Boxes:
    """Return no box: what a row scores that predicts nothing.

    >>> blank(640, 480)
    []
    """
    return []


def whole_frame(width: int, height: int) -> Boxes:
    """Return one box over the whole frame: left, top, width and height in pixels of a frame of this size.

    >>> whole_frame(640, 480)
    [(0.0, 0.0, 640.0, 480.0)]
    """
    return [(0.0, 0.0, float(width), float(height))]


def centre_box(width: int, height: int) -> Boxes:
    """Return one centred box of half the frame's width and height: left, top, width and height in pixels.

    >>> centre_box(640, 480)
    [(160.0, 120.0, 320.0, 240.0)]
    """
    return [(width / 4, height / 4, width / 2, height / 2)]
