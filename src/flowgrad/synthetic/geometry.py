"""Where things are: roads as arcs on the ground, and the camera that looks at them.

World coordinates are metres: X to the right, Y up, Z forward; the camera stands above the origin. Along a road s runs
in metres with 0 nearest to the camera, and n is the distance to the left of the centre line (away from the camera).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NEAR = 0.2
"""Depth (m) at which what lies nearer, or behind the camera, is put."""

FAR_PIXELS = 20000.0
"""No image coordinate is larger: drawing uses fixed-point numbers."""


@dataclass(frozen=True)
class Road:
    """An arc on the ground, ``distance`` m from the camera; ``heading`` in radians from X, ``curvature`` in 1/m."""

    heading: float
    distance: float
    curvature: float

    @property
    def _frame(self) -> tuple[Floats, Floats]:
        along = np.array([np.cos(self.heading), np.sin(self.heading)])
        return along, np.array([-along[1], along[0]])

    @property
    def _curvature(self) -> float:
        return self.curvature if abs(self.curvature) > 1e-6 else 1e-6

    def place(self, s: npt.ArrayLike, n: npt.ArrayLike) -> Floats:
        """Return X and Z of road coordinates: (..., 2)."""
        s, n = np.asarray(s, float)[..., None], np.asarray(n, float)[..., None]
        (along, left), k = self._frame, self._curvature
        centre = self.distance * left + along * np.sin(k * s) / k + left * (1 - np.cos(k * s)) / k
        return np.asarray(centre + n * (left * np.cos(k * s) - along * np.sin(k * s)))

    def spot(self, s: float, n: float) -> tuple[float, float, float]:
        """Return X, Z and the direction at one place: :meth:`place` and :meth:`angle`, quicker for a single place."""
        k, angle = self._curvature, self.heading + self._curvature * s
        ahead_x, ahead_z = math.cos(self.heading), math.sin(self.heading)
        forth, aside = math.sin(k * s) / k, self.distance + (1 - math.cos(k * s)) / k
        x = forth * ahead_x - aside * ahead_z - n * math.sin(angle)
        z = forth * ahead_z + aside * ahead_x + n * math.cos(angle)
        return x, z, angle

    def angle(self, s: npt.ArrayLike) -> Floats:
        """Return the road's direction at s, radians from X."""
        return np.asarray(self.heading + self._curvature * np.asarray(s, float))

    def coordinates(self, ground: Floats) -> tuple[Floats, Floats]:
        """Return s and n of ground points (..., 2): the inverse of :meth:`place`."""
        (along, left), k = self._frame, self._curvature
        sign = np.sign(k)
        from_centre = ground - left * (self.distance + 1 / k)
        n = 1 / k - sign * np.hypot(from_centre[..., 0], from_centre[..., 1])
        s = np.arctan2(sign * (from_centre @ along), -sign * (from_centre @ left)) / k
        return s, n


@dataclass(frozen=True)
class Wave:
    """A sum of sines over time: rows of amplitude, frequency (Hz) and phase."""

    terms: tuple[tuple[float, float, float], ...] = ()

    def at(self, time: npt.ArrayLike) -> Floats:
        """Return the value at times (seconds)."""
        t = np.asarray(time, float)
        total = np.zeros(t.shape)
        for amplitude, frequency, phase in self.terms:
            total += amplitude * np.sin(2 * np.pi * frequency * t + phase)
        return total


@dataclass(frozen=True)
class Camera:
    """A pinhole camera ``elevation`` m above the ground, pitched down, that may shake in the hand.

    ``focal`` is in pixels; the shake moves the picture by ``shake_x``, ``shake_y`` pixels and turns it by
    ``shake_roll`` radians about its middle.
    """

    width: int
    height: int
    focal: float
    elevation: float
    pitch: float
    roll: float
    shake_x: Wave = Wave()
    shake_y: Wave = Wave()
    shake_roll: Wave = Wave()

    @property
    def shakes(self) -> bool:
        """Return whether the camera moves at all."""
        return bool(self.shake_x.terms)

    @property
    def margin(self) -> int:
        """Return how many pixels around the frame are drawn, so that a shaken frame is full."""
        return max(2, round(0.035 * self.width)) if self.shakes else 0

    @cached_property
    def matrix(self) -> Floats:
        """Return the (3, 4) projection of homogeneous world points into the unshaken picture."""
        cos, sin = np.cos(self.pitch), np.sin(self.pitch)
        turn = np.array([[1, 0, 0], [0, -cos, -sin], [0, -sin, cos]])  # right, down, forward
        roll = np.eye(3)
        roll[:2, :2] = [[np.cos(self.roll), -np.sin(self.roll)], [np.sin(self.roll), np.cos(self.roll)]]
        inner = np.array([[self.focal, 0, self.width / 2], [0, self.focal, self.height / 2], [0, 0, 1]])
        shift = np.array([[0], [-self.elevation], [0]])
        return np.asarray(inner @ roll @ turn @ np.hstack([np.eye(3), shift]))

    def project(self, points: Floats) -> Floats:
        """Return picture coordinates (..., 2) in pixels and depth in metres of world points (..., 3), as (..., 3)."""
        matrix = self.matrix
        seen = points @ matrix[:, :3].T + matrix[:, 3]
        depth = np.maximum(seen[..., 2:], NEAR)
        return np.concatenate([np.clip(seen[..., :2] / depth, -FAR_PIXELS, FAR_PIXELS), seen[..., 2:]], axis=-1)

    def rays(self, columns: Floats, rows: Floats) -> Floats:
        """Return the directions (..., 3) in the world of the rays through picture coordinates."""
        pixels = np.stack([columns, rows, np.ones_like(columns)], axis=-1)
        return np.asarray(pixels @ np.linalg.inv(self.matrix[:, :3]).T)

    def shake(self, time: float) -> Floats:
        """Return the (2, 3) affine that takes unshaken picture coordinates to those of the frame at a time."""
        angle = float(self.shake_roll.at(time))
        cos, sin = np.cos(angle), np.sin(angle)
        x, y = self.width / 2, self.height / 2
        return np.array(
            [
                [cos, -sin, x - cos * x + sin * y + float(self.shake_x.at(time))],
                [sin, cos, y - sin * x - cos * y + float(self.shake_y.at(time))],
            ]
        )
