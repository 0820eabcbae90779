"""The audio front end of LVS (Chen et al., CVPR 2021), which Hear The Flow and visual context took over."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import spectrogram

SAMPLE_RATE = 22050
SEGMENT, OVERLAP = 512, 274
FLOOR, SCALE = 1e-7, 12


def log_spectrogram(audio: npt.NDArray[Any], sample_rate: float = SAMPLE_RATE) -> npt.NDArray[np.float32]:
    """Return ``log(density + 1e-7) / 12`` of audio: a Tukey window (0.25), the mean of every segment taken out.

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
    audio = np.asarray(audio)
    if audio.ndim != 2 or audio.shape[1] < SEGMENT:
        raise ValueError(f"audio: expected (N, S) with S >= {SEGMENT}, got {audio.shape}")
    if not len(audio):  # which scipy gives no columns
        return np.empty((0, SEGMENT // 2 + 1, 1 + (audio.shape[1] - SEGMENT) // (SEGMENT - OVERLAP)), np.float32)
    *_, density = spectrogram(audio, sample_rate, nperseg=SEGMENT, noverlap=OVERLAP)
    return np.ascontiguousarray(np.log(density + FLOOR) / SCALE, np.float32)
