"""The sound of a scene: each vehicle as it arrives at the microphone, over wind and other noise.

Sound that arrives at t left its source at t - r/c. Reading the source's sound at those times gives level, pan and
Doppler shift at once: a vehicle that nears is heard higher, one that leaves lower.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flowgrad.synthetic.engines import band, source
from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.hearing import SPEED_OF_SOUND, amplitude, distance, pan, wind_level
from flowgrad.synthetic.scene import Ambience, Scene, Vehicle

SAMPLE_RATE = 44100
CONTROL = 200
"""Values a second at which distances are computed."""

PEAK = 0.85
"""No sample is larger; a louder clip is turned down as a whole."""

LEAD_S = 1.0
"""Sound that left this much before the clip began can still arrive in it."""

STEREO_WIDTH = 0.9


def stereo(scene: Scene) -> npt.NDArray[np.float32]:
    """Return the clip's sound: (2, S) float32 at SAMPLE_RATE Hz, left and right, within -PEAK..PEAK."""
    samples = round(scene.settings.seconds * SAMPLE_RATE)
    total = background(scene)
    for vehicle in scene.vehicles:
        if vehicle.engine:
            total += arrived(scene, vehicle)
    assert total.shape == (2, samples)
    loudest = float(np.abs(total).max())
    return (total * min(1.0, PEAK / max(loudest, 1e-9))).astype(np.float32)


def arrived(scene: Scene, vehicle: Vehicle) -> Floats:
    """Return one vehicle's sound at the microphone: (2, S), before the clip's loudness is limited."""
    samples = round(scene.settings.seconds * SAMPLE_RATE)
    lead = round(LEAD_S * SAMPLE_RATE)
    emitted = source(vehicle, np.arange(-lead, samples) / SAMPLE_RATE, SAMPLE_RATE)
    control = np.arange(0, scene.settings.seconds + 1 / CONTROL, 1 / CONTROL)
    left_at = control.copy()
    for _ in range(4):
        left_at = control - distance(scene, vehicle, left_at) / SPEED_OF_SOUND
    level = amplitude(scene, vehicle, left_at)
    place = (pan(scene, vehicle, left_at) * STEREO_WIDTH + 1) * np.pi / 4
    times = np.arange(samples) / SAMPLE_RATE
    index = (np.interp(times, control, left_at) + LEAD_S) * SAMPLE_RATE
    index = np.clip(index, 0, len(emitted) - 2)
    whole = index.astype(np.int64)
    part = index - whole
    heard = emitted[whole] * (1 - part) + emitted[whole + 1] * part
    gains = np.stack([np.interp(times, control, level * side) for side in (np.cos(place), np.sin(place))])
    return np.asarray(gains * heard)


def background(scene: Scene) -> Floats:
    """Return wind, town noise and the sounds of no vehicle: (2, S)."""
    ambience = scene.ambience
    samples = round(scene.settings.seconds * SAMPLE_RATE)
    rng = np.random.default_rng(ambience.seed)
    both, *apart = (band(rng, samples, SAMPLE_RATE, 50.0, 9000.0, ambience.colour) for _ in range(3))
    # each ear's noise has the stated level; the two are half alike
    total = np.stack([(both + side) / np.sqrt(2) for side in apart]) * ambience.level / np.sqrt(2)
    if ambience.gusts is not None:
        rng = np.random.default_rng(ambience.seed + 1)
        control = np.arange(0, scene.settings.seconds + 0.02, 0.02)
        level = np.interp(np.arange(samples) / SAMPLE_RATE, control, wind_level(scene, control))
        total += level * np.stack([band(rng, samples, SAMPLE_RATE, 25.0, 180.0, 1.0) for _ in range(2)]) / np.sqrt(2)
    for sounds in (_birds, _steps, _bells):
        sounds(ambience, total)
    return np.asarray(total)


def _add(total: Floats, start: float, sound: Floats, place: float, level: float) -> None:
    first = int(start * SAMPLE_RATE)
    piece = sound[: max(total.shape[1] - first, 0)]
    angle = (place + 1) * np.pi / 4
    total[:, first : first + len(piece)] += level * np.outer([np.cos(angle), np.sin(angle)], piece)


def _moments(rng: np.random.Generator, rate: float, seconds: float) -> Floats:
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds)))


def _birds(ambience: Ambience, total: Floats) -> None:
    rng = np.random.default_rng(ambience.seed + 2)
    low, place = rng.uniform(2200, 4200), rng.uniform(-0.9, 0.9)
    for start in _moments(rng, ambience.birds, total.shape[1] / SAMPLE_RATE):
        time = np.arange(int(rng.uniform(0.06, 0.2) * SAMPLE_RATE)) / SAMPLE_RATE
        sweep = low * (
            1 + rng.uniform(-0.25, 0.35) * time / time[-1] + 0.06 * np.sin(2 * np.pi * rng.uniform(15, 40) * time)
        )
        chirp = np.sin(2 * np.pi * np.cumsum(sweep) / SAMPLE_RATE) * np.sin(np.pi * time / time[-1]) ** 2
        _add(total, float(start), chirp, place, ambience.level * float(rng.uniform(0.8, 2.2)))


def _steps(ambience: Ambience, total: Floats) -> None:
    if not ambience.steps:
        return
    rng = np.random.default_rng(ambience.seed + 3)
    seconds, rate = total.shape[1] / SAMPLE_RATE, float(rng.uniform(1.6, 2.1))
    for number, start in enumerate(np.arange(rng.uniform(0, 0.6), seconds, 1 / rate)):
        time = np.arange(int(0.08 * SAMPLE_RATE)) / SAMPLE_RATE
        knock = band(rng, len(time), SAMPLE_RATE, 300, 2500) * np.exp(-time / 0.015)
        place = float(np.clip(-0.8 + 1.6 * start / seconds, -1, 1))
        _add(total, float(start), knock, place, ambience.level * (1.5 if number % 2 else 1.2))


def _bells(ambience: Ambience, total: Floats) -> None:
    rng = np.random.default_rng(ambience.seed + 4)
    tone, place = rng.uniform(380, 900), rng.uniform(-0.9, 0.9)
    for start in _moments(rng, ambience.bells, total.shape[1] / SAMPLE_RATE):
        time = np.arange(int(1.8 * SAMPLE_RATE)) / SAMPLE_RATE
        partials = ((1.0, 1.0, 0.8), (2.0, 0.6, 0.6), (2.4, 0.5, 0.45), (3.0, 0.35, 0.3), (4.5, 0.25, 0.2))
        ring = sum(a * np.sin(2 * np.pi * tone * k * time) * np.exp(-time / fade) for k, a, fade in partials)
        _add(total, float(start), np.asarray(ring), place, ambience.level * 1.2)
