"""How loud and from where a vehicle is heard: distance, level, place between the ears. No samples."""

from __future__ import annotations

import numpy as np

from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.scene import Scene, Vehicle

SPEED_OF_SOUND = 343.0
REFERENCE_M = 10.0
EXCESS_M = 35.0
"""Way (m) on which ground, air and what stands between take away 8.7 dB beside the spreading."""

TOWN_SPEED = 8.5
"""m/s at which loudness is stated."""

IDLE_DB = {"car": -3.0, "bus": -2.0, "motorbike": -4.0, "truck": -2.0}
"""Level of an idling engine, relative to that at town speed."""


def position(scene: Scene, vehicle: Vehicle, times: Floats) -> Floats:
    """Return X, Y, Z (T, 3) in metres from the microphone of a vehicle's middle."""
    s, _ = vehicle.motion.at(times)
    ground = vehicle.road.place(s, vehicle.n)
    height = np.full(s.shape, 0.5 - scene.camera.elevation)
    return np.stack([ground[..., 0], height, ground[..., 1]], axis=-1)


def distance(scene: Scene, vehicle: Vehicle, times: Floats) -> Floats:
    """Return the distance (m) of a vehicle's middle, at least 2 m."""
    return np.asarray(np.maximum(np.linalg.norm(position(scene, vehicle, times), axis=-1), 2.0))


def pan(scene: Scene, vehicle: Vehicle, times: Floats) -> Floats:
    """Return the place between the ears: -1 left, 1 right, from the direction of a vehicle."""
    place = position(scene, vehicle, times)
    return np.asarray(place[..., 0] / np.maximum(np.hypot(place[..., 0], place[..., 2]), 1e-6))


def effort(vehicle: Vehicle, times: Floats) -> Floats:
    """Return the source's level relative to town speed, as a factor of the amplitude."""
    _, speed = vehicle.motion.at(times)
    idle = 10 ** (IDLE_DB.get(vehicle.label, -90.0) / 20)
    return np.asarray(idle + (1 - idle) * np.minimum(np.abs(speed) / TOWN_SPEED, 1.6))


def amplitude(scene: Scene, vehicle: Vehicle, times: Floats) -> Floats:
    """Return the root mean square of a vehicle's sound at the microphone, when it left the source at these times."""
    at_reference = scene.ambience.level * 10 ** (vehicle.loudness / 20)
    way = distance(scene, vehicle, times)
    spread = REFERENCE_M / way * np.exp(-np.maximum(way - REFERENCE_M, 0) / EXCESS_M)
    return np.asarray(at_reference * effort(vehicle, times) * spread)


def wind_level(scene: Scene, times: Floats) -> Floats:
    """Return the root mean square of the wind in the microphone."""
    gusts = scene.ambience.gusts
    if gusts is None:
        return np.zeros(np.shape(times))
    return np.asarray(scene.ambience.level * 2.2 * np.clip(0.55 + gusts.at(times), 0.0, 1.6) ** 2)


def received_level(scene: Scene, vehicle: Vehicle, times: Floats) -> Floats:
    """Return a vehicle's level over the noise, dB. Of the wind, which is low, a third of the power counts."""
    noise = np.sqrt(scene.ambience.level**2 + wind_level(scene, times) ** 2 / 3)
    return np.asarray(20 * np.log10(amplitude(scene, vehicle, times) / noise + 1e-9))
