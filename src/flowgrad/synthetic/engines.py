"""What the classes of vehicles sound like at the source: engine, tyres, and what hisses or rattles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.hearing import TOWN_SPEED
from flowgrad.synthetic.scene import Vehicle


@dataclass(frozen=True)
class Voice:
    """A class's sound. Shares are of the power at town speed; those of tyres and extras fall with the speed."""

    idle_hz: float
    town_hz: float
    harmonics: tuple[float, ...]
    engine: float
    tyres: float
    tyre_band: tuple[float, float]
    extra: float
    extra_band: tuple[float, float]
    modulation: float = 0.0
    rattles: float = 0.0
    """Rattles a second."""


def _falling(count: int, power: float) -> tuple[float, ...]:
    return tuple(1 / k**power for k in range(1, count + 1))


VOICES = {
    "car": Voice(27.0, 68.0, _falling(10, 1.1), 0.3, 0.65, (550.0, 2400.0), 0.05, (2400.0, 5000.0)),
    "bus": Voice(22.0, 48.0, _falling(14, 0.6), 0.72, 0.16, (150.0, 700.0), 0.12, (2200.0, 6500.0), 0.15),
    "truck": Voice(15.0, 31.0, _falling(22, 0.35), 0.55, 0.2, (120.0, 600.0), 0.25, (700.0, 2600.0), 0.35, 9.0),
    "motorbike": Voice(
        48.0, 165.0, (0.7, 1.0, 0.8, 0.75, 0.5, 0.5, 0.35, 0.3, 0.2, 0.2), 0.92, 0.03, (800.0, 3000.0), 0.05,
        (3000.0, 6000.0), 0.55,
    ),
}  # fmt: skip


def band(rng: np.random.Generator, samples: int, rate: int, low: float, high: float, tilt: float = 0.0) -> Floats:
    """Return noise between two frequencies (Hz) with root mean square 1, whose power falls as f ** -tilt."""
    size = 1 << (samples - 1).bit_length()
    f = np.fft.rfftfreq(size, 1 / rate)
    gain = 1 / np.sqrt((1 + (low / np.maximum(f, 1)) ** 6) * (1 + (f / high) ** 6)) * np.maximum(f, 20.0) ** (-tilt / 2)
    gain[0] = 0
    phases = rng.random(len(f), dtype=np.float32) * 2 * np.pi
    noise = np.fft.irfft(gain * np.exp(1j * phases), size)[:samples]
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))


def source(vehicle: Vehicle, times: Floats, rate: int) -> Floats:
    """Return a vehicle's sound at the source at evenly spaced times (s), root mean square 1 whatever it does."""
    voice = VOICES[vehicle.label]
    rng = np.random.default_rng(vehicle.seed)
    samples = len(times)
    coarse = times[::256]
    _, speed = vehicle.motion.at(coarse)
    pace = np.abs(speed) / TOWN_SPEED
    wobble = 1 + 0.012 * np.sin(2 * np.pi * rng.uniform(0.4, 1.1) * coarse + rng.uniform(0, 6))
    firing = (voice.idle_hz + (voice.town_hz - voice.idle_hz) * pace) * vehicle.pitch * wobble
    # phase in turns, with the frequency changing slowly
    phase = np.interp(times, coarse, np.concatenate([[0.0], np.cumsum(firing[:-1]) * 256 / rate]))
    phase += rng.random()
    amplitudes = np.array(voice.harmonics) * np.exp(rng.normal(0, 0.25, len(voice.harmonics)))
    turn = np.arange(4096) / 4096
    orders = np.arange(1, len(amplitudes) + 1)
    wave = (amplitudes[:, None] * np.sin(2 * np.pi * (orders[:, None] * turn + rng.random((len(orders), 1))))).sum(
        axis=0
    )
    wave /= np.sqrt(np.mean(wave**2))
    engine = wave[(np.mod(phase, 1) * 4096).astype(np.int64) % 4096]
    if voice.modulation:
        slow = 1 + voice.modulation * np.sin(np.pi * phase)
        engine = engine * slow / np.sqrt(1 + voice.modulation**2 / 2)
    rolling = np.interp(times, coarse, np.minimum(pace, 1.5) ** 1.5)
    powers = np.array([voice.engine, voice.tyres, voice.extra]) * np.exp(rng.normal(0, 0.2, 3))
    tyres = band(rng, samples, rate, *voice.tyre_band)
    extra = band(rng, samples, rate, *voice.extra_band)
    if voice.rattles:
        extra = extra * _bursts(rng, times, voice.rattles)
    idle_extra = np.maximum(rolling, 0.35)
    total = powers[0] + powers[1] * rolling**2 + powers[2] * idle_extra**2
    mixed = np.sqrt(powers[0]) * engine + np.sqrt(powers[1]) * rolling * tyres + np.sqrt(powers[2]) * idle_extra * extra
    return np.asarray(mixed / np.sqrt(total))


def _bursts(rng: np.random.Generator, times: Floats, rate: float) -> Floats:
    """Return an envelope of short knocks with root mean square 1."""
    span = times[-1] - times[0]
    starts = np.sort(rng.uniform(times[0], times[-1], max(1, int(rate * span))))
    strength = rng.uniform(0.4, 1.0, len(starts))
    last = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, None)
    since = np.maximum(times - starts[last], 0)
    envelope = 0.12 + strength[last] * np.exp(-since / 0.035)
    return np.asarray(envelope / np.sqrt(np.mean(envelope**2)))
