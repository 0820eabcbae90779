"""``format: urbansas``: the Urban Sound & Sight dataset (Fuentes et al., ICASSP 2022; Zenodo record 6658386).

::

    annotations/video_annotations.csv   a row a box, every 0.5 s; x, y (top left), w, h in pixels; time -1: no boxes
    annotations/audio_annotations.csv   a row a sound event; label offscreen, or -1 with start = end = -1
    video/video_24fps|video_8fps/*.mp4  or video/*.mp4, or clips/*.mp4 (the first folder that holds videos is used)
    audio/*.wav                         where absent, the video's own sound track is used

``video_2fps`` is not used: optical flow needs consecutive frames at 8 per second.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from flowgrad.datasets.base import Annotations, Box, Clip, SoundEvent, find_videos
from flowgrad.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

VIDEO_FOLDERS = ("video/video_24fps", "video/video_8fps", "video", "clips")
TOO_SLOW = "video_2fps"
BOX_COLUMNS = ("filename", "time", "x", "y", "w", "h", "visibility", "label")
EVENT_COLUMNS = ("filename", "start", "end", "label", "non_identifiable_vehicle_sound")
TEXT_COLUMNS = ("filename", "label")


class Urbansas:
    """An Urbansas folder, as distributed."""

    labelled = True

    def __init__(self, root: Path):
        self.root = root

    @cached_property
    def _files(self) -> list[Path]:
        for folder in VIDEO_FOLDERS:
            # iterating over "video" itself must not descend into the 2 fps copies
            found = [path for path in find_videos(self.root / folder) if TOO_SLOW not in path.parts]
            if found:
                return [path.relative_to(self.root) for path in found]
        return []

    @cached_property
    def _videos(self) -> dict[str, str]:
        return {path.stem: str(path) for path in self._files}

    def problems(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        if not self.root.is_dir():
            return [
                f"dataset.root: {self.root.absolute()} is not a folder; set it to the folder that holds annotations/"
            ]
        found = []
        if not self._videos:
            places = ", ".join(VIDEO_FOLDERS)
            found.append(f"{self.root}: no video in {places}; {TOO_SLOW} alone is too slow for optical flow")
        for name, count in Counter(path.stem for path in self._files).items():
            if count > 1:
                places = " and ".join(str(path) for path in self._files if path.stem == name)
                found.append(f"{self.root}: {count} videos are called {name!r} ({places}); keep one of them")
        for table in ("_boxes", "_events"):
            try:
                getattr(self, table)
            except InputError as error:
                found.append(str(error))
        return found

    def clips(self) -> list[Clip]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        names = sorted(self._videos.keys() | self.annotations().keys())
        return [
            Clip(name, self._videos.get(name), sound if (self.root / sound).is_file() else None)
            for name, sound in ((name, f"audio/{name}.wav") for name in names)
        ]

    @cached_property
    def _annotations(self) -> dict[str, Annotations]:
        boxes: dict[str, list[Box]] = {}
        events: dict[str, list[SoundEvent]] = {}
        for row in self._boxes.itertuples(index=False):
            clip = boxes.setdefault(row.filename, [])
            if row.time >= 0:
                clip.append(
                    Box(
                        time=float(row.time),
                        x=float(row.x),
                        y=float(row.y),
                        w=float(row.w),
                        h=float(row.h),
                        label=row.label,
                        visible=float(row.visibility) == 1,
                    )
                )
        for row in self._events.itertuples(index=False):
            events.setdefault(row.filename, []).append(
                SoundEvent(
                    start=float(row.start),
                    end=float(row.end),
                    label=row.label,
                    identifiable=float(row.non_identifiable_vehicle_sound) == 0,
                )
            )
        return {
            name: Annotations(tuple(boxes.get(name, ())), tuple(events.get(name, ())))
            for name in sorted(boxes.keys() | events.keys())
        }

    def annotations(self) -> dict[str, Annotations]:
        """See :class:`flowgrad.datasets.base.Dataset`.

        Raises ``InputError`` naming file and column for an annotation file that is absent or wrong.
        """
        return self._annotations

    @cached_property
    def _boxes(self) -> pd.DataFrame:
        path = self.root / "annotations/video_annotations.csv"
        table, faults = _read(path, BOX_COLUMNS)
        if not faults:
            faults += _empty(table[["filename", "time"]])
            # a clip without boxes is a row with time -1 whose other cells may be empty
            boxes = table[table["time"] >= 0]
            faults += _empty(boxes[[name for name in BOX_COLUMNS if name not in ("filename", "time")]])
            for name in ("w", "h"):
                faults += _cells(boxes.index[boxes[name] < 0], name, "is negative")
        return _accepted(path, table, faults)

    @cached_property
    def _events(self) -> pd.DataFrame:
        path = self.root / "annotations/audio_annotations.csv"
        table, faults = _read(path, EVENT_COLUMNS)
        return _accepted(path, table, faults or _empty(table))


def _read(path: Path, columns: tuple[str, ...]) -> tuple[pd.DataFrame, list[str]]:
    """Return the named columns as text or numbers, and what is wrong with them."""
    import numpy as np
    import pandas as pd

    try:
        table = pd.read_csv(
            path,
            dtype=dict.fromkeys(TEXT_COLUMNS, "str"),
            keep_default_na=False,
            na_values=[""],
            encoding="utf-8-sig",
        )
    except FileNotFoundError as error:
        raise InputError(f"{path}: file not found; it belongs to the dataset") from error
    except (ValueError, OSError) as error:  # pandas: EmptyDataError, ParserError, UnicodeDecodeError
        raise InputError(f"{path}: cannot be read as CSV: {error}") from error
    missing = [name for name in columns if name not in table.columns]
    faults = []
    if missing:
        have = ", ".join(map(str, table.columns))
        faults.append(f"column {', '.join(map(repr, missing))} is missing (the file has {have})")
    for name in columns:
        if name in TEXT_COLUMNS or name in missing:
            continue
        numbers = pd.to_numeric(table[name], errors="coerce")
        wrong = table.index[(numbers.isna() & table[name].notna()) | np.isinf(numbers)]
        if len(wrong):
            faults += _cells(wrong, name, f"is {table[name][wrong[0]]!r}, not a number")
        table[name] = numbers
    return table[[name for name in columns if name not in missing]], faults


def _empty(table: pd.DataFrame) -> list[str]:
    return [fault for name in table.columns for fault in _cells(table.index[table[name].isna()], name, "is empty")]


def _cells(index: pd.Index, column: str, what: str) -> list[str]:
    """Return the sentence that names the first of some cells, and how many more there are."""
    if not len(index):
        return []
    more = f" (and {len(index) - 1} more)" if len(index) > 1 else ""
    return [f"line {int(index[0]) + 2}, column {column!r} {what}{more}"]


def _accepted(path: Path, table: pd.DataFrame, faults: list[str]) -> pd.DataFrame:
    if faults:
        raise InputError(f"{path}: {'; '.join(faults)}")
    return table
