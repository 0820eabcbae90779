"""Drawing: polygons and flat textures in the world, antialiased and placed to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad.synthetic.geometry import Camera, Floats
from flowgrad.synthetic.scene import Colour

Image = npt.NDArray[np.uint8]

CLIP_M = 0.25
"""What is nearer to the camera than this is cut off."""

SHIFT = 4
"""Fractional bits of polygon corners."""


@dataclass(frozen=True)
class Texture:
    """A flat picture in smaller and smaller copies: RGBA, (H, W, 4) uint8, colours multiplied by alpha.

    ``origin`` is the place (u, v) in metres of the upper left corner; v grows upwards.
    """

    levels: tuple[Image, ...]
    scale: float
    """Pixels per metre of the largest copy."""
    origin: tuple[float, float]

    @classmethod
    def of(cls, rgb: Image, alpha: Image, scale: float, origin: tuple[float, float], count: int = 5) -> Texture:
        """Return a texture from colours (H, W, 3) and alpha (H, W)."""
        multiplied = (rgb.astype(np.uint16) * alpha[..., None] // 255).astype(np.uint8)
        levels = [np.dstack([multiplied, alpha])]
        while len(levels) < count and min(levels[-1].shape[:2]) > 4:
            height, width = levels[-1].shape[:2]
            half = cv2.resize(levels[-1], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
            levels.append(half)
        return cls(tuple(levels), scale, origin)

    @property
    def corners(self) -> Floats:
        """Return the (4, 2) corners in metres."""
        height, width = self.levels[0].shape[:2]
        u, v = self.origin
        right, low = u + width / self.scale, v - height / self.scale
        return np.array([(u, v), (right, v), (right, low), (u, low)])


class Canvas:
    """A picture under construction: the frame with a margin around it."""

    def __init__(self, camera: Camera, image: Image, margin: float, zoom: float = 1.0):
        self.camera, self.image = camera, image
        self.margin, self._zoom = margin, zoom
        scale = np.array([[zoom, 0, margin * zoom], [0, zoom, margin * zoom], [0, 0, 1.0]])
        # pixel centres: the picture coordinate 0.5 is the middle of pixel 0
        self._matrix = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]]) @ scale @ camera.matrix

    def pixels(self, points: Floats) -> tuple[Floats, Floats]:
        """Return where world points (..., 3) lie in the image (..., 2), and their depths (...)."""
        seen = self.camera.project(points)
        return (seen[..., :2] + self.margin) * self._zoom - 0.5, seen[..., 2]

    def seen(self, corners: Floats) -> Floats | None:
        """Return the image pixels of the part of a flat polygon (N, 3) before the camera; None where all is behind."""
        depth = corners @ self.camera.matrix[2, :3] + self.camera.matrix[2, 3] - CLIP_M
        if (depth <= 0).all():
            return None
        if (depth < 0).any():
            kept = []
            for here, there, a, b in zip(corners, np.roll(corners, -1, 0), depth, np.roll(depth, -1), strict=True):
                if a >= 0:
                    kept.append(here)
                if (a < 0) != (b < 0):
                    kept.append(here + (there - here) * (a / (a - b)))
            corners = np.array(kept)
        return self.pixels(corners)[0]

    def polygon(self, corners: Floats, colour: tuple[float, float, float] | Colour) -> None:
        """Fill a convex polygon, corners (N, 2) in image pixels."""
        fixed = np.round(np.clip(corners, -8000, 8000) * (1 << SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(self.image, fixed, tuple(float(c) for c in colour), cv2.LINE_AA, SHIFT)

    def limb(self, start: Floats, end: Floats, widths: tuple[float, float], colour: Colour) -> None:
        """Draw a bar between image points, with the widths at its ends in pixels."""
        way = end - start
        across = np.array([-way[1], way[0]]) / max(float(np.hypot(*way)), 1e-6) / 2
        a, b = across * widths[0], across * widths[1]
        self.polygon(np.array([start + a, end + b, end - b, start - a]), colour)

    def disc(self, centre: Floats, radii: tuple[float, float], colour: Colour) -> None:
        """Draw an upright ellipse in image pixels."""
        from flowgrad.synthetic.body import CIRCLE

        self.polygon(centre + CIRCLE * np.array(radii), colour)

    def region(self, corners: Floats, border: int = 2) -> tuple[slice, slice] | None:
        """Return the rows and columns that hold some image points, or None where that is outside."""
        height, width = self.image.shape[:2]
        low = np.floor(corners.min(axis=0)).astype(int) - border
        high = np.ceil(corners.max(axis=0)).astype(int) + border + 1
        x0, y0, x1, y1 = max(low[0], 0), max(low[1], 0), min(high[0], width), min(high[1], height)
        return (slice(y0, y1), slice(x0, x1)) if x1 > x0 and y1 > y0 else None

    def plane(self, texture: Texture, origin: Floats, along: Floats, up: Floats, mode: str = "over") -> None:
        """Lay a texture over the world plane origin + u * along + v * up; mode ``add`` adds its light."""
        corners = texture.corners
        world = origin + corners[:, :1] * along + corners[:, 1:] * up
        pixels = self.seen(world)
        area = None if pixels is None else self.region(pixels)
        if pixels is None or area is None:
            return
        columns = np.stack([along, up, origin], axis=-1)
        plane = self._matrix[:, :3] @ columns
        plane[:, 2] += self._matrix[:, 3]
        drawn = max(
            float(np.ptp(pixels[:, 0])) / max(float(np.ptp(corners[:, 0])), 1e-6),
            float(np.ptp(pixels[:, 1])) / max(float(np.ptp(corners[:, 1])), 1e-6),
            1e-3,
        )
        level = int(np.clip(np.floor(np.log2(max(texture.scale / drawn, 1.0)) + 0.25), 0, len(texture.levels) - 1))
        copy = texture.levels[level]
        height, width = copy.shape[:2]
        full_height, full_width = texture.levels[0].shape[:2]
        sx, sy = texture.scale * width / full_width, texture.scale * height / full_height
        u, v = texture.origin
        # from pixels of the copy to metres on the plane
        metres = np.array([[1 / sx, 0, u + 0.5 / sx], [0, -1 / sy, v - 0.5 / sy], [0, 0, 1]])
        rows, cols = area
        shift = np.array([[1, 0, -cols.start], [0, 1, -rows.start], [0, 0, 1.0]])
        size = (cols.stop - cols.start, rows.stop - rows.start)
        warped = cv2.warpPerspective(copy, shift @ plane @ metres, size, flags=cv2.INTER_LINEAR)
        if len(pixels) != 4:  # what lies behind the camera must not come back mirrored
            mask = np.zeros(warped.shape[:2], np.uint8)
            cv2.fillConvexPoly(
                mask, np.round(np.clip(pixels - (cols.start, rows.start), -8000, 8000)).astype(np.int32), 1
            )
            warped *= mask[..., None]
        self.blend(warped, area, mode)

    def blend(self, rgba: Image, area: tuple[slice, slice], mode: str = "over") -> None:
        """Lay RGBA pixels (colours multiplied by alpha) over a region."""
        below = self.image[area]
        colours = rgba[..., :3]
        if mode == "over":
            clear = cv2.cvtColor(cv2.bitwise_not(rgba[..., 3]), cv2.COLOR_GRAY2RGB)
            below = cv2.multiply(below, clear, scale=1 / 255)
        self.image[area] = cv2.add(below, np.ascontiguousarray(colours))

    def shade(self, corners: Floats, strength: float, blur: int = 3) -> None:
        """Darken a convex polygon (N, 2 image pixels) by a share, with soft edges."""
        area = self.region(corners, border=blur)
        if area is None:
            return
        rows, cols = area
        mask = np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.uint8)
        hull = cv2.convexHull(np.clip(corners - (cols.start, rows.start), -8000, 8000).astype(np.float32))
        cv2.fillConvexPoly(mask, np.round(hull * 16).astype(np.int32), 255 * strength, cv2.LINE_AA, 4)
        mask = cv2.blur(mask, (blur, blur))
        self.image[area] = cv2.multiply(self.image[area], cv2.cvtColor(255 - mask, cv2.COLOR_GRAY2RGB), scale=1 / 255)


def lit(colour: tuple[float, ...] | Colour, factor: float | Floats) -> Colour:
    """Return a colour in more or less light."""
    r, g, b = np.clip(np.asarray(colour, float) * factor, 0, 255)
    return round(r), round(g), round(b)
