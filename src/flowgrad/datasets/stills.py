"""Stills with sound: what the published layouts of Flickr-SoundNet and VGG-SS have in common.

::

    frames/{id}.jpg         or Data/{shard}/{id}.jpg, where the former is absent
    audio/{id}.wav          or Data/{shard}/{id}.wav, where the former is absent
    flow/flow_x/{id}.jpg    where present with flow_y: the flow that Hear The Flow publishes, a picture a direction
    video/{id}.mp4          the clip itself, of a dataset whose stills are frames of videos: taken in place of the still
    metadata/{list}.csv     or lists/, or the root itself: an id a line, for ``split``

A list ``NAME_plus_silent`` beside the list ``NAME`` adds its rows to that list's clips: pictures with a sound of
nothing that they show (Mo and Morgado, NeurIPS 2022). Their clips are called ``PICTURE+SOUND`` and are negatives.

Subfolders are searched. A picture may have any suffix of ``STILL_SUFFIXES``, a sound any of ``SOUND_SUFFIXES`` of
:mod:`flowgrad.datasets.suffixes`. The layouts are those of the evaluations released with Localizing Visual Sounds the
Hard Way (Chen et al., CVPR 2021), EZ-VSL (Mo and Morgado, ECCV 2022) and Hear The Flow (Fedorishin et al., WACV 2023).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from flowgrad.datasets.base import Annotations, Clip, Region, Still
from flowgrad.datasets.folder import Listing, closed, folder_problem, listing, named
from flowgrad.datasets.split_list import find_list, is_silent, read_list, read_silent, sounding
from flowgrad.datasets.suffixes import SOUND_SUFFIXES, STILL_SUFFIXES, suffix
from flowgrad.errors import InputError

PICTURES = ("frames", "Data")
SOUNDS = ("audio", "Data")
FLOW = ("flow/flow_x", "flow/flow_y")
VIDEOS = "video"
TWICE = 2.0
"""No box drawn by hand reaches past the picture by more than the picture's size."""


@dataclass(frozen=True)
class Entry:
    """The annotations of one still as a file has them.

    Attributes:
        name: the id, in the spelling of its dataset.
        place: where they stand, for a sentence.
        regions: the boxes, which may be empty or reach past the picture.
        label: the class; empty where the dataset has none.
    """

    name: str
    place: str
    regions: tuple[Region, ...]
    label: str = ""


@dataclass(frozen=True)
class Item:
    """A clip by its files: the ids of its picture and of its sound.

    Attributes:
        name: that of the clip.
        picture: as :meth:`Stills.file_id` gives it for the picture's file.
        sound: the same for the sound's file.
        group: the place of the clip; empty: the clip is alone.
        scene: the picture of several sources that the clip is a pair of; empty: that of its file.
        anchor_s: where the picture lies in its sound, s; None: in the middle.
        negative: whether nothing that is seen sounds.
    """

    name: str
    picture: str
    sound: str
    group: str = ""
    scene: str = ""
    anchor_s: float | None = None
    negative: bool = False

    @property
    def shown(self) -> str:
        """Return the picture that the clip is a pair of, which several clips can share; empty: no other clip shows it.

        A negative shows nothing that sounds, and so none of the sources of its picture.
        """
        shown = self.scene or self.picture
        return "" if self.negative or shown == self.name else shown


class Faults:
    """What is wrong in files of annotations: of each kind the first is named, the others are counted."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, sentence: str) -> None:
        """Note a fault."""
        self._found[kind].append(sentence)

    def raise_any(self) -> None:
        """Raise ``InputError`` with all faults, if there are any."""
        if self._found:
            kinds = self._found.values()
            raise InputError("; ".join(of[0] + (f" (and {len(of) - 1} more)" if len(of) > 1 else "") for of in kinds))


class Stills(ABC):
    """A dataset of annotated stills with sound, or the part of it that a list names.

    ``split`` is the name of a list below the root, or the path of one; None: everything that is annotated.
    """

    labelled = True
    lists: ClassVar[tuple[str, ...]]
    """The published lists."""
    layout: ClassVar[str]
    """What the root holds, for a sentence."""
    agree: ClassVar[int]
    """How many boxes must cover a pixel for its full weight."""
    pictures: ClassVar[tuple[str, ...]] = PICTURES
    """Where pictures are looked for."""
    sounds: ClassVar[tuple[str, ...]] = SOUNDS
    """Where sounds are looked for."""
    video_at_s: ClassVar[float | None] = None
    """Where the annotated picture lies in the video of a clip, s; None where stills are no frames of videos."""

    def __init__(self, root: Path, split: str | None = None):
        self.root = root
        self.split = split

    @abstractmethod
    def entries(self, wanted: Collection[str] | None) -> Iterator[Entry]:
        """Yield what is annotated, of the ``wanted`` ids or of all; ``InputError`` where a file is absent or wrong."""

    @staticmethod
    def canonical(name: str) -> str:
        """Return an id in the spelling of the dataset's annotations."""
        return name

    def item(self, name: str) -> Item:
        """Return the files of an annotated clip: by default its picture and its sound have its name."""
        return Item(name, name, name)

    def clips_of(self, listed: str) -> Collection[str]:
        """Return the clips that an id of a list stands for: by default the one of that name."""
        return (listed,)

    def file_id(self, path: Path) -> str:
        """Return the id of a picture or sound at a path below the root; by default the file's name gives it."""
        return self.canonical(path.stem)

    def problems(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        purpose = f"the folder that holds {self.layout}"
        problem = folder_problem(self.root, purpose)
        if problem:
            return [problem]
        try:
            names, annotated = self._names, self._entries.keys()
        except InputError as error:
            return [str(error)]
        if not names:
            return [f"{self.root.absolute()}: nothing is annotated; set dataset.root to {purpose}"]
        if not annotated:
            return [f"{self._list}: none of its {len(names)} ids is annotated in {self.root}: {named(names)}"]
        if not any(known.regions for known in self.annotations().values()):
            first = next(iter(self._entries.values()))
            return [f"{self.root.absolute()}: no clip has a box that counts; the first is annotated by {first.place}"]
        if not self._pictures and not self._videos:
            where = (
                f"neither {' nor '.join(self.pictures)} holds" if self.pictures[1:] else f"{self.pictures[0]} holds no"
            )
            words = f"{where}{' a' if self.pictures[1:] else ''} picture of an annotated clip: {named(names)}"
            return ["; ".join([f"{self.root.absolute()}: {words}", *self._closed()])]
        return self._twice()

    def notes(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        clips = self.clips()
        notes = self._closed()
        unseen = (clip.name for clip in clips if clip.video is None)
        notes += _counted(f"clips have no picture in {' or '.join(self.pictures)}", unseen, len(clips))
        videos = sum(clip.still is None for clip in clips)
        if videos:
            notes.append(f"{videos} of {len(clips)} clips are videos of {VIDEOS}: motion is there, too")
        silent = (clip.name for clip in clips if clip.sound is None and clip.still is not None)
        notes += _counted(f"clips have no sound file in {' or '.join(self.sounds)}", silent, len(clips))
        if any(self._flow):
            without = (clip.name for clip in clips if clip.still is not None and clip.still.flow is None)
            notes += _counted(f"clips have no picture in both of {' and '.join(FLOW)}", without, len(clips))
        unknown = [name for name, item in self._items.items() if not item.negative and name not in self._entries]
        if self.labelled:
            notes += _counted(f"{self._whose} are not annotated", unknown, len(self._names))
        regions = [(entry, region) for entry in self._entries.values() for region in entry.regions]
        past = (entry.place for entry, region in regions if _cut(region) != region)
        notes += _counted("boxes reach past the picture and are cut at its edge", past, len(regions))
        empty = (entry.place for entry, region in regions if not _has_area(_cut(region)))
        notes += _counted("boxes are empty and do not count", empty, len(regions))
        blank = (name for name, known in self.annotations().items() if not known.of_still)
        negatives = sum(item.negative for item in self._items.values())
        if negatives:
            notes.append(f"{negatives} of {len(clips)} clips are negatives: nothing that is seen sounds")
        return notes + _counted("clips have no box that counts", blank, len(self._entries))

    def clips(self) -> list[Clip]:
        """See :class:`flowgrad.datasets.base.Dataset`; ``sound`` is None where there is no file of it."""
        return [
            Clip(name, video, place=item.group, picture=item.shown)
            if (video := self._video_of(item)) is not None
            else Clip(
                name,
                _first(self._pictures, item.picture),
                _first(self._sounds, item.sound),
                still=Still(item.anchor_s, self._flow_of(item.picture)),
                place=item.group,
                picture=item.shown,
            )
            for name, item in self._items.items()
        ]

    def annotations(self) -> dict[str, Annotations]:
        """See :class:`flowgrad.datasets.base.Dataset`.

        Raises ``InputError`` naming the file for annotations or a list that is absent or wrong.
        """
        return {
            name: Annotations(
                regions=tuple(filter(_has_area, map(_cut, entry.regions))),
                agree=self.agree,
                label=entry.label,
                at_s=self.video_at_s if self._video_of(self.item(name)) is not None else None,
            )
            for name, entry in self._entries.items()
        } | {name: Annotations(negative=True) for name, item in self._items.items() if item.negative}

    @cached_property
    def _list(self) -> Path | None:
        return None if self.split is None else find_list(self.root, self.split, self.lists)

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        """The pictures with a sound of nothing that they show, as the list has them: (picture, sound)."""
        return [] if self._list is None or not is_silent(self._list) else read_silent(self._list, self.canonical)

    @cached_property
    def _listed(self) -> list[str] | None:
        if self._list is None:
            return None
        listed = read_list(sounding(self._list) if self._pairs else self._list, self.canonical)
        return [name for one in listed for name in self.clips_of(one)]

    @cached_property
    def _items(self) -> dict[str, Item]:
        items = [self.item(name) for name in (self._all() if self._listed is None else self._listed)]
        for picture, sound in self._pairs:
            known = self.item(picture)
            items.append(
                Item(f"{picture}+{sound}", known.picture, self.item(sound).sound, known.group or picture, negative=True)
            )
        return {item.name: item for item in sorted(items, key=lambda item: item.name)}

    @cached_property
    def _names(self) -> list[str]:
        return list(self._items)

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        wanted = None if self._listed is None else frozenset(self._listed)
        faults = Faults()
        found: dict[str, Entry] = {}
        for entry in self.entries(wanted):
            if entry.name in found:
                both = f"{found[entry.name].place} and {entry.place}"
                faults.add("twice", f"{self.root}: {entry.name!r} is annotated twice, by {both}; keep one of them")
            found[entry.name] = entry
        _check_unit(self.root, found.values(), faults)
        faults.raise_any()
        return dict(sorted(found.items()))

    @cached_property
    def _listings(self) -> dict[str, Listing]:
        return {
            place: listing(self.root / place) for place in dict.fromkeys((*self.pictures, *self.sounds, *FLOW, VIDEOS))
        }

    @property
    def _whose(self) -> str:
        return "clips" if self._list is None else f"ids of {self._list}"

    def _all(self) -> Collection[str]:
        """Return the names of the clips where no list names some."""
        return self._entries

    def _twice(self) -> list[str]:
        return [
            f"{self.root}: {name!r} has {len(paths)} {kind} ({' and '.join(paths)}); keep one of them"
            for kind, files in (("pictures", self._pictures), ("sound files", self._sounds), ("videos", self._videos))
            for name, paths in files.items()
            if len(paths) > 1
        ]

    def _wanted_sounds(self) -> Collection[str]:
        """Return the ids of the sounds that are looked for."""
        return {item.sound for item in self._items.values()}

    def _closed(self) -> list[str]:
        return [note for listed in self._listings.values() for note in closed(listed)]

    @cached_property
    def _pictures(self) -> dict[str, list[str]]:
        return self._files(self.pictures, STILL_SUFFIXES, (item.picture for item in self._items.values()))

    @cached_property
    def _sounds(self) -> dict[str, list[str]]:
        return self._files(self.sounds, SOUND_SUFFIXES, self._wanted_sounds())

    @cached_property
    def _videos(self) -> dict[str, list[str]]:
        if self.video_at_s is None:
            return {}
        wanted = {item.picture for item in self._items.values()}
        found: dict[str, list[str]] = defaultdict(list)
        for path in self._listings[VIDEOS].videos:
            below = path.relative_to(self.root)
            if (name := self.file_id(below)) in wanted:
                found[name].append(str(below))
        return found

    def _video_of(self, item: Item) -> str | None:
        # the video has the right sound; a negative has another one
        return None if item.negative else _first(self._videos, item.picture)

    @cached_property
    def _flow(self) -> tuple[dict[str, list[str]], ...]:
        ids = {item.picture for item in self._items.values()}
        return tuple(self._files((place,), STILL_SUFFIXES, ids) for place in FLOW)

    def _flow_of(self, name: str) -> tuple[str, str] | None:
        x, y = (_first(files, name) for files in self._flow)
        return (x, y) if x is not None and y is not None else None

    def _files(self, places: Iterable[str], suffixes: Collection[str], ids: Iterable[str]) -> dict[str, list[str]]:
        """Return the files of each id in the first place that holds any of it, relative to the root."""
        wanted = frozenset(ids)
        found: dict[str, list[str]] = {}
        for place in places:
            here: dict[str, list[str]] = defaultdict(list)
            for path in map(Path, self._listings[place].others):
                below = path.relative_to(self.root)
                if suffix(path.name) in suffixes and (name := self.file_id(below)) in wanted:
                    here[name].append(str(below))
            found = here | found
        return found


def _check_unit(root: Path, entries: Iterable[Entry], faults: Faults) -> None:
    """Note where most boxes are so large that they must be in pixels."""
    placed = [(entry, region) for entry in entries for region in entry.regions]
    large = [entry for entry, region in placed if max(region.x2, region.y2) > TWICE]
    if 2 * len(large) > len(placed):
        what = "boxes are fractions of the picture, 0 to 1, and these look like pixels: divide them by its size"
        faults.add(
            "unit",
            f"{root}: {len(large)} of {len(placed)} boxes reach far past the picture, the first by"
            f" {large[0].place}; {what}",
        )


def _first(files: dict[str, list[str]], name: str) -> str | None:
    return next(iter(files.get(name, ())), None)


def _cut(region: Region) -> Region:
    """Return a region without what lies outside the picture."""
    x1, y1, x2, y2 = (min(max(edge, 0.0), 1.0) for edge in (region.x1, region.y1, region.x2, region.y2))
    return Region(x1, y1, x2, y2, region.annotator)


def _has_area(region: Region) -> bool:
    return region.x2 > region.x1 and region.y2 > region.y1


def _counted(what: str, which: Iterable[str], of: int) -> list[str]:
    """Return a sentence that counts some things and names the first of them; nothing where there are none."""
    names = list(which)
    return [f"{len(names)} of {of} {what}: {named(names)}"] if names else []
