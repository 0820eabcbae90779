"""What the classes of vehicles sound like at the source: engine, tyres, and what hisses or rattles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowgrad.synthetic.geometry import Floats
from flowgrad.synthetic.hearing import TOWN_SPEED
from flowgrad.synthetic.scene import Vehicle

Samples = npt.NDArray[np.float32]

COARSE = 256
"""Samples from one value of pace and pitch to the next."""

TURN = 4096
"""Samples of one turn of an engine; a power of two."""


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


# tyres hiss in the middle, a bus's fan high up, a truck's body rattles low down, a motorbike has its engine alone
VOICES = {
    "car": Voice(27.0, 68.0, _falling(10, 1.1), 0.15, 0.8, (600.0, 1800.0), 0.05, (1800.0, 4000.0)),
    "bus": Voice(22.0, 48.0, _falling(14, 0.6), 0.5, 0.1, (150.0, 500.0), 0.4, (3800.0, 7600.0), 0.15),
    "truck": Voice(15.0, 31.0, _falling(22, 0.35), 0.35, 0.15, (120.0, 500.0), 0.5, (250.0, 1000.0), 0.35, 9.0),
    "motorbike": Voice(
        48.0, 165.0, (0.7, 1.0, *_falling(22, 0.45)), 0.94, 0.02, (800.0, 3000.0), 0.04, (3000.0, 6000.0), 0.55,
    ),
}  # fmt: skip


def band(rng: np.random.Generator, samples: int, rate: int, low: float, high: float, tilt: float = 0.0) -> Samples:
    """Return noise between two frequencies (Hz) with root mean square 1, whose power falls as f ** -tilt."""
    return np.asarray(bands(rng, 1, samples, rate, low, high, tilt)[0])


def bands(
    rng: np.random.Generator, count: int, samples: int, rate: int, low: float, high: float, tilt: float = 0.0
) -> Samples:
    """Return several noises of one kind: (count, samples)."""
    size = _good_size(samples)
    f = np.arange(size // 2 + 1, dtype=np.float32) * np.float32(rate / size)
    f[0] = 1.0
    gain = 1 / np.sqrt((1 + ((low / f) ** 2) ** 3) * (1 + ((f / high) ** 2) ** 3))
    if tilt:
        gain *= np.maximum(f, 20.0) ** np.float32(-tilt / 2)
    gain[0] = 0
    found = np.empty((count, samples), np.float32)
    for noise in found:
        # of so many frequencies the sum is as good as normal, whatever each one's distribution
        parts = rng.random(2 * len(f), np.float32)
        parts -= 0.5
        spectrum = parts.view(np.complex64)
        spectrum *= gain
        noise[:] = np.fft.irfft(spectrum, size)[:samples]
        noise /= np.sqrt(np.mean(noise**2))
    return found


def _good_size(samples: int) -> int:
    """Return an even number, not less and not much larger, of which a Fourier transform is quick."""
    power = 1 << max((samples - 1).bit_length(), 4)
    return next(size for size in (power * 9 // 16, power * 5 // 8, power * 3 // 4, power) if size >= samples)


def ramps(values: Floats, step: int) -> Floats:
    """Return what lies on straight lines between values that are ``step`` samples apart, without the last one."""
    share = np.arange(step) / step
    return np.asarray(values[:-1, None] + np.diff(values)[:, None] * share).ravel()


def source(vehicle: Vehicle, times: Floats, rate: int) -> Samples:
    """Return a vehicle's sound at the source at evenly spaced times (s), root mean square 1 whatever it does."""
    voice = VOICES[vehicle.label]
    rng = np.random.default_rng(vehicle.seed)
    samples = len(times)
    coarse = times[0] + np.arange(-(-samples // COARSE) + 1) * COARSE / rate
    _, speed = vehicle.motion.at(coarse)
    pace = np.abs(speed) / TOWN_SPEED
    wobble = 1 + 0.012 * np.sin(2 * np.pi * rng.uniform(0.4, 1.1) * coarse + rng.uniform(0, 6))
    firing = (voice.idle_hz + (voice.town_hz - voice.idle_hz) * pace) * vehicle.pitch * wobble
    # phase in turns, with the frequency changing slowly
    turns = np.concatenate([[0.0], np.cumsum(firing[:-1]) * COARSE / rate]) + rng.random()
    phase = ramps(turns, COARSE)[:samples]
    amplitudes = np.array(voice.harmonics) * np.exp(rng.normal(0, 0.25, len(voice.harmonics)))
    turn = np.arange(TURN) / TURN
    orders = np.arange(1, len(amplitudes) + 1)
    wave = (amplitudes[:, None] * np.sin(2 * np.pi * (orders[:, None] * turn + rng.random((len(orders), 1))))).sum(
        axis=0
    )
    wave = (wave / np.sqrt(np.mean(wave**2))).astype(np.float32)
    engine = wave[(phase * TURN).astype(np.int32) & (TURN - 1)]
    if voice.modulation:
        # one swing in two turns
        swing = (1 + voice.modulation * np.sin(2 * np.pi * turn)) / np.sqrt(1 + voice.modulation**2 / 2)
        engine *= swing.astype(np.float32)[(phase * (TURN / 2)).astype(np.int32) & (TURN - 1)]
    rolling = np.minimum(pace, 1.5) ** 1.5
    powers = np.array([voice.engine, voice.tyres, voice.extra]) * np.exp(rng.normal(0, 0.2, 3))
    parts = [engine, band(rng, samples, rate, *voice.tyre_band), band(rng, samples, rate, *voice.extra_band)]
    if voice.rattles:
        parts[2] *= _bursts(rng, samples, rate, voice.rattles)
    shares = np.sqrt(powers)[:, None] * np.stack([np.ones_like(rolling), rolling, np.maximum(rolling, 0.35)])
    shares /= np.sqrt((shares**2).sum(axis=0))
    for part, share in zip(parts, shares, strict=True):
        if np.ptp(share) > 0:
            part *= ramps(share, COARSE)[:samples]
        else:
            part *= share[0]
    return np.asarray(parts[0] + parts[1] + parts[2])


def _bursts(rng: np.random.Generator, samples: int, rate: int, often: float) -> Samples:
    """Return an envelope of short knocks, ``often`` a second, with root mean square 1."""
    count = max(1, int(often * samples / rate))
    starts = np.concatenate([[0], np.sort(rng.integers(0, samples, count))])
    strength = np.concatenate([[0.0], rng.uniform(0.4, 1.0, count)])
    fade = np.exp(-np.arange(samples, dtype=np.float32) / np.float32(0.035 * rate))
    envelope = np.full(samples, 0.12, np.float32)
    for start, stop, loud in zip(starts, [*starts[1:], samples], strength, strict=True):
        envelope[start:stop] += np.float32(loud) * fade[: stop - start]
    return np.asarray(envelope / np.sqrt(np.mean(envelope**2)))
