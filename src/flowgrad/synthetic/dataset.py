"""A whole data set in Urbansas layout."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from flowgrad.artifacts import write_text
from flowgrad.synthetic.annotate import CITY, STEP, VISIBLE, sound_events, tracked_boxes
from flowgrad.synthetic.clip import write_clip
from flowgrad.synthetic.scene import Scene, make_scene
from flowgrad.synthetic.settings import StreetSettings
from flowgrad.synthetic.shapes import CLASSES

VIDEOS = "video/video_24fps"
"""The folder of the videos, as in Urbansas (also for 30 frames per second)."""

BOX_COLUMNS = (
    "frame_id", "track_id", "x", "y", "w", "h", "class_id", "visibility", "label", "filename", "city", "location_id",
    "time", "night", "subset",
)  # fmt: skip
EVENT_COLUMNS = ("filename", "class_id", "label", "non_identifiable_vehicle_sound", "start", "end", "track_id")
OFFSCREEN_ID = len(CLASSES)


def clip_names(part: str, count: int) -> list[str]:
    """Return the names of the clips of a part: those of a smaller part come first.

    >>> clip_names("labelled", 2)
    ['labelled_00001', 'labelled_00002']
    """
    return [f"{part}_{number:05d}" for number in range(1, count + 1)]


def write_annotations(root: Path, settings: StreetSettings, names: Iterable[str]) -> None:
    """Write ``annotations/video_annotations.csv`` and ``audio_annotations.csv`` below a folder, as in Urbansas."""
    scenes = [make_scene(settings, name) for name in sorted(names)]
    boxes = [row for scene in scenes for row in _box_rows(scene)]
    events = [row for scene in scenes for row in _event_rows(scene)]
    write_text(root / "annotations/video_annotations.csv", _csv(BOX_COLUMNS, boxes))
    write_text(root / "annotations/audio_annotations.csv", _csv(EVENT_COLUMNS, events))


def _csv(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _box_rows(scene: Scene) -> list[tuple[object, ...]]:
    place = (CITY, scene.name)
    night = int(scene.look.night)
    rows: list[tuple[object, ...]] = [
        (
            round(time / STEP), box.track, box.x, box.y, box.w, box.h,
            CLASSES.index(box.label), 1.0 if box.visible >= VISIBLE else 0.0, box.label, scene.name, *place, time,
            night, "synthetic",
        )
        for time, box in tracked_boxes(scene)
    ]  # fmt: skip
    return rows or [(-1, -1, -1, -1, -1, -1, -1, -1, -1, scene.name, *place, -1, night, "synthetic")]


def _event_rows(scene: Scene) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [
        (
            scene.name, OFFSCREEN_ID if event.label == "offscreen" else CLASSES.index(event.label), event.label,
            int(not event.identifiable), event.start, event.end, event.track,
        )
        for event in sound_events(scene)
    ]  # fmt: skip
    return rows or [(scene.name, -1, -1, 0, -1, -1, "")]


def _render(job: tuple[StreetSettings, str, Path]) -> Path:
    settings, name, path = job
    write_clip(make_scene(settings, name), path)
    return path


def write_dataset(
    root: Path,
    settings: StreetSettings,
    labelled: int,
    unlabelled: int,
    processes: int,
    done: Callable[[Path], None] = lambda path: None,
) -> None:
    """Write a data set: ``root/labelled`` in Urbansas layout and ``root/unlabelled`` with videos alone.

    The clips are rendered on ``processes`` processes; ``done`` is called with each finished file, in order.
    """
    parts = {part: clip_names(part, count) for part, count in (("labelled", labelled), ("unlabelled", unlabelled))}
    jobs = [(settings, name, root / part / VIDEOS / f"{name}.mp4") for part, names in parts.items() for name in names]
    if labelled:
        write_annotations(root / "labelled", settings, parts["labelled"])
    if processes <= 1:
        for job in jobs:
            done(_render(job))
        return
    with ProcessPoolExecutor(min(processes, max(len(jobs), 1)), mp_context=get_context("spawn")) as pool:
        for path in pool.map(_render, jobs):
            done(path)
