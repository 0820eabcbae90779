"""Pictures with several sources, each with a sound and a box of its own: what the files of SSL-Align have in common.

::

    {table}.json    [{"image": ".../NAME.jpg", "audio": ".../NAME.wav", "gt_box": [x1, y1, x2, y2]}, ...]
                    in the root, in metadata/ or in lists/; boxes in pixels of a frame of 224 by 224

A clip is a pair of picture and sound, with the box of what sounds in it. Of the paths only the names of files count:
they lead into folders of the authors. Tables: Senocak et al., "Aligning Sight and Sound" (TPAMI 2025), and
SSL-Align, released with it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from flowgrad.datasets.base import Region
from flowgrad.datasets.json_file import is_number, read_json
from flowgrad.datasets.split_list import find_table
from flowgrad.datasets.stills import Entry, Faults, Item, Stills

SIDE = 224
"""Pixels of the square frame that boxes are given in."""

KEYS = ("image", "audio", "gt_box")


class BoxPairs(Stills):
    """Pairs of a picture and a sound, or those of them that a list names."""

    agree = 1
    pictures = ("visual_frames", "images", "frames")
    sounds = ("audio_wav", "audio_waw", "audio")
    tables: ClassVar[tuple[str, ...]]
    """The published tables; ``split`` can name one."""

    def __init__(self, root: Path, split: str | None = None):
        named = next((table for table in self.tables if split in (table, Path(table).stem)), None)
        super().__init__(root, None if named else split)
        self._named = named

    @abstractmethod
    def group_of(self, name: str) -> str:
        """Return the place of a clip."""

    def scene_of(self, name: str) -> str:
        """Return the picture that a clip shows, as one name for all pairs of it: by default its place."""
        return self.group_of(name)

    def label_of(self, name: str) -> str:
        """Return the class of what sounds; empty where the file's name does not say it."""
        return ""

    def item(self, name: str) -> Item:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        return Item(name, name, self._sound_ids.get(name, name), self.group_of(name), self.scene_of(name))

    def entries(self, wanted: Collection[str] | None) -> Iterator[Entry]:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        faults = Faults()
        for number, value in enumerate(self._rows, 1):
            what = _fault(value)
            if what is not None:
                faults.add(what, f"{self._table}: entry {number} {what}")
                continue
            name = self.canonical(PurePosixPath(value["image"]).stem)
            if wanted is None or name in wanted:
                x1, y1, x2, y2 = map(_fraction, value["gt_box"])
                region = Region(x1, y1, x2, y2)
                yield Entry(name, f"entry {number} of {self._table.name} ({name})", (region,), self.label_of(name))
        boxes = [value["gt_box"] for value in self._rows if _fault(value) is None]
        if boxes and max(map(max, boxes)) <= 1 and any(map(any, boxes)):
            what = f"boxes look like fractions; they are given in pixels of a frame of {SIDE} by {SIDE}"
            faults.add("unit", f"{self._table}: {what}: multiply them by {SIDE}")
        faults.raise_any()

    @cached_property
    def _table(self) -> Path:
        return find_table(self.root, *([self._named] if self._named else self.tables))

    @cached_property
    def _rows(self) -> list[Any]:
        return read_json(self._table, list, f"list of entries with the keys {', '.join(map(repr, KEYS))}")

    @cached_property
    def _sound_ids(self) -> dict[str, str]:
        return {
            self.canonical(PurePosixPath(value["image"]).stem): self.canonical(PurePosixPath(value["audio"]).stem)
            for value in self._rows
            if _fault(value) is None
        }


def _fraction(edge: float) -> float:
    """Return an edge as a fraction of the frame that is the same pixel again when it is multiplied and truncated.

    >>> int(61 / SIDE * SIDE), int(_fraction(61) * SIDE), _fraction(0)
    (60, 61, 0.0)
    """
    value = edge / SIDE
    return math.nextafter(value, math.inf) if int(value * SIDE) < int(edge) else value


def _fault(entry: Any) -> str | None:
    """Return what is wrong with an entry, None where nothing is."""
    if not isinstance(entry, dict):
        return f"is no object with the keys {', '.join(map(repr, KEYS))}"
    for key in KEYS:
        if key not in entry:
            return f"has no key {key!r}"
    for key in KEYS[:2]:
        if not isinstance(entry[key], str) or not PurePosixPath(entry[key]).stem:
            return f"has something else than the path of a file under {key!r}"
    box = entry["gt_box"]
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, box)):
        return "has something else than the numbers x1, y1, x2, y2 under 'gt_box'"
    if min(box) < 0 or max(box) > SIDE:
        return f"has a box that reaches past the frame of {SIDE} by {SIDE} pixels that boxes are given in"
    return None
