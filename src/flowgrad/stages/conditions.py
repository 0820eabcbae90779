"""Stage ``conditions``: how loud it is around every frame of a shard, and how far its camera moves."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowgrad import artifacts, frames
from flowgrad.decoding import ANY_RATE
from flowgrad.flow.camera import camera_motion
from flowgrad.flow.forms import ARTIFACT as FLOW
from flowgrad.schemas.conditions import CONDITIONS

log = logging.getLogger(__name__)

WINDOW_S = 1.0
"""Sound that counts as that of a frame."""


def run(*, frames_in: Path, flow_in: Path, out: Path) -> None:
    """Measure the frames of a shard.

    Args:
        frames_in: the frames artifact, with sound at 16 kHz.
        flow_in: signed flow.
        out: CSV, a row a frame.
    """
    rows: list[tuple[Any, ...]] = []
    with artifacts.open_artifact(frames_in, frames.KIND) as source, artifacts.open_artifact(flow_in, FLOW) as flow:
        for name in source.clips():
            if not source.length(name):
                continue
            numbers = source.read(name, "frame").tolist()
            times = frames.times(source, name, numbers)
            width = int(source.attributes(name)["width"])
            moved = _moved(flow, name, width) if source.attributes(name).get("anchor_s") is None else {}
            sounds = source.has(name, frames.audio_name(ANY_RATE))
            for number, time in zip(numbers, times, strict=True):
                heard = loudness(_around(source, name, float(time))) if sounds else np.nan
                rows.append((name, number, heard, moved.get(number, np.nan)))
            log.info("%s: %d frames", name, len(numbers))
    artifacts.write_table(out, pd.DataFrame(sorted(rows), columns=list(CONDITIONS)))


def loudness(audio: npt.NDArray[np.float32]) -> float:
    """Return the root mean square of some audio, dB of full scale: NaN where there is none, -inf for silence.

    >>> round(loudness(np.full(8, 0.1, np.float32)), 3), loudness(np.zeros(8, np.float32))
    (-20.0, -inf)
    """
    if not len(audio):
        return float("nan")
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64))))


def _around(source: artifacts.ArtifactReader, clip: str, time: float) -> npt.NDArray[np.float32]:
    start, end = (max(0, round((time + side * WINDOW_S / 2) * ANY_RATE)) for side in (-1, 1))
    return source.read(clip, frames.audio_name(ANY_RATE), slice(start, end))


def _moved(flow: artifacts.ArtifactReader, clip: str, width: int) -> dict[int, float]:
    """Return how far the centre of every frame moves with the camera until the next, in widths of the frame."""
    if clip not in flow or not flow.length(clip):
        return {}
    numbers = flow.read(clip, "frame").tolist()
    return {
        number: float(np.hypot(*camera_motion(flow.rows(clip, "signed", [number])[0])[0])) / width for number in numbers
    }
