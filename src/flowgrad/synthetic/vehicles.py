"""Drawing a vehicle: an extruded outline with a painted side, a front, a rear, wheels that turn, lights, a shadow."""

from __future__ import annotations

import math

import cv2
import numpy as np

from flowgrad.synthetic import paint
from flowgrad.synthetic.body import CIRCLE
from flowgrad.synthetic.canvas import CLIP_M, Canvas, Cast, Texture, lit
from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.mesh import SPOKES, Mesh, Wheel
from flowgrad.synthetic.scene import Scene, Vehicle

SHADE_M = 4.0
"""How far (m) from a vehicle its shadow and its light may reach."""


class Place:
    """Where a vehicle is: the matrix (3, 4) from its metres to the image, and the camera in its metres."""

    def __init__(self, canvas: Canvas, vehicle: Vehicle, time: float):
        self.way = vehicle.motion.where(time) * vehicle.direction
        x, z, angle = vehicle.road.spot(self.way * vehicle.direction, vehicle.n)
        cos, sin = math.cos(angle) * vehicle.direction, math.sin(angle) * vehicle.direction
        x, z = x - cos * vehicle.shape.length / 2, z - sin * vehicle.shape.length / 2
        world = np.array([[cos, 0, -sin, x], [0, 1, 0, 0], [sin, 0, cos, z], [0, 0, 0, 1]])
        self.matrix: Floats = canvas.matrix @ world
        self.view = (-(x * cos + z * sin), canvas.camera.elevation, x * sin - z * cos)

    def lay(self, canvas: Canvas, texture: Texture, plane: Floats, mode: str = "over") -> None:
        """Lay a texture over a plane (4, 3) of the vehicle: the columns along, up and origin."""
        canvas.lay(texture, self.matrix @ plane, mode)


def _plane(along: tuple[float, ...], up: tuple[float, ...], origin: tuple[float, ...]) -> Floats:
    return np.array([(*along, 0.0), (*up, 0.0), (*origin, 1.0)]).T


class Painted:
    """A vehicle ready to be drawn at any time."""

    def __init__(self, scene: Scene, vehicle: Vehicle, light: Floats):
        self.vehicle, self.light = vehicle, light
        self.night, self.sun = scene.look.night, scene.look.sun if scene.look.sunlight else None
        self.lamps = self.night and vehicle.engine
        scale = float(np.clip(scene.camera.focal / 5, 24, 150))
        shape = vehicle.shape
        if shape.rider:
            self.side = paint.rider_side(vehicle, scale, light, self.lamps)
            self.front = paint.rider_front(vehicle, scale, light, self.lamps, True)
            self.rear = paint.rider_front(vehicle, scale, light, self.lamps, False)
        else:
            self.side = paint.side(vehicle, scale, light, self.lamps)
        self.mesh = Mesh(vehicle, light, self.lamps)
        half, length = shape.width / 2, shape.length
        slope = half * (shape.lean - 1) / shape.height
        self.planes = {
            "contact": _plane((length / 2 + 0.1, 0, 0), (0, 0, half + 0.08), (length / 2, 0, 0)),
            "pool": _plane((3, 0, 0), (0, 0, 1.5), (length + 2.6, 0.02, 0)),
        }
        if shape.rider:  # flat
            half = slope = 0.0
        self.sides = {near: _plane((1, 0, 0), (0, 1, near * slope), (0, 0, near * half)) for near in (1, -1)}
        self.glow = {"white": paint.spot((255, 244, 205)), "red": paint.spot((235, 30, 20), 0.8)}
        self.pool = paint.spot((120, 108, 80))
        self.contact = paint.soft_box(0.62)
        self.dark = lit((52, 53, 56), light)
        self.wire = lit((120, 120, 122), light)
        high = self.mesh.outline[:, 1]
        across = np.full(len(high), half or 0.15)
        flat = np.column_stack([self.mesh.outline[:, 0], np.zeros(len(high)), across, np.ones(len(high))])
        self.ground = np.concatenate([flat, flat * (1, 1, -1, 1)])
        self.high = np.concatenate([high, high])

    def draw(self, canvas: Canvas, time: float) -> None:
        """Draw the vehicle as it is at a time (s)."""
        place = Place(canvas, self.vehicle, time)
        if self._far_outside(canvas, place):
            return
        cast = Cast(canvas, self.mesh.points, place.matrix)
        pixels, depth = cast.pixels[: self.mesh.bound], cast.depth[: self.mesh.bound]
        if depth.max() <= CLIP_M:
            return
        reach = SHADE_M * canvas.camera.focal / max(float(depth.min()), 1.0)
        if canvas.region(pixels, border=round(min(reach, 10000))) is None:
            return
        self._shade(canvas, place)
        if self.vehicle.shape.rider:
            self._two_wheeler(canvas, place, cast)
        else:
            self._body(canvas, place, cast)
        if self.lamps:
            self._lights(canvas, place)

    def _far_outside(self, canvas: Canvas, place: Place) -> bool:
        """Return whether a ball around the vehicle, its shadow and its light lies outside the image."""
        shape = self.vehicle.shape
        ball = math.hypot(shape.length, shape.height, shape.width) / 2 + SHADE_M
        x, _, depth = (place.matrix @ (shape.length / 2, shape.height / 2, 0.0, 1.0)).tolist()
        if depth <= -ball:
            return True
        if depth < 1.5 * ball:
            return False
        # a ball off the axis is seen as an ellipse, longer than it is high
        middle, radius = x / depth, ball * canvas.camera.focal * 2.5 / (depth - ball)
        return bool(middle + radius < 0 or middle - radius > canvas.image.shape[1])

    def _shade(self, canvas: Canvas, place: Place) -> None:
        if self.sun is not None:
            ground = self.ground @ place.matrix.T
            shift = canvas.matrix[:, 0] * self.sun[0] + canvas.matrix[:, 2] * self.sun[1]
            seen = np.concatenate([ground, ground + self.high[:, None] * shift])
            if seen[:, 2].min() > 0.3:
                canvas.shade(seen[:, :2] / seen[:, 2:], 0.42)
        place.lay(canvas, self.contact, self.planes["contact"])

    def _body(self, canvas: Canvas, place: Place, cast: Cast) -> None:
        shape, mesh, view = self.vehicle.shape, self.mesh, place.view
        near = 1 if view[2] > 0 else -1
        for wheel in mesh.far_wheels[-near]:
            if cast.whole or cast.depth[wheel.tyre.start : wheel.tyre.stop].min() >= CLIP_M:
                cast.fill(wheel.tyre)
        cast.fill(mesh.floor)
        # the strips that face the camera, far ones first
        facing = []
        for strip in mesh.strips:
            x, y = view[0] - strip.middle[0], view[1] - strip.middle[1]
            if x * strip.normal[0] + y * strip.normal[1] > 0:
                facing.append((-math.hypot(x, y), strip.faces))
        for _, faces in sorted(facing, key=lambda pair: pair[0]):
            for face in faces:
                cast.fill(face)
        if view[0] > shape.length - 0.3 or view[0] < 0.3:
            for face in mesh.front if view[0] > shape.length / 2 else mesh.rear:
                cast.fill(face)
        if abs(view[2]) > shape.width / 2 * 0.9:
            place.lay(canvas, self.side, self.sides[near])
            for wheel in mesh.wheels[near]:
                self._wheel(canvas, place, cast, wheel)

    def _wheel(self, canvas: Canvas, place: Place, cast: Cast, wheel: Wheel) -> None:
        span = slice(wheel.tyre.start, wheel.tyre.stop)
        if not cast.whole and cast.depth[span].min() < CLIP_M:
            return
        size = float(np.ptp(cast.pixels[span, 1]))
        turn = -place.way / wheel.radius
        if self.vehicle.label == "bicycle":
            self._wires(canvas, place, wheel, turn)
            return
        cast.fill(wheel.tyre)
        if size < 4:
            return
        cast.fill(wheel.hub)
        if size > 7:
            fixed = np.rint(self._on_wheel(place, wheel, SPOKES, turn) * 16).astype(np.int32)
            for hole in fixed.reshape(-1, 3, 2):
                cv2.fillConvexPoly(canvas.image, hole, self.dark, cv2.LINE_AA, 4)

    @staticmethod
    def _on_wheel(place: Place, wheel: Wheel, points: Floats, turn: float) -> Floats:
        """Return the image pixels of points (P, 2) of a wheel of radius 1, turned by an angle."""
        cos, sin = math.cos(turn) * wheel.radius, math.sin(turn) * wheel.radius
        flat = place.matrix[:, :2]
        seen = points @ (flat @ ((cos, -sin), (sin, cos))).T
        seen += place.matrix @ (wheel.x, wheel.radius, wheel.z, 1.0)
        return np.clip(seen[:, :2] / seen[:, 2:], -8000, 8000)

    def _wires(self, canvas: Canvas, place: Place, wheel: Wheel, turn: float) -> None:
        ring = self._on_wheel(place, wheel, CIRCLE * 0.95, 0.0)
        thick = max(1, round(float(np.ptp(ring[:, 1])) / 16))
        fixed = np.rint(ring * 16).astype(np.int32)
        cv2.polylines(canvas.image, [fixed], True, wheel.tyre.colour, thick, cv2.LINE_AA, 4)
        ends = np.rint(self._on_wheel(place, wheel, CIRCLE[::4] * 0.9, turn) * 16).astype(np.int32).tolist()
        for a, b in zip(ends[:3], ends[3:], strict=True):
            cv2.line(canvas.image, a, b, self.wire, 1, cv2.LINE_AA, 4)

    def _two_wheeler(self, canvas: Canvas, place: Place, cast: Cast) -> None:
        length = self.vehicle.shape.length
        ahead, aside = place.view[0] - length / 2, abs(place.view[2])
        if aside > 0.25 * abs(ahead):
            for wheel in self.mesh.wheels[1]:
                self._wheel(canvas, place, cast, wheel)
            place.lay(canvas, self.side, self.sides[1])
        if abs(ahead) > 1.2 * aside:
            across = 1 if ahead > 0 else -1
            plane = _plane((0, 0, across), (0, 1, 0), (length / 2, 0, 0))
            place.lay(canvas, self.front if ahead > 0 else self.rear, plane)

    def _lights(self, canvas: Canvas, place: Place) -> None:
        shape, view = self.vehicle.shape, place.view
        height = sum(shape.lights) / 2
        across = (0.0,) if shape.rider else (-0.38 * shape.width, 0.38 * shape.width)
        distance = math.hypot(view[0], view[2])
        for x, name, faces in ((shape.length, "white", view[0]), (0.0, "red", shape.length - view[0])):
            turned = max(faces / max(distance, 1.0), 0.0)
            if name == "white":
                place.lay(canvas, self.pool, self.planes["pool"], "add")
            if turned <= 0.02 and not abs(faces) < 3:
                continue
            radius = (0.22 + 0.75 * turned) * (1.0 if name == "white" else 0.55)
            for z in across:
                if len(across) > 1 and z * view[2] < 0 and turned < 0.35:
                    continue
                lamp = place.matrix @ (x, height, z, 1.0)
                plane = np.stack([canvas.matrix[:, 0] * radius, canvas.matrix[:, 1] * radius, lamp], axis=-1)
                canvas.lay(self.glow[name], plane, "add")
