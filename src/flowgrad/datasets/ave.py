"""``format: ave``: Audio-Visual Event (Tian et al., ECCV 2018), videos of ten seconds with the times of what is heard.

::

    Annotations.txt                            category&id&quality&start&end, s: an event a line, 4,143 of 4,097 videos
    AVE/{id}.mp4                               or videos below the root
    trainSet.txt, valSet.txt, testSet.txt      lines of the same form; dataset.split names one, or a list of ids

Tables may also lie in ``metadata/``, ``lists/`` or, as in the repository of the authors, ``data/``. There are no boxes,
so nothing is scored: the videos are for heatmaps, and for training.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flowgrad.datasets.base import Annotations, SoundEvent
from flowgrad.datasets.folder import named
from flowgrad.datasets.split_list import PLACES, find_list, find_table
from flowgrad.datasets.stills import Faults
from flowgrad.datasets.suffixes import without_suffix
from flowgrad.datasets.video_list import VideoList
from flowgrad.errors import InputError
from flowgrad.spelling import did_you_mean

FILE = "Annotations.txt"
VIDEOS = "AVE"
FOLDERS = (*PLACES, "data")
LISTS = ("trainSet.txt", "valSet.txt", "testSet.txt")
CELLS = ("category", "id", "quality", "start", "end")
CATEGORIES = (
    "Accordion", "Acoustic guitar", "Baby cry, infant cry", "Banjo", "Bark", "Bus", "Cat", "Chainsaw", "Church bell",
    "Clock", "Female speech, woman speaking", "Fixed-wing aircraft, airplane", "Flute", "Frying (food)", "Goat",
    "Helicopter", "Horse", "Male speech, man speaking", "Mandolin", "Motorcycle", "Race car, auto racing",
    "Rodents, rats, mice", "Shofar", "Toilet flush", "Train horn", "Truck", "Ukulele", "Violin, fiddle",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A line of a table: an event of a video; None: the line names the video alone."""

    video: str
    event: SoundEvent | None


class Ave(VideoList):
    """AVE, or the part of it that a list names."""

    layout = f"{FILE} and {VIDEOS}/"
    folder = VIDEOS

    def notes(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        notes = super().notes()
        empty = [row.video for row in self._rows if row.event and row.event.start == row.event.end]
        if empty:
            notes.append(f"{len(empty)} of {len(self._rows)} sound events last no time: {named(empty)}")
        return notes

    def annotations(self) -> dict[str, Annotations]:
        """Return the sound events of every clip; the format has no boxes."""
        events: dict[str, list[SoundEvent]] = {name: [] for name in self.names}
        for row in self._rows:
            if row.event is not None:
                events[row.video].append(row.event)
        return {name: Annotations(events=tuple(known)) for name, known in events.items() if known}

    @cached_property
    def names(self) -> list[str]:
        """Return the videos of the table, sorted."""
        return sorted({row.video for row in self._rows})

    @cached_property
    def table(self) -> Path:
        """Return the table of all events, or the list that ``split`` names."""
        if self.split is not None:
            return find_list(self.root, self.split, LISTS, FOLDERS)
        return self._annotation_file

    @property
    def _annotation_file(self) -> Path:
        return find_table(self.root, FILE, places=FOLDERS)

    @cached_property
    def _rows(self) -> list[Row]:
        rows = _read(self.table)
        bare = {row.video for row in rows if row.event is None}
        if not bare:
            return rows
        # a list of ids alone: the table of all has their events
        known = [row for row in _read(self._annotation_file) if row.video in bare]
        if not known:
            raise InputError(f"{self.table}: none of its {len(bare)} ids is in {self._annotation_file}")
        return [row for row in rows if row.event is not None or row.video not in {one.video for one in known}] + known


def _read(path: Path) -> list[Row]:
    """Return the rows of a table; raises ``InputError`` with what is wrong, each kind with its first line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8; a line is {'&'.join(CELLS)}") from error
    faults, rows = Faults(), list[Row]()
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.split("&")]
        if not line.strip() or cells[0].lower() == CELLS[0]:
            continue
        row = _row(cells)
        if isinstance(row, Row):
            rows.append(row)
        else:
            kind, what = row
            faults.add(kind, f"{path}: line {number} {what}")
    for twice, count in Counter(rows).items():
        if count > 1:
            faults.add("twice", f"{path}: {twice.video!r} has {count} lines that say the same; keep one of them")
    faults.raise_any()
    if not rows:
        raise InputError(f"{path}: is empty; a line is {'&'.join(CELLS)}")
    return rows


def _row(cells: list[str]) -> Row | tuple[str, str]:
    """Return a line by its cells; where it is wrong the kind of the fault, and what it is."""
    if len(cells) == 1:
        return Row(without_suffix(cells[0]), None)
    if len(cells) != len(CELLS):
        return "cells", f"has {len(cells)} cells where {'&'.join(CELLS)} is expected"
    category, name, _, *times = cells
    if category not in CATEGORIES:
        return "category", f"has the unknown category {category!r}{did_you_mean(category, CATEGORIES)}"
    try:
        start, end = map(float, times)
    except ValueError:
        return "time", f"has {' and '.join(map(repr, times))} where start and end are expected, s"
    if not name:
        return "id", "has no id"
    if not 0 <= start <= end < float("inf"):
        return "order", f"has an event from {start:g} to {end:g} s: it must start at 0 or later and end after that"
    return Row(name, SoundEvent(start, end, category, identifiable=True))
