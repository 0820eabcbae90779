"""A contact sheet: a busy moment of each of some clips, side by side."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from flowgrad.artifacts import replacing
from flowgrad.synthetic.annotate import vehicle_boxes
from flowgrad.synthetic.canvas import Image
from flowgrad.synthetic.render import Renderer
from flowgrad.synthetic.scene import Scene, make_scene
from flowgrad.synthetic.settings import StreetSettings

COLUMNS = 3
COLOURS = 256
"""Colours in the sheet's palette: a small file."""


def busiest(scene: Scene) -> float:
    """Return the time (s) at which the sounding vehicles fill most of the frame without any being cut by its edge."""

    def filled(time: float) -> float:
        boxes = vehicle_boxes(scene, time)
        return sum(box.w * box.h * box.visible**2 for box in boxes if box.sounding)

    return float(max(np.arange(0, scene.settings.seconds, 0.25), key=lambda time: filled(float(time))))


def contact_sheet(settings: StreetSettings, names: list[str]) -> Image:
    """Return a picture of all clips, (H, W, 3) uint8 RGB, COLUMNS a row."""
    scenes = [make_scene(settings, name) for name in names]
    tiles = [Renderer(scene).frame(busiest(scene)) for scene in scenes]
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % COLUMNS)
    rows = [np.concatenate(tiles[start : start + COLUMNS], axis=1) for start in range(0, len(tiles), COLUMNS)]
    return np.concatenate(rows, axis=0)


def write_preview(path: Path, settings: StreetSettings, names: list[str]) -> None:
    """Write the contact sheet of some clips as a PNG file."""
    from PIL import Image as Pillow

    sheet = Pillow.fromarray(contact_sheet(settings, names))
    data = io.BytesIO()
    sheet.quantize(COLOURS, kmeans=2, dither=Pillow.Dither.NONE).save(data, "PNG", optimize=True)
    with replacing(path) as temporary:
        temporary.write_bytes(data.getvalue())
