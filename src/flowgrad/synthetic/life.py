"""People who walk and trees that wave."""

from __future__ import annotations

import math

import cv2
import numpy as np

from flowgrad.synthetic.body import CIRCLE
from flowgrad.synthetic.canvas import Canvas, Image, bars, lit
from flowgrad.synthetic.facades import leaves
from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.scene import Person, Scene, Tree

SHOE = (24, 22, 22)
SHADE = np.array([(-0.2, -0.02), (0.2, -0.02), (0.2, 0.03), (-0.2, 0.03)])
"""The shade at somebody's feet, for a height of 1."""
DISCS = np.stack([CIRCLE * (0.052, 0.068) + (0.01, 0.925), CIRCLE * (0.054, 0.045) + (-0.008, 0.955)])
"""Face and hair, for a height of 1."""


class Walker:
    """Somebody ready to be drawn at any time."""

    def __init__(self, scene: Scene, person: Person, light: Floats):
        self._scene, self._person = scene, person
        self._coat, self._trousers, self._skin = (lit(colour, light) for colour in person.colours)
        self._shade = tuple(lit(colour, light * 0.72) for colour in person.colours)
        far, near = [self._shade[1]] * 2, [self._trousers] * 2
        coats = [self._shade[0], self._coat]
        self._colours = [*far, SHOE, *coats, *near, SHOE, self._shade[0], self._skin]

    def draw(self, canvas: Canvas, time: float) -> None:
        """Draw the person as he or she is at a time (s)."""
        person = self._person
        s = person.motion.where(time)
        x, z, angle = self._scene.road.spot(s, person.n)
        ends = (canvas.matrix @ np.array([(x, x), (0.0, person.height), (z, z), (1.0, 1.0)])).tolist()
        depth = min(ends[2])
        if depth < 0.6:
            return
        foot = np.array([ends[0][0] / ends[2][0], ends[1][0] / ends[2][0]])
        tall = float(foot[1]) - ends[1][1] / ends[2][1]
        if not -60 < foot[0] < canvas.image.shape[1] + 60:
            return
        facing = person.direction * math.cos(angle)
        swing = math.sin(2 * math.pi * s / person.stride) * (0.25 + 0.75 * abs(facing))
        canvas.shade(foot + SHADE * tall, 0.35)
        scale = np.array([math.copysign(tall, facing), -tall])
        limbs = np.array(self._limbs(swing))
        corners = bars(foot + limbs[:, :2] * scale, foot + limbs[:, 2:4] * scale, limbs[:, 4:] * tall)
        discs = foot + DISCS * scale
        fixed = np.rint(np.clip(corners, -8000, 8000) * 16).astype(np.int32)
        for corner, colour in zip(fixed, self._colours, strict=True):
            cv2.fillConvexPoly(canvas.image, corner, colour, cv2.LINE_AA, 4)
        fixed = np.rint(np.clip(discs, -8000, 8000) * 16).astype(np.int32)
        for corner, colour in zip(fixed, (self._skin, self._shade[1]), strict=True):
            cv2.fillConvexPoly(canvas.image, corner, colour, cv2.LINE_AA, 4)

    @staticmethod
    def _limbs(swing: float) -> list[tuple[float, ...]]:
        """Return the bars of a body: start (x, y), end (x, y) and the widths there, for a height of 1."""

        def leg(step: float) -> list[tuple[float, ...]]:
            knee, ankle = step * 0.6 + 0.015, step * 1.15
            return [
                (0, 0.5, knee, 0.26, 0.1, 0.075),
                (knee, 0.27, ankle, 0.02, 0.075, 0.05),
                (ankle - 0.02, 0.015, ankle + 0.05, 0.01, 0.03, 0.025),
            ]

        return [
            *leg(-0.13 * swing),
            (0, 0.8, swing * 0.09, 0.5, 0.065, 0.05),
            (0, 0.84, 0, 0.46, 0.17, 0.15),
            *leg(0.13 * swing),
            (0, 0.8, -swing * 0.09, 0.5, 0.065, 0.05),
            (0, 0.88, 0, 0.82, 0.06, 0.07),
        ]


class Foliage:
    """A tree ready to be drawn at any time."""

    def __init__(self, scene: Scene, tree: Tree, light: Floats, margin: int):
        self._tree = tree
        ground = scene.road.place(np.array(tree.s), np.array(tree.n))
        self._foot = np.array([ground[0], 0.0, ground[1]])
        self._trunk = lit((84, 66, 50), light)
        self._sunny = scene.look.sunlight
        self._sun = scene.look.sun
        rng = np.random.default_rng(tree.seed)
        canvas = Canvas(scene.camera, np.zeros((4, 4, 3), np.uint8), margin)
        pixels, depth = canvas.pixels(np.array([self._foot, self._foot + np.array([0, tree.height, 0])]))
        self._seen = bool(depth.min() > 1.0)
        self._pixels = pixels
        self._scale = scene.camera.focal / max(float(depth.min()), 1.0)
        radius = float(np.clip(tree.crown * self._scale, 4, 260))
        self._layers = [self._crown(rng, radius * size, light * tone) for size, tone in ((1.0, 0.82), (0.8, 1.08))]

    @staticmethod
    def _crown(rng: np.random.Generator, radius: float, light: Floats) -> Image:
        size = max(int(radius * 2.2), 8)
        rgb = leaves(rng, size, size, light)
        alpha = np.zeros((size, size), np.uint8)
        for _ in range(70):
            angle, away = rng.uniform(0, 2 * np.pi), radius * 0.8 * np.sqrt(rng.random())
            place = (int(size / 2 + away * np.cos(angle)), int(size / 2 + away * np.sin(angle) * 0.9))
            cv2.circle(alpha, place, int(radius * rng.uniform(0.1, 0.26)), 255, -1, cv2.LINE_AA)
        holes = cv2.GaussianBlur(rng.standard_normal((size, size)).astype(np.float32), (0, 0), max(radius / 14, 0.8))
        alpha[holes > holes.std() * 1.9] = 0
        alpha = cv2.GaussianBlur(alpha, (3, 3), 0)
        multiplied = (rgb.astype(np.uint16) * alpha[..., None] // 255).astype(np.uint8)
        return np.dstack([multiplied, alpha])

    def draw(self, canvas: Canvas, time: float) -> None:
        """Draw the tree as the wind bends it at a time (s)."""
        if not self._seen:
            return
        tree, scale = self._tree, self._scale
        foot, top = self._pixels
        bend = tree.sway.at(np.array([time, time - 0.25]))
        crown = foot + (top - foot) * (1 - tree.crown / tree.height)
        width = 0.055 * tree.height * scale
        if self._sunny:
            oval = (
                np.array([np.cos(np.linspace(0, 6.28, 12)), np.zeros(12), np.sin(np.linspace(0, 6.28, 12))]).T
                * tree.crown
            )
            middle = self._foot + np.array([self._sun[0], 0, self._sun[1]]) * (tree.height - tree.crown)
            pixels, depth = canvas.pixels(oval * 0.85 + middle)
            if depth.min() > 0.5:
                canvas.shade(pixels, 0.36, 5)
        middle = crown + np.array([bend[0] * 0.3 * tree.crown * scale * 2, 0])
        canvas.limb(foot, middle, (width, width * 0.6), self._trunk)
        for layer, sway in zip(self._layers, bend, strict=True):
            size = layer.shape[0]
            shear = float(sway) * 2.2
            # the foot of the crown stays, its top moves
            centre = crown + np.array([0.0, 0.0])
            matrix = np.array(
                [
                    [1.0, -shear, centre[0] - size / 2 + shear * size],
                    [0.0, 1.0 - abs(shear) * 0.15, centre[1] - size / 2 * (1 - abs(shear) * 0.15)],
                ]
            )
            corners = np.array([(0, 0), (size, 0), (size, size), (0, size)]) @ matrix[:, :2].T + matrix[:, 2]
            area = canvas.region(corners)
            if area is None:
                continue
            rows, cols = area
            matrix[:, 2] -= (cols.start, rows.start)
            box = (cols.stop - cols.start, rows.stop - rows.start)
            canvas.blend(cv2.warpAffine(layer, matrix, box, flags=cv2.INTER_LINEAR), area)
