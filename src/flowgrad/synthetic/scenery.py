"""What stands still: sky, ground, buildings and street furniture, painted once a clip."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad.synthetic.canvas import Canvas, Image
from flowgrad.synthetic.facades import backdrop, lamp_places
from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.scene import Scene

ZOOM = 2
"""The background is painted at twice the size and made smaller: fine lines come out smooth."""


def ambient(scene: Scene) -> Floats:
    """Return the light (3,) in which everything is seen: 1 by day."""
    if scene.look.night:
        return np.array([0.52, 0.46, 0.43]) * scene.look.exposure
    warm = np.random.default_rng(scene.look.seed + 1).uniform(-0.06, 0.06)
    sun = 1.0 if scene.look.sunlight else 0.88
    return np.array([1 + warm, 1.0, 1 - warm]) * scene.look.exposure * sun


def background(scene: Scene, margin: int) -> tuple[Image, npt.NDArray[np.uint8]]:
    """Return the still background (H, W, 3) uint8 RGB and the share of sky (H, W) uint8, both with the margin."""
    camera = scene.camera
    height, width = (camera.height + 2 * margin) * ZOOM, (camera.width + 2 * margin) * ZOOM
    columns, rows = np.meshgrid(
        (np.arange(width) + 0.5) / ZOOM - margin, (np.arange(height) + 0.5) / ZOOM - margin, indexing="xy"
    )
    rays = camera.rays(columns, rows)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    image = _sky(scene, rays[..., 1])
    below = rays[..., 1] < -1e-3
    reach = camera.elevation / np.maximum(-rays[below][:, 1], 1e-3)
    ground = rays[below][:, [0, 2]] * reach[:, None]
    image[below] = _ground(scene, ground, reach)
    sky = np.where(below, 0, 255).astype(np.uint8)
    # buildings are drawn on the picture and, as black, on the map of the sky
    picture = np.clip(image, 0, 255).astype(np.uint8)
    marked = np.dstack([sky] * 3)
    light = ambient(scene)
    backdrop(scene, Canvas(camera, picture, margin, ZOOM), Canvas(camera, marked, margin, ZOOM), light)
    size = (width // ZOOM, height // ZOOM)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return small, cv2.resize(marked[..., 0], size, interpolation=cv2.INTER_AREA)


def _sky(scene: Scene, up: Floats) -> Floats:
    rng = np.random.default_rng(scene.look.seed + 2)
    if scene.look.night:
        top, low = np.array([10, 12, 24.0]), np.array([42, 36, 40.0])
    elif scene.look.sunlight:
        top = np.array([70, 120, 190.0]) + rng.uniform(-15, 15)
        low = np.array([190, 212, 232.0]) + rng.uniform(-10, 10)
    else:
        grey = rng.uniform(185, 235)
        top, low = np.array([grey - 12, grey - 6, grey + 2]), np.array([grey + 5, grey + 6, grey + 8])
    share = np.clip(up / 0.5, 0, 1)[..., None] ** 0.7
    return np.asarray(low * (1 - share) + top * share)


def _noise(rng: np.random.Generator, octaves: int = 5) -> npt.NDArray[np.float32]:
    """Return wrapping noise (512, 512), mean 0, standard deviation about 1."""
    total = np.zeros((512, 512), np.float32)
    for octave in range(octaves):
        size = 8 << octave
        grid = rng.standard_normal((size, size)).astype(np.float32)
        grid = np.pad(grid, 2, mode="wrap")
        zoomed = cv2.resize(grid, None, fx=512 / size, fy=512 / size, interpolation=cv2.INTER_LINEAR)
        edge = 2 * 512 // size
        total += zoomed[edge : edge + 512, edge : edge + 512] * 0.8**octave
    return np.asarray(total / total.std())


def _ground(scene: Scene, ground: Floats, reach: Floats) -> Floats:
    """Return the colour (N, 3) of points on the ground."""
    look = scene.look
    rng = np.random.default_rng(look.seed + 3)
    s, n = scene.road.coordinates(ground)
    noise = _noise(rng)

    def sample(metres: float) -> Floats:
        x, z = (np.mod(ground / metres, 1) * 512).astype(int).T % 512
        return np.asarray(noise[z, x] * np.clip(1.2 - reach * 4 / metres / scene.camera.width, 0.15, 1))

    fine, coarse = sample(3.0), sample(40.0)
    asphalt = rng.uniform(72, 128) + 5 * fine + 6 * coarse
    tone = np.array([1.0, 1.0, rng.uniform(0.97, 1.06)])
    edge = np.abs(n)
    lane_edge = look.half_width - 2.3
    # worn wheel tracks
    for lane in look.lanes:
        asphalt -= 6 * np.exp(-(((np.abs(n - lane) - 0.8) / 0.3) ** 2))
    colour = asphalt[:, None] * tone
    strip = (edge > lane_edge) & (edge < look.half_width)
    colour[strip] *= rng.uniform(0.85, 1.15)
    white = np.array([222, 222, 216.0]) if rng.random() < 0.85 else np.array([226, 196, 90.0])
    wear = np.clip(0.85 + 0.25 * fine, 0.35, 1)[:, None]
    period, dash = rng.uniform(5, 9), rng.uniform(2, 3.5)
    dashes = np.mod(s + rng.uniform(0, 9), period) < dash
    marks = np.zeros(len(n), bool)
    for boundary in (np.array(look.lanes[1:]) + np.array(look.lanes[:-1])) / 2:
        double = rng.random() < 0.3
        marks |= (np.abs(np.abs(n - boundary) - 0.15) < 0.07) if double else ((np.abs(n - boundary) < 0.08) & dashes)
    marks |= (np.abs(edge - lane_edge) < 0.07) & (rng.random() < 0.7)
    if rng.random() < 0.4:  # a crossing
        at = rng.uniform(-14, 14)
        marks |= (np.abs(s - at) < 1.6) & (np.mod(n, 1.1) < 0.55) & (edge < look.half_width)
    colour = np.where(marks[:, None], colour * (1 - wear) + white * wear, colour)
    # pavement with slabs, behind a kerb
    slab = rng.choice([0.6, 1.0, 1.5])
    base = np.array([rng.uniform(130, 178)] * 3) * (1, rng.uniform(0.95, 1.0), rng.uniform(0.86, 0.98))
    joint = (np.mod(s, slab * 1.5) < 0.035) | (np.mod(n, slab) < 0.035)
    fade = np.clip(1 - reach / 22, 0, 1)
    stone = base * (1 + 0.03 * fine + 0.035 * coarse - 0.22 * joint * fade)[:, None]
    kerb = np.abs(edge - look.half_width - 0.12) < 0.13
    stone = np.where(kerb[:, None], base * 1.12 + 6 * fine[:, None], stone)
    outside = edge > look.half_width
    colour = np.where(outside[:, None], stone, colour)
    gutter = np.abs(edge - look.half_width + 0.1) < 0.1
    colour[gutter] *= 0.8
    beyond = n > look.half_width + look.pavement
    if look.backdrop == "park":
        grass = np.array([86, 112, 52.0]) * (1 + 0.1 * fine + 0.12 * coarse)[:, None]
        colour = np.where(beyond[:, None], grass, colour)
    far = np.clip(reach / 160, 0, 0.65)[:, None]
    colour = colour * (1 - far) + np.array([172, 178, 184.0]) * far
    light = ambient(scene)
    if look.night:
        lamps = lamp_places(scene)
        glow = np.zeros(len(n))
        for place in lamps:
            glow += np.exp(-((ground - place) ** 2).sum(axis=1) / (2 * 4.5**2))
        return np.asarray(colour * light * (0.55 + 1.2 * np.minimum(glow, 1.3)[:, None] * np.array([1.25, 1.0, 0.62])))
    if look.sunlight:
        colour *= 1.06
        if rng.random() < 0.5:  # the shade of something outside the picture
            turn = rng.uniform(0, np.pi)
            across = ground @ np.array([np.cos(turn), np.sin(turn)]) + 0.8 * coarse
            band = np.clip((1.0 - np.abs(np.mod(across, 14) - 7) / rng.uniform(2, 4)) * 4, 0, 1)
            colour *= (1 - 0.4 * band)[:, None]
    return np.asarray(colour * light)
