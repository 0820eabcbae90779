"""Drawing a vehicle: an extruded outline with a painted side, a front, a rear, wheels that turn, lights, a shadow."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from flowgrad.synthetic import paint
from flowgrad.synthetic.body import CIRCLE, axes, half_width, hull_points, world
from flowgrad.synthetic.canvas import CLIP_M, Canvas, lit
from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.scene import Colour, Scene, Vehicle

UP = np.array([0.0, 1.0, 0.0])


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
        self.outline = np.array(shape.outline)
        self.glow = {"white": paint.spot((255, 244, 205)), "red": paint.spot((235, 30, 20), 0.8)}
        self.pool = paint.spot((120, 108, 80))
        self.contact = paint.soft_box(0.62)

    def draw(self, canvas: Canvas, time: float) -> None:
        """Draw the vehicle as it is at a time (s)."""
        origin, forward, left = (axis[0] for axis in axes(self.vehicle, np.array([time])))
        if self._outside(canvas, origin, forward, left):
            return
        eye = np.array([0.0, canvas.camera.elevation, 0.0]) - origin
        view = (float(eye @ forward), float(eye[1]), float(eye @ left))
        self._shade(canvas, origin, forward, left)
        if self.vehicle.shape.rider:
            self._two_wheeler(canvas, origin, forward, left, view, time)
        else:
            self._body(canvas, origin, forward, left, view, time)
        if self.lamps:
            self._lights(canvas, origin, forward, left, view)

    def _outside(self, canvas: Canvas, origin: Floats, forward: Floats, left: Floats) -> bool:
        """Return whether neither the vehicle nor its shadow or light can lie in the image."""
        pixels, depth = canvas.pixels(world(hull_points(self.vehicle.shape_name), origin, forward, left))
        if depth.max() <= CLIP_M:
            return True
        reach = 4.0 * canvas.camera.focal / max(float(depth.min()), 1.0)
        return canvas.region(pixels, border=round(min(reach, 10000))) is None

    def _shade(self, canvas: Canvas, origin: Floats, forward: Floats, left: Floats) -> None:
        shape = self.vehicle.shape
        if self.sun is not None:
            y = np.array([p[1] for p in shape.outline])
            flat = np.column_stack([self.outline[:, 0], np.zeros(len(y))])
            half = np.full(len(y), shape.width / 2 if not shape.rider else 0.15)
            corners = np.concatenate([np.column_stack([flat, half]), np.column_stack([flat, -half])])
            ground = world(corners, origin, forward, left)
            shift = np.array([self.sun[0], 0.0, self.sun[1]]) * np.tile(y, 2)[:, None]
            pixels, depth = canvas.pixels(np.concatenate([ground, ground + shift]))
            if depth.min() > 0.3:
                canvas.shade(pixels, 0.42)
        half_length = shape.length / 2
        canvas.plane(
            self.contact, origin + forward * half_length, forward * (half_length + 0.1), left * (shape.width / 2 + 0.08)
        )

    def _body(
        self,
        canvas: Canvas,
        origin: Floats,
        forward: Floats,
        left: Floats,
        view: tuple[float, float, float],
        time: float,
    ) -> None:
        shape = self.vehicle.shape
        near = 1.0 if view[2] > 0 else -1.0
        slope = shape.width / 2 * (shape.lean - 1) / shape.height
        self._wheels(canvas, origin, forward, left, -near, time, far=True)
        bottom = [(shape.outline[0][0] + 0.25, 0.24), (shape.outline[-1][0] - 0.25, 0.24)]
        floor = np.array([(x, y, z) for (x, y), z in zip(bottom * 2, (1, 1, -1, -1), strict=True)])[[0, 1, 3, 2]]
        floor[:, 2] *= shape.width / 2 - 0.1
        self._face(canvas, world(floor, origin, forward, left), (14, 14, 16))
        self._skin(canvas, origin, forward, left, view)
        self._end(canvas, origin, forward, left, view)
        if abs(view[2]) > shape.width / 2 * 0.9:
            plane = origin + left * near * shape.width / 2
            canvas.plane(self.side, plane, forward, UP + left * near * slope)
            self._wheels(canvas, origin, forward, left, near, time, far=False)

    def _face(self, canvas: Canvas, corners: Floats, colour: Colour) -> None:
        pixels = canvas.seen(corners)
        if pixels is not None:
            canvas.polygon(pixels, colour)

    def _skin(
        self, canvas: Canvas, origin: Floats, forward: Floats, left: Floats, view: tuple[float, float, float]
    ) -> None:
        """Draw the strips of the extruded outline that face the camera, far ones first."""
        shape, chain = self.vehicle.shape, self.outline
        step = np.diff(chain, axis=0)
        normal = (
            np.column_stack([-step[:, 1], step[:, 0]]) / np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-6)[:, None]
        )
        middle = (chain[1:] + chain[:-1]) / 2
        eye = np.array(view[:2])
        facing = ((eye - middle) * normal).sum(axis=1) > 0
        order = np.argsort(-np.hypot(*(eye - middle).T))
        wide = half_width(shape, chain[:, 1])
        panel_end = max((x for panel in shape.panels for x, _ in panel), default=0.0)
        for i in order:
            if not facing[i]:
                continue
            (x0, y0), (x1, y1) = chain[i], chain[i + 1]
            strip = np.array([(x0, y0, wide[i]), (x1, y1, wide[i + 1]), (x1, y1, -wide[i + 1]), (x0, y0, -wide[i])])
            boxed = shape.label == "truck" and shape.panels and max(x0, x1) <= panel_end + 0.01
            paint_of = self.vehicle.second if boxed else self.vehicle.colour
            up, ahead = float(normal[i, 1]), abs(float(normal[i, 0]))
            self._face(
                canvas,
                world(strip, origin, forward, left),
                lit(paint_of, (0.7 + 0.4 * max(up, 0) + 0.08 * ahead) * self.light),
            )
            if i in shape.screens:
                part = np.array([[0.07, 0.9], [0.93, 0.9], [0.93, -0.9], [0.07, -0.9]])
                ends = np.array([[x0, y0, 0], [x1, y1, 0]])
                glass = ends[0] + part[:, :1] * (ends[1] - ends[0])
                glass[:, 2] = part[:, 1] * half_width(shape, glass[:, 1])
                warm = self.lamps and shape.label == "bus"
                colour = (180, 165, 125) if warm else lit(paint.GLASS, (0.95 + 0.6 * max(up, 0)) * self.light)
                self._face(canvas, world(glass, origin, forward, left), colour)

    def _end(
        self, canvas: Canvas, origin: Floats, forward: Floats, left: Floats, view: tuple[float, float, float]
    ) -> None:
        """Draw lights, plate and grille on the end that faces the camera."""
        shape, chain = self.vehicle.shape, self.outline
        top = int(np.argmax(chain[:, 1]))
        ahead = view[0] > shape.length / 2
        if not (view[0] > shape.length - 0.3 or view[0] < 0.3):
            return
        profile = chain[: top - 1 : -1] if ahead else chain[: top + 1]
        half = shape.width / 2
        low, high = shape.lights
        base = float(profile[0, 1])
        warm: Colour = (255, 248, 220) if self.lamps else lit((236, 238, 240), self.light)
        red: Colour = (255, 45, 32) if self.lamps else lit((170, 22, 24), self.light)
        dark = lit((30, 31, 34), self.light)
        details = [(-0.96, 0.96, base + 0.02, base + 0.16, dark)]
        if ahead:
            details += [(-0.5, 0.5, low - 0.14, high - 0.06, dark)]
        details += [(-0.24, 0.24, low - 0.2, low - 0.09, lit((225, 222, 200), self.light))]
        for sign in (-1, 1):
            ends = sorted((sign * 0.6, sign * 0.93))
            details.append((ends[0], ends[1], low, high, warm if ahead else red))
        for u0, u1, y0, y1, colour in details:
            corners = np.array([(u0, y0), (u1, y0), (u1, y1), (u0, y1)])
            x = np.interp(corners[:, 1], profile[:, 1], profile[:, 0]) + (0.02 if ahead else -0.02)
            flat = np.column_stack([x, corners[:, 1], corners[:, 0] * half * 0.98])
            self._face(canvas, world(flat, origin, forward, left), colour)

    def _wheels(
        self, canvas: Canvas, origin: Floats, forward: Floats, left: Floats, side: float, time: float, far: bool
    ) -> None:
        shape = self.vehicle.shape
        s, _ = self.vehicle.motion.at(np.array(time))
        tyre = lit(paint.TYRE, self.light)
        for x, radius in shape.wheels:
            z = side * (0.0 if shape.rider else shape.width / 2 - (0.12 if far else 0.0))
            out = np.array([x, radius, z])
            rim = np.column_stack([CIRCLE, np.zeros(24)]) * radius

            def at(points: Floats, out: Floats = out) -> Floats:
                return canvas.pixels(world(points + out, origin, forward, left))[0]

            disc, depth = canvas.pixels(world(rim + out, origin, forward, left))
            if depth.min() < 0.25:
                continue
            size = float(np.ptp(disc[:, 1]))
            if shape.label == "bicycle":
                self._spokes(canvas, at, radius, float(s) * self.vehicle.direction)
                continue
            canvas.polygon(disc, tyre)
            if far or size < 4:
                continue
            canvas.polygon(at(rim * 0.6), lit((138, 140, 144), self.light))
            turn = -float(s) * self.vehicle.direction / radius
            if size > 7:
                for k in range(5):
                    angle = turn + k * 2 * np.pi / 5
                    wedge = np.array(
                        [
                            (np.cos(a) * r, np.sin(a) * r, 0)
                            for a, r in ((angle - 0.3, 0.56), (angle + 0.3, 0.56), (angle, 0.2))
                        ]
                    )
                    canvas.polygon(at(wedge * radius), lit((52, 53, 56), self.light))

    def _spokes(self, canvas: Canvas, at: Callable[[Floats], Floats], radius: float, way: float) -> None:
        ring = at(np.column_stack([CIRCLE, np.zeros(24)]) * radius * 0.95)
        fixed = np.round(np.clip(ring, -8000, 8000) * 16).astype(np.int32)
        thick = max(1, round(float(np.ptp(ring[:, 1])) / 16))
        cv2.polylines(canvas.image, [fixed], True, lit(paint.TYRE, self.light), thick, cv2.LINE_AA, 4)
        for k in range(3):
            angle = -way / radius + k * np.pi / 3
            ends = at(np.array([(np.cos(angle), np.sin(angle), 0), (-np.cos(angle), -np.sin(angle), 0)]) * radius * 0.9)
            a, b = np.round(np.clip(ends, -8000, 8000) * 16).astype(np.int32)
            colour = lit((120, 120, 122), self.light)
            cv2.line(canvas.image, tuple(map(int, a)), tuple(map(int, b)), colour, 1, cv2.LINE_AA, 4)

    def _two_wheeler(
        self,
        canvas: Canvas,
        origin: Floats,
        forward: Floats,
        left: Floats,
        view: tuple[float, float, float],
        time: float,
    ) -> None:
        middle = origin + forward * self.vehicle.shape.length / 2
        ahead, aside = view[0] - self.vehicle.shape.length / 2, abs(view[2])
        if aside > 0.25 * abs(ahead):
            self._wheels(canvas, origin, forward, left, 1.0, time, far=False)
            canvas.plane(self.side, origin, forward, UP)
        if abs(ahead) > 1.2 * aside:
            across = left if ahead > 0 else -left
            canvas.plane(self.front if ahead > 0 else self.rear, middle, across, UP)

    def _lights(
        self, canvas: Canvas, origin: Floats, forward: Floats, left: Floats, view: tuple[float, float, float]
    ) -> None:
        shape = self.vehicle.shape
        height = sum(shape.lights) / 2
        across = (0.0,) if shape.rider else (-0.38 * shape.width, 0.38 * shape.width)
        distance = float(np.hypot(view[0], view[2]))
        for x, name, faces in ((shape.length, "white", view[0]), (0.0, "red", shape.length - view[0])):
            turned = max(faces / max(distance, 1.0), 0.0)
            if name == "white":
                lamp = origin + forward * (shape.length + 2.6)
                canvas.plane(self.pool, lamp + UP * 0.02, forward * 3.0, left * 1.5, "add")
            if turned <= 0.02 and not abs(faces) < 3:
                continue
            radius = (0.22 + 0.75 * turned) * (1.0 if name == "white" else 0.55)
            for z in across:
                if len(across) > 1 and z * view[2] < 0 and turned < 0.35:
                    continue
                place = origin + forward * x + left * z + UP * height
                side = np.array([1.0, 0.0, 0.0])
                canvas.plane(self.glow[name], place, side * radius, UP * radius, "add")
