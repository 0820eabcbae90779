"""Ground truth: which frames are scored, which boxes count on them, and their 224x224 masks.

Paper, section 3: frames "that have both audio and video annotations and where the sounding vehicle is visible and
identifiable". The released code takes every visible box of a frame while any identifiable, on-screen event sounds.
Stricter than both: only the vehicle that sounds, where that is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from flowgrad.constants import MAP_SIZE
from flowgrad.datasets.base import Annotations, Box, SoundEvent
from flowgrad.datasets.labels import OFF_SCREEN

Edges = Literal["closed", "open"]
PastEdge = Literal["clip", "drop-negative"]
Which = Literal["sounding", "any-visible", "by-track"]
Raster = Literal["round", "truncate"]


def is_heard(event: SoundEvent) -> bool:
    """Return whether a sound event can be found in the picture: it is identifiable and not off screen."""
    return event.identifiable and event.label != OFF_SCREEN


def heard_labels(annotations: Annotations, time: float, event_edges: Edges = "closed") -> set[str]:
    """Return the labels of the identifiable, on-screen sound events that are active at ``time`` s.

    ``closed``: an event is active at its start and end, too; ``open``: between them only.
    """
    return {event.label for event in _heard(annotations, time, event_edges)}


def _heard(annotations: Annotations, time: float, event_edges: Edges) -> list[SoundEvent]:
    return [event for event in annotations.events if is_heard(event) and is_active(event, time, event_edges)]


def is_active(event: SoundEvent, time: float, event_edges: Edges = "closed") -> bool:
    """Return whether a sound event lasts at ``time`` s; ``open``: its start and end do not count."""
    return event.start <= time <= event.end if event_edges == "closed" else event.start < time < event.end


def is_seen(box: Box, boxes_past_edge: PastEdge = "clip", size: tuple[int, int] | None = None) -> bool:
    """Return whether a box is visible in a frame of this ``size`` (width, height), where that is known.

    ``clip``: as long as a part of it lies within the frame; ``drop-negative``: unless a coordinate is negative.
    """
    if not box.visible:
        return False
    if boxes_past_edge == "drop-negative":
        return min(box.xywh) >= 0
    return not (size and is_outside(box, *size))


def scored_boxes(
    annotations: Annotations,
    ground_truth: Which = "sounding",
    event_edges: Edges = "closed",
    boxes_past_edge: PastEdge = "clip",
    size: tuple[int, int] | None = None,
) -> dict[int, list[Box]]:
    """Return the boxes that count, by the number of their 8 fps frame; only frames that pass the filter appear.

    ``sounding``: boxes of the class that is heard; ``any-visible``: every visible box while anything is heard;
    ``by-track``: boxes of the vehicle that is heard (:func:`by_track`).

    With the source's ``size`` (width, height) at hand, boxes wholly outside the frame are not visible under ``clip``.
    """
    if ground_truth == "by-track":
        return by_track(annotations, event_edges, boxes_past_edge, size)[0]
    frames: dict[int, list[Box]] = {}
    heard_at: dict[float, set[str]] = {}
    for box in annotations.boxes:
        if not is_seen(box, boxes_past_edge, size):
            continue
        if box.time not in heard_at:
            heard_at[box.time] = heard_labels(annotations, box.time, event_edges)
        heard = heard_at[box.time]
        if box.label in heard if ground_truth == "sounding" else bool(heard):
            frames.setdefault(box.frame, []).append(box)
    return dict(sorted(frames.items()))


def by_track(
    annotations: Annotations,
    event_edges: Edges = "closed",
    boxes_past_edge: PastEdge = "clip",
    size: tuple[int, int] | None = None,
) -> tuple[dict[int, list[Box]], list[int]]:
    """Return the boxes of the vehicles that are heard, by frame, and the frames of which nobody knows which those are.

    An event that names its track sounds from the box of that track. One that names none, as in Urbansas, sounds from
    the one box of its class; where two boxes of the class lie in the frame, seen or hidden, the frame is ambiguous.
    """
    at: dict[float, list[Box]] = {}
    for box in annotations.boxes:
        at.setdefault(box.time, []).append(box)
    frames: dict[int, list[Box]] = {}
    ambiguous: set[int] = set()
    for time, boxes in at.items():
        heard = _heard(annotations, time, event_edges)
        tracks = {event.track for event in heard if event.track}
        classes = {event.label for event in heard if not event.track}
        present = [box for box in boxes if not (size and is_outside(box, *size))]
        several = {label for label in classes if sum(box.label == label for box in present) > 1}
        found = [
            box
            for box in present
            if is_seen(box, boxes_past_edge, size) and (box.label in classes or (box.track and box.track in tracks))
        ]
        if any(box.label in several for box in found):
            ambiguous.add(boxes[0].frame)
        elif found:
            frames.setdefault(boxes[0].frame, []).extend(found)
    # two times may fall on one frame
    return {number: frames[number] for number in sorted(frames) if number not in ambiguous}, sorted(ambiguous)


def rasterise(
    boxes: Iterable[tuple[float, float, float, float]],
    width: int,
    height: int,
    box_raster: Raster = "round",
    size: int = MAP_SIZE,
) -> npt.NDArray[np.float32]:
    """Return the union of boxes as a (size, size) float32 mask of 0 and 1.

    Args:
        boxes: left, top, width and height of each, in pixels of the source frame.
        width: source width, pixels.
        height: source height, pixels.
        box_raster: how edges fall on the grid: ``round`` to the nearest pixel edge, at least one
            pixel for a box that touches the frame; ``truncate`` as the released code, where a small box vanishes.
        size: side of the mask.
    """
    mask = np.zeros((size, size), np.float32)
    for x, y, w, h in boxes:
        if box_raster == "truncate":
            left, top = int(x / width * size), int(y / height * size)
            right, bottom = left + int(w / width * size), top + int(h / height * size)
        else:
            left, right = _rounded(x, x + w, width, size)
            top, bottom = _rounded(y, y + h, height, size)
        mask[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 1
    return mask


def _rounded(low: float, high: float, extent: int, size: int) -> tuple[int, int]:
    """Return the pixel range of an interval of the source axis, clipped; empty only when it lies outside."""
    low, high = max(low, 0.0), min(high, float(extent))
    if high <= low:
        return 0, 0
    first, last = round(low / extent * size), round(high / extent * size)
    if last == first:
        first = min(int((low + high) / 2 / extent * size), size - 1)
        last = first + 1
    return first, last


@dataclass(frozen=True)
class BoxFaults:
    """How many boxes of a clip do not lie within its frame."""

    outside: int
    past_edge: int

    def __str__(self) -> str:
        parts = []
        if self.outside:
            parts.append(f"boxes outside the frame, which do not count: {self.outside}")
        if self.past_edge:
            parts.append(f"boxes that reach past the frame: {self.past_edge}")
        return "; ".join(parts)


def is_outside(box: Box, width: int, height: int) -> bool:
    """Return whether no part of a box lies within a frame of this size."""
    return box.x >= width or box.y >= height or box.x + box.w <= 0 or box.y + box.h <= 0


def box_faults(boxes: Iterable[Box], width: int, height: int, tolerance: float = 0.5) -> BoxFaults:
    """Count the boxes that lie outside a frame of this size, or reach past its edge by more than ``tolerance`` px."""
    outside = past_edge = 0
    for box in boxes:
        if is_outside(box, width, height):
            outside += 1
        elif min(box.x, box.y) < -tolerance or box.x + box.w > width + tolerance or box.y + box.h > height + tolerance:
            past_edge += 1
    return BoxFaults(outside, past_edge)
