"""Why no frame of a clip is scored: the rules of :mod:`flowgrad.evaluation.ground_truth`, asked one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flowgrad.datasets.base import Annotations
from flowgrad.datasets.labels import NONE, OFF_SCREEN
from flowgrad.evaluation.ground_truth import heard_labels, is_heard, is_seen
from flowgrad.evaluation.truth import ambiguous_items, scored_frames

if TYPE_CHECKING:
    from flowgrad.protocols import GroundTruth

REASONS = (
    NEGATIVE := "nothing that is seen sounds",
    NO_BOX := "no vehicle is annotated",
    NO_VISIBLE_BOX := "no annotated vehicle is visible",
    NO_BOX_IN_FRAME := "every visible vehicle lies outside the frame or past its edge",
    NO_EVENT := "no sound event is annotated",
    NO_EVENT_ON_SCREEN := "every sound event is off screen",
    NO_IDENTIFIABLE_EVENT := "no sound event on screen is identifiable",
    NO_OVERLAP := "no identifiable sound event overlaps a visible vehicle in time",
    NO_COMMON_CLASS := "no visible vehicle is of the class that sounds",
    NOT_KNOWN_WHICH := "several vehicles are of the class that sounds, and nothing says which of them does",
    TOO_SHORT := "the pictures end before the first frame that would be scored",
)
"""What is missing, in the order in which it is looked for."""


def why_unscored(
    annotations: Annotations,
    protocols: Iterable[GroundTruth],
    size: tuple[int, int] | None = None,
    frames: int | None = None,
) -> str | None:
    """Return what is missing for a frame to be scored under any of the protocols; None where one is.

    Under several protocols different things can be missing: what counts is the protocol that comes furthest.

    Args:
        annotations: of one clip.
        protocols: the ground truth of at least one.
        size: width and height of the source's frames, where they are known.
        frames: how many frames the clip has, where it is known.
    """
    missing = [_missing(annotations, protocol, size, frames) for protocol in protocols]
    found = [reason for reason in missing if reason is not None]
    return None if len(found) < len(missing) else max(found, key=REASONS.index)


def _missing(
    annotations: Annotations, protocol: GroundTruth, size: tuple[int, int] | None, frames: int | None
) -> str | None:
    if annotations.negative:
        return NEGATIVE
    scored = scored_frames(annotations, protocol, size)
    if scored:
        return TOO_SHORT if frames is not None and min(scored) >= frames else None
    if ambiguous_items(annotations, protocol, size):
        return NOT_KNOWN_WHICH
    seen = [box for box in annotations.boxes if is_seen(box, protocol.boxes_past_edge, size)]
    events = [event for event in annotations.events if event.label != NONE]
    looks = (
        (NO_BOX, annotations.boxes),
        (NO_VISIBLE_BOX, [box for box in annotations.boxes if box.visible]),
        (NO_BOX_IN_FRAME, seen),
        (NO_EVENT, events),
        (NO_EVENT_ON_SCREEN, [event for event in events if event.label != OFF_SCREEN]),
        (NO_IDENTIFIABLE_EVENT, [event for event in events if is_heard(event)]),
        (NO_OVERLAP, [box for box in seen if heard_labels(annotations, box.time, protocol.event_edges)]),
    )
    return next((reason for reason, found in looks if not found), NO_COMMON_CLASS)
