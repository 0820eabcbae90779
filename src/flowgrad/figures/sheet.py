"""A sheet of small pictures: a row a clip, a column a model, titles above, a caption under each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

CELL = (320, 320)
"""A picture fits within this width and height, pixels."""

GAP = 8
LINE = 22
TEXT_SIZE = 14
PAPER, INK, FAINT = (24, 24, 24), (240, 240, 240), (170, 170, 170)


@dataclass(frozen=True)
class Cell:
    """A picture, (H, W, 3) uint8 RGB, no larger than :data:`CELL`, and the line under it."""

    picture: npt.NDArray[np.uint8]
    caption: str = ""


def fitted(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return an (H, W, 3) uint8 frame at the largest size that fits a cell, its shape kept."""
    height, width = frame.shape[:2]
    scale = min(CELL[0] / width, CELL[1] / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def sheet(
    titles: Sequence[str], rows: Sequence[Sequence[Cell]], note: str = "", text_size: int = TEXT_SIZE
) -> npt.NDArray[np.uint8]:
    """Return rows of captioned pictures under one row of titles, (H, W, 3) uint8 RGB.

    Args:
        titles: of the columns.
        rows: a cell a column each; a row is as high as its highest picture.
        note: stands under the titles where there is no row.
        text_size: of titles and captions, pixels.

    Raises:
        ValueError: a row has another number of cells than there are titles.
    """
    for row in rows:
        if len(row) != len(titles):
            raise ValueError(f"rows: expected {len(titles)} cells each, got {len(row)}")
    line = text_size + LINE - TEXT_SIZE
    heights = [max(cell.picture.shape[0] for cell in row) for row in rows]
    width = GAP + len(titles) * (CELL[0] + GAP)
    height = 2 * GAP + line + (sum(height + line + GAP for height in heights) if rows else line)
    image = Image.new("RGB", (width, height), PAPER)
    draw, font = ImageDraw.Draw(image), _font(text_size)
    for column, title in enumerate(titles):
        draw.text((_left(column), GAP), shortened(title, text_size=text_size), fill=INK, font=font)
    top = GAP + line
    if not rows:
        draw.text((GAP, top), note, fill=FAINT, font=font)
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            left = _left(column) + (CELL[0] - cell.picture.shape[1]) // 2
            image.paste(Image.fromarray(cell.picture), (left, top + (height - cell.picture.shape[0]) // 2))
            draw.text(
                (_left(column), top + height + 2), shortened(cell.caption, text_size=text_size), fill=FAINT, font=font
            )
        top += height + line + GAP
    return np.asarray(image)


def shortened(text: str, width: float = CELL[0], text_size: int = TEXT_SIZE) -> str:
    """Return a text that is at most ``width`` pixels wide: of one that is not, the middle is left out."""
    kept = len(text)
    short = text
    while _font(text_size).getlength(short) > width and kept:
        kept -= 1
        short = f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
    return short


def _left(column: int) -> int:
    return GAP + column * (CELL[0] + GAP)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
