"""``format: pairs``: any folder of pictures with sounds of the same name, with or without boxes.

::

    **/{name}.jpg, **/{name}.wav    a picture and its sound, in one folder or in several
    video_frames/{id}/{n}.jpg       or pictures of a video, one a second from 001 at its start, with the sound
    audios/{id}.wav                 audios/{id}.wav; such a clip is called {id}_{n}, and its place is {id}
    boxes.csv                       where there: name, x1, y1, x2, y2 and maybe label; edges in fractions, 0..1

Without ``boxes.csv`` nothing is scored: there are heatmaps. A row is a box around something that sounds; several
rows of one name are a union. The layout of ``video_frames`` is that of Exploiting Visual Context Semantics (Zhou et
al., WACV 2023).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path

from flowgrad.datasets.base import Region
from flowgrad.datasets.csv_table import CsvTable, read_table
from flowgrad.datasets.folder import folder_problem, named
from flowgrad.datasets.stills import Entry, Item, Stills
from flowgrad.datasets.suffixes import SOUND_SUFFIXES, STILL_SUFFIXES, suffix
from flowgrad.errors import InputError

BOXES = "boxes.csv"
EDGES = ("x1", "y1", "x2", "y2")
FRAMES, FLOW = "video_frames", "flow"


def is_labelled(root: Path) -> bool:
    """Return whether a folder of pairs has boxes."""
    return (root / BOXES).is_file()


class Pairs(Stills):
    """A folder of pictures with sounds, or the part of it that a list names."""

    lists = ("test.csv",)
    layout = "pictures with sounds of the same name"
    agree = 1
    pictures = (".",)
    sounds = (".",)

    def __init__(self, root: Path, split: str | None = None):
        super().__init__(root, split)
        self.labelled = is_labelled(root)

    def problems(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        if self.labelled:
            return super().problems()
        purpose = f"the folder that holds {self.layout}"
        problem = folder_problem(self.root, purpose)
        if problem:
            return [problem]
        try:
            names = self._names
        except InputError as error:
            return [str(error)]
        if not self._found:
            words = f"{self.root.absolute()}: holds no picture; set dataset.root to {purpose}"
            return ["; ".join([words, *self._closed()])]
        if not self._pictures:
            return [f"{self._list}: none of its {len(names)} ids has a picture in {self.root}: {named(names)}"]
        return self._twice()

    def notes(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        used = {path for paths in self._sounds.values() for path in paths}
        below = (str(Path(path).relative_to(self.root)) for path in self._listings["."].others)
        stray = [path for path in below if suffix(path) in SOUND_SUFFIXES and path not in used]
        notes = super().notes()
        if stray and self.split is None:
            notes.append(f"{len(stray)} sound files have no picture of their name and are not used: {named(stray)}")
        return notes

    def item(self, name: str) -> Item:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        video, second = self._found.get(name, ("", None))
        return Item(name, name, video or name, video, anchor_s=second)

    def file_id(self, path: Path) -> str:
        """Return the id of a picture or sound: of a picture of a video that of the video and its number."""
        if path.parts[0] == FRAMES and len(path.parts) == 3:
            return f"{path.parts[1]}_{path.stem}"
        return "" if path.parts[0] == FLOW else path.stem

    def entries(self, wanted: Collection[str] | None) -> Iterator[Entry]:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        if not self.labelled:
            return
        table = self._boxes
        rows: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(table.text["name"]):
            rows[name].append(row)
        for name, some in rows.items():
            if wanted is None or name in wanted:
                columns = zip(*([table.numbers[edge][row] for row in some] for edge in EDGES), strict=True)
                where = f"line {table.lines[some[0]]} of {BOXES}"
                yield Entry(
                    name,
                    where,
                    tuple(Region(x1, y1, x2, y2) for x1, y1, x2, y2 in columns),
                    table.text["label"][some[0]],
                )

    @cached_property
    def _boxes(self) -> CsvTable:
        table = read_table(self.root / BOXES, ("name",), EDGES, ("label",))
        names = table.text["name"] = [
            cell.removesuffix(Path(cell).suffix) if suffix(cell) in STILL_SUFFIXES | SOUND_SUFFIXES else cell
            for cell in table.text["name"]
        ]
        table.require(range(len(names)), "name", *EDGES)
        for edge in EDGES:
            outside = [row for row, value in enumerate(table.numbers[edge]) if value < 0 or value > 1]
            table.fault(outside, edge, "is no fraction of the picture, 0 to 1; divide pixels by the picture's size")
        for low, high in (("x1", "x2"), ("y1", "y2")):
            pairs = zip(table.numbers[low], table.numbers[high], strict=True)
            table.fault([row for row, (start, end) in enumerate(pairs) if start >= end], high, f"is not above {low}")
        first: dict[str, str] = {}
        seen = set[tuple[object, ...]]()
        again: list[int] = []
        other: list[int] = []
        for row, (name, label) in enumerate(zip(names, table.text["label"], strict=True)):
            key = (name, *(table.numbers[edge][row] for edge in EDGES))
            if key in seen:
                again.append(row)
            if first.setdefault(name, label) != label:
                other.append(row)
            seen.add(key)
        table.fault(again, "name", "has the same box as a line above; keep one of them")
        table.fault(other, "label", "is another than on a line above with the same name; a clip has one class")
        return table.accepted()

    @cached_property
    def _found(self) -> dict[str, tuple[str, float | None]]:
        """The pictures that are there by name: the video that one is of and its second in it, or ("", None)."""
        found: dict[str, tuple[str, float | None]] = {}
        for path in map(Path, self._listings["."].others):
            below = path.relative_to(self.root)
            if suffix(path.name) not in STILL_SUFFIXES or not (name := self.file_id(below)):
                continue
            of_video = below.parts[0] == FRAMES and len(below.parts) == 3
            number = int(below.stem) if of_video and below.stem.isdecimal() else None
            second = None if number is None else float(max(number - 1, 0))
            found[name] = (below.parts[1] if of_video else "", second)
        return found

    def _all(self) -> Collection[str]:
        """Return the names of all clips: what is there, and what is annotated."""
        return self._found.keys() | self._entries.keys()
