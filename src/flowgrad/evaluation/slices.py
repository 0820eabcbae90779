"""Slices: what kind of item a figure is of, so that it can be told where a row fails.

What is said of an item follows from its annotations under the rules of a protocol, and, where they were measured, from
its sound and the camera. Values are words; an item of which nothing can be said has no value of that slice.

=============  =====================================  =====================================================
slice          values                                 of
=============  =====================================  =====================================================
``class``      ``car``, ..., ``several``              the boxes that count; a still's own class
``boxes``      ``1``, ``2``, ``3 or more``            how many boxes count
``size``       ``small``, ``medium``, ``large``       the truth: below 2 %, up to 8 %, above 8 % of the frame
``motion``     ``moving``, ``standing``, ``both``     the boxes that count; standing ones have engines that run
``parked``     ``yes``, ``no``                        whether a box that is seen and does not count stands
``loudness``   ``quiet``, ``medium``, ``loud``        below -45, up to -30, above -30 dB of full scale
``camera``     ``still``, ``moving``                  up to, above 0.1 % of the frame's width in 1/8 s
=============  =====================================  =====================================================

Traits that a dataset knows of a clip (``Annotations.traits``: a city, night) are slices, too.

A box stands where all boxes of its track that are at most 0.75 s away in time cover the same place, but for a tenth
(IoU above 0.9). Of a box without a track, or alone on it, that is not known.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from flowgrad.datasets.base import Annotations, Box
from flowgrad.detection.stationary import pairwise_iou
from flowgrad.errors import InputError
from flowgrad.evaluation.ground_truth import is_seen, scored_boxes
from flowgrad.evaluation.truth import scored_items, truth_mask

if TYPE_CHECKING:
    from flowgrad.protocols import Protocol

SMALL, LARGE = 0.02, 0.08
"""Shares of the frame."""
STANDS = 0.9
NEAR_S = 0.75
"""Away in time; the annotations of Urbansas are half a second apart."""
QUIET, LOUD = -45.0, -30.0
"""dB of full scale."""
SHAKEN = 1e-3
"""Of the frame's width, in 1/8 s."""
SEVERAL = "several"
ORDER: dict[str, tuple[str, ...]] = {
    "class": (),
    "boxes": (),
    "size": ("small", "medium", "large"),
    "motion": (),
    "parked": (),
    "loudness": ("quiet", "medium", "loud"),
    "camera": (),
}
"""The slices, and the values of those that are not sorted as words."""
Size = tuple[int, int]


def slices(known: Annotations, protocol: Protocol, size: Size) -> dict[int, dict[str, str]]:
    """Return the value of every slice for the items of a clip that a protocol scores, by frame and slice.

    Args:
        known: the clip's annotations.
        protocol: which boxes count, and how they are drawn.
        size: width and height of its frames.

    Raises:
        InputError: the dataset gives a trait the name of a slice.
    """
    clashing = sorted(known.traits.keys() & ORDER.keys())
    if clashing:
        raise InputError(f"trait {clashing[0]!r}: a slice has that name; the dataset must call it otherwise")
    raster = protocol.boxes.box_raster
    if known.of_still:
        label = {"class": known.label} if known.label else {}
        return {
            number: {**known.traits, **label, "size": of_size(truth_mask(known, boxes, size, raster).mean())}
            for number, boxes in scored_items(known, protocol.ground_truth, size).items()
        }
    present: dict[int, list[Box]] = {}
    tracks: dict[tuple[str, str], list[Box]] = {}
    for box in sorted(known.boxes, key=attrgetter("time")):
        present.setdefault(box.frame, []).append(box)
        if box.track:
            tracks.setdefault((box.track, box.label), []).append(box)
    found = {}
    for number, counted in scored_boxes(known, **dict(protocol.ground_truth), size=size).items():
        truth = truth_mask(known, [box.xywh for box in counted], size, raster)
        others = [box for box in present[number] if box not in counted and is_seen(box, "clip", size)]
        found[number] = {**known.traits, **_of_boxes(counted, others, tracks), "size": of_size(truth.mean())}
    return found


def _of_boxes(
    counted: Sequence[Box], others: Sequence[Box], tracks: Mapping[tuple[str, str], Sequence[Box]]
) -> dict[str, str]:
    """Return what is said of a frame by the boxes that count on it, and the others that are seen."""
    labels = sorted({box.label for box in counted})
    values = {
        "class": labels[0] if len(labels) == 1 else SEVERAL,
        "boxes": str(len(counted)) if len(counted) < 3 else "3 or more",
    }
    standing, still = (
        [stands(box, tracks.get((box.track, box.label), ())) for box in boxes] for boxes in (counted, others)
    )
    if None not in standing:
        values["motion"] = "standing" if all(standing) else "both" if any(standing) else "moving"
    if None not in still:
        values["parked"] = "yes" if any(still) else "no"
    return values


def stands(box: Box, track: Sequence[Box]) -> bool | None:
    """Return whether a box is where its track was shortly before and after; None where no other box tells.

    Args:
        box: one of the track.
        track: the boxes of one vehicle, in the order of time.

    >>> here = Box(1.0, 10, 10, 40, 20, "car", True, track="7")
    >>> there = Box(1.5, 30, 10, 40, 20, "car", True, track="7")
    >>> stands(here, [here, there]), stands(here, [here])
    (False, None)
    """
    first = bisect_left(track, box.time - NEAR_S, key=attrgetter("time"))
    last = bisect_right(track, box.time + NEAR_S, key=attrgetter("time"))
    near = [other for other in track[first:last] if other.time != box.time]
    return bool((pairwise_iou(_corners([box]), _corners(near)) > STANDS).all()) if near else None


def _corners(boxes: Sequence[Box]) -> npt.NDArray[np.float64]:
    return np.array([(box.x, box.y, box.x + box.w, box.y + box.h) for box in boxes], np.float64)


def of_size(share: float) -> str:
    """Return what a share of the frame is called.

    >>> of_size(0.01), of_size(0.02), of_size(0.3)
    ('small', 'medium', 'large')
    """
    return "small" if share < SMALL else "large" if share > LARGE else "medium"


def measured(loudness_db: float, camera: float) -> dict[str, str]:
    """Return the slices of what was measured about an item; NaN where it was not.

    Args:
        loudness_db: of the second around it, dB of full scale; minus infinity is silence.
        camera: how far the camera moves in 1/8 s, in widths of the frame.

    >>> measured(-50.0, 0.002), measured(-20.0, float("nan"))
    ({'loudness': 'quiet', 'camera': 'moving'}, {'loudness': 'loud'})
    """
    values = {}
    if not math.isnan(loudness_db):
        values["loudness"] = "quiet" if loudness_db < QUIET else "loud" if loudness_db > LOUD else "medium"
    if not math.isnan(camera):
        values["camera"] = "moving" if camera > SHAKEN else "still"
    return values


def ordered(values: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Return slices and values in the order in which a table has them: as in the list above, traits last."""
    names = [*(name for name in ORDER if name in values), *sorted(values.keys() - ORDER.keys())]

    def place(name: str, value: str) -> tuple[int, str]:
        given = ORDER.get(name, ())
        return (given.index(value) if value in given else len(given)), value

    return [(name, value) for name in names for value in sorted(values[name], key=partial(place, name))]
