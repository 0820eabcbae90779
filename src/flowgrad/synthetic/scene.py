"""What is in a clip: every seeded decision, and not one pixel or sample.

Each subject (road, traffic, trees, ...) draws from a random stream of its own, and whether a nuisance occurs is decided
by one number a clip: so turning one nuisance on or off leaves all else as it is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from flowgrad.synthetic.geometry import Camera, Floats, Road, Wave
from flowgrad.synthetic.settings import StreetSettings
from flowgrad.synthetic.shapes import SHAPES, Shape

Colour = tuple[int, int, int]
NTSC = Fraction(30000, 1001)
"""Frames per second."""


@dataclass(frozen=True)
class Motion:
    """Motion along a road: rows of time, s, speed and acceleration (m, m/s, m/s2) from that time on."""

    knots: tuple[tuple[float, float, float, float], ...]

    def at(self, time: Floats) -> tuple[Floats, Floats]:
        """Return s (m) and its speed (m/s) at times (s)."""
        table = np.array(self.knots)
        row = table[np.clip(np.searchsorted(table[:, 0], time, side="right") - 1, 0, len(table) - 1)]
        passed = time - row[..., 0]
        return (
            row[..., 1] + row[..., 2] * passed + row[..., 3] * passed**2 / 2,
            row[..., 2] + row[..., 3] * passed,
        )

    def where(self, time: float) -> float:
        """Return s (m) at one time (s): the same as :meth:`at`, and much quicker for a single time."""
        start, s, speed, acceleration = self.knots[0]
        for knot in self.knots[1:]:
            if knot[0] <= time:
                start, s, speed, acceleration = knot
        passed = time - start
        return s + speed * passed + acceleration * passed**2 / 2

    @property
    def stands(self) -> bool:
        """Return whether nothing ever moves."""
        return all(speed == 0 and acceleration == 0 for _, _, speed, acceleration in self.knots)


@dataclass(frozen=True)
class Vehicle:
    """A vehicle: its shape, its way along a road at lateral place ``n``, and its voice."""

    track: int
    shape_name: str
    colour: Colour
    second: Colour
    road: Road
    n: float
    direction: int
    """1: it faces growing s; -1: falling s."""
    motion: Motion
    engine: bool
    seen: bool = True
    pitch: float = 1.0
    loudness: float = 0.0
    """dB at 10 m at town speed over the clip's noise."""
    seed: int = 0

    @property
    def shape(self) -> Shape:
        """Return the shape."""
        return SHAPES[self.shape_name]

    @property
    def label(self) -> str:
        """Return the class: car, bus, truck, motorbike or bicycle."""
        return self.shape.label

    @property
    def annotated(self) -> bool:
        """Return whether its boxes are annotated: it can be seen and its engine runs."""
        return self.engine and self.seen


@dataclass(frozen=True)
class Person:
    """Somebody who walks along the road."""

    n: float
    motion: Motion
    direction: int
    height: float
    colours: tuple[Colour, Colour, Colour]
    """Coat, trousers, skin."""
    stride: float


@dataclass(frozen=True)
class Tree:
    """A tree that waves: place on the road, height and crown radius in metres."""

    s: float
    n: float
    height: float
    crown: float
    seed: int
    sway: Wave


@dataclass(frozen=True)
class Look:
    """The street's look."""

    seed: int
    half_width: float
    """From the centre line to the kerb, m."""
    lanes: tuple[float, ...]
    """n of the lanes' middles."""
    pavement: float
    backdrop: str
    """What stands behind the far pavement: houses, park, wall or open."""
    night: bool
    sunlight: bool
    clouds: bool
    sun: tuple[float, float]
    """Shift of a shadow, X and Z in metres for each metre of height."""
    cloud_speed: float
    exposure: float
    sensor_noise: float


@dataclass(frozen=True)
class Ambience:
    """What is heard besides vehicles."""

    seed: int
    level: float
    """Root mean square of the steady noise."""
    colour: float
    """Power falls with frequency to this power."""
    gusts: Wave | None
    birds: float
    """Chirps a second; 0: none."""
    steps: float
    bells: float


@dataclass(frozen=True)
class Scene:
    """A clip, decided."""

    name: str
    settings: StreetSettings
    camera: Camera
    road: Road
    look: Look
    vehicles: tuple[Vehicle, ...]
    people: tuple[Person, ...]
    trees: tuple[Tree, ...]
    ambience: Ambience
    rate: Fraction
    """Frames per second."""


def stream(settings: StreetSettings, name: str, subject: str) -> np.random.Generator:
    """Return the random numbers of one subject of a clip."""
    digest = hashlib.sha256(f"{settings.seed}:{name}:{subject}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def make_scene(settings: StreetSettings, name: str) -> Scene:
    """Return the clip of this name: decided by the settings and the name alone."""
    from flowgrad.synthetic.traffic import bystanders, traffic

    def on(field: str) -> bool:
        return bool(stream(settings, name, f"is {field}").random() < getattr(settings, field))

    rng = stream(settings, name, "street")
    along, curved = on("along"), on("curved")
    lanes = int(rng.choice([2, 2, 3, 4]))
    strip = float(rng.uniform(2.1, 2.5))
    half = lanes * 1.65 + strip
    near_edge = float(rng.uniform(2.0, 3.0) if along else rng.uniform(2.6, 5.0))
    heading = float(rng.uniform(1.15, 1.38) if along else rng.normal(0, 0.13))
    heading *= int(rng.choice([-1, 1]))
    curvature = float(rng.choice([-1, 1]) * rng.uniform(0.004, 0.014))
    road = Road(heading, half + near_edge, curvature * (0.5 if along else 1.0) if curved else 0.0)
    elevation = float(rng.uniform(1.6, 4.2))
    focal = settings.width / 2 / np.tan(np.radians(rng.uniform(74, 98)) / 2)
    horizon = float(rng.uniform(0.26, 0.46)) * settings.height
    shake = stream(settings, name, "shake")
    camera = Camera(
        width=settings.width,
        height=settings.height,
        focal=float(focal),
        elevation=elevation,
        pitch=float(np.arctan((settings.height / 2 - horizon) / focal)),
        roll=float(rng.normal(0, 0.02)),
        **(_hand(shake, settings.width) if on("shaky_camera") else {}),
    )
    night = on("night")
    angle = rng.uniform(0, 2 * np.pi)
    look = Look(
        seed=int(rng.integers(2**31)),
        half_width=half,
        lanes=tuple((i - (lanes - 1) / 2) * 3.3 for i in range(lanes)),
        pavement=float(rng.uniform(2.5, 4.5)),
        backdrop=str(rng.choice(["houses", "houses", "park", "wall", "open"])),
        night=night,
        sunlight=on("shadows") and not night,
        clouds=on("clouds"),
        sun=(float(np.cos(angle) * 0.7), float(abs(np.sin(angle)) * 0.4 - 0.25)),
        cloud_speed=float(rng.choice([-1, 1]) * rng.uniform(2, 8)),
        exposure=float(rng.uniform(0.85, 1.12)),
        sensor_noise=settings.sensor_noise,
    )
    people, trees = bystanders(settings, name, road, look, on("pedestrians"), on("trees"))
    switches = {
        field: on(field) for field in ("one_class", "crowded", "parked", "idling", "silent_movers", "off_screen")
    }
    return Scene(
        name=name,
        settings=settings,
        camera=camera,
        road=road,
        look=look,
        vehicles=traffic(settings, name, road, look, switches),
        people=people,
        trees=trees,
        ambience=_ambience(stream(settings, name, "ambience"), on("wind"), on("other_sounds")),
        rate=NTSC if on("ntsc") else Fraction(settings.frames_per_second),
    )


def _hand(rng: np.random.Generator, width: int) -> dict[str, Wave]:
    strength = rng.uniform(0.4, 1.0) * width / 400

    def wave(slow: float, fast: float) -> Wave:
        terms = [(slow * rng.uniform(0.5, 1), rng.uniform(0.25, 0.8), rng.uniform(0, 6.28)) for _ in range(2)]
        terms += [(fast * rng.uniform(0.5, 1), rng.uniform(2, 5), rng.uniform(0, 6.28)) for _ in range(2)]
        return Wave(tuple((float(a), float(f), float(p)) for a, f, p in terms))

    return {
        "shake_x": wave(2.6 * strength, 0.5 * strength),
        "shake_y": wave(2.0 * strength, 0.5 * strength),
        "shake_roll": wave(0.004, 0.0008),
    }


def _ambience(rng: np.random.Generator, wind: bool, others: bool) -> Ambience:
    gusts = [(float(rng.uniform(0.3, 0.6)), float(f), float(rng.uniform(0, 6.28))) for f in rng.uniform(0.08, 0.7, 3)]
    rates = rng.uniform(0.3, 1.5, 3) * (rng.random(3) < 0.6)
    rates[0] = max(rates[0], 0.5)
    birds, steps, bells = rates if others else np.zeros(3)
    return Ambience(
        seed=int(rng.integers(2**31)),
        level=float(10 ** (rng.uniform(-46, -38) / 20)),
        colour=float(rng.uniform(0.6, 1.8)),
        gusts=Wave(tuple(gusts)) if wind else None,
        birds=float(birds),
        steps=float(steps) * 1.2,
        bells=float(bells) * 0.2,
    )
