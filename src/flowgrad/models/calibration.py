"""What networks are shown before they compute in 8-bit integers, so that the ranges of their numbers are known.

A file that comes along: moments of rendered streets, a frame, the sound around it and the motion that begins there. So
ranges are the same in every job, whichever clips it has, and know nothing of the clips that are scored.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.flow.prepared import given
from flowgrad.models.base import Batch, FlowSpec, Needs
from flowgrad.models.inputs import fitted_audio, stored_audio
from flowgrad.resizing import resized

FILE = Path(__file__).parent.parent / "shipped" / "calibration.npz"
SAMPLE_RATE = 16000
FLOW_STEP = 0.25
"""Pixels of the source; flow is kept in whole steps."""


def moments(needs: Needs) -> Batch:
    """Return the moments as a model with these needs is given them."""
    with np.load(FILE) as file:
        kept = {name: file[name] for name in file.files}
    frames = audio = flow = None
    if needs.frames is not None:
        pictures = (Image.open(io.BytesIO(jpeg.tobytes())) for jpeg in np.split(kept["jpeg"], kept["ends"][:-1]))
        frames = np.stack([resized(np.asarray(picture), needs.frames.size) for picture in pictures])
    if needs.audio is not None:
        sounds = (kept["audio"] / np.float32(32768))[kept["sound"]]
        fitted = fitted_audio(sounds, SAMPLE_RATE, needs.audio.sample_rate, needs.audio.seconds)
        audio = stored_audio(fitted, needs.audio.bits)
    if needs.flow is not None:
        flow = _flow(kept["flow"] * np.float32(FLOW_STEP), needs.flow, int(kept["width"]))
    return Batch(frames=frames, audio=audio, flow=flow)


def _flow(vectors: npt.NDArray[np.float32], spec: FlowSpec, width: int) -> npt.NDArray[Any]:
    """Return flow (N, 2, 224, 224) as a model asks for it; of a mean over time the frame's own pair."""
    if spec.form.endswith("jpeg"):
        vectors = np.rint(np.maximum(vectors, 0) if spec.form == "signed_jpeg" else vectors)
    if not spec.form.startswith("signed"):
        vectors = np.hypot(vectors[:, 0], vectors[:, 1])
    every = range(len(vectors))
    return given(vectors, every, every, replace(spec, seconds=1 / FRAMES_PER_SECOND), width)
