"""What a dataset is to the rest of the product: clips, and annotations for some of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from flowgrad.constants import FRAMES_PER_SECOND


@dataclass(frozen=True)
class Clip:
    """A clip: its name, its video and, where the sound is a file of its own, that file (relative to the root).

    ``made_from`` is set where the run renders the video itself: a digest of everything that decides its pixels.
    """

    name: str
    video: str | None
    sound: str | None = None
    made_from: str | None = None


@dataclass(frozen=True)
class Box:
    """An annotated vehicle at ``time`` s: top left corner and size in pixels of the source frame."""

    time: float
    x: float
    y: float
    w: float
    h: float
    label: str
    visible: bool

    @property
    def xywh(self) -> tuple[float, float, float, float]:
        """Return left, top, width and height in pixels."""
        return self.x, self.y, self.w, self.h

    @property
    def frame(self) -> int:
        """Return the number of the 8 fps frame that the box lies on."""
        return round(self.time * FRAMES_PER_SECOND)


@dataclass(frozen=True)
class SoundEvent:
    """A vehicle sound from ``start`` to ``end`` s; ``offscreen`` is a label of its own in Urbansas.

    Labels of events and boxes are compared as they are: a dataset gives them in one spelling.
    """

    start: float
    end: float
    label: str
    identifiable: bool


@dataclass(frozen=True)
class Annotations:
    """The boxes and sound events of one clip."""

    boxes: tuple[Box, ...] = field(default=())
    events: tuple[SoundEvent, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        # a look at each, no copy: dataclasses.asdict takes ten times as long
        return {
            "boxes": [vars(box) for box in self.boxes],
            "events": [vars(event) for event in self.events],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Annotations:
        """Return the annotations that :meth:`to_json` wrote."""
        return cls(
            tuple(Box(**box) for box in value["boxes"]),
            tuple(SoundEvent(**event) for event in value["events"]),
        )


class Dataset(Protocol):
    """A folder of clips in one published layout."""

    root: Path
    labelled: bool
    """Whether the format has annotations, so that clips can be scored."""

    def problems(self) -> list[str]:
        """Return what is wrong with the dataset as a whole, one sentence each; empty when it can be used."""

    def notes(self) -> list[str]:
        """Return what a person should know of the dataset before a run, one sentence each; asked after problems."""

    def clips(self) -> list[Clip]:
        """Return all clips, sorted by name; ``video`` is None for one that is annotated but has no file."""

    def annotations(self) -> dict[str, Annotations]:
        """Return the annotations of every annotated clip."""
