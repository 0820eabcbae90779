"""Stage ``background``: how far every frame differs from what its place looks like most of the time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad import artifacts, frames
from flowgrad.artifacts import CHUNK_FRAMES
from flowgrad.constants import FRAMES_PER_SECOND, MAP_SIZE
from flowgrad.flow.background import difference, overlaps
from flowgrad.flow.camera import camera_motion, displacement
from flowgrad.flow.forms import ARTIFACT as FLOW
from flowgrad.flow.windows import COUNT, REACH, compared
from flowgrad.schemas.background import BACKGROUND

log = logging.getLogger(__name__)


def run(*, frames_in: Path, flow_in: Path, out: Path, threads: int = 1) -> None:
    """Compare every frame of a shard's videos with the median of those around it.

    Args:
        frames_in: the frames artifact.
        flow_in: signed flow, from which the camera's motion follows.
        out: HDF5; per clip ``frame`` (T,) int32, ``time_s`` (T,) float64 and ``difference`` (T, 224, 224) uint8, grey
            levels (:func:`flowgrad.flow.background.difference`). Frames without flow have no row.
        threads: OpenCV threads.
    """
    cv2.setNumThreads(threads)
    versions = artifacts.library_versions("opencv-python")
    with (
        artifacts.open_artifact(frames_in, frames.KIND) as source,
        artifacts.open_artifact(flow_in, FLOW) as flow,
        artifacts.create(
            out, BACKGROUND, fps=FRAMES_PER_SECOND, settings={"reach": REACH, "count": COUNT}, **versions
        ) as output,
    ):
        for name in sorted(set(source.clips()) & set(flow.clips())):
            numbers = flow.read(name, "frame").tolist() if flow.length(name) else []
            if not numbers or source.attributes(name).get("anchor_s") is not None:
                continue
            known = flow.attributes(name)
            group = output.clip(name, **{key: known[key] for key in ("source_sha256", "sound_sha256") if key in known})
            clip = _Clip(source, flow, name)
            for start in range(0, len(numbers), CHUNK_FRAMES):
                some = numbers[start : start + CHUNK_FRAMES]
                group.append(
                    frame=np.array(some, np.int32),
                    time_s=np.array(some) / FRAMES_PER_SECOND,
                    difference=np.stack([clip.difference(number) for number in some]),
                )
            log.info("%s: %d frames", name, len(numbers))


class _Clip:
    """Small pictures of a clip and how the camera moves between them; those far behind are forgotten."""

    def __init__(self, source: artifacts.ArtifactReader, flow: artifacts.ArtifactReader, name: str):
        self._reader = frames.FrameReader(source, name)
        self._flow, self._name = flow, name
        self._pairs = {int(number): row for row, number in enumerate(flow.read(name, "frame"))}
        self._pictures: dict[int, npt.NDArray[np.uint8]] = {}
        self._steps: dict[int, npt.NDArray[np.float64]] = {}
        self._chunk, self._vectors = -1, np.empty(0)

    def difference(self, number: int) -> npt.NDArray[np.uint8]:
        """Return how far a frame differs from its background, (224, 224) uint8."""
        for kept in (self._pictures, self._steps):
            for old in [key for key in kept if key < number - REACH]:
                del kept[old]
        moved = dict(self._moved(number))
        others = compared(number, min(moved), max(moved))
        pictures = [self._picture(other) for other in others]
        return difference(self._picture(number), pictures, [moved[other] for other in others])

    def _moved(self, number: int) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
        """Yield the frames that show the same place, and where this one's points are in each.

        A gap ends the chain of displacements, and so does a camera that has moved on.
        """
        yield number, np.eye(3)
        matrix: Any = np.eye(3)
        for other in range(number, number + REACH):
            if other not in self._pairs or not overlaps(matrix := self._step(other) @ matrix):
                break
            yield other + 1, matrix
        matrix = np.eye(3)
        for other in range(number - 1, number - REACH - 1, -1):
            if other not in self._pairs or not overlaps(matrix := np.linalg.inv(self._step(other)) @ matrix):
                break
            yield other, matrix

    def _step(self, number: int) -> npt.NDArray[np.float64]:
        if number not in self._steps:
            chunk, row = divmod(self._pairs[number], CHUNK_FRAMES)
            if chunk != self._chunk:
                # the file unpacks whole chunks
                rows = slice(chunk * CHUNK_FRAMES, (chunk + 1) * CHUNK_FRAMES)
                self._chunk, self._vectors = chunk, self._flow.read(self._name, "signed", rows)
            motion = camera_motion(self._vectors[row])
            self._steps[number] = displacement(motion, self._reader.width, self._reader.height, MAP_SIZE)
        return self._steps[number]

    def _picture(self, number: int) -> npt.NDArray[np.uint8]:
        if number not in self._pictures:
            rgb = self._reader.rgb(number)
            shrunk = cv2.resize(rgb, (MAP_SIZE, MAP_SIZE), interpolation=cv2.INTER_AREA)
            self._pictures[number] = np.asarray(shrunk, np.uint8)
        return self._pictures[number]
