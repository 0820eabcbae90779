"""What stands behind the pavements: houses, greenery, walls, lamp posts, the skyline."""

from __future__ import annotations

import cv2
import numpy as np

from flowgrad.synthetic.canvas import Canvas, Image, Texture, lit
from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.scene import Scene

WALLS = (
    (205, 190, 165), (186, 150, 120), (150, 84, 66), (222, 214, 200), (196, 196, 192), (168, 142, 112), (230, 205, 160),
    (140, 146, 152), (176, 118, 92), (212, 180, 170), (120, 108, 98), (204, 206, 196),
)  # fmt: skip
SIGNS = ((190, 40, 40), (40, 80, 160), (30, 120, 80), (220, 170, 40), (60, 60, 66), (235, 235, 230))
SCALE = 26.0
UP = np.array([0.0, 1.0, 0.0])


def backdrop(scene: Scene, picture: Canvas, sky: Canvas, light: Floats) -> None:
    """Draw the skyline, then what stands along the far pavement, far things first; black on the map of the sky."""
    rng = np.random.default_rng(scene.look.seed + 10)
    look = scene.look
    _skyline(scene, picture, sky, light, rng)
    far = look.half_width + look.pavement
    along = abs(np.cos(scene.road.heading)) < 0.6
    rows = [(far, look.backdrop, 1.0)]
    if along:
        rows.append(
            (-scene.road.distance - rng.uniform(2.0, 4.0), "houses" if look.backdrop != "park" else "park", -1.0)
        )
    for n, kind, facing in rows:
        _row(scene, n, kind, facing, (picture, sky), light, rng)
    _posts(scene, picture, sky, light)


def _row(
    scene: Scene,
    n: float,
    kind: str,
    facing: float,
    canvases: tuple[Canvas, Canvas],
    light: Floats,
    rng: np.random.Generator,
) -> None:
    centre = float(np.clip((scene.road.distance + n) * np.tan(scene.road.heading), -30, 30))
    edges, s = [], centre - 75.0
    while s < centre + 75.0:
        width = float(rng.uniform(7, 15))
        edges.append((s, s + width))
        s += width + (float(rng.uniform(2, 7)) if kind == "houses" and rng.random() < 0.2 else 0.0)
    edges.sort(key=lambda edge: -abs((edge[0] + edge[1]) / 2))
    setback = 0.0
    for start, stop in edges:
        own = rng.spawn(1)[0]
        setback = float(own.uniform(0, 1.2)) if kind == "houses" else 0.0
        a, b = scene.road.place(np.array([start, stop]), n + facing * setback)
        if kind == "houses":
            height = float(own.uniform(7, 19))
            texture = facade(own, float(np.hypot(*(b - a))), height, light, scene.look.night)
        elif kind == "park":
            height = float(own.uniform(1.2, 4.5))
            texture = hedge(own, float(np.hypot(*(b - a))), height, light)
        elif kind == "wall":
            height = 1.9
            texture = wall(np.random.default_rng(scene.look.seed + 11), float(np.hypot(*(b - a))), height, light)
        else:
            height = 1.0
            texture = railing(float(np.hypot(*(b - a))), light)
        way = (b - a) / np.hypot(*(b - a))
        foot = np.array([a[0], 0.0, a[1]])
        along = np.array([way[0], 0.0, way[1]])
        for canvas, drawn in zip(canvases, (texture, _black(texture)), strict=True):
            if kind == "houses":
                _gables(canvas, foot, along, float(np.hypot(*(b - a))), height, facing, drawn)
            canvas.plane(drawn, foot, along, UP)


def _gables(
    canvas: Canvas, foot: Floats, along: Floats, width: float, height: float, facing: float, front: Texture
) -> None:
    """Draw the walls at both ends of a house, in a shade of its front."""
    corner = front.levels[0][20, 2, :3]
    back = np.array([-along[2], 0.0, along[0]]) * 9.0 * facing
    for start in (foot, foot + along * width):
        wall_corners = np.array([start, start + UP * height, start + UP * height + back, start + back])
        pixels = canvas.seen(wall_corners)
        if pixels is not None:
            canvas.polygon(pixels, lit(tuple(corner), 0.8))


def _black(texture: Texture) -> Texture:
    levels = []
    for level in texture.levels:
        dark = np.zeros_like(level)
        dark[..., 3] = level[..., 3]
        levels.append(dark)
    return Texture(tuple(levels), texture.scale, texture.origin)


def _sheet(width: float, height: float) -> tuple[Image, Image]:
    rows, columns = max(int(height * SCALE), 2), max(int(width * SCALE), 2)
    return np.zeros((rows, columns, 3), np.uint8), np.full((rows, columns), 255, np.uint8)


def _grain(rng: np.random.Generator, image: Image, strength: float) -> Image:
    rows, columns = image.shape[:2]
    grain = rng.standard_normal((rows // 3 + 1, columns // 3 + 1, 1)).astype(np.float32) * strength
    grain = cv2.resize(grain, (columns, rows), interpolation=cv2.INTER_LINEAR)[..., None]
    return np.asarray(np.clip(image + grain, 0, 255).astype(np.uint8))


def facade(rng: np.random.Generator, width: float, height: float, light: Floats, night: bool) -> Texture:
    """Return the front of a house: storeys of windows over a ground floor with shops or doors."""
    image, alpha = _sheet(width, height)
    colour = np.array(WALLS[rng.integers(len(WALLS))]) * rng.uniform(0.8, 1.1)
    image[:] = lit(tuple(colour), light * (0.75 if night else 1.0))
    image = _grain(rng, image, 4.0)
    storey, ground = float(rng.uniform(2.9, 3.6)), float(rng.uniform(3.2, 4.2))
    bays = max(int(width / rng.uniform(1.9, 3.2)), 2)
    step = width / bays
    pane_w, pane_h = step * rng.uniform(0.38, 0.75), storey * rng.uniform(0.45, 0.66)
    frame, glass = lit(tuple(colour * rng.choice([0.6, 1.25])), light), np.array((70, 84, 100)) * rng.uniform(0.6, 1.3)
    balconies, ledges = rng.random() < 0.35, rng.random() < 0.5

    def box(x0: float, y0: float, x1: float, y1: float, fill: tuple[int, int, int]) -> None:
        top, low = int((height - y1) * SCALE), int((height - y0) * SCALE)
        image[max(top, 0) : max(low, 0), max(int(x0 * SCALE), 0) : max(int(x1 * SCALE), 0)] = fill

    y = ground
    while y + storey * 0.8 < height:
        if ledges:
            box(0, y - 0.1, width, y + 0.08, lit(tuple(colour * 0.82), light))
        for bay in range(bays):
            x = (bay + 0.5) * step
            low = y + storey * 0.22
            shine = glass * rng.uniform(0.75, 1.35)
            lit_up = night and rng.random() < 0.28
            fill = lit((236, 196, 120), rng.uniform(0.5, 1.0)) if lit_up else lit(tuple(shine), light)
            box(x - pane_w / 2 - 0.09, low - 0.1, x + pane_w / 2 + 0.09, low + pane_h + 0.09, frame)
            box(x - pane_w / 2, low, x + pane_w / 2, low + pane_h, fill)
            box(x - 0.03, low, x + 0.03, low + pane_h, frame)
            if balconies:
                box(x - step * 0.42, y + 0.05, x + step * 0.42, y + 0.75, lit((70, 68, 66), light))
        y += storey
    box(0, height - 0.35, width, height, lit(tuple(colour * 0.65), light))
    shops = rng.random() < 0.6
    for bay in range(0, bays, 2 if shops else 1):
        x0 = bay * step + 0.25
        if shops:
            sign = SIGNS[rng.integers(len(SIGNS))]
            glow = night and rng.random() < 0.5
            box(
                x0,
                0.3,
                x0 + 2 * step - 0.5,
                ground - 0.8,
                lit((240, 220, 170), 0.8) if glow else lit((58, 64, 72), light),
            )
            box(x0, ground - 0.8, x0 + 2 * step - 0.5, ground - 0.2, lit(sign, 0.9 if glow else light))
            box(x0 + step * 0.9, 0.0, x0 + step * 0.9 + 0.9, 2.3, lit((44, 40, 38), light))
        elif rng.random() < 0.35:
            box(x0, 0, x0 + 1.1, 2.3, lit((78, 52, 36), light))
        else:
            box(x0, 1.0, x0 + min(1.2, step - 0.4), 2.4, lit(tuple(glass * 0.8), light))
    box(0, 0, width, 0.3, lit(tuple(colour * 0.6), light))
    shade = (0.9 + 0.1 * np.linspace(1, 0, image.shape[0]))[:, None, None]
    return Texture.of(np.clip(image * shade, 0, 255).astype(np.uint8), alpha, SCALE, (0.0, height))


def leaves(rng: np.random.Generator, rows: int, columns: int, light: Floats) -> Image:
    """Return a picture of foliage."""
    green = np.array([rng.uniform(62, 98), rng.uniform(96, 128), rng.uniform(38, 62)])
    image = np.full((rows, columns, 3), lit(tuple(green * 0.55), light), np.uint8)
    count = int(rows * columns / 60) + 20
    places = rng.random((count, 2)) * (columns, rows)
    for (x, y), tone in zip(places, rng.uniform(0.5, 1.35, count), strict=True):
        shade = tone * (1.15 - 0.45 * y / rows)
        cv2.circle(image, (int(x), int(y)), int(rng.integers(2, 7)), lit(tuple(green * shade), light), -1, cv2.LINE_AA)
    return image


def hedge(rng: np.random.Generator, width: float, height: float, light: Floats) -> Texture:
    """Return bushes with a ragged top."""
    image, alpha = _sheet(width, height)
    image = leaves(rng, alpha.shape[0], alpha.shape[1], light)
    columns = np.arange(alpha.shape[1])
    rag = sum(np.sin(columns / k + rng.uniform(0, 6)) * a for k, a in ((70, 0.09), (23, 0.05), (9, 0.03)))
    top = ((0.2 + rag) * alpha.shape[0]).astype(int)
    alpha[np.arange(alpha.shape[0])[:, None] < top[None, :]] = 0
    return Texture.of(image, alpha, SCALE, (0.0, height))


def wall(rng: np.random.Generator, width: float, height: float, light: Floats) -> Texture:
    """Return a low wall with courses of stone."""
    image, alpha = _sheet(width, height)
    colour = np.array(WALLS[rng.integers(len(WALLS))]) * 0.9
    image[:] = lit(tuple(colour), light)
    image = _grain(rng, image, 7.0)
    for row in range(0, image.shape[0], 9):
        image[row : row + 1] = lit(tuple(colour * 0.75), light)
    image[:5] = lit(tuple(colour * 1.2), light)
    return Texture.of(image, alpha, SCALE, (0.0, height))


def railing(width: float, light: Floats) -> Texture:
    """Return a railing of posts and bars."""
    image, alpha = _sheet(width, 1.0)
    image[:] = lit((150, 152, 156), light)
    alpha[:] = 0
    for row in (0, 10, 18):
        alpha[row : row + 3] = 255
    alpha[:, :: int(2 * SCALE)] = 255
    alpha[:, 1 :: int(2 * SCALE)] = 255
    return Texture.of(image, alpha, SCALE, (0.0, 1.0))


def _skyline(scene: Scene, picture: Canvas, sky: Canvas, light: Floats, rng: np.random.Generator) -> None:
    """Draw distant houses and hills, pale with distance."""
    haze = np.array([150, 162, 172.0]) if not scene.look.night else np.array([60, 60, 74.0])
    for layer, (far, tall) in enumerate(((420.0, 38.0), (240.0, 24.0))):
        x = -1.6 * far
        while x < 1.6 * far:
            width = float(rng.uniform(10, 45))
            height = float(rng.uniform(0.15, 1.0)) * tall
            tone = haze * rng.uniform(0.82, 1.05) * (0.85 if layer else 1.0)
            if rng.random() < 0.4:
                tone = tone * (0.82, 0.95, 0.74)
                height *= 0.55
            corners = np.array(
                [(x, -6, far), (x, height, far), (x + width, height * rng.uniform(0.85, 1), far), (x + width, -6, far)]
            )
            for canvas, colour in ((picture, lit(tuple(tone), light)), (sky, (0, 0, 0))):
                pixels, _ = canvas.pixels(corners)
                canvas.polygon(pixels, colour)
            x += width * float(rng.uniform(0.7, 1.5))


def lamp_places(scene: Scene) -> Floats:
    """Return X and Z (N, 2) of the lamps over the road's far edge."""
    rng = np.random.default_rng(scene.look.seed + 12)
    s = np.arange(-60, 61, 20.0) + rng.uniform(0, 20)
    return scene.road.place(s, scene.look.half_width - 0.6)


def _posts(scene: Scene, picture: Canvas, sky: Canvas, light: Floats) -> None:
    feet = lamp_places(scene)
    inward = scene.road.place(np.zeros(1), np.array([1.0]))[0] - scene.road.place(np.zeros(1), np.array([0.0]))[0]
    grey = lit((92, 95, 98), light)
    for lamp in feet:
        foot = lamp + inward * 1.0
        line = np.array([(foot[0], 0, foot[1]), (foot[0], 7.0, foot[1]), (lamp[0], 7.3, lamp[1])])
        for canvas, colour in ((picture, grey), (sky, (0, 0, 0))):
            pixels, depth = canvas.pixels(line)
            if depth.min() < 1:
                continue
            size = canvas.camera.focal / float(depth.min()) * 2
            canvas.limb(pixels[0], pixels[1], (0.16 * size, 0.1 * size), colour)
            canvas.limb(pixels[1], pixels[2], (0.1 * size, 0.07 * size), colour)
            canvas.disc(
                pixels[2],
                (0.35 * size, 0.1 * size),
                (255, 226, 160) if scene.look.night and canvas is picture else colour,
            )
        if scene.look.night:
            from flowgrad.synthetic.paint import spot

            place = np.array([lamp[0], 7.25, lamp[1]])
            picture.plane(spot((255, 205, 130)), place, np.array([1.6, 0, 0]), UP * 1.6, "add")
