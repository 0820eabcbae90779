"""The audio front end that Hear The Flow has from LVS (Chen et al., CVPR 2021): a log power spectral density.

The arithmetic is that of ``scipy.signal.spectrogram(audio, rate, nperseg=512, noverlap=274)``: Tukey window (0.25,
periodic), the mean of every segment taken out, one-sided density in 1/Hz, no padding. Written here, because scipy would
be one more dependency for these lines.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 22050
SEGMENT, OVERLAP = 512, 274
TAPER = 0.25
"""The share of the window that its two cosine slopes take."""
FLOOR, SCALE = 1e-7, 12


@cache
def _window() -> npt.NDArray[np.float64]:
    position = np.arange(SEGMENT) / SEGMENT
    distance = np.minimum(position, 1 - position)  # from the nearer end
    return np.where(distance < TAPER / 2, 0.5 - 0.5 * np.cos(2 * np.pi * distance / TAPER), 1.0)


def log_spectrogram(audio: npt.NDArray[Any], sample_rate: float = SAMPLE_RATE) -> npt.NDArray[np.float32]:
    """Return ``log(density + 1e-7) / 12`` of audio.

    Args:
        audio: (N, S), samples in -1..1, S >= 512.
        sample_rate: Hz; the density is per Hz.

    Returns:
        (N, 257, 1 + (S - 512) // 238) float32: 3 s at 22,050 Hz give 276 columns. Silence is log(1e-7) / 12 = -1.343.

    Raises:
        ValueError: ``audio`` is not (N, S) or shorter than one segment.

    >>> log_spectrogram(np.zeros((2, 66150), np.float32)).shape
    (2, 257, 276)
    """
    audio = np.asarray(audio, np.float64)
    if audio.ndim != 2 or audio.shape[1] < SEGMENT:
        raise ValueError(f"audio: expected (N, S) with S >= {SEGMENT}, got {audio.shape}")
    window = _window()
    segments = np.lib.stride_tricks.sliding_window_view(audio, SEGMENT, axis=1)[:, :: SEGMENT - OVERLAP]
    spectrum = np.fft.rfft((segments - segments.mean(axis=2, keepdims=True)) * window)
    density = np.square(np.abs(spectrum)) / (sample_rate * np.square(window).sum())
    density[..., 1:-1] *= 2  # the negative frequencies; 0 Hz and the highest have none
    return np.ascontiguousarray((np.log(density + FLOOR) / SCALE).transpose(0, 2, 1), np.float32)
