"""Who is in the street: passing, parked and standing vehicles, bicycles, people, trees."""

from __future__ import annotations

import numpy as np

from flowgrad.synthetic.geometry import Road, Wave
from flowgrad.synthetic.scene import Colour, Look, Motion, Person, Tree, Vehicle, stream
from flowgrad.synthetic.settings import StreetSettings
from flowgrad.synthetic.shapes import CLASSES, SHAPES, SHAPES_OF

SHARES = (0.52, 0.14, 0.19, 0.15)
"""How common the classes are, in the order of CLASSES."""

SPEEDS = {"car": (6.0, 11.5), "bus": (5.0, 9.0), "motorbike": (6.5, 12.0), "truck": (5.0, 9.0)}
LOUDNESS = {"car": 24.0, "bus": 25.0, "motorbike": 26.0, "truck": 26.0}
"""dB over the noise at 10 m."""

PAINTS: tuple[Colour, ...] = (
    (235, 235, 232), (205, 208, 212), (150, 154, 160), (92, 96, 102), (34, 35, 40), (22, 24, 30), (165, 22, 28),
    (200, 40, 30), (28, 52, 120), (50, 95, 165), (20, 82, 58), (215, 175, 40), (120, 84, 58), (225, 110, 30),
    (238, 238, 238), (60, 66, 84),
)  # fmt: skip
LOADS: tuple[Colour, ...] = (
    (228, 228, 224),
    (196, 190, 176),
    (208, 164, 40),
    (60, 90, 140),
    (120, 128, 120),
    (170, 60, 44),
)
COATS: tuple[Colour, ...] = (
    (40, 42, 50), (120, 30, 36), (60, 80, 120), (190, 180, 160), (220, 220, 215), (90, 110, 80),
    (210, 150, 50), (24, 24, 28),
)  # fmt: skip
SKINS: tuple[Colour, ...] = ((236, 196, 170), (205, 155, 120), (150, 100, 72), (95, 62, 46))

TRUE_SIGHT = 26.0
"""Farthest s (m) at which passes are timed in a view along the road."""


def sight(road: Road, n: float) -> float:
    """Return the s at which a lane crosses the camera's axis: where a pass is seen best."""
    return float(np.clip((road.distance + n) * np.tan(road.heading), -TRUE_SIGHT, TRUE_SIGHT))


def _vehicle(rng: np.random.Generator, track: int, label: str, **values: object) -> Vehicle:
    shape = str(rng.choice(SHAPES_OF[label]))
    two = rng.integers(len(PAINTS)), rng.integers(len(LOADS))
    drawn = dict(
        track=track,
        shape_name=shape,
        colour=PAINTS[two[0]],
        second=COATS[two[1] % len(COATS)] if SHAPES[shape].rider else LOADS[two[1]],
        engine=True,
        pitch=float(np.exp(rng.normal(0, 0.1))),
        loudness=LOUDNESS.get(label, -99.0) + float(rng.uniform(-3, 3)),
        seed=int(rng.integers(2**31)),
    )
    return Vehicle(**{**drawn, **values})  # type: ignore[arg-type]


def traffic(settings: StreetSettings, name: str, road: Road, look: Look, on: dict[str, bool]) -> tuple[Vehicle, ...]:
    """Return all vehicles of a clip; ``on`` tells which of the nuisances occur."""
    found = _passing(settings, name, road, look, on["crowded"], on["one_class"])
    standing = _idling(settings, name, road, look) if on["idling"] else []
    found += standing
    if on["parked"]:
        found += _parked(settings, name, road, look, standing)
    if on["silent_movers"]:
        found += _bicycles(settings, name, road, look)
    if on["off_screen"]:
        found += _behind(settings, name)
    return tuple(found)


def _passing(
    settings: StreetSettings, name: str, road: Road, look: Look, crowded: bool, one_class: bool
) -> list[Vehicle]:
    rng = stream(settings, name, "traffic")
    only = str(stream(settings, name, "class").choice(CLASSES)) if one_class else None
    lanes = look.lanes
    left_hand = bool(rng.random() < 0.3)
    directions = [1 if (n < 0 or (n == 0 and rng.random() < 0.5)) != left_hand else -1 for n in lanes]
    speeds = rng.uniform(0, 1, len(lanes))
    wanted = settings.traffic * settings.seconds / 10
    count = int(wanted + rng.uniform(-1, 1) + 0.5) if wanted else 0
    count = max(count, 1) if wanted >= 1 else count
    # crossing times spread over the clip: one in each of equal spans
    span = settings.seconds / max(count, 1)
    found: list[tuple[float, int, Vehicle]] = []
    for number in range(count):
        moment = (number + rng.uniform(0.1, 0.9)) * span
        drawn = str(rng.choice(CLASSES, p=SHARES))
        label = only or drawn
        lane = int(np.argmax(rng.random(len(lanes)) * (1.6 - 0.2 * np.arange(len(lanes)))))
        vehicle_seed = rng.spawn(1)[0]
        if found and not crowded:
            moment = max(moment, found[-1][0] + 2.0)
        low, high = SPEEDS[label]
        speed = settings.speed * (low + (high - low) * speeds[lane])
        if any(other == lane and abs(moment - at) < 2.6 for at, other, _ in found):
            lane = (lane + 1) % len(lanes)
        if any(other == lane and abs(moment - at) < 2.6 for at, other, _ in found) or moment > settings.seconds + 1:
            continue
        # one speed in a lane, so that nobody drives through another
        speed = next((abs(v.motion.knots[0][2]) for _, other, v in found if other == lane), speed)
        direction = directions[lane]
        start = sight(road, lanes[lane]) - direction * speed * moment
        vehicle = _vehicle(
            vehicle_seed,
            len(found) + 1,
            label,
            road=road,
            n=lanes[lane] + float(rng.normal(0, 0.15)),
            direction=direction,
            motion=Motion(((0.0, start, direction * speed, 0.0),)),
        )
        found.append((moment, lane, vehicle))
    return [vehicle for _, _, vehicle in found]


def _strip(look: Look, far: bool) -> float:
    """Return n of the middle of the strip at the kerb where vehicles stand."""
    return (look.half_width - 1.15) * (1 if far else -1)


def _idling(settings: StreetSettings, name: str, road: Road, look: Look) -> list[Vehicle]:
    rng = stream(settings, name, "idling")
    far = bool(rng.random() < 0.6)
    n = _strip(look, far)
    direction = int(rng.choice([-1, 1]))
    at = sight(road, n) + float(rng.uniform(-3.5, 3.5))
    label = str(rng.choice(CLASSES, p=(0.45, 0.25, 0.1, 0.2) if far else (0.7, 0.05, 0.2, 0.05)))
    kind, speed, braking = rng.choice(["stands", "stops", "starts"]), float(rng.uniform(6, 9)), 2.5
    moment = float(rng.uniform(0.2, 0.7)) * settings.seconds
    if kind == "stands":
        knots = [(0.0, at, 0.0, 0.0)]
    elif kind == "stops":
        brakes = speed / braking
        way = speed * brakes / 2
        knots = [
            (moment - brakes - 100, at - direction * (way + 100 * speed), direction * speed, 0.0),
            (moment - brakes, at - direction * way, direction * speed, -direction * braking),
            (moment, at, 0.0, 0.0),
        ]
    else:
        gains = speed / braking
        knots = [
            (0.0, at, 0.0, 0.0),
            (moment, at, 0.0, direction * braking),
            (moment + gains, at + direction * speed * gains / 2, direction * speed, 0.0),
        ]
    return [_vehicle(rng, 21, label, road=road, n=n, direction=direction, motion=Motion(tuple(knots)))]


def _parked(settings: StreetSettings, name: str, road: Road, look: Look, standing: list[Vehicle]) -> list[Vehicle]:
    rng = stream(settings, name, "parked")
    far = bool(rng.random() < 0.8)
    n, direction = _strip(look, far), int(rng.choice([-1, 1]))
    middle, reach = sight(road, n), (24.0 if far else 12.0)
    place, found = middle - reach, []
    times = np.linspace(0, settings.seconds, 40)
    for number in range(12):
        label = str(rng.choice(["car", "truck", "motorbike"], p=(0.84, 0.08, 0.08)))
        own = rng.spawn(1)[0]
        gap, skip = float(rng.uniform(0.8, 2.5)), bool(rng.random() < (0.3 if far else 0.6))
        draft = _vehicle(
            own,
            41 + number,
            label,
            road=road,
            n=n,
            direction=direction,
            motion=Motion(((0.0, 0.0, 0.0, 0.0),)),
            engine=False,
        )
        at = place + draft.shape.length / 2
        place += draft.shape.length + gap + (6.0 if skip else 0.0)
        if at > middle + reach:
            break
        taken = any(
            abs(other.n - n) < 1
            and np.abs(other.motion.at(times)[0] - at).min() < (other.shape.length + draft.shape.length) / 2 + 0.8
            for other in standing
        )
        if not taken and not skip:
            found.append(_vehicle_at(draft, at))
    return found


def _vehicle_at(vehicle: Vehicle, s: float) -> Vehicle:
    from dataclasses import replace

    return replace(vehicle, motion=Motion(((0.0, s, 0.0, 0.0),)))


def _bicycles(settings: StreetSettings, name: str, road: Road, look: Look) -> list[Vehicle]:
    rng = stream(settings, name, "bicycles")
    found = []
    for number in range(int(rng.integers(1, 4))):
        near = bool(rng.random() < 0.6)
        n = (look.half_width - 2.5) * (-1 if near else 1)
        direction, speed = (1 if near else -1) * int(rng.choice([-1, 1, 1])), float(rng.uniform(3, 6))
        moment = float(rng.uniform(0.05, 0.95)) * settings.seconds
        start = sight(road, n) - direction * speed * moment
        motion = Motion(((0.0, start, direction * speed, 0.0),))
        found.append(
            _vehicle(rng, 61 + number, "bicycle", road=road, n=n, direction=direction, motion=motion, engine=False)
        )
    return found


def _behind(settings: StreetSettings, name: str) -> list[Vehicle]:
    rng = stream(settings, name, "behind")
    road = Road(float(rng.uniform(-0.15, 0.15)), -float(rng.uniform(7, 12)), 0.0)
    label = str(rng.choice(CLASSES, p=SHARES))
    direction, speed = int(rng.choice([-1, 1])), float(rng.uniform(*SPEEDS[label]))
    moment = float(rng.uniform(0.15, 0.85)) * settings.seconds
    motion = Motion(((0.0, -direction * speed * moment, direction * speed, 0.0),))
    return [_vehicle(rng, 81, label, road=road, n=0.0, direction=direction, motion=motion, seen=False)]


def bystanders(
    settings: StreetSettings, name: str, road: Road, look: Look, people: bool, trees: bool
) -> tuple[tuple[Person, ...], tuple[Tree, ...]]:
    """Return the people and the trees of a clip."""
    rng = stream(settings, name, "people")
    walkers = []
    for _ in range(int(rng.integers(2, 7)) if people else 0):
        far = bool(rng.random() < 0.75)
        n = (look.half_width + float(rng.uniform(0.6, look.pavement - 0.6))) * (1 if far else -1)
        n = n if far else -look.half_width - float(rng.uniform(0.5, 1.4))
        direction, speed = int(rng.choice([-1, 1])), float(rng.uniform(0.8, 1.7))
        moment = float(rng.uniform(-0.1, 1.1)) * settings.seconds
        start = sight(road, n) + float(rng.uniform(-4, 4)) - direction * speed * moment
        coat, trousers, skin = (rng.integers(len(colours)) for colours in (COATS, COATS, SKINS))
        walkers.append(
            Person(
                n=n,
                motion=Motion(((0.0, start, direction * speed, 0.0),)),
                direction=direction,
                height=float(rng.uniform(1.55, 1.88)),
                colours=(COATS[coat], COATS[trousers], SKINS[skin]),
                stride=float(rng.uniform(1.3, 1.6)),
            )
        )
    rng = stream(settings, name, "trees")
    wood = []
    for number in range(int(rng.integers(2, 6)) if trees else 0):
        n = look.half_width + float(rng.uniform(0.7, look.pavement))
        s = sight(road, n) + (number - 2) * 7.5 + float(rng.uniform(-2.5, 2.5))
        gust, breath = float(rng.uniform(0.01, 0.035)), float(rng.uniform(0, 6.28))
        sway = Wave(
            ((gust, float(rng.uniform(0.3, 0.7)), breath), (gust / 2, float(rng.uniform(0.9, 1.8)), 2 * breath))
        )
        height = float(rng.uniform(4.5, 8.5))
        wood.append(Tree(s, n, height, float(rng.uniform(0.24, 0.34)) * height, int(rng.integers(2**31)), sway))
    return tuple(walkers), tuple(wood)
