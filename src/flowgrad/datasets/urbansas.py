"""``format: urbansas``: the Urban Sound & Sight dataset (Fuentes et al., ICASSP 2022; Zenodo record 6658386).

::

    annotations/video_annotations.csv   a row a box, every 0.5 s; x, y (top left), w, h in pixels; time -1: no boxes
    annotations/audio_annotations.csv   a row a sound event; label offscreen, or -1 with start = end = -1
    video/video_24fps|video_8fps/*.mp4  or video/*.mp4, or clips/*.mp4 (the first folder that holds videos is used)
    audio/*.wav                         where absent, the video's own sound track is used

Where they are there, the columns track_id, location_id, city and night are read, too. The sound events of Urbansas name
no track; a table of one's own may have a column track_id in audio_annotations.csv.
A clip's place is its ``location_id`` in the table of boxes, where there is such a column; else what stands before the
first ``_`` of names such as ``lisbon1067_40096``, where Urbansas has it too.

A video or sound file may have any suffix of :mod:`flowgrad.datasets.suffixes`; in the tables the name of a clip may end
in one. Classes are compared in one spelling (:mod:`flowgrad.datasets.labels`). ``video_2fps`` is not used: optical flow
needs consecutive frames at 8 per second.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from functools import cached_property
from pathlib import Path

from flowgrad.datasets.base import Annotations, Box, Clip, SoundEvent
from flowgrad.datasets.csv_table import CsvTable, read_table
from flowgrad.datasets.folder import Listing, folder_problem, left_out, listing, named
from flowgrad.datasets.labels import CLASSES, canonical, is_known, near
from flowgrad.datasets.suffixes import MEDIA_SUFFIXES, suffix, without_suffix
from flowgrad.errors import InputError

VIDEO_FOLDERS = ("video/video_24fps", "video/video_8fps", "video", "clips")
TOO_SLOW = "video_2fps"
TEXT = ("filename", "label")
TRACK = "track_id"
BOX = ("x", "y", "w", "h", "visibility")
LOCATION = "location_id"
CITY, NIGHT = "city", "night"
AT_NIGHT = {"0": "no", "1": "yes"}
PLACE_OF_NAME = re.compile(r"[a-z]+\d+(?=_\d)")
EVENT = ("start", "end", "non_identifiable_vehicle_sound")


class Urbansas:
    """An Urbansas folder, as distributed."""

    labelled = True

    def __init__(self, root: Path):
        self.root = root

    @cached_property
    def _listings(self) -> list[Listing]:
        """Return what the folder of the videos holds; where none has any, what all of them hold."""
        looked = []
        for folder in VIDEO_FOLDERS:
            looked.append(listing(self.root / folder))
            # looking into "video" itself must not take the 2 fps copies
            if any(TOO_SLOW not in path.parts for path in looked[-1].videos):
                return [looked[-1]]
        # "video" holds those below it
        return looked[VIDEO_FOLDERS.index("video") :]

    @cached_property
    def _files(self) -> list[Path]:
        found = [path for listed in self._listings for path in listed.videos if TOO_SLOW not in path.parts]
        return [path.relative_to(self.root) for path in found]

    @cached_property
    def _videos(self) -> dict[str, str]:
        return {path.stem: str(path) for path in self._files}

    @cached_property
    def _sounds(self) -> dict[str, list[str]]:
        """Return the files of ``audio/`` by the clip that they are named after, relative to the root."""
        folder = self.root / "audio"
        if not folder.is_dir():
            return {}
        found: dict[str, list[str]] = defaultdict(list)
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.is_dir() and not entry.name.startswith("."))
        for name in names:
            # whatever lies here is listened to, a container of videos too
            if suffix(name) in MEDIA_SUFFIXES:
                found[without_suffix(name)].append(f"audio/{name}")
        return found

    def problems(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        problem = folder_problem(self.root, "the folder that holds annotations/")
        if problem:
            return [problem]
        found = []
        if not self._videos:
            places = ", ".join(VIDEO_FOLDERS)
            words = f"{self.root.absolute()}: no video in {places}; {TOO_SLOW} alone is too slow for optical flow"
            found.append("; ".join([words, *self._left_out()]))
        for name, count in Counter(path.stem for path in self._files).items():
            if count > 1:
                places = " and ".join(str(path) for path in self._files if path.stem == name)
                found.append(f"{self.root}: {count} videos are called {name!r} ({places}); keep one of them")
        try:
            for name, sounds in self._sounds.items():
                if len(sounds) > 1:
                    places = " and ".join(sounds)
                    found.append(f"{self.root}: {name!r} has {len(sounds)} sound files ({places}); keep one of them")
        except OSError as error:
            found.append(f"{(self.root / 'audio').absolute()} cannot be read: {error.strerror}")
        for table in ("_boxes", "_events"):
            try:
                getattr(self, table)
            except InputError as error:
                found.append(str(error))
        return found

    def notes(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        notes = self._left_out()
        clips = self._videos.keys() | self.annotations().keys()
        stray = [sound for name, sounds in self._sounds.items() if name not in clips for sound in sounds]
        if stray:
            words = "sound file belongs" if len(stray) == 1 else "sound files belong"
            notes.append(f"{len(stray)} {words} to no clip and are not used: {named(stray)}")
        for table, other in ((self._boxes, self._events), (self._events, self._boxes)):
            notes += _strange_classes(table, other)
        return notes

    def _left_out(self) -> list[str]:
        return [note for listed in self._listings for note in left_out(self.root, listed)]

    def clips(self) -> list[Clip]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        names = sorted(self._videos.keys() | self.annotations().keys())
        return [
            Clip(
                name,
                self._videos.get(name),
                next(iter(self._sounds.get(name, ())), None),
                place=self._locations.get(name) or place_of(name),
            )
            for name in names
        ]

    @cached_property
    def _locations(self) -> dict[str, str]:
        """Return the location of every clip that the table of boxes gives one."""
        table = self._boxes
        return {name: place for name, place in zip(*map(table.text.get, ("filename", LOCATION)), strict=True) if place}

    @cached_property
    def _annotations(self) -> dict[str, Annotations]:
        boxes: dict[str, list[Box]] = {}
        events: dict[str, list[SoundEvent]] = {}
        table = self._boxes
        columns = [table.numbers[name] for name in ("time", *BOX)]
        texts = map(table.text.__getitem__, (*TEXT, TRACK))
        for name, label, track, time, x, y, w, h, visibility in zip(*texts, *columns, strict=True):
            clip = boxes.setdefault(name, [])
            if time >= 0:
                clip.append(Box(time=time, x=x, y=y, w=w, h=h, label=label, visible=visibility == 1, track=track))
        table = self._events
        columns = [table.numbers[name] for name in EVENT]
        texts = map(table.text.__getitem__, (*TEXT, TRACK))
        for name, label, track, start, end, unidentifiable in zip(*texts, *columns, strict=True):
            events.setdefault(name, []).append(SoundEvent(start, end, label, unidentifiable == 0, track))
        return {
            name: Annotations(
                tuple(boxes.get(name, ())), tuple(events.get(name, ())), traits=self._traits.get(name, {})
            )
            for name in sorted(boxes.keys() | events.keys())
        }

    @cached_property
    def _traits(self) -> dict[str, dict[str, str]]:
        """Return city and night of every clip that the table of boxes gives one."""
        traits: dict[str, dict[str, str]] = {}
        for name, city, night in zip(*map(self._boxes.text.get, ("filename", CITY, NIGHT)), strict=True):
            if name not in traits:
                known = {CITY: city, NIGHT: AT_NIGHT.get(night.removesuffix(".0"), night)}
                traits[name] = {trait: value for trait, value in known.items() if value}
        return traits

    def annotations(self) -> dict[str, Annotations]:
        """See :class:`flowgrad.datasets.base.Dataset`.

        Raises ``InputError`` naming file and column for an annotation file that is absent or wrong.
        """
        return self._annotations

    @cached_property
    def _boxes(self) -> CsvTable:
        table = read_table(
            self.root / "annotations/video_annotations.csv", TEXT, ("time", *BOX), (TRACK, LOCATION, CITY, NIGHT)
        )
        if not table.faults:
            times = table.numbers["time"]
            table.require(range(len(times)), "filename", "time")
            # a clip without boxes is a row with time -1 whose other cells may be empty
            boxes = [row for row, time in enumerate(times) if time >= 0]
            table.require(boxes, *BOX, "label")
            for name in ("w", "h"):
                table.fault([row for row in boxes if table.numbers[name][row] < 0], name, "is negative")
        return self._in_one_spelling(table.accepted())

    @cached_property
    def _events(self) -> CsvTable:
        table = read_table(self.root / "annotations/audio_annotations.csv", TEXT, EVENT, (TRACK,))
        if not table.faults:
            table.require(range(len(table.lines)), "filename", *EVENT, "label")
        return self._in_one_spelling(table.accepted())

    def _in_one_spelling(self, table: CsvTable) -> CsvTable:
        """Write clips as their videos are called, and classes as they are compared."""
        names = {
            cell: cell if cell in self._videos else without_suffix(cell)
            for cell in dict.fromkeys(table.text["filename"])
        }
        labels = {cell: canonical(cell) for cell in dict.fromkeys(table.text["label"])}
        table.text["filename"] = [names[cell] for cell in table.text["filename"]]
        table.text["label"] = [labels[cell] for cell in table.text["label"]]
        return table


def place_of(name: str) -> str:
    """Return the place in the name of a clip, empty where it has none.

    >>> place_of("lisbon1067_40096"), place_of("acevedo0103_00_0"), place_of("labelled_00003")
    ('lisbon1067', 'acevedo0103', '')
    """
    found = PLACE_OF_NAME.match(name)
    return found[0] if found else ""


def _strange_classes(table: CsvTable, other: CsvTable) -> list[str]:
    """Return a sentence for every class of a table that Urbansas does not have: it may be misspelt."""
    elsewhere = set(other.text["label"])
    notes = []
    for label, count in Counter(table.text["label"]).items():
        if not label or is_known(label):
            continue
        line = table.lines[table.text["label"].index(label)]
        more = f" (and {count - 1} more)" if count > 1 else ""
        guess = near(label)
        notes.append(
            f"{table.path}: line {line}, column 'label' is {label!r}{more}, which is none of {', '.join(CLASSES)}"
            + (f"; did you mean {guess}?" if guess else "")
            + ("" if label in elsewhere else f"; it is nowhere in {other.path.name}, so it matches nothing there")
        )
    return notes
