"""Stage ``flow``: the flow magnitude from every frame to the next, for the clips of a shard."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np

from flowgrad import artifacts, frames
from flowgrad.flow import Farneback, FlowEstimator, jpeg_magnitude, map_magnitude
from flowgrad.flow.magnitude import KIND
from flowgrad.protocols import FRAMES_PER_SECOND, MAP_SIZE

log = logging.getLogger(__name__)


def run(*, frames_in: Path, out: Path, threads: int = 1) -> None:
    """Compute the flow of every clip in a frames artifact.

    Args:
        frames_in: the frames artifact.
        out: HDF5; per clip ``frame`` (T,) int32, ``time_s`` (T,) float64, ``magnitude`` (T, 224, 224) float16 in
            native pixels per 1/8 s and ``magnitude_jpeg`` (T, 224, 224) uint8, what the released code would have kept
            (a twentieth of the time and size; always there, so that a protocol can be added later). The last frame
            has no successor and no row.
        threads: OpenCV threads.
    """
    cv2.setNumThreads(threads)
    estimator = Farneback()
    settings = {
        "method": estimator.name,
        "settings": estimator.settings,
        "units": "pixels of the source per 1/8 s",
    }
    versions = artifacts.library_versions("opencv-python")
    with (
        artifacts.open_artifact(frames_in, frames.KIND) as source,
        artifacts.create(out, KIND, fps=FRAMES_PER_SECOND, **settings, **versions) as output,
    ):
        for clip in source.clips():
            if source.length(clip):
                _clip(source, clip, output, estimator)


def _clip(
    source: artifacts.ArtifactReader,
    clip: str,
    output: artifacts.ArtifactWriter,
    estimator: FlowEstimator,
) -> None:
    reader = frames.PictureReader(source, clip)
    attributes = source.attributes(clip)
    group = output.clip(
        clip,
        source_sha256=attributes["source_sha256"],
        source_width=reader.width,
        source_height=reader.height,
    )
    pairs = [int(number) for number in reader.frames if number + 1 in reader]
    grey, grey_of = None, pairs[0] if pairs else 0
    for start in range(0, len(pairs), artifacts.CHUNK_FRAMES):
        batch = pairs[start : start + artifacts.CHUNK_FRAMES]
        exact, jpeg = [], []
        for number in batch:
            if reader.same(number, number + 1):
                # nothing moves between a picture and itself
                exact.append(np.zeros((MAP_SIZE, MAP_SIZE), np.float16))
                jpeg.append(np.zeros((MAP_SIZE, MAP_SIZE), np.uint8))
                continue
            first = grey if grey is not None and reader.same(grey_of, number) else estimator.grey(reader.rgb(number))
            grey, grey_of = estimator.grey(reader.rgb(number + 1)), number + 1
            magnitude = estimator.magnitude(first, grey)
            exact.append(map_magnitude(magnitude))
            jpeg.append(jpeg_magnitude(magnitude))
        numbers = np.array(batch, np.int32)
        group.append(
            frame=numbers,
            time_s=numbers / FRAMES_PER_SECOND,
            magnitude=np.stack(exact),
            magnitude_jpeg=np.stack(jpeg),
        )
    log.info("%s: %d pairs", clip, len(pairs))
