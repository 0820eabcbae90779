"""The audio front end of Coarse to Fine: a log-mel spectrogram of 64 bands.

The arithmetic is that of ``librosa.feature.melspectrogram(n_mels=64, n_fft=882, hop_length=441)`` at 22,050 Hz: power
of a Hann window of 40 ms every 20 ms, centred, silence past the ends; triangular bands on Slaney's mel scale, each of
area 1. librosa before 0.10 mirrored the sound at its ends, which changes the first and the last column.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from flowgrad.models.coarse_to_fine.presets import SAMPLE_RATE

BANDS, WINDOW, HOP = 64, 882, 441
FLOOR = float(np.spacing(1))
_LINEAR_HZ, _LINEAR_MEL = 1000.0, 15.0
"""Slaney's scale is linear up to here, and logarithmic above."""
_STEP = np.log(6.4) / 27


def _hertz(mel: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    above = _LINEAR_HZ * np.exp((mel - _LINEAR_MEL) * _STEP)
    return np.where(mel < _LINEAR_MEL, mel * _LINEAR_HZ / _LINEAR_MEL, above)


@cache
def mel_bands(sample_rate: int = SAMPLE_RATE, window: int = WINDOW, bands: int = BANDS) -> npt.NDArray[np.float64]:
    """Return the weights (bands, window // 2 + 1) of frequencies 0 to half of ``sample_rate`` (at least 2,000 Hz)."""
    frequency = np.linspace(0, sample_rate / 2, window // 2 + 1)
    top = _LINEAR_MEL + np.log(sample_rate / 2 / _LINEAR_HZ) / _STEP
    edges = _hertz(np.linspace(0, top, bands + 2))[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequency - low) / (middle - low), (high - frequency) / (high - middle)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low))


def log_mel(audio: Tensor) -> Tensor:
    """Return ``log(power of every band + 2.2e-16)``.

    Args:
        audio: (N, S) float in -1..1 at 22,050 Hz.

    Returns:
        (N, 1 + S // 441, 64) float32, time first: 5 s give 251 rows. Silence is -36.04.

    >>> log_mel(torch.zeros(2, 110250)).shape
    torch.Size([2, 251, 64])
    """
    # in bfloat16 a sum of powers has three digits
    with torch.autocast(audio.device.type, enabled=False):
        audio = audio.float()
        spectrum = torch.stft(
            audio,
            WINDOW,
            HOP,
            window=torch.hann_window(WINDOW, device=audio.device),
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        bands = torch.as_tensor(mel_bands(), dtype=torch.float32, device=audio.device)
        return torch.log(bands @ spectrum.abs().square() + FLOOR).transpose(1, 2)


def peak_one(audio: Tensor) -> Tensor:
    """Return audio (N, S) divided by its largest sample, as the released code does at test; silence stays silent."""
    return audio / (audio.abs().amax(dim=1, keepdim=True) + FLOOR)
