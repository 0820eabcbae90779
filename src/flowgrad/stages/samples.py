"""Stage ``samples``: what training reads of the clips of a shard, and what became of each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad import artifacts, media
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.errors import MediaError
from flowgrad.flow.base import FlowEstimator, estimated
from flowgrad.flow.components import jpeg_components, map_components
from flowgrad.flow.magnitude import length, map_magnitude
from flowgrad.models.base import SampleSpec
from flowgrad.resizing import resized
from flowgrad.schemas.training_clips import LEFT_OUT, OFFERED, TRAINING_CLIPS, USED
from flowgrad.shard import PlannedClip, read_shard
from flowgrad.training.samples import KIND, attributes_of, has_whole_window

log = logging.getLogger(__name__)

IN_LABELLED_PART = "is an annotated clip of the dataset"


@dataclass
class SampleStatus:
    """What became of a clip: ``used`` or ``left out``, and why."""

    video: str
    status: str
    reason: str
    samples: int


def run(
    *,
    shard: Path,
    root: Path,
    spec: SampleSpec,
    frames_per_second: int,
    name: str,
    estimator: FlowEstimator,
    samples_out: Path,
    status_out: Path,
) -> None:
    """Write the samples of every clip of a shard.

    Args:
        shard: the shard's file.
        root: the folder that its paths are relative to.
        spec: what a sample holds.
        frames_per_second: how many samples a second of video gives; divides 8.
        name: of the flow estimator, kept as provenance.
        estimator: computes the flow.
        samples_out: HDF5; per clip ``frame`` (T,) int32, ``rgb`` (T, S, S, 3) uint8, ``flow`` (T, 224, 224) or
            (T, 2, 224, 224) float16 (``signed_jpeg``: uint8), and ``audio`` (samples,) float32. Clips that cannot be
            used are absent.
        status_out: CSV, a row a clip.
    """
    import pandas as pd

    cv2.setNumThreads(1)
    rows = []
    versions = artifacts.library_versions("av", "opencv-python")
    held = attributes_of(spec) | {"frames_per_second": frames_per_second, "flow": name}
    with artifacts.create(samples_out, KIND, **held, **versions) as output:
        for clip in read_shard(shard):
            group = output.clip(clip.name, source_sha256=clip.source_sha256(root))
            try:
                count = _clip(clip, root, group, spec, FRAMES_PER_SECOND // frames_per_second, name, estimator)
                rows.append(SampleStatus(clip.name, USED, "", count))
            except MediaError as error:
                output.drop(clip.name)
                rows.append(SampleStatus(clip.name, LEFT_OUT, str(error), 0))
            log.info("%s: %s %s", clip.name, rows[-1].status, rows[-1].reason)
    table = pd.DataFrame([asdict(row) for row in rows], columns=list(TRAINING_CLIPS))
    artifacts.write_table(status_out, table.sort_values("video"))


def run_clips(*, statuses_in: Sequence[Path], clips_in: Path, out: Path) -> None:
    """Write one row for every clip that was offered to training.

    Args:
        statuses_in: what :func:`run` wrote, a file a shard.
        clips_in: JSON with the clips that there are and their places (``planned``), and the names of those among them
            that are annotated clips of the dataset (``labelled``): nothing is learnt from them.
        out: CSV with ``video, status, reason, samples, place``.
    """
    import pandas as pd

    known = artifacts.read_json(clips_in)
    table = pd.concat([artifacts.read_table(path, TRAINING_CLIPS) for path in statuses_in])
    table = table[table["video"].isin(known["planned"])]
    rows = table["video"].isin(known["labelled"])
    table.loc[rows, ["status", "reason", "samples"]] = [LEFT_OUT, IN_LABELLED_PART, 0]
    table["place"] = table["video"].map(known["planned"])
    artifacts.write_table(out, table.sort_values("video")[list(OFFERED)])


def _clip(
    clip: PlannedClip,
    root: Path,
    group: artifacts.ClipWriter,
    spec: SampleSpec,
    every: int,
    name: str,
    estimator: FlowEstimator,
) -> int:
    """Write one clip and return how many samples it has; raises ``MediaError`` where it cannot be used."""
    recording = media.inspect(root / clip.video)
    sound_end = _sound(media.inspect(root / clip.sound) if clip.sound else recording, group, spec.sample_rate)
    report = media.DecodeReport()
    numbers: list[int] = []
    for number, rgb, flow in _pairs(recording, report, spec, every, sound_end, name, estimator):
        numbers.append(number)
        sample: dict[str, Any] = {"frame": np.array([number], np.int32), "rgb": rgb[None]}
        if flow is not None:
            sample["flow"] = flow[None]
        group.append(chunk=1, **sample)
    end = min(sound_end, report.frames / FRAMES_PER_SECOND)
    usable = sum(has_whole_window(number, end, spec.seconds, spec.lag) for number in numbers)
    if not usable:
        raise MediaError(f"{end:.2f} s with sound, a window has {spec.seconds:g} s")
    group.attributes(end_s=end)
    return usable


def _pairs(
    recording: media.Recording,
    report: media.DecodeReport,
    spec: SampleSpec,
    every: int,
    end: float,
    name: str,
    estimator: FlowEstimator,
) -> Iterator[tuple[int, npt.NDArray[np.uint8], npt.NDArray[Any] | None]]:
    """Yield number, frame, and flow to its successor of every ``every``-th frame that has a whole window."""
    waiting = None
    for picture in media.pictures(recording, report):
        wanted = picture.number % every == 0 and has_whole_window(picture.number, end, spec.seconds, spec.lag)
        rgb = picture.rgb() if wanted or waiting is not None else None
        if waiting is not None and rgb is not None:
            yield picture.number - 1, resized(waiting, spec.size), _flow(waiting, rgb, spec, name, estimator)
        waiting = rgb if wanted else None


def _flow(
    first: npt.NDArray[np.uint8],
    second: npt.NDArray[np.uint8],
    spec: SampleSpec,
    name: str,
    estimator: FlowEstimator,
) -> npt.NDArray[Any] | None:
    """Return the flow from one frame (H, W, 3) to its successor as the spec has it."""
    if spec.flow == "none":
        return None
    size = first.shape[1], first.shape[0]
    flow = estimated(name, estimator, estimator.prepared(first), estimator.prepared(second), size)
    if spec.flow == "magnitude":
        return map_magnitude(length(flow))
    return map_components(flow) if spec.flow == "signed" else jpeg_components(flow)


def _sound(recording: media.Recording, group: artifacts.ClipWriter, sample_rate: int) -> float:
    """Write a clip's sound and return its length in seconds; raises ``MediaError`` where there is none."""
    samples, peak = 0, 0.0
    for block in (blocks[sample_rate] for blocks in media.sound(recording, [sample_rate])):
        group.extend("audio", block, chunk=1 << 14, compress=False)
        samples += block.size
        peak = max(peak, float(np.abs(block).max(initial=0)))
    if peak == 0:
        raise MediaError("the sound is digital silence")
    return samples / sample_rate
