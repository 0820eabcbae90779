"""``format: music``: frames of solos and duets of MUSIC (Zhao et al., ECCV 2018) with the boxes of AVGN.

::

    music_solo.json    [{"file": "9XoXQXCVUQY_000_00007", "class": "saxophone", "bbox": [x, y, w, h]}, ...], 0..1
    music_duet.json    the same with class_src1, bbox_src1, class_src2, bbox_src2; both in the root, metadata/ or lists/
    music_solo_test.csv, music_duet_test.csv    the published lists: a frame a line, solos with their class
    frames/{file}.jpg
    audio/{video}.wav                           the whole sound of a video, the first part of the frame's name

A clip of a duet is a frame with one of its two sources, called ``{file}_{class}``; one of a solo is called like its
file. Every frame stands in the middle of its video's sound, as in the evaluation of AVGN (Mo and Tian, CVPR 2023); its
place is the video. Boxes are left, top, width and height, as their values show; the released evaluation takes the
latter two for the right and bottom edge.

``format: music-videos``: the videos themselves, for heatmaps and training, without boxes.

::

    MUSIC_duet_videos.json, MUSIC_solo_videos.json    {"videos": {"flute violin": [id, ...], ...}}
    videos/{id}.mp4                                   or videos below the root
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from flowgrad.datasets.base import Region
from flowgrad.datasets.json_file import is_number, read_json
from flowgrad.datasets.split_list import find_table, find_tables, read_labels
from flowgrad.datasets.stills import Entry, Faults, Item, Stills
from flowgrad.datasets.video_list import VideoList
from flowgrad.errors import InputError

SOLO, DUET = "music_solo.json", "music_duet.json"
KEYS = {SOLO: (("class", "bbox"),), DUET: (("class_src1", "bbox_src1"), ("class_src2", "bbox_src2"))}
"""The keys of class and box of every source."""
FRAME = re.compile(r"(.+)_\d{3}_\d{5}(?:_.+)?")
TABLES = ("MUSIC_duet_videos.json", "MUSIC_solo_videos.json")


class Music(Stills):
    """The annotated frames, or those that a list names."""

    lists = ("music_solo_test.csv", "music_duet_test.csv")
    layout = f"{SOLO} or {DUET}, frames/ and audio/"
    agree = 1
    pictures = ("frames",)
    sounds = ("audio",)

    def item(self, name: str) -> Item:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        found = FRAME.fullmatch(name)
        video = found[1] if found else name
        return Item(name, self._rows[name][0] if name in self._rows else name, video, video if found else "")

    def clips_of(self, listed: str) -> Collection[str]:
        """Return the clips of a frame: of a duet two."""
        return self._of_file.get(listed, (listed,))

    def entries(self, wanted: Collection[str] | None) -> Iterator[Entry]:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        said = {} if self._list is None else read_labels(self._list, self.canonical)
        faults = Faults()
        for name, (file, where, label, region) in self._rows.items():
            if wanted is not None and name not in wanted:
                continue
            if said.get(file, label) != label:
                faults.add("class", f"{self._list}: {file!r} is of class {said[file]!r}, and of {label!r} by {where}")
            yield Entry(name, where, (region,), label)
        faults.raise_any()

    @cached_property
    def _of_file(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, (file, *_) in self._rows.items():
            found.setdefault(file, []).append(name)
        return found

    @cached_property
    def _rows(self) -> dict[str, tuple[str, str, str, Region]]:
        """By clip its file, where it stands, its class and its box."""
        faults, rows = Faults(), dict[str, tuple[str, str, str, Region]]()
        for path in find_tables(self.root, tuple(KEYS)):
            keys = KEYS[path.name]
            for number, value in enumerate(read_json(path, list, "list of entries with the key 'file'"), 1):
                fault = _fault(value, keys)
                if fault is not None:
                    faults.add(fault[0], f"{path}: entry {number} {fault[1]}")
                    continue
                for label, box in keys:
                    file = value["file"]
                    name = file if len(keys) == 1 else f"{file}_{value[label]}"
                    if name in rows:
                        what = f"entry {number} names {name!r}, as {rows[name][1]} does; keep one of them"
                        faults.add("twice", f"{path}: {what}")
                    x, y, w, h = value[box]
                    rows[name] = (
                        file,
                        f"entry {number} of {path.name} ({name})",
                        value[label],
                        Region(x, y, x + w, y + h),
                    )
        faults.raise_any()
        return rows


def _fault(value: Any, keys: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    """Return what is wrong with an entry: its kind, and what it is; None where nothing is."""
    if not isinstance(value, dict) or not isinstance(value.get("file"), str) or not value["file"]:
        return "file", "has no frame under 'file'"
    for label, box in keys:
        if not isinstance(value.get(label), str) or not value[label]:
            return "class", f"has no class under {label!r}"
        edges = value.get(box)
        if not isinstance(edges, list) or len(edges) != 4 or not all(map(is_number, edges)):
            return "box", f"has something else than the numbers x, y, w, h under {box!r}"
        if max(edges) > 2:
            return (
                "unit",
                f"has a box far past the frame under {box!r}: x, y, w, h are fractions; divide pixels by its size",
            )
    return None


class MusicVideos(VideoList):
    """The videos of one table of MUSIC."""

    layout = f"{TABLES[0]} and videos/"
    folder = "videos"

    @cached_property
    def table(self) -> Path:
        """Return the one table that is there, or that ``split`` names."""
        wanted = [name for name in TABLES if self.split in (None, name, Path(name).stem)]
        if not wanted:
            raise InputError(f"split: {self.split!r} is no table of MUSIC; name one of {', '.join(TABLES)}")
        return find_table(self.root, *wanted)

    @cached_property
    def names(self) -> list[str]:
        """Return the videos of the table, sorted."""
        path = self.table
        videos = read_json(path, dict, "object with the key 'videos'").get("videos")
        if not isinstance(videos, dict) or not all(isinstance(some, list) for some in videos.values()):
            raise InputError(f"{path}: has no object of lists of ids under 'videos'")
        names = [name for some in videos.values() for name in some]
        wrong = next((name for name in names if not isinstance(name, str) or not name), None)
        if wrong is not None:
            raise InputError(f"{path}: has {wrong!r} among the ids of videos")
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise InputError(f"{path}: names {twice[0]!r} twice; keep one of them")
        return sorted(names)
