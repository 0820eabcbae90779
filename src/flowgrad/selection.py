"""Which frames are computed while ``frames: annotated`` asks for no more than what is scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flowgrad.datasets.base import Annotations
from flowgrad.evaluation.ground_truth import scored_boxes
from flowgrad.protocols import Protocol

Frames = dict[str, set[int]]

FIELDS = frozenset({"ground_truth", "event_edges", "boxes_past_edge", "stationary_gap", "stationary_drop"})
"""Fields of a protocol that decide which frames are scored and which neighbours detection compares."""


def scored(annotations: Mapping[str, Annotations], protocol: Protocol) -> Frames:
    """Return the frames that a protocol scores, by clip."""
    return {clip: set(scored_boxes(known, protocol)) for clip, known in annotations.items()}


def with_neighbours(annotations: Mapping[str, Annotations], protocols: Iterable[Protocol]) -> Frames:
    """Return the frames that must be decoded: the scored ones, their successors (flow), and what detection compares."""
    wanted: Frames = {}
    for protocol in protocols:
        offsets = {0, 1, protocol.stationary_gap}
        if protocol.stationary_drop == "both":
            offsets.add(-protocol.stationary_gap)
        for clip, numbers in scored(annotations, protocol).items():
            frames = wanted.setdefault(clip, set())
            frames |= {number + offset for number in numbers for offset in offsets if number + offset >= 0}
    return wanted
