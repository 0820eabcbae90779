"""The body of a vehicle in the world: axes, corners, and the points whose projection bounds what is drawn."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from flowgrad.synthetic.geometry import Camera, Floats
from flowgrad.synthetic.scene import Person, Scene, Tree, Vehicle
from flowgrad.synthetic.shapes import SHAPES, Shape

CIRCLE = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 24, endpoint=False)), np.sin(np.linspace(0, 2 * np.pi, 24, endpoint=False))], -1
)


def half_width(shape: Shape, y: npt.ArrayLike) -> Floats:
    """Return half the body's width (m) at heights above the ground."""
    share = np.asarray(y, float) / shape.height
    return shape.width / 2 * (1 - (1 - shape.lean) * share)


@cache
def hull_points(name: str) -> Floats:
    """Return the points (P, 3) that bound a shape: x along, y up, z to the left, metres from the rear's middle."""
    shape = SHAPES[name]
    outline = np.array(shape.outline)
    if shape.rider:
        wheels = np.concatenate([CIRCLE * r + (x, r) for x, r in shape.wheels])
        side = np.concatenate([outline, wheels])
        flat = np.column_stack([side, np.zeros(len(side))])
        middle = shape.length / 2
        front = [(middle, y, z) for y in (0.0, 1.1, 1.5) for z in (-shape.width / 2, shape.width / 2)]
        return np.concatenate([flat, np.array(front)])
    wide = half_width(shape, outline[:, 1])
    wheels = np.concatenate([CIRCLE[12:] * r + (x, r) for x, r in shape.wheels])
    out = half_width(shape, wheels[:, 1])
    points = np.concatenate([outline, wheels])
    across = np.concatenate([wide, out])
    return np.concatenate([np.column_stack([points, across]), np.column_stack([points, -across])])


def axes(vehicle: Vehicle, times: Floats) -> tuple[Floats, Floats, Floats]:
    """Return where a vehicle's rear middle lies on the ground and its forward and left directions: (T, 3) each."""
    s, _ = vehicle.motion.at(times)
    angle = vehicle.road.angle(s)
    zero = np.zeros_like(s)
    forward = np.stack([np.cos(angle), zero, np.sin(angle)], -1) * vehicle.direction
    left = np.stack([-np.sin(angle), zero, np.cos(angle)], -1) * vehicle.direction
    ground = vehicle.road.place(s, vehicle.n)
    middle = np.stack([ground[..., 0], zero, ground[..., 1]], -1)
    return middle - forward * vehicle.shape.length / 2, forward, left


def world(points: Floats, origin: Floats, forward: Floats, left: Floats) -> Floats:
    """Return points (P, 3) of the vehicle in the world: (..., P, 3)."""
    up = np.array([0.0, 1.0, 0.0])
    return np.asarray(
        origin[..., None, :]
        + points[:, :1] * forward[..., None, :]
        + points[:, 1:2] * up
        + points[:, 2:] * left[..., None, :]
    )


def outlines(vehicle: Vehicle, camera: Camera, times: Floats) -> Floats:
    """Return the projected bounding points of a vehicle, before the shake: (T, P, 3) x, y in pixels and depth."""
    return camera.project(world(hull_points(vehicle.shape_name), *axes(vehicle, times)))


def nearness(scene: Scene, thing: Vehicle | Person | Tree, time: float) -> tuple[float, float]:
    """Return a key that sorts things from far to near: along one line of sight a lesser lateral distance is nearer."""
    s = thing.s if isinstance(thing, Tree) else thing.motion.where(time)
    return -abs(thing.n + scene.road.distance), -abs(s)
