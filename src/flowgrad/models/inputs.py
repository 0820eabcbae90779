"""Preparing what models see: frames as numbers about zero, windows of audio at their rate and length."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)
PIXEL_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""Of CLIP, which RCGrad takes."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def window_length(seconds: float, sample_rate: int) -> int:
    """Return the length of a window of audio, samples."""
    return round(seconds * sample_rate)


def window_start(time: float, seconds: float, sample_rate: int) -> int:
    """Return the first sample of the window centred on ``time`` s; negative near the start of a clip."""
    return int((time - seconds / 2) * sample_rate)


def stored_audio(audio: npt.NDArray[np.float32], bits: Literal["float", "16"]) -> npt.NDArray[np.float32]:
    """Return audio as it is, or rounded to 16 bits."""
    if bits == "float":
        return audio
    return (np.clip(np.rint(audio * 32768), -32768, 32767) / 32768).astype(np.float32)


def _resampled(audio: npt.NDArray[np.float32], rate: int, wanted: int) -> npt.NDArray[np.float32]:
    """Return mono audio (S,) at another rate, by the resampler that decoding uses."""
    import av

    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio)[None], format="flt", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=wanted)
    parts = [part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(parts)


def fitted_audio(
    audio: npt.NDArray[Any], sample_rate: int, wanted_rate: int, seconds: float
) -> npt.NDArray[np.float32]:
    """Return windows (N, S) float32 at the wanted rate and length: resampled, then cut or padded about the centre.

    Raises ``ValueError`` for an array that is not (N, S) or a rate that is not positive.
    """
    if audio.ndim != 2 or audio.shape[1] == 0:
        raise ValueError(f"audio: expected windows (N, S) with S > 0, got {audio.shape}")
    if sample_rate <= 0:
        raise ValueError(f"sample_rate: expected a positive rate in Hz, got {sample_rate}")
    if not np.issubdtype(audio.dtype, np.floating):
        raise ValueError(f"audio: expected float samples in -1..1, got {audio.dtype}; divide integers by their range")
    windows = np.asarray(audio, np.float32)
    if sample_rate != wanted_rate:
        windows = np.stack([_resampled(window, sample_rate, wanted_rate) for window in windows])
    length = window_length(seconds, wanted_rate)
    surplus = windows.shape[1] - length
    if surplus > 0:
        windows = windows[:, surplus // 2 : surplus // 2 + length]
    elif surplus < 0:
        windows = np.pad(windows, ((0, 0), (-surplus // 2, -surplus - (-surplus // 2))))
    return np.ascontiguousarray(windows, np.float32)
