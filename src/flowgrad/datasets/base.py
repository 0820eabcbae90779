"""What a dataset is to the rest of the product: clips, and annotations for some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from flowgrad.constants import FRAMES_PER_SECOND


@dataclass(frozen=True)
class Still:
    """What a clip that is one picture with a sound has besides its two files.

    Attributes:
        anchor_s: where the picture lies in its sound, s; None: in the middle of it.
        flow: the published pictures of horizontal and vertical flow, relative to the root.
        mixed: another sound file that is heard at once with the clip's own, so that their middles coincide.
    """

    anchor_s: float | None = None
    flow: tuple[str, str] | None = None
    mixed: str | None = None


@dataclass(frozen=True)
class Clip:
    """A clip: its name, its video and, where the sound is a file of its own, that file (relative to the root).

    ``made_from`` is set where the run renders the video itself: a digest of everything that decides its pixels. Where
    ``still`` is set, ``video`` is the path of a picture, and there is no other sound than the file ``sound``. Clips of
    one ``place`` resemble each other: intervals and held-out parts take them together. Empty: the clip is alone.
    Clips of one ``picture`` are its pairs, each with the sound of one of its sources; they have one place. Empty: the
    clip is the only one of its picture.
    """

    name: str
    video: str | None
    sound: str | None = None
    made_from: str | None = None
    still: Still | None = None
    place: str = ""
    picture: str = ""

    @property
    def group(self) -> str:
        """Return the name of what the clip belongs to: its place, else its picture, else itself."""
        return self.place or self.shown

    @property
    def shown(self) -> str:
        """Return the name of the picture that the clip is a pair of: by default the clip itself."""
        return self.picture or self.name


@dataclass(frozen=True)
class Box:
    """An annotated vehicle at ``time`` s: top left corner and size in pixels of the source frame.

    ``track`` names the vehicle within its clip; empty where that is not known.
    """

    time: float
    x: float
    y: float
    w: float
    h: float
    label: str
    visible: bool
    track: str = ""

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

    Labels of events and boxes are compared as they are: a dataset gives them in one spelling. ``track`` is that of the
    vehicle which sounds; empty where that is not known, as in Urbansas.
    """

    start: float
    end: float
    label: str
    identifiable: bool
    track: str = ""


@dataclass(frozen=True)
class Region:
    """A box that ``annotator`` drew on a still, around what sounds: 0..1 of the picture's width and height."""

    x1: float
    y1: float
    x2: float
    y2: float
    annotator: int = 0


def _stored(one: Box | SoundEvent) -> dict[str, Any]:
    return vars(one) if one.track else {name: value for name, value in vars(one).items() if name != "track"}


@dataclass(frozen=True)
class Annotations:
    """The boxes and sound events of one clip; of a still, its regions.

    Attributes:
        boxes: vehicles in the frames of a video.
        events: vehicle sounds of a video.
        regions: what sounds in a still, as one or several annotators drew it.
        agree: how many regions must cover a pixel for its full weight.
        label: the class of a still; empty where the dataset has none.
        mask: what sounds in a still pixel by pixel (:func:`flowgrad.datasets.mask.packed`), in place of regions.
        traits: what else the dataset says of the clip, word by word: a city, whether it is night.
        at_s: where the dataset gives a video for its still: which of its frames the regions are on, s.
        negative: of a still, whether nothing that it shows sounds: it has no truth, and is an item of the metrics that
            read such items.
    """

    boxes: tuple[Box, ...] = field(default=())
    events: tuple[SoundEvent, ...] = field(default=())
    regions: tuple[Region, ...] = field(default=())
    agree: int = 1
    label: str = ""
    mask: str = ""
    traits: Mapping[str, str] = field(default_factory=dict)
    negative: bool = False
    at_s: float | None = None

    @property
    def item(self) -> int:
        """Return the number of the one item that regions are on: 0 of a still, of a video its 8 fps frame."""
        return 0 if self.at_s is None else round(self.at_s * FRAMES_PER_SECOND)

    @property
    def of_still(self) -> bool:
        """Return whether they say what sounds in a still, or that nothing does."""
        return bool(self.regions or self.mask or self.negative)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; tracks and what only stills have stand in it where they are set."""
        # a look at each, no copy: dataclasses.asdict takes ten times as long
        value: dict[str, Any] = {
            "boxes": [_stored(box) for box in self.boxes],
            "events": [_stored(event) for event in self.events],
        }
        if self.regions:
            value["regions"] = [vars(region) for region in self.regions]
        if self.agree != 1:
            value["agree"] = self.agree
        if self.label:
            value["label"] = self.label
        if self.mask:
            value["mask"] = self.mask
        if self.traits:
            value["traits"] = dict(self.traits)
        if self.negative:
            value["negative"] = True
        if self.at_s is not None:
            value["at_s"] = self.at_s
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Annotations:
        """Return the annotations that :meth:`to_json` wrote."""
        return cls(
            tuple(Box(**box) for box in value["boxes"]),
            tuple(SoundEvent(**event) for event in value["events"]),
            tuple(Region(**region) for region in value.get("regions", ())),
            value.get("agree", 1),
            value.get("label", ""),
            value.get("mask", ""),
            value.get("traits", {}),
            value.get("negative", False),
            value.get("at_s"),
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
