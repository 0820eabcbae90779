"""``format: audioset-instruments``: music of AudioSet with boxes of 15 instruments (Qian et al., ECCV 2020).

::

    normav.json                       8,038 boxes of a detector, COCO: image_id is 10 * video + frame, bbox x, y, w, h
                                      in fractions; in the root, in metadata/ or in lists/
    frames/{image_id}.jpg             a frame a second of every video
    audio/{video}.wav                 ten seconds

    val_audio.txt                     or the folders of the authors: ids of videos, a line a video, in the order that
    val/{id}/{frame, 4 digits}.jpg    numbers them from 0
    val/audio/{id}.wav

A clip is a frame with one class of instrument, called ``{image_id}_{class}``, and the union of the boxes of that class.
Its sound is the second that begins with the frame; its place is the video. ``split: two-sources`` takes the frames with
exactly two classes, on which the authors evaluate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from flowgrad.datasets.base import Region
from flowgrad.datasets.json_file import is_number, read_json
from flowgrad.datasets.split_list import find_table, read_list, tables_there
from flowgrad.datasets.stills import Entry, Faults, Item, Stills
from flowgrad.errors import InputError

FILE = "normav.json"
VIDEOS = "val_audio.txt"
TWO_SOURCES = "two-sources"
FRAMES = 10
"""Frames of every video, one a second."""


class AudioSetInstruments(Stills):
    """The annotated frames, or the clips that a list names."""

    lists = (TWO_SOURCES,)
    layout = f"{FILE}, frames/ and audio/"
    agree = 1
    pictures = ("val", "frames")
    sounds = ("val/audio", "audio")

    def __init__(self, root: Path, split: str | None = None):
        super().__init__(root, None if split == TWO_SOURCES else split)
        self._two = split == TWO_SOURCES

    def item(self, name: str) -> Item:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        number = name.partition("_")[0]
        if not number.isdecimal():
            return Item(name, name, name)
        video, frame = divmod(int(number), FRAMES)
        return Item(name, str(int(number)), str(video), f"video {video}", anchor_s=frame + 0.5)

    def file_id(self, path: Path) -> str:
        """Return the number of a picture, or of the video whose sound a file is; "" for any other file."""
        if path.parts[0] != "val":
            return str(int(path.stem)) if path.stem.isdecimal() else ""
        if path.parts[1] == "audio":
            return str(self._numbers.get(path.stem, ""))
        number = self._numbers.get(path.parts[1]) if len(path.parts) == 3 else None
        return "" if number is None or not path.stem.isdecimal() else str(FRAMES * number + int(path.stem))

    def clips_of(self, listed: str) -> Collection[str]:
        """Return the clips of a frame, where a list names a frame by its number."""
        if not listed.isdecimal():
            return (listed,)
        return [name for name in self._boxes if int(name.partition("_")[0]) == int(listed)] or (listed,)

    def entries(self, wanted: Collection[str] | None) -> Iterator[Entry]:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        classes: dict[str, int] = defaultdict(int)
        for name in self._boxes:
            classes[name.partition("_")[0]] += 1
        for name, (regions, number) in self._boxes.items():
            image, _, label = name.partition("_")
            if (wanted is None or name in wanted) and (not self._two or classes[image] == 2):
                yield Entry(name, f"annotation {number} of {FILE} ({name})", tuple(regions), label)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        there = tables_there(self.root, [VIDEOS])
        return {name: number for path in there for number, name in enumerate(read_list(path, str))}

    @cached_property
    def _boxes(self) -> dict[str, tuple[list[Region], int]]:
        """The boxes of each clip, and the first annotation of it, counted from 1."""
        path = find_table(self.root, FILE)
        content = read_json(path, dict, "object with the keys 'categories' and 'annotations'")
        classes = _classes(path, content)
        values = content.get("annotations")
        if not isinstance(values, list):
            raise InputError(f"{path}: has no list under 'annotations'")
        faults, seen = Faults(), dict[tuple[str, Region], int]()
        boxes: dict[str, tuple[list[Region], int]] = {}
        for number, value in enumerate(values, 1):
            fault = _fault(value, classes)
            if fault is not None:
                faults.add(fault[0], f"{path}: annotation {number} {fault[1]}")
                continue
            x, y, w, h = value["bbox"]
            name, region = f"{value['image_id']:05d}_{classes[value['category_id']]}", Region(x, y, x + w, y + h)
            # not by their id: in the published file many have the same one
            first = seen.setdefault((name, region), number)
            if first != number:
                faults.add("twice", f"{path}: annotations {first} and {number} are the same box; keep one of them")
            boxes.setdefault(name, ([], number))[0].append(region)
        faults.raise_any()
        return boxes


def _classes(path: Path, content: dict[str, Any]) -> dict[int, str]:
    """Return the names of the categories of a file by their number."""
    try:
        return {int(one["id"]): str(one["name"]) for one in content["categories"]}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: has no list of objects with 'id' and 'name' under 'categories'") from error


def _fault(value: Any, classes: dict[int, str]) -> tuple[str, str] | None:
    """Return what is wrong with an annotation: its kind, and what it is; None where nothing is."""
    if not isinstance(value, dict):
        return "object", "is no object"
    if not isinstance(value.get("image_id"), int) or value["image_id"] < 0:
        return "image", "has no number of a frame under 'image_id'"
    if not isinstance(value.get("category_id"), int) or value["category_id"] not in classes:
        return (
            "class",
            f"has the unknown class {value.get('category_id')!r}: 'categories' has {min(classes, default=0)} to"
            f" {max(classes, default=0)}",
        )
    box = value.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, box)):
        return "bbox", "has something else than the numbers x, y, w, h under 'bbox'"
    if min(box) < 0 or max(box) > 1:
        return (
            "unit",
            "has a box that is not within 0 and 1: x, y, w, h are fractions; divide pixels by the frame's size",
        )
    return None
