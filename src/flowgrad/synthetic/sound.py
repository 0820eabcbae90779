"""The sound of a scene: each vehicle as it arrives at the microphone, over wind and other noise.

Sound that arrives at t left its source at t - r/c. Reading the source's sound at those times gives level, pan and
Doppler shift at once: a vehicle that nears is heard higher, one that leaves lower.
"""

from __future__ import annotations

import numpy as np

from flowgrad.synthetic.engines import Samples, band, bands, ramps, source
from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.hearing import SPEED_OF_SOUND, amplitude, distance, pan, wind_level
from flowgrad.synthetic.scene import Ambience, Scene, Vehicle

SAMPLE_RATE = 32000
CONTROL = 200
"""Values a second at which distances are computed; it divides the sample rate."""

PEAK = 0.85
"""No sample is larger; a louder clip is turned down as a whole."""

LOST_DB = -22.0
"""Below this level over the steady noise a vehicle's sound is left out: nobody could tell."""

FADE_DB = 4.0
"""Over so much more of its level it fades in."""

STEREO_WIDTH = 0.9


def stereo(scene: Scene) -> Samples:
    """Return the clip's sound: (2, S) float32 at SAMPLE_RATE Hz, left and right, within -PEAK..PEAK."""
    total = background(scene)
    for vehicle in scene.vehicles:
        if vehicle.engine:
            first, heard = _passage(scene, vehicle)
            total[:, first : first + heard.shape[1]] += heard
    loudest = float(np.abs(total).max())
    return total * np.float32(min(1.0, PEAK / max(loudest, 1e-9)))


def arrived(scene: Scene, vehicle: Vehicle) -> Samples:
    """Return one vehicle's sound at the microphone: (2, S), before the clip's loudness is limited."""
    first, heard = _passage(scene, vehicle)
    after = round(scene.settings.seconds * SAMPLE_RATE) - first - heard.shape[1]
    return np.pad(heard, ((0, 0), (first, after)))


def _passage(scene: Scene, vehicle: Vehicle) -> tuple[int, Samples]:
    """Return the first sample at which a vehicle is not lost in the noise, and its sound from there on (2, N)."""
    step = SAMPLE_RATE // CONTROL
    samples = round(scene.settings.seconds * SAMPLE_RATE)
    control = np.arange(-(-samples // step) + 1) / CONTROL
    left_at = control.copy()
    for _ in range(4):
        left_at = control - distance(scene, vehicle, left_at) / SPEED_OF_SOUND
    level = amplitude(scene, vehicle, left_at)
    over = 20 * np.log10(np.maximum(level / scene.ambience.level, 1e-6))
    gate = np.clip((over - LOST_DB) / FADE_DB, 0, 1)
    heard = np.flatnonzero(gate)
    if not len(heard):
        return 0, np.zeros((2, 0), np.float32)
    span = slice(max(int(heard[0]) - 1, 0), int(heard[-1]) + 2)
    level, left_at = (level * gate)[span], left_at[span]
    if len(level) < 2:
        return 0, np.zeros((2, 0), np.float32)
    first = span.start * step
    count = min((len(level) - 1) * step, samples - first)
    start = int(np.floor(left_at[0] * SAMPLE_RATE))
    stop = int(np.ceil(left_at[-1] * SAMPLE_RATE)) + 2
    emitted = source(vehicle, np.arange(start, stop) / SAMPLE_RATE, SAMPLE_RATE).astype(np.float32)
    index = ramps(left_at * SAMPLE_RATE - start, step)[:count]
    whole = index.astype(np.int32)
    part = (index - whole).astype(np.float32)
    sound = emitted[whole]
    sound += (emitted[whole + 1] - sound) * part
    place = (pan(scene, vehicle, left_at) * STEREO_WIDTH + 1) * np.pi / 4
    ears = np.empty((2, count), np.float32)
    for ear, side in zip(ears, (np.cos(place), np.sin(place)), strict=True):
        np.multiply(ramps(level * side, step)[:count], sound, out=ear, casting="same_kind")
    return first, ears


def background(scene: Scene) -> Samples:
    """Return wind, town noise and the sounds of no vehicle: (2, S)."""
    ambience = scene.ambience
    samples = round(scene.settings.seconds * SAMPLE_RATE)
    rng = np.random.default_rng(ambience.seed)
    both, *apart = bands(rng, 3, samples, SAMPLE_RATE, 50.0, 9000.0, ambience.colour)
    # each ear's noise has the stated level; the two are half alike
    total = np.stack(apart)
    total += both
    total *= np.float32(ambience.level / 2)
    if ambience.gusts is not None:
        rng = np.random.default_rng(ambience.seed + 1)
        step = SAMPLE_RATE // CONTROL
        control = np.arange(-(-samples // step) + 1) / CONTROL
        level = ramps(wind_level(scene, control) / np.sqrt(2), step)[:samples].astype(np.float32)
        for ear, gust in zip(total, bands(rng, 2, samples, SAMPLE_RATE, 25.0, 180.0, 1.0), strict=True):
            ear += level * gust
    for sounds in (_birds, _steps, _bells):
        sounds(ambience, total)
    return total


def _add(total: Samples, start: float, sound: Floats | Samples, place: float, level: float) -> None:
    first = int(start * SAMPLE_RATE)
    piece = sound[: max(total.shape[1] - first, 0)]
    angle = (place + 1) * np.pi / 4
    total[:, first : first + len(piece)] += level * np.outer([np.cos(angle), np.sin(angle)], piece).astype(np.float32)


def _moments(rng: np.random.Generator, rate: float, seconds: float) -> Floats:
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds)))


def _birds(ambience: Ambience, total: Samples) -> None:
    rng = np.random.default_rng(ambience.seed + 2)
    low, place = rng.uniform(2200, 4200), rng.uniform(-0.9, 0.9)
    for start in _moments(rng, ambience.birds, total.shape[1] / SAMPLE_RATE):
        time = np.arange(int(rng.uniform(0.06, 0.2) * SAMPLE_RATE)) / SAMPLE_RATE
        sweep = low * (
            1 + rng.uniform(-0.25, 0.35) * time / time[-1] + 0.06 * np.sin(2 * np.pi * rng.uniform(15, 40) * time)
        )
        chirp = np.sin(2 * np.pi * np.cumsum(sweep) / SAMPLE_RATE) * np.sin(np.pi * time / time[-1]) ** 2
        _add(total, float(start), chirp, place, ambience.level * float(rng.uniform(0.8, 2.2)))


def _steps(ambience: Ambience, total: Samples) -> None:
    if not ambience.steps:
        return
    rng = np.random.default_rng(ambience.seed + 3)
    seconds, rate = total.shape[1] / SAMPLE_RATE, float(rng.uniform(1.6, 2.1))
    for number, start in enumerate(np.arange(rng.uniform(0, 0.6), seconds, 1 / rate)):
        time = np.arange(int(0.08 * SAMPLE_RATE)) / SAMPLE_RATE
        knock = band(rng, len(time), SAMPLE_RATE, 300, 2500) * np.exp(-time / 0.015)
        place = float(np.clip(-0.8 + 1.6 * start / seconds, -1, 1))
        _add(total, float(start), knock, place, ambience.level * (1.5 if number % 2 else 1.2))


def _bells(ambience: Ambience, total: Samples) -> None:
    rng = np.random.default_rng(ambience.seed + 4)
    tone, place = rng.uniform(380, 900), rng.uniform(-0.9, 0.9)
    for start in _moments(rng, ambience.bells, total.shape[1] / SAMPLE_RATE):
        time = np.arange(int(1.8 * SAMPLE_RATE)) / SAMPLE_RATE
        partials = ((1.0, 1.0, 0.8), (2.0, 0.6, 0.6), (2.4, 0.5, 0.45), (3.0, 0.35, 0.3), (4.5, 0.25, 0.2))
        ring = sum(a * np.sin(2 * np.pi * tone * k * time) * np.exp(-time / fade) for k, a, fade in partials)
        _add(total, float(start), np.asarray(ring), place, ambience.level * 1.2)
