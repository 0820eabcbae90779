"""Exact annotations from the geometry of a scene: nothing is drawn and nothing is sounded."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad.datasets.base import Annotations, Box, SoundEvent
from flowgrad.datasets.labels import NONE
from flowgrad.synthetic.body import nearness, outlines
from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.hearing import received_level
from flowgrad.synthetic.scene import Scene, Vehicle

CITY = "synthetic"
"""What stands for a city in the tables."""
STEP = 0.5
"""Seconds between annotated frames."""

SMALLEST = (5.0, 3.0)
"""Boxes (w, h in pixels, at a frame width of 400) below this are not annotated."""

VISIBLE = 0.5
"""Share of a vehicle that must lie in the frame and be hidden by nothing."""

AUDIBLE_DB = 6.0
"""A vehicle counts as heard while its level is this much over the noise."""

SHORTEST = 0.3
"""Sound events shorter than this many seconds are not annotated."""

GRID = 160
"""Columns of the coarse picture on which hidden parts are counted."""


@dataclass(frozen=True)
class VehicleBox:
    """A vehicle in a frame: pixels, class (car, bus, truck, motorbike, bicycle), track, and share that is visible."""

    x: float
    y: float
    w: float
    h: float
    label: str
    track: int
    visible: float
    sounding: bool = True


def _boxes(scene: Scene, times: Floats) -> list[list[VehicleBox]]:
    """Return the boxes of all vehicles in the frames at some times."""
    width, height = scene.camera.width, scene.camera.height
    shakes = np.stack([scene.camera.shake(float(time)) for time in times])
    seen = [vehicle for vehicle in scene.vehicles if vehicle.seen]
    places: list[Floats] = []
    for vehicle in seen:
        points = outlines(vehicle, scene.camera, times)
        moved = np.einsum("tij,tpj->tpi", shakes[:, :, :2], points[..., :2]) + shakes[:, None, :, 2]
        moved[points[..., 2].max(axis=1) <= 0.5] = np.nan
        places.append(moved)
    found: list[list[VehicleBox]] = []
    for index, time in enumerate(times):
        rows = []
        order = sorted(range(len(seen)), key=lambda i: nearness(scene, seen[i], float(time)))
        present = [i for i in order if not np.isnan(places[i][index]).any()]
        for rank, i in enumerate(present):
            points = places[i][index]
            low, high = points.min(axis=0), points.max(axis=0)
            left, top = np.clip(low, 0, (width, height))
            right, bottom = np.clip(high, 0, (width, height))
            if right <= left or bottom <= top:
                continue
            inside = (right - left) * (bottom - top) / float(np.prod(high - low))
            nearer = [places[j][index] for j in present[rank + 1 :]]
            free = _unhidden(points, [other for other in nearer if _touch(low, high, other)], width)
            rows.append(
                # to the thousandth of a pixel, as the tables have them
                VehicleBox(
                    x=round(float(left), 3),
                    y=round(float(top), 3),
                    w=round(float(right - left), 3),
                    h=round(float(bottom - top), 3),
                    label=seen[i].label,
                    track=seen[i].track,
                    visible=float(inside * free),
                    sounding=seen[i].annotated,
                )
            )
        found.append(rows)
    return found


def _touch(low: Floats, high: Floats, other: Floats) -> bool:
    return bool((other.min(axis=0) < high).all() and (other.max(axis=0) > low).all())


def _unhidden(points: Floats, nearer: list[Floats], width: int) -> float:
    """Return the share of an outline that no nearer outline covers, counted on a coarse grid."""
    if not nearer:
        return 1.0
    scale = max(GRID / width, 24 / max(float(np.ptp(points[:, 0])), 1.0))
    corner = points.min(axis=0)
    size = np.minimum(np.ceil(np.ptp(points, axis=0) * scale), 512).astype(int) + 1
    own = _filled(points, corner, scale, size)
    total = int(own.sum())
    for other in nearer:
        own[_filled(other, corner, scale, size) > 0] = 0
    return int(own.sum()) / max(total, 1)


def _filled(points: Floats, corner: Floats, scale: float, size: npt.NDArray[np.int_]) -> npt.NDArray[np.uint8]:
    mask = np.zeros((size[1], size[0]), np.uint8)
    hull = cv2.convexHull(np.clip((points - corner) * scale, -20000, 20000).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1)
    return mask


def vehicle_boxes(scene: Scene, time: float) -> list[VehicleBox]:
    """Return all vehicles in the frame at a time (s), far ones first, parked ones and bicycles included."""
    return _boxes(scene, np.array([time]))[0]


def box_times(scene: Scene) -> Floats:
    """Return the times (s) of the annotated frames."""
    return np.arange(0, scene.settings.seconds - 1e-9, STEP)


def tracked_boxes(scene: Scene) -> list[tuple[float, VehicleBox]]:
    """Return time and box of every annotated vehicle in every annotated frame."""
    times = box_times(scene)
    scale = scene.camera.width / 400
    return [
        (float(time), box)
        for time, boxes in zip(times, _boxes(scene, times), strict=True)
        for box in sorted(boxes, key=lambda box: box.track)
        if box.sounding and box.w >= SMALLEST[0] * scale and box.h >= SMALLEST[1] * scale
    ]


def annotate(scene: Scene) -> Annotations:
    """Return the clip's boxes each half second and the times at which vehicles are heard."""
    boxes = tuple(
        Box(time, box.x, box.y, box.w, box.h, box.label, box.visible >= VISIBLE, str(box.track))
        for time, box in tracked_boxes(scene)
    )
    # what the table has where nothing is heard: somebody has listened
    events = sound_events(scene) or (SoundEvent(-1, -1, NONE, True),)
    return Annotations(boxes, events, traits={"city": CITY, "night": "yes" if scene.look.night else "no"})


def sound_events(scene: Scene) -> tuple[SoundEvent, ...]:
    """Return when each vehicle's received level is clearly over the noise.

    An event in which a vehicle of another class is louder most of the time is not identifiable.
    """
    times = np.arange(0, scene.settings.seconds + 1e-9, 0.05)
    loud = {vehicle.track: received_level(scene, vehicle, times) for vehicle in scene.vehicles if vehicle.engine}
    found = []
    for vehicle in scene.vehicles:
        if not vehicle.engine:
            continue
        level = loud[vehicle.track]
        others = [loud[other.track] for other in scene.vehicles if other.engine and other.label != vehicle.label]
        for start, stop in _runs(level >= AUDIBLE_DB):
            if times[stop] - times[start] < SHORTEST:
                continue
            span = slice(start, stop + 1)
            masked = np.mean([np.max([o[span] for o in others], axis=0) > level[span] + 6]) if others else 0.0
            found.append(
                SoundEvent(
                    round(float(times[start]), 3),
                    round(float(times[stop]), 3),
                    vehicle.label if _on_screen(scene, vehicle) else "offscreen",
                    bool(masked < 0.5),
                    str(vehicle.track),
                )
            )
    return tuple(sorted(found, key=lambda event: (event.start, event.end, event.label)))


def _on_screen(scene: Scene, vehicle: Vehicle) -> bool:
    if not vehicle.seen:
        return False
    times = np.arange(0, scene.settings.seconds, 0.1)
    points = outlines(vehicle, scene.camera, times)
    x, ahead = points[..., 0], points[..., 2].max(axis=1) > 0.5
    return bool((ahead & (x.max(axis=1) > 0) & (x.min(axis=1) < scene.camera.width)).any())


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first and last index of each run of True."""
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(int))
    return list(zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True))
