"""What is true of an item: the boxes that count on a frame of a video, or what annotators drew on a still."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from flowgrad.datasets.base import Annotations
from flowgrad.datasets.mask import unpacked
from flowgrad.evaluation.consensus import consensus
from flowgrad.evaluation.ground_truth import Raster, by_track, rasterise, scored_boxes

if TYPE_CHECKING:
    from flowgrad.protocols import GroundTruth

Rectangle = tuple[float, float, float, float]
Size = tuple[int, int]


def scored_items(annotations: Annotations, rules: GroundTruth, size: Size | None = None) -> dict[int, list[Rectangle]]:
    """Return the boxes of every item that is scored, by frame number: left, top, width and height, in pixels.

    Of a still it is item 0, of a video in its place the annotated frame, whatever the rules of sound events say. Its
    boxes are the annotators', and in pixels only where its ``size`` (width, height) is known. A still in which nothing
    sounds has none.
    """
    if annotations.negative:
        return {}
    if annotations.of_still:
        width, height = size or (1, 1)
        return {
            annotations.item: [
                (one.x1 * width, one.y1 * height, (one.x2 - one.x1) * width, (one.y2 - one.y1) * height)
                for one in annotations.regions
            ]
        }
    found = scored_boxes(annotations, **dict(rules), size=size)
    return {number: [box.xywh for box in boxes] for number, boxes in found.items()}


def scored_frames(annotations: Annotations, rules: GroundTruth, size: Size | None = None) -> Collection[int]:
    """Return the numbers of the items of :func:`scored_items`, ascending."""
    if annotations.negative:
        return ()
    return (annotations.item,) if annotations.of_still else scored_boxes(annotations, **dict(rules), size=size).keys()


def ambiguous_items(annotations: Annotations, rules: GroundTruth, size: Size | None = None) -> list[int]:
    """Return the numbers of the items that sound from something that is seen, but nobody knows from what, ascending."""
    if annotations.of_still or rules.ground_truth != "by-track":
        return []
    return by_track(annotations, rules.event_edges, rules.boxes_past_edge, size)[1]


def truth_mask(
    annotations: Annotations, boxes: list[Rectangle], size: Size, box_raster: Raster
) -> npt.NDArray[np.float32]:
    """Return the truth of an item of :func:`scored_items` as (224, 224) float32 in [0, 1].

    A still's is its mask, or the published consensus map, whatever the raster.
    """
    if annotations.mask:
        return unpacked(annotations.mask)
    if annotations.regions:
        return consensus(annotations.regions, annotations.agree)
    return rasterise(boxes, *size, box_raster)


def source_masks(
    annotations: Annotations, rules: GroundTruth, size: Size, box_raster: Raster
) -> Iterator[tuple[int, dict[str, npt.NDArray[np.float32]]]]:
    """Yield the sources of every item of :func:`scored_items`: its number, and by class a mask (224, 224) float32.

    The boxes of one class are one source. A still has its own class alone, an empty one where the dataset has none.
    """
    if annotations.of_still:
        for number, boxes in scored_items(annotations, rules, size).items():
            yield number, {annotations.label: truth_mask(annotations, boxes, size, box_raster)}
        return
    for number, found in scored_boxes(annotations, **dict(rules), size=size).items():
        classes = sorted({box.label for box in found})
        yield (
            number,
            {
                label: rasterise([box.xywh for box in found if box.label == label], *size, box_raster)
                for label in classes
            },
        )
