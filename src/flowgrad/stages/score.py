"""Stage ``score``: the cIoU of every scored frame of a shard, for every model and protocol.

Every model is scored on the same frames. A frame that a configured model cannot have for a reason that lies in the
data (the video ends before it, it has no successor, the clip has no sound) is left out for all models; it stays in the
table as a row with that status and no cIoU, and the summary counts it as skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowgrad import artifacts
from flowgrad.datasets.base import Box
from flowgrad.evaluation.ground_truth import rasterise, scored_boxes
from flowgrad.evaluation.metrics import ciou, normalise
from flowgrad.models.registry import ModelSpec
from flowgrad.plan import read_annotations
from flowgrad.protocols import FRAMES_PER_SECOND, Protocol
from flowgrad.stages.decode import STATUS_COLUMNS
from flowgrad.stages.detect import DETECTION_COLUMNS
from flowgrad.stages.heatmaps import KIND, rows_of

log = logging.getLogger(__name__)

FRAME_COLUMNS = {
    "model": "str",
    "protocol": "str",
    "video": "str",
    "frame": "int64",
    "time_s": "float64",
    "ciou": "float64",
    "status": "str",
}
Row = tuple[str, str, str, int, float, float, str]
BATCH = 64


@dataclass(frozen=True)
class _Clip:
    name: str
    frames: int
    width: int
    height: int
    has_sound: bool


def run(
    *,
    status_in: Path,
    annotations_in: Path,
    specs: Sequence[ModelSpec],
    protocols: Mapping[str, Protocol],
    maps_in: Mapping[tuple[str, str], Path],
    detections_in: Mapping[str, Path],
    out: Path,
) -> None:
    """Score one shard.

    Args:
        status_in: what became of each clip (stage ``decode``).
        annotations_in: the annotations of the shard's clips.
        specs: the models of the table.
        protocols: the protocols, by name.
        maps_in: heatmap artifacts by (model, protocol).
        detections_in: detection tables by protocol.
        out: CSV, a row for every model, protocol and scored frame.
    """
    annotations = read_annotations(annotations_in)
    statuses = artifacts.read_table(status_in, STATUS_COLUMNS)
    listens, needs_flow = any(spec.sound for spec in specs), any(spec.flow for spec in specs)
    rows: list[Row] = []
    with ExitStack() as stack:
        maps = {key: stack.enter_context(artifacts.open_artifact(path, KIND)) for key, path in maps_in.items()}
        boxes = {name: _Detections(path) for name, path in detections_in.items()}
        for status in statuses.itertuples(index=False):
            if status.video not in annotations:
                continue
            clip = _Clip(status.video, status.frames, status.width, status.height, not np.isnan(status.sound_s))
            for name, protocol in protocols.items():
                truth = scored_boxes(
                    annotations[clip.name], protocol, (clip.width, clip.height) if clip.width else None
                )
                made = _frames_with_maps(maps, name, clip.name)
                absent = {
                    number: reason
                    for number in truth
                    if (reason := _not_computable(number, clip, made, listens=listens, needs_flow=needs_flow))
                }
                numbers = [number for number in truth if number not in absent]
                every = frozenset(numbers)
                scored: dict[str, Scored] = {
                    spec.name: {number: (np.nan, reason) for number, reason in absent.items()} for spec in specs
                }
                # in batches, so that memory does not grow with a clip's length
                for start in range(0, len(numbers), BATCH):
                    batch = numbers[start : start + BATCH]
                    masks = np.stack([_mask(truth[number], clip, protocol) for number in batch])
                    for spec in specs:
                        if spec.kind == "boxes":
                            found = _score_boxes(spec, clip, batch, every, masks, boxes[name], protocol)
                        elif spec.kind == "control":
                            found = _score_control(spec, clip, batch, masks, protocol)
                        else:
                            found = _score_maps(maps[spec.name, name], clip, batch, masks, protocol)
                        scored[spec.name] |= found
                rows += [
                    (model, name, clip.name, number, number / FRAMES_PER_SECOND, *values[number])
                    for model, values in scored.items()
                    for number in sorted(values)
                ]
    table = pd.DataFrame(rows, columns=list(FRAME_COLUMNS))
    # every digit: success is decided on these values, only the published table is rounded
    artifacts.write_table(out, table.sort_values(["model", "protocol", "video", "frame"]), float_format="%.17g")
    log.info("%d rows", len(table))


def _frames_with_maps(
    maps: Mapping[tuple[str, str], artifacts.ArtifactReader], protocol: str, clip: str
) -> set[int] | None:
    """Return the frames for which every model has a map; None where no model makes maps."""
    readers = [reader for (_, name), reader in maps.items() if name == protocol]
    if not readers:
        return None
    frames = [set(reader.read(clip, "frame").tolist()) if clip in reader else set[int]() for reader in readers]
    return set.intersection(*frames)


def _not_computable(number: int, clip: _Clip, made: set[int] | None, *, listens: bool, needs_flow: bool) -> str | None:
    """Return why a frame cannot be scored for every model, None where it can."""
    if number >= clip.frames:
        return "no_frame"
    if needs_flow and number + 1 >= clip.frames:
        return "no_next_frame"
    if listens and not clip.has_sound:
        return "no_sound"
    # the clip's file went away before a model came to it
    return "no_map" if made is not None and number not in made else None


def _mask(boxes: list[Box], clip: _Clip, protocol: Protocol) -> npt.NDArray[np.float32]:
    return rasterise([box.xywh for box in boxes], clip.width, clip.height, protocol)


Scored = dict[int, tuple[float, str]]


def _score_maps(
    reader: artifacts.ArtifactReader,
    clip: _Clip,
    numbers: list[int],
    masks: npt.NDArray[np.float32],
    protocol: Protocol,
) -> Scored:
    raw = rows_of(reader, clip.name, "maps", numbers).astype(np.float32)
    flat = raw.reshape(len(raw), -1)
    constant = flat.max(axis=1) == flat.min(axis=1)
    return _ciou(numbers, normalise(raw) if protocol.normalise_maps else raw, masks, protocol, constant)


def _ciou(
    numbers: list[int],
    maps: npt.NDArray[np.float32],
    truth: npt.NDArray[np.float32],
    protocol: Protocol,
    constant: npt.NDArray[np.bool_] | None = None,
) -> Scored:
    values = ciou(maps, truth, protocol.map_threshold)
    scored: Scored = {}
    for row, number in enumerate(numbers):
        status = "ok"
        if not truth[row].any():
            status = "empty_ground_truth"
        elif not (maps[row] >= protocol.map_threshold).any():
            status = "constant_map" if constant is not None and constant[row] else "empty_prediction"
        scored[number] = float(values[row]), status
    return scored


class _Detections:
    """A detection table, by clip and frame."""

    def __init__(self, path: Path):
        table = artifacts.read_table(path, DETECTION_COLUMNS)
        self._frames: dict[tuple[Any, Any], pd.DataFrame] = dict(list(table.groupby(["video", "frame"])))

    def boxes(self, clip: str, number: int, moving: bool) -> list[tuple[float, float, float, float]] | None:
        """Return left, top, width and height of a frame's boxes, or its moving ones; None where nothing was found."""
        rows = self._frames.get((clip, number))
        if rows is None:
            return None
        return [
            (row.x1, row.y1, row.x2 - row.x1, row.y2 - row.y1)
            for row in rows.itertuples(index=False)
            if row.moving or not moving
        ]


def _score_boxes(
    spec: ModelSpec,
    clip: _Clip,
    numbers: list[int],
    every: frozenset[int],
    masks: npt.NDArray[np.float32],
    detections: _Detections,
    protocol: Protocol,
) -> Scored:
    scored: Scored = {}
    moving = spec.boxes == "moving"
    for row, number in enumerate(numbers):
        boxes = detections.boxes(clip.name, number, moving)
        if boxes is None:
            scored[number] = (0.0 if protocol.no_detections == "zero" else np.nan), "no_detections"
            continue
        if moving and protocol.topline_successor == "scored":
            successor = number + protocol.stationary_gap
            if successor not in every or not detections.boxes(clip.name, successor, moving=False):
                boxes = []
        mask = rasterise(boxes, clip.width, clip.height, protocol)
        scored |= _ciou([number], mask[None], masks[row : row + 1], protocol)
    return scored


def _score_control(
    spec: ModelSpec, clip: _Clip, numbers: list[int], masks: npt.NDArray[np.float32], protocol: Protocol
) -> Scored:
    mask = rasterise(spec.load()(clip.width, clip.height), clip.width, clip.height, protocol)
    return _ciou(numbers, np.broadcast_to(mask, masks.shape), masks, protocol)
