"""Drawing: polygons and flat textures in the world, antialiased and placed to a fraction of a pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad.synthetic.geometry import FAR_PIXELS, NEAR, Camera, Floats
from flowgrad.synthetic.scene import Colour

Image = npt.NDArray[np.uint8]

CLIP_M = 0.25
"""What is nearer to the camera than this is cut off."""

SHIFT = 4
"""Fractional bits of polygon corners."""


@dataclass(frozen=True)
class Face:
    """A convex polygon of one colour: the points from ``start`` to before ``stop`` of a list of points."""

    start: int
    stop: int
    colour: Colour


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

    @cached_property
    def frame(self) -> Floats:
        """Return the corners (4, 3): u and v in metres, and 1."""
        height, width = self.levels[0].shape[:2]
        u, v = self.origin
        right, low = u + width / self.scale, v - height / self.scale
        return np.array([(u, v, 1), (right, v, 1), (right, low, 1), (u, low, 1)])

    @cached_property
    def metres(self) -> tuple[Floats, ...]:
        """Return for each copy the matrix (3, 3) from its pixels to metres on the plane."""
        found = []
        for copy in self.levels:
            sx = self.scale * copy.shape[1] / self.levels[0].shape[1]
            sy = self.scale * copy.shape[0] / self.levels[0].shape[0]
            u, v = self.origin
            found.append(np.array([[1 / sx, 0, u + 0.5 / sx], [0, -1 / sy, v - 0.5 / sy], [0, 0, 1]]))
        return tuple(found)


class Canvas:
    """A picture under construction: the frame with a margin around it."""

    def __init__(self, camera: Camera, image: Image, margin: float, zoom: float = 1.0):
        self.camera, self.image = camera, image
        self.margin, self._zoom = margin, zoom
        scale = np.array([[zoom, 0, margin * zoom], [0, zoom, margin * zoom], [0, 0, 1.0]])
        # pixel centres: the picture coordinate 0.5 is the middle of pixel 0
        self.matrix = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]]) @ scale @ camera.matrix

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
        self.polygon(bars(start[None], end[None], np.array([widths]))[0], colour)

    def disc(self, centre: Floats, radii: tuple[float, float], colour: Colour) -> None:
        """Draw an upright ellipse in image pixels."""
        from flowgrad.synthetic.body import CIRCLE

        self.polygon(centre + CIRCLE * np.array(radii), colour)

    def region(self, corners: Floats, border: int = 2) -> tuple[slice, slice] | None:
        """Return the rows and columns that hold some image points, or None where that is outside."""
        (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        return self._area(left, top, right, bottom, border)

    def _area(self, left: float, top: float, right: float, bottom: float, border: int) -> tuple[slice, slice] | None:
        height, width = self.image.shape[:2]
        x0, x1 = max(math.floor(left) - border, 0), min(math.ceil(right) + border + 1, width)
        y0, y1 = max(math.floor(top) - border, 0), min(math.ceil(bottom) + border + 1, height)
        return (slice(y0, y1), slice(x0, x1)) if x1 > x0 and y1 > y0 else None

    def plane(self, texture: Texture, origin: Floats, along: Floats, up: Floats, mode: str = "over") -> None:
        """Lay a texture over the world plane origin + u * along + v * up; mode ``add`` adds its light."""
        plane = self.matrix[:, :3] @ np.stack([along, up, origin], axis=-1)
        plane[:, 2] += self.matrix[:, 3]
        self.lay(texture, plane, mode)

    def lay(self, texture: Texture, plane: Floats, mode: str = "over") -> None:
        """Lay a texture over a plane given by the matrix (3, 3) from its metres (u, v, 1) to the image."""
        corners = (texture.frame @ plane.T).tolist()
        whole = min(corner[2] for corner in corners) >= CLIP_M
        if not whole:
            corners = before(corners)
            if not corners:
                return
        xs = [min(max(x / w, -FAR_PIXELS), FAR_PIXELS) for x, _, w in corners]
        ys = [min(max(y / w, -FAR_PIXELS), FAR_PIXELS) for _, y, w in corners]
        left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
        area = self._area(left, top, right, bottom, 2)
        if area is None:
            return
        height, width = texture.levels[0].shape[:2]
        drawn = max((right - left) / width, (bottom - top) / height, 1e-5)
        level = min(max(math.floor(math.log2(max(1 / drawn, 1.0)) + 0.25), 0), len(texture.levels) - 1)
        matrix = plane @ texture.metres[level]
        rows, cols = area
        matrix[0] -= cols.start * matrix[2]
        matrix[1] -= rows.start * matrix[2]
        size = (cols.stop - cols.start, rows.stop - rows.start)
        warped = cv2.warpPerspective(texture.levels[level], matrix, size, flags=cv2.INTER_LINEAR)
        if not whole:  # what lies behind the camera must not come back mirrored
            mask = np.zeros(warped.shape[:2], np.uint8)
            pixels = np.column_stack([xs, ys]) - (cols.start, rows.start)
            cv2.fillConvexPoly(mask, np.round(np.clip(pixels, -8000, 8000)).astype(np.int32), 1)
            warped *= mask[..., None]
        self.blend(warped, area, mode)

    def blend(self, rgba: Image, area: tuple[slice, slice], mode: str = "over") -> None:
        """Lay RGBA pixels (colours multiplied by alpha) over a region."""
        below = self.image[area]
        if mode == "over":
            clear = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(rgba, 3)), cv2.COLOR_GRAY2RGB)
            below = cv2.multiply(below, clear, scale=1 / 255)
        self.image[area] = cv2.add(below, cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB))

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


class Cast:
    """The points (P, 4) of a thing where a canvas shows them, by the matrix (3, 4) from the thing to the image."""

    def __init__(self, canvas: Canvas, points: Floats, matrix: Floats):
        self._canvas = canvas
        self._seen = points @ matrix.T
        self.depth = self._seen[:, 2]
        self.whole = bool(self.depth.min() >= CLIP_M)
        """Whether all points lie before the camera."""
        self.pixels = np.clip(self._seen[:, :2] / np.maximum(self.depth, NEAR)[:, None], -8000, 8000)
        self.fixed = np.rint(self.pixels * (1 << SHIFT)).astype(np.int32)

    def fill(self, face: Face) -> None:
        """Fill the part of a face that is before the camera."""
        if self.whole:
            cv2.fillConvexPoly(self._canvas.image, self.fixed[face.start : face.stop], face.colour, cv2.LINE_AA, SHIFT)
            return
        kept = before(self._seen[face.start : face.stop].tolist())
        if kept:
            corners = np.array(kept)
            self._canvas.polygon(corners[:, :2] / corners[:, 2:], face.colour)


def bars(starts: Floats, ends: Floats, widths: Floats) -> Floats:
    """Return the corners (N, 4, 2) of bars between points (N, 2), with the widths (N, 2) at their ends."""
    way = ends - starts
    across = way[:, ::-1] * (-0.5, 0.5) / np.maximum(np.hypot(way[:, 0], way[:, 1]), 1e-6)[:, None]
    a, b = across * widths[:, :1], across * widths[:, 1:]
    return np.stack([starts + a, ends + b, ends - b, starts - a], axis=1)


def before(corners: list[list[float]]) -> list[list[float]]:
    """Return the part of a convex polygon before the camera: corners (x, y, depth) not yet divided by the depth."""
    kept = []
    for here, there in zip(corners, corners[1:] + corners[:1], strict=True):
        a, b = here[2] - CLIP_M, there[2] - CLIP_M
        if a >= 0:
            kept.append(here)
        if (a < 0) != (b < 0):
            share = a / (a - b)
            kept.append([p + (q - p) * share for p, q in zip(here, there, strict=True)])
    return kept


def lit(colour: tuple[float, ...] | Colour, factor: float | Floats) -> Colour:
    """Return a colour in more or less light."""
    r, g, b = np.clip(np.asarray(colour, float) * factor, 0, 255)
    return round(r), round(g), round(b)
