"""What Hear The Flow sees and hears, in the numbers that its networks were trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.constants import FRAMES_PER_SECOND

FLOW_SCALE = 255


def audio_input(audio: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return audio (N, S) in -1..1 as the released code reads it: stored in 16 bits, divided by 32767.

    >>> audio_input(np.array([[0.5, 1.0]])) * 32767
    array([[16384., 32767.]], dtype=float32)
    """
    sixteen_bit = np.clip(np.rint(np.asarray(audio, np.float32) * 32768), -32768, 32767)
    return np.asarray(sixteen_bit / 32767, np.float32)


def flow_scale(per_second: bool) -> int:
    """Return what divides flow in native pixels per second, or per 1/8 s: 1 px per 1/8 s enters as 1/255 either way."""
    return FLOW_SCALE * FRAMES_PER_SECOND if per_second else FLOW_SCALE


def flow_input(flow: npt.NDArray[Any], per_second: bool = False) -> npt.NDArray[np.float32]:
    """Return flow (N, 2, S, S) in native pixels, per 1/8 s or per second, as float32, divided by 255 or by 8 times 255.

    The released code reads flow from 8-bit files and scales it as it scales frames; signed flow gets the same scale.

    >>> flow_input(np.array([408]), per_second=True), flow_input(np.array([51]))
    (array([0.2], dtype=float32), array([0.2], dtype=float32))
    """
    return np.asarray(flow, np.float32) / np.float32(flow_scale(per_second))
