"""Painting textures: the side of each vehicle, two-wheelers with their riders, and soft spots."""

from __future__ import annotations

import cv2
import numpy as np

from flowgrad.synthetic.canvas import Image, Texture, lit
from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.scene import Colour, Vehicle

PAD = 0.15
"""Metres of nothing around a painted side."""

GLASS: Colour = (44, 54, 64)
TYRE: Colour = (26, 26, 28)


class Easel:
    """A flat picture in metres, painted at twice its resolution."""

    def __init__(self, left: float, right: float, height: float, scale: float):
        self.scale = scale
        self._fine = scale * 2
        self.left, self.top = left - PAD, height + PAD
        columns = int(np.ceil((right - left + 2 * PAD) * scale)) * 2
        rows = int(np.ceil((height + 2 * PAD) * scale)) * 2
        self.rgb = np.zeros((rows, columns, 3), np.uint8)
        self.alpha = np.zeros((rows, columns), np.uint8)

    def _fixed(self, points: object) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        p = np.asarray(points, float)
        return np.round(((p - (self.left, self.top)) * (1, -1) * self._fine - 0.5) * 16).astype(np.int32)

    def fill(self, points: object, colour: Colour, cover: bool = True) -> None:
        """Fill a polygon (metres); ``cover`` False paints only what is there already."""
        fixed = self._fixed(points)
        cv2.fillPoly(self.rgb, [fixed], colour, cv2.LINE_AA, 4)
        if cover:
            cv2.fillPoly(self.alpha, [fixed], 255, cv2.LINE_AA, 4)

    def line(self, points: object, colour: Colour, width: float, cover: bool = True) -> None:
        """Draw a bent line of some width (metres)."""
        thickness = max(1, round(width * self._fine))
        fixed = self._fixed(points)
        cv2.polylines(self.rgb, [fixed], False, colour, thickness, cv2.LINE_AA, 4)
        if cover:
            cv2.polylines(self.alpha, [fixed], False, 255, thickness, cv2.LINE_AA, 4)

    def disc(self, x: float, y: float, radius: float, colour: Colour, cover: bool = True) -> None:
        """Fill a circle."""
        angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        self.fill(np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)]), colour, cover)

    def heights(self) -> Floats:
        """Return the height (m) of each row."""
        return np.asarray(self.top - (np.arange(len(self.rgb)) + 0.5) / self._fine)

    def texture(self) -> Texture:
        """Return the finished texture."""
        size = (self.rgb.shape[1] // 2, self.rgb.shape[0] // 2)
        rgb = cv2.resize(self.rgb, size, interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(self.alpha, size, interpolation=cv2.INTER_AREA)
        return Texture.of(rgb, alpha, self.scale, (self.left, self.top))


def rounded(points: object, cut: float = 0.12, times: int = 2) -> Floats:
    """Return an open chain with its corners cut, by at most ``cut`` metres."""
    chain = np.asarray(points, float)
    for _ in range(times):
        step = np.diff(chain, axis=0)
        length = np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-6)[:, None]
        part = np.minimum(0.25, cut / length)
        a, b = chain[:-1] + step * part, chain[1:] - step * part
        middle = np.stack([a, b], axis=1).reshape(-1, 2)[1:-1]
        chain, cut = np.concatenate([chain[:1], middle, chain[-1:]]), cut / 2
    return chain


def side(vehicle: Vehicle, scale: float, light: Floats, lamps: bool) -> Texture:
    """Return the side of a vehicle with four or more wheels; ``light`` (3,) tints it, ``lamps`` lights it."""
    shape, rng = vehicle.shape, np.random.default_rng(vehicle.seed)
    easel = Easel(0.0, shape.length, shape.height, scale)
    outline = rounded(shape.outline)
    easel.fill(outline, vehicle.colour)
    for panel in shape.panels:
        easel.fill(panel, vehicle.second, cover=False)
    height = easel.heights()
    sheen = (
        0.78
        + 0.3 * np.clip(height / shape.height, 0, 1)
        + 0.12 * np.exp(-(((height - 0.62 * shape.height) / 0.09) ** 2))
    )
    sheen = np.where(height < 0.55, sheen * 0.86, sheen)
    easel.rgb = np.clip(easel.rgb * sheen[:, None, None], 0, 255).astype(np.uint8)
    sill = min(y for _, y in shape.outline) + 0.12
    easel.fill([(-1, -1), (-1, sill), (20, sill), (20, -1)], (38, 38, 40), cover=False)
    easel.rgb = np.clip(easel.rgb * light, 0, 255).astype(np.uint8)
    for x, radius in shape.wheels:
        easel.disc(x, radius, radius * 1.17, lit((16, 16, 18), light), cover=False)
    for start, end in shape.seams:
        easel.line([start, end], lit(vehicle.colour, 0.55 * light), 0.02, cover=False)
    _windows(easel, vehicle, light, lamps, rng)
    low, high = shape.lights
    front, rear = shape.length, 0.0
    easel.fill(
        [(front - 0.32, high - 0.03), (front - 0.05, low + 0.02), (front, low), (front, high), (front - 0.2, high)],
        (255, 250, 225) if lamps else lit((225, 228, 230), light),
        cover=False,
    )
    easel.fill(
        [(rear, low + 0.1), (rear, high + 0.1), (rear + 0.16, high + 0.1), (rear + 0.1, low + 0.1)],
        (250, 40, 30) if lamps else lit((165, 20, 22), light),
        cover=False,
    )
    return easel.texture()


def _windows(easel: Easel, vehicle: Vehicle, light: Floats, lamps: bool, rng: np.random.Generator) -> None:
    glow = lamps and vehicle.label == "bus"
    height = easel.heights()
    panes = np.zeros(easel.alpha.shape, np.uint8)
    for window in vehicle.shape.windows:
        chain = rounded([*window, window[0]], 0.05, 1)
        cv2.fillPoly(panes, [easel._fixed(chain)], 255, cv2.LINE_AA, 4)
    low = min(y for window in vehicle.shape.windows for _, y in window)
    high = max(y for window in vehicle.shape.windows for _, y in window)
    rise = np.clip((height - low) / max(high - low, 0.1), 0, 1)[:, None]
    column = np.arange(panes.shape[1])[None, :] / easel._fine
    streak = 0.5 + 0.5 * np.sin((column + 0.6 * height[:, None]) * rng.uniform(1.2, 2.2) + rng.uniform(0, 6))
    bright = 0.75 + 0.7 * rise**2 + 0.5 * np.clip(streak - 0.75, 0, 1)
    glass = (
        np.array((232, 214, 165)) * (0.55 + 0.25 * rise[..., None])
        if glow
        else np.array(GLASS) * bright[..., None] * light
    )
    cover = (panes / 255.0)[..., None]
    easel.rgb = np.clip(easel.rgb * (1 - cover) + glass * cover, 0, 255).astype(np.uint8)
    for window in vehicle.shape.windows:  # heads behind the glass
        (x0, y0), (x1, y1) = np.min(window, axis=0), np.max(window, axis=0)
        for _ in range(int(rng.integers(0, 3))):
            x = rng.uniform(x0 + 0.25, max(x1 - 0.25, x0 + 0.26))
            head = lit((30, 28, 30), light) if not glow else (70, 60, 50)
            if y1 - y0 < 1.6:
                easel.disc(float(x), y0 + 0.2, 0.1, head, cover=False)


def rider_side(vehicle: Vehicle, scale: float, light: Floats, lamps: bool) -> Texture:
    """Return the side of a two-wheeler with its rider; the wheels are drawn apart."""
    shape = vehicle.shape
    easel = Easel(0.0, shape.length, shape.height + 0.1, scale)
    body, coat = lit(vehicle.colour, light), lit(vehicle.second, light)
    metal, dark, skin = lit((150, 150, 155), light), lit((32, 32, 36), light), lit((205, 160, 130), light)
    (rear, rear_r), (front, front_r) = shape.wheels
    lamp: Colour = (255, 250, 225) if lamps else lit((230, 230, 220), light)
    red: Colour = (250, 40, 30) if lamps else lit((165, 20, 22), light)
    if shape.label == "bicycle":
        crank, saddle, bar = (0.82, 0.3), (0.65, 0.92), (1.28, 1.0)
        for chain in (
            [(rear, rear_r), crank, saddle, (rear, rear_r)],
            [crank, (1.22, 0.85), saddle],
            [(front, front_r), (1.22, 0.85), bar],
        ):
            easel.line(chain, body, 0.05)
        easel.line([(0.52, 0.94), (0.78, 0.94)], dark, 0.08)
        easel.line([(0.68, 0.98), (1.0, 0.62), crank], dark, 0.13)
        easel.line([(0.72, 1.0), (0.95, 1.42)], coat, 0.26)
        easel.line([(0.93, 1.38), (1.12, 1.15), (1.28, 1.03)], coat, 0.09)
        easel.disc(1.02, 1.62, 0.12, skin)
        easel.fill([(0.88, 1.63), (0.92, 1.74), (1.04, 1.77), (1.14, 1.7), (1.15, 1.65)], lit(vehicle.colour, light))
    elif vehicle.shape_name == "scooter":
        easel.fill([(0.05, 0.42), (0.12, 0.72), (0.75, 0.78), (0.85, 0.34), (0.55, 0.24), (0.3, 0.3)], body)
        easel.fill([(0.8, 0.24), (0.8, 0.33), (1.2, 0.33), (1.32, 0.95), (1.4, 0.95), (1.42, 0.5), (1.3, 0.24)], body)
        easel.line([(1.38, 0.9), (1.5, front_r)], metal, 0.06)
        easel.line([(1.22, 1.02), (1.38, 0.96)], dark, 0.06)
        easel.fill([(0.2, 0.74), (0.25, 0.84), (0.85, 0.82), (0.85, 0.76)], dark)
        easel.line([(0.55, 0.88), (0.98, 0.8), (1.08, 0.38)], dark, 0.17)
        easel.line([(0.55, 0.9), (0.72, 1.36)], coat, 0.3)
        easel.line([(0.72, 1.3), (0.98, 1.08), (1.22, 1.03)], coat, 0.1)
        easel.disc(0.8, 1.55, 0.15, body)
        easel.fill([(0.84, 1.48), (0.84, 1.58), (0.94, 1.57), (0.94, 1.49)], dark)
        easel.disc(1.42, 0.84, 0.06, lamp)
        easel.fill([(0.03, 0.62), (0.03, 0.7), (0.12, 0.7), (0.12, 0.62)], red)
    else:
        easel.fill([(0.55, 0.3), (0.5, 0.55), (1.35, 0.62), (1.3, 0.28), (0.9, 0.2)], dark)
        easel.line([(0.35, 0.3), (0.9, 0.3)], metal, 0.09)
        easel.line([(0.15, 0.42), (0.75, 0.36)], metal, 0.1)
        easel.fill([(0.05, 0.78), (0.1, 0.86), (0.75, 0.8), (0.85, 0.62), (0.5, 0.6)], dark)
        easel.fill([(0.78, 0.68), (0.82, 0.92), (1.1, 1.0), (1.4, 0.9), (1.4, 0.6), (1.0, 0.6)], body)
        easel.fill([(1.32, 0.55), (1.4, 1.02), (1.58, 1.12), (1.75, 0.86), (1.62, 0.6)], body)
        easel.line([(1.5, 0.98), (front, front_r)], metal, 0.08)
        easel.line([(1.3, 1.05), (1.5, 1.0)], dark, 0.06)
        easel.fill([(1.55, 0.66), (1.62, 0.7), (1.98, 0.68), (2.05, 0.55), (1.9, 0.64)], body)
        easel.line([(0.55, 0.88), (1.05, 0.74), (0.9, 0.36)], dark, 0.18)
        easel.line([(0.5, 0.92), (0.85, 1.36)], coat, 0.32)
        easel.line([(0.85, 1.32), (1.12, 1.06), (1.36, 1.04)], coat, 0.11)
        easel.disc(0.95, 1.52, 0.16, body)
        easel.fill([(1.0, 1.46), (1.0, 1.57), (1.1, 1.55), (1.1, 1.47)], dark)
        easel.disc(1.7, 0.88, 0.08, lamp)
        easel.fill([(0.03, 0.74), (0.03, 0.82), (0.12, 0.82), (0.12, 0.74)], red)
    return easel.texture()


def rider_front(vehicle: Vehicle, scale: float, light: Floats, lamps: bool, ahead: bool) -> Texture:
    """Return a two-wheeler with its rider from the front (``ahead``) or the rear; u runs across, 0 in the middle."""
    shape = vehicle.shape
    half = shape.width / 2
    easel = Easel(-half, half, shape.height + 0.1, scale)
    body, coat, dark = lit(vehicle.colour, light), lit(vehicle.second, light), lit((32, 32, 36), light)
    top, radius = shape.height, shape.wheels[-1][1]
    easel.line([(0, 0.04), (0, 2 * radius)], lit(TYRE, light), 0.06 if shape.label == "bicycle" else 0.13)
    for sign in (-1, 1):
        easel.line([(sign * 0.1, top * 0.55), (sign * 0.2, top * 0.4), (sign * 0.16, top * 0.2)], dark, 0.12)
        easel.line([(sign * 0.17, top * 0.82), (sign * 0.3, top * 0.66), (sign * 0.27, top * 0.6)], coat, 0.1)
    easel.line([(-half + 0.05, top * 0.6), (half - 0.05, top * 0.6)], dark, 0.04)
    easel.fill([(-0.17, top * 0.5), (-0.22, top * 0.83), (0.22, top * 0.83), (0.17, top * 0.5)], coat)
    if shape.label != "bicycle":
        easel.fill(
            [(-0.13, top * 0.3), (-0.18, top * 0.52), (0, top * 0.64), (0.18, top * 0.52), (0.13, top * 0.3)], body
        )
    easel.disc(0, top - 0.15, 0.15, body)
    if ahead:
        easel.fill([(-0.1, top - 0.2), (-0.1, top - 0.1), (0.1, top - 0.1), (0.1, top - 0.2)], dark)
        easel.disc(0, top * 0.5, 0.07, (255, 250, 225) if lamps else lit((232, 232, 225), light))
    else:
        easel.disc(0, top * 0.46, 0.05, (250, 40, 30) if lamps else lit((165, 20, 22), light))
    return easel.texture()


def spot(colour: Colour, power: float = 1.0) -> Texture:
    """Return a soft round spot of unit radius, for light and shade."""
    axis = np.linspace(-1, 1, 64)
    radius = np.hypot(axis[:, None], axis[None, :])
    alpha = (255 * np.clip(1 - radius, 0, 1) ** (1.5 / power)).astype(np.uint8)
    rgb = np.broadcast_to(np.array(colour, np.uint8), (64, 64, 3))
    return Texture.of(np.ascontiguousarray(rgb), alpha, 32.0, (-1.0, 1.0), 3)


def soft_box(strength: float) -> Texture:
    """Return a soft dark rectangle from -1 to 1: the shade beneath a vehicle."""
    axis = np.linspace(-1, 1, 64)
    fade = np.clip((1 - np.abs(axis)) / 0.22, 0, 1)
    alpha: Image = (255 * strength * fade[:, None] * fade[None, :]).astype(np.uint8)
    return Texture.of(np.zeros((64, 64, 3), np.uint8), alpha, 32.0, (-1.0, 1.0), 3)
