"""The maps of a clip as grey pictures: many small maps a picture, which the page colours."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from flowgrad.artifacts import ArtifactReader
from flowgrad.evaluation.scaling import normalise
from flowgrad.figures.moving import STRONG
from flowgrad.figures.overlay import colours

TILE = 112
"""Width and height of a map, pixels."""
ACROSS = 16
"""Maps in a row of a picture."""
LENGTH = 256
"""Maps of a picture: half a minute of frames, so that a long clip loads what is looked at."""
QUALITY = 50
"""Of WebP: maps are smooth."""

Maps = npt.NDArray[np.float32]
Counted = Callable[[Maps, Sequence[int]], npt.NDArray[np.bool_]]
"""What counts in maps (N, H, W), which are of some frames."""


@dataclass(frozen=True)
class Track:
    """The maps of a row in a clip.

    Attributes:
        at: the frames that have one, ascending.
        level: where the outline of each lies, 0..1 of its own range; 2 where nothing counts.
        strength: how much each stands out next to the clip's strongest ones, 0..1.
        strips: data URLs, of :data:`LENGTH` maps each.
    """

    at: list[int]
    level: list[float]
    strength: list[float]
    strips: list[str]


def track(reader: ArtifactReader, clip: str, counted: Counted, normalised: bool) -> Track:
    """Return the maps of a clip; one strip is held at a time.

    Args:
        reader: the heatmaps.
        clip: one that they hold.
        counted: what counts in maps of some frames; every built-in rule is a level that pixels are above.
        normalised: whether it is asked of the normalised maps.
    """
    at: list[int] = reader.read(clip, "frame").tolist()
    levels: list[float] = []
    spans: list[float] = []
    strips = []
    for start in range(0, len(at), LENGTH):
        rows = slice(start, start + LENGTH)
        raw = reader.read(clip, "maps", rows).astype(np.float32)
        maps = normalise(raw)
        inside = np.where(counted(maps if normalised else raw, at[rows]), maps, np.float32(2))
        levels += [round(float(level), 3) for level in inside.min(axis=(1, 2))]
        spans += np.ptp(raw, axis=(1, 2)).tolist()
        strips.append(strip(maps))
    usual = float(np.percentile(spans, STRONG)) if spans else 0.0
    strength = [round(min(1.0, span / usual), 2) if usual > 0 else 0.0 for span in spans]
    return Track(at, levels, strength, strips)


def strip(maps: Maps) -> str:
    """Return maps (N, H, W) in [0, 1] as one picture, a data URL: from left to right, then down."""
    # a page that is opened as a file may not look into pictures that are files
    down = -(-len(maps) // ACROSS)
    sheet: npt.NDArray[Any] = np.zeros((down, TILE, ACROSS, TILE), np.uint8)
    for place, one in enumerate(maps):
        small = cv2.resize(one, (TILE, TILE), interpolation=cv2.INTER_AREA)
        sheet[place // ACROSS, :, place % ACROSS] = np.round(small * 255)
    file = io.BytesIO()
    Image.fromarray(sheet.reshape(down * TILE, ACROSS * TILE)).save(file, "WEBP", quality=QUALITY, method=2)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def palette() -> str:
    """Return the colour of each grey as one text of hexadecimal RGB, the colours of :mod:`flowgrad.figures.overlay`."""
    return colours().tobytes().hex()
