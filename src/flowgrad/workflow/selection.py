"""Which frames are computed while ``frames: annotated`` asks for no more than what is scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from flowgrad.datasets.base import Annotations
from flowgrad.evaluation.truth import scored_frames

if TYPE_CHECKING:
    from flowgrad.protocols import GroundTruth, Protocol

Frames = dict[str, set[int]]


def scored(annotations: Mapping[str, Annotations], rules: GroundTruth) -> Frames:
    """Return the frames that a protocol scores, by clip."""
    return {clip: set(scored_frames(known, rules)) for clip, known in annotations.items()}


def with_neighbours(annotations: Mapping[str, Annotations], protocols: Iterable[Protocol], reach: int = 0) -> Frames:
    """Return the frames that must be decoded: the scored ones, their successors (flow), and what detection compares.

    ``reach``: so many frames before and after each are looked at, too.
    """
    wanted: Frames = {}
    for protocol in protocols:
        gap = protocol.stationary.stationary_gap
        offsets = {0, 1, gap, *range(-reach, reach + 1)}
        if protocol.stationary.stationary_drop == "both":
            offsets.add(-gap)
        for clip, numbers in scored(annotations, protocol.ground_truth).items():
            frames = wanted.setdefault(clip, set())
            frames |= {number + offset for number in numbers for offset in offsets if number + offset >= 0}
    return wanted
