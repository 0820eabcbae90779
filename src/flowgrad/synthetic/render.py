"""Frames of a scene: the still background once a clip, then what moves, far things first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad.synthetic.body import nearness
from flowgrad.synthetic.canvas import Canvas, Image
from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.life import Foliage, Walker
from flowgrad.synthetic.scene import Person, Scene, Tree, Vehicle
from flowgrad.synthetic.scenery import ambient, background
from flowgrad.synthetic.vehicles import Painted

NOISES = 12
"""Fields of sensor noise that take turns, shifted by chance."""


class Drawn(Protocol):
    """Something that can be drawn on a canvas."""

    def draw(self, canvas: Canvas, time: float) -> None:
        """Draw it as it is at a time (s)."""


class Patch:
    """Something that stands still, drawn once."""

    def __init__(self, thing: Drawn, canvas: Canvas):
        height, width = canvas.image.shape[:2]
        black = Canvas(canvas.camera, np.zeros((height, width, 3), np.uint8), canvas.margin)
        white = Canvas(canvas.camera, np.full((height, width, 3), 255, np.uint8), canvas.margin)
        thing.draw(black, 0.0)
        thing.draw(white, 0.0)
        clear = cv2.subtract(white.image, black.image)
        changed = np.argwhere((clear < 255).any(axis=2) | (black.image > 0).any(axis=2))
        self._area = None
        if len(changed):
            (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0) + 1
            self._area = (slice(int(top), int(bottom)), slice(int(left), int(right)))
            self._clear, self._colour = clear[self._area].copy(), black.image[self._area].copy()

    def draw(self, canvas: Canvas, time: float) -> None:
        """Draw it; the time does not matter."""
        if self._area is not None:
            below = canvas.image[self._area]
            canvas.image[self._area] = cv2.add(cv2.multiply(below, self._clear, scale=1 / 255), self._colour)


class Renderer:
    """Draws the frames of one scene; the same scene gives the same pixels."""

    def __init__(self, scene: Scene):
        self.scene = scene
        self._margin = scene.camera.margin
        self._still, sky = background(scene, self._margin)
        self._sky = sky
        white = (250, 250, 250) if scene.look.sunlight else (170, 174, 180)
        white = (44, 42, 46) if scene.look.night else white
        cover = np.arange(256)[:, None]
        self._white = np.round(cover * np.array(white) / 255).astype(np.uint8)[:, None]  # of a cloud, by its cover
        light = ambient(scene)
        blank = Canvas(scene.camera, self._still, self._margin)
        self._things: list[tuple[Vehicle | Person | Tree, Drawn]] = []
        for vehicle in scene.vehicles:
            if vehicle.seen:
                painted: Drawn = Painted(scene, vehicle, light)
                self._things.append((vehicle, Patch(painted, blank) if vehicle.motion.stands else painted))
        self._things += [(person, Walker(scene, person, light)) for person in scene.people]
        self._things += [(tree, Foliage(scene, tree, light, self._margin)) for tree in scene.trees]
        self._rng = np.random.default_rng(scene.look.seed + 20)
        self._clouds = (
            _clouds(scene, self._still.shape[1], int(np.flatnonzero(sky.any(axis=1)).max(initial=0)) + 1)
            if scene.look.clouds
            else None
        )
        size = (scene.camera.height, scene.camera.width, 3)
        strength = scene.look.sensor_noise * (1.6 if scene.look.night else 1.0)
        grain = np.random.default_rng(scene.look.seed + 21)
        fields = [
            np.round(grain.standard_normal(size, np.float32) * strength) for _ in range(NOISES if strength else 0)
        ]
        self._noise = [
            (np.clip(field, 0, 255).astype(np.uint8), np.clip(-field, 0, 255).astype(np.uint8)) for field in fields
        ]

    def frame(self, time: float, noise: int | None = None) -> Image:
        """Return the frame at a time (s): (H, W, 3) uint8 RGB, with one of NOISES fields of sensor noise or none."""
        scene = self.scene
        image = self._still.copy()
        if self._clouds is not None:
            self._drift(image, time)
        canvas = Canvas(scene.camera, image, self._margin)
        for _, drawn in sorted(self._things, key=lambda pair: nearness(scene, pair[0], time)):
            drawn.draw(canvas, time)
        if scene.camera.shakes:
            shake = scene.camera.shake(time)
            # canvas pixel -> picture -> shaken frame pixel
            shake[:, 2] += shake[:, :2] @ np.full(2, 0.5 - self._margin) - 0.5
            size = (scene.camera.width, scene.camera.height)
            image = cv2.warpAffine(image, shake, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if noise is not None and self._noise:
            more, less = self._noise[noise]
            image = cv2.subtract(cv2.add(image, more), less)
        return image

    def frames(self) -> Iterator[Image]:
        """Yield all frames of the clip in order."""
        rate = self.scene.rate
        order = np.random.default_rng(self.scene.look.seed + 22)
        for number in range(round(self.scene.settings.seconds * rate)):
            yield self.frame(float(number / rate), int(order.integers(NOISES)))

    def _drift(self, image: Image, time: float) -> None:
        assert self._clouds is not None
        rows, width = self._clouds.shape[0], image.shape[1]
        shift = self.scene.look.cloud_speed * time * self.scene.camera.width / 400
        period = self._clouds.shape[1] - width - 2
        start = shift % period
        whole = int(start)
        matrix = np.array([[1.0, 0, whole - start], [0, 1, 0]])
        moved = cv2.warpAffine(
            self._clouds[:, whole : whole + width + 2], matrix, (width, rows), flags=cv2.INTER_LINEAR
        )
        cover = cv2.cvtColor(cv2.multiply(moved, self._sky[:rows], scale=1 / 255), cv2.COLOR_GRAY2RGB)
        clear = cv2.multiply(image[:rows], cv2.bitwise_not(cover), scale=1 / 255)
        cv2.add(clear, cv2.LUT(cover, self._white), dst=image[:rows])


def _clouds(scene: Scene, width: int, rows: int) -> npt.NDArray[np.uint8]:
    """Return the cover of a band of clouds, (rows, longer than width) uint8; its end meets its beginning."""
    rng = np.random.default_rng(scene.look.seed + 23)
    period = width * 2
    total = np.zeros((rows, period), np.float32)
    for octave, size in enumerate((90, 45, 20, 9)):
        size = max(2, round(size * width / 400))
        grid = rng.standard_normal((rows // max(size // 2, 1) + 3, period // size + 1)).astype(np.float32)
        grid[:, -1] = grid[:, 0]
        total += cv2.resize(grid, (period, rows), interpolation=cv2.INTER_CUBIC) * 0.6**octave
    total = total / total.std() - rng.uniform(-0.2, 0.7)
    cover = (np.clip(total * 1.1, 0, 1) * 220).astype(np.uint8)
    return np.concatenate([cover, cover[:, : width + 2]], axis=1)


def without(scene: Scene, track: int) -> Scene:
    """Return the scene without one vehicle."""
    return replace(scene, vehicles=tuple(vehicle for vehicle in scene.vehicles if vehicle.track != track))


__all__ = ["Drawn", "Floats", "Patch", "Renderer", "without"]
