"""The polygons of a vehicle in its own metres: made once, so that one matrix a frame puts all of them in place."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from flowgrad.synthetic import paint
from flowgrad.synthetic.body import CIRCLE, half_width, hull_points
from flowgrad.synthetic.canvas import Face, lit
from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.scene import Colour, Vehicle

SPOKES = np.array(
    [
        [(np.cos(a) * r, np.sin(a) * r) for a, r in ((k - 0.3, 0.56), (k + 0.3, 0.56), (k, 0.2))]
        for k in np.arange(5) * 0.4 * np.pi
    ]
).reshape(-1, 2)
"""The holes of a rim of radius 1: five triangles."""


@dataclass(frozen=True)
class Strip:
    """A strip of the extruded outline: its middle and normal (x, y), and its faces: paint, then glass."""

    middle: tuple[float, float]
    normal: tuple[float, float]
    faces: tuple[Face, ...]


@dataclass(frozen=True)
class Wheel:
    """A wheel in the plane z of the vehicle."""

    x: float
    z: float
    radius: float
    tyre: Face
    hub: Face


class Mesh:
    """All polygons of a vehicle. ``points`` are homogeneous, (P, 4); the first ``bound`` of them bound the vehicle."""

    def __init__(self, vehicle: Vehicle, light: Floats, lamps: bool):
        self._vehicle, self._light, self._lamps = vehicle, light, lamps
        shape = vehicle.shape
        self._found = [hull_points(vehicle.shape_name)]
        self.bound = self._count = len(self._found[0])
        self.outline = np.array(shape.outline)
        half = shape.width / 2
        planes = (0.0,) if shape.rider else (half, -half)
        self.wheels = {side: self._wheels(z) for side, z in zip((1, -1), planes, strict=False)}
        if not shape.rider:
            self.far_wheels = {side: self._wheels(side * (half - 0.12)) for side in (1, -1)}
            ends = (shape.outline[0][0] + 0.25, shape.outline[-1][0] - 0.25)
            corners = [(ends[0], 1), (ends[1], 1), (ends[1], -1), (ends[0], -1)]
            self.floor = self._face([(x, 0.24, side * (half - 0.1)) for x, side in corners], (14, 14, 16))
            self.strips = self._strips()
            self.front, self.rear = self._end(True), self._end(False)
        found = np.concatenate(self._found)
        self.points = np.column_stack([found, np.ones(len(found))])

    def _face(self, points: object, colour: Colour) -> Face:
        corners = np.asarray(points, float)
        self._found.append(corners)
        self._count += len(corners)
        return Face(self._count - len(corners), self._count, colour)

    def _wheels(self, z: float) -> tuple[Wheel, ...]:
        tyre, hub = lit(paint.TYRE, self._light), lit((138, 140, 144), self._light)
        found = []
        for x, radius in self._vehicle.shape.wheels:
            rim = np.column_stack([CIRCLE, np.zeros(len(CIRCLE))]) * radius
            middle = np.array([x, radius, z])
            found.append(Wheel(x, z, radius, self._face(rim + middle, tyre), self._face(rim * 0.6 + middle, hub)))
        return tuple(found)

    def _strips(self) -> tuple[Strip, ...]:
        shape, chain = self._vehicle.shape, self.outline
        wide = half_width(shape, chain[:, 1])
        panel_end = max((x for panel in shape.panels for x, _ in panel), default=0.0)
        found = []
        for i, ((x0, y0), (x1, y1)) in enumerate(pairwise(chain)):
            length = max(float(np.hypot(x1 - x0, y1 - y0)), 1e-6)
            normal = float(y0 - y1) / length, float(x1 - x0) / length
            boxed = shape.label == "truck" and shape.panels and max(x0, x1) <= panel_end + 0.01
            up, ahead = normal[1], abs(normal[0])
            faces = [
                self._face(
                    [(x0, y0, wide[i]), (x1, y1, wide[i + 1]), (x1, y1, -wide[i + 1]), (x0, y0, -wide[i])],
                    lit(
                        self._vehicle.second if boxed else self._vehicle.colour,
                        (0.7 + 0.4 * max(up, 0) + 0.08 * ahead) * self._light,
                    ),
                )
            ]
            if i in shape.screens:
                part = np.array([[0.07, 0.9], [0.93, 0.9], [0.93, -0.9], [0.07, -0.9]])
                ends = np.array([[x0, y0, 0], [x1, y1, 0]])
                glass = ends[0] + part[:, :1] * (ends[1] - ends[0])
                glass[:, 2] = part[:, 1] * half_width(shape, glass[:, 1])
                warm = self._lamps and shape.label == "bus"
                dark = lit(paint.GLASS, (0.95 + 0.6 * max(up, 0)) * self._light)
                faces.append(self._face(glass, (180, 165, 125) if warm else dark))
            found.append(Strip((float(x0 + x1) / 2, float(y0 + y1) / 2), normal, tuple(faces)))
        return tuple(found)

    def _end(self, ahead: bool) -> tuple[Face, ...]:
        """Return lights, plate and grille of the front (``ahead``) or the rear."""
        shape, chain, light = self._vehicle.shape, self.outline, self._light
        top = int(np.argmax(chain[:, 1]))
        profile = chain[: top - 1 : -1] if ahead else chain[: top + 1]
        low, high = shape.lights
        base = float(profile[0, 1])
        warm: Colour = (255, 248, 220) if self._lamps else lit((236, 238, 240), light)
        red: Colour = (255, 45, 32) if self._lamps else lit((170, 22, 24), light)
        dark = lit((30, 31, 34), light)
        details = [(-0.96, 0.96, base + 0.02, base + 0.16, dark)]
        if ahead:
            details += [(-0.5, 0.5, low - 0.14, high - 0.06, dark)]
        details += [(-0.24, 0.24, low - 0.2, low - 0.09, lit((225, 222, 200), light))]
        for sign in (-1, 1):
            ends = sorted((sign * 0.6, sign * 0.93))
            details.append((ends[0], ends[1], low, high, warm if ahead else red))
        found = []
        for u0, u1, y0, y1, colour in details:
            corners = np.array([(u0, y0), (u1, y0), (u1, y1), (u0, y1)])
            x = np.interp(corners[:, 1], profile[:, 1], profile[:, 0]) + (0.02 if ahead else -0.02)
            found.append(
                self._face(np.column_stack([x, corners[:, 1], corners[:, 0] * shape.width / 2 * 0.98]), colour)
            )
        return tuple(found)
