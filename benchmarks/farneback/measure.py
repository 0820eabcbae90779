"""Farneback's flow of the product beside OpenCV's function: the same pairs of frames in turn, one core.

    python benchmarks/farneback/measure.py CLIP.mp4 [CLIP.mp4 ...] [--frames 12]

Each clip is taken as it is, and enlarged to 1280x720 where it is smaller.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

import flowgrad
from flowgrad.flow.farneback import PARAMETERS, Farneback
from flowgrad.flow.magnitude import length, map_magnitude
from flowgrad.flow.pairs import grey

LARGE = 1280, 720
CLOSE = 0.05
"""Pixels."""
MOVES = 1
"""Pixels: magnitudes are compared where the largest of a frame is larger."""


@dataclass
class Measured:
    """A figure a pair: seconds of the processor, shares of the pixels, pixels, and parts of the largest magnitude."""

    opencv: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    equal: list[float] = field(default_factory=list)
    close: list[float] = field(default_factory=list)
    apart: list[float] = field(default_factory=list)
    magnitudes: list[float] = field(default_factory=list)


def measured(frames: list[np.ndarray]) -> Measured:
    """Compare the two on each pair of consecutive RGB frames."""
    found, farneback = Measured(), Farneback()
    known, known_grey = farneback.prepared(frames[0]), grey(frames[0])
    for frame in frames[1:]:
        start = time.process_time()
        following_grey = grey(frame)
        expected = cv2.calcOpticalFlowFarneback(known_grey, following_grey, None, **PARAMETERS)
        middle = time.process_time()
        following = farneback.prepared(frame)
        flow = farneback.flow(known, following)
        end = time.process_time()
        known, known_grey = following, following_grey
        expected = np.ascontiguousarray(np.moveaxis(expected, -1, 0))
        found.opencv.append(middle - start)
        found.ours.append(end - middle)
        found.equal.append((flow == expected).all(axis=0).mean())
        apart = length(flow - expected)
        found.close.append((apart <= CLOSE).mean())
        found.apart.append(apart.max())
        small, reference = (map_magnitude(length(vectors)).astype(float) for vectors in (flow, expected))
        if reference.max() > MOVES:
            found.magnitudes.append(np.abs(small - reference).max() / reference.max())
    return found


def line(name: str, size: str, found: Measured) -> str:
    return (
        f"{name[:24]:24} {size:9} {1e3 * np.mean(found.opencv):9.1f} {1e3 * np.mean(found.ours):8.1f}"
        f" {np.sum(found.opencv) / np.sum(found.ours):6.2f} {100 * np.mean(found.equal):11.3f} %"
        f" {100 * np.mean(found.close):11.4f} % {max(found.apart):9.1g} px"
        f" {100 * max(found.magnitudes, default=0):9.4f} % of the largest"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=12)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(
        "clip                     size      OpenCV ms  ours ms  ratio  equal pixels  within 0.05 px  farthest"
        "  224x224 magnitudes, largest difference"
    )
    for path in options.clips:
        frames = list(flowgrad.read_clip(path).frames[: options.frames])
        height, width = frames[0].shape[:2]
        print(line(path.stem, f"{width}x{height}", measured(frames)))
        if width * height < LARGE[0] * LARGE[1]:
            large = [cv2.resize(frame, LARGE, interpolation=cv2.INTER_CUBIC) for frame in frames]
            print(line(path.stem, "1280x720", measured(large)))


if __name__ == "__main__":
    main()
