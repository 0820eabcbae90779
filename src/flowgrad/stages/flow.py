"""Stage ``flow``: the optical flow from every frame to the next, for the clips of a shard."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad import artifacts, frames
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.errors import MediaError
from flowgrad.flow.base import FlowEstimator, estimated
from flowgrad.flow.components import published_components
from flowgrad.flow.forms import ARTIFACT, Kind
from flowgrad.flow.storage import still, stored
from flowgrad.shard import PlannedClip, read_shard

log = logging.getLogger(__name__)


def run(
    *,
    shard_in: Path,
    frames_in: Path,
    root: Path,
    kind: Kind,
    name: str,
    estimator: FlowEstimator,
    out: Path,
    threads: int = 1,
) -> None:
    """Compute the flow of every clip in a frames artifact.

    Raises ``InputError`` where the estimator gives no flow of the frame's size.

    Args:
        shard_in: the shard's file.
        frames_in: the frames artifact.
        root: the dataset's folder.
        kind: which forms are kept (:mod:`flowgrad.flow.forms`).
        name: of the estimator, kept as provenance.
        estimator: computes the flow.
        out: HDF5; per clip ``frame`` (T,) int32, ``time_s`` (T,) float64 and the two forms of its kind, in native
            pixels per 1/8 s. The last frame has no successor and no row. A still has a row where the dataset brings
            its flow, as 8-bit pictures of its two parts; these have no length, so only the kind ``signed`` has them.
        threads: OpenCV threads.
    """
    cv2.setNumThreads(threads)
    settings = {"method": name, "settings": dict(estimator.settings), "units": "pixels of the source per 1/8 s"}
    versions = artifacts.library_versions("opencv-python")
    with (
        artifacts.open_artifact(frames_in, frames.KIND) as source,
        artifacts.create(out, ARTIFACT, fps=FRAMES_PER_SECOND, flow_kind=kind, **settings, **versions) as output,
    ):
        for clip in read_shard(shard_in):
            if clip.name not in source or not source.length(clip.name):
                continue
            if not clip.still:
                _video(source, clip.name, output, kind, name, estimator)
            elif clip.flow is not None and kind == "signed":
                _still(source, clip, root, output)


def _group(source: artifacts.ArtifactReader, clip: str, output: artifacts.ArtifactWriter) -> artifacts.ClipWriter:
    attributes = source.attributes(clip)
    return output.clip(
        clip,
        source_sha256=attributes["source_sha256"],
        source_width=int(attributes["width"]),
        source_height=int(attributes["height"]),
    )


def _video(
    source: artifacts.ArtifactReader,
    clip: str,
    output: artifacts.ArtifactWriter,
    kind: Kind,
    name: str,
    estimator: FlowEstimator,
) -> None:
    reader = frames.FrameReader(source, clip)
    group = _group(source, clip, output)
    pairs = [int(number) for number in reader.frames if number + 1 in reader]
    known, known_of = None, pairs[0] if pairs else 0
    for start in range(0, len(pairs), artifacts.CHUNK_FRAMES):
        batch = pairs[start : start + artifacts.CHUNK_FRAMES]
        rows: list[dict[str, npt.NDArray[Any]]] = []
        for number in batch:
            if reader.same(number, number + 1):
                # nothing moves between a frame and itself
                rows.append(still(kind))
                continue
            shared = known is not None and reader.same(known_of, number)
            first = known if shared else estimator.prepared(reader.rgb(number))
            known, known_of = estimator.prepared(reader.rgb(number + 1)), number + 1
            rows.append(stored(estimated(name, estimator, first, known, (reader.width, reader.height)), kind))
        _append(group, batch, np.array(batch) / FRAMES_PER_SECOND, rows)
    log.info("%s: %d pairs", clip, len(pairs))


def _still(source: artifacts.ArtifactReader, clip: PlannedClip, root: Path, output: artifacts.ArtifactWriter) -> None:
    assert clip.flow is not None
    try:
        forms = published_components(root / clip.flow[0], root / clip.flow[1])
    except MediaError as error:
        log.warning("%s: %s", clip.name, error)
        return
    group = _group(source, clip.name, output)
    _append(group, [0], frames.times(source, clip.name, [0]), [forms])
    log.info("%s: published flow", clip.name)


def _append(
    group: artifacts.ClipWriter,
    numbers: Sequence[int],
    times: npt.NDArray[np.float64],
    rows: list[dict[str, npt.NDArray[Any]]],
) -> None:
    forms: dict[str, Any] = {form: np.stack([row[form] for row in rows]) for form in rows[0]}
    group.append(frame=np.array(numbers, np.int32), time_s=times, **forms)
