"""Items without truth: the frames of a clip in which nothing that is seen sounds.

Such a frame stands on the grid of the annotations, every half second, and somebody has listened to its clip: a clip
without any sound event, not even one that says that nothing is heard (label -1), may be one that nobody annotated.
Vehicles that sound off screen leave a frame a negative. A sound that nobody can place does not: it may come from
what is seen. A still is a negative where its dataset says so.
"""

from __future__ import annotations

from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.datasets.base import Annotations
from flowgrad.datasets.labels import NONE, OFF_SCREEN
from flowgrad.evaluation.ground_truth import is_active

STEP = FRAMES_PER_SECOND // 2
"""Frames between annotated ones."""


def negative_items(annotations: Annotations, frames: int) -> list[int]:
    """Return the numbers of the items without truth, ascending.

    Args:
        annotations: of one clip.
        frames: how many frames the clip has, 8 a second.

    >>> from flowgrad.datasets.base import SoundEvent
    >>> heard = SoundEvent(0.4, 1.5, "car", True), SoundEvent(1.8, 2.2, "offscreen", True)
    >>> negative_items(Annotations(events=heard), frames=21)
    [0, 16, 20]
    """
    if annotations.negative:
        return [annotations.item] if frames > annotations.item else []
    if annotations.of_still or not annotations.events:
        return []
    placeless = any(event.label == NONE and not event.identifiable for event in annotations.events)
    if placeless:
        return []
    on_screen = [
        event
        for event in annotations.events
        if event.label != NONE and not (event.label == OFF_SCREEN and event.identifiable)
    ]
    return [
        number
        for number in range(0, frames, STEP)
        if not any(is_active(event, number / FRAMES_PER_SECOND) for event in on_screen)
    ]
