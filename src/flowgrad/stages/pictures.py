"""Stage ``pictures``: what every model makes of a frame of a clip, side by side, a sheet a shard and protocol.

The frames come from the videos themselves and not from the frames artifact: that one is released as soon as flow, the
networks and the detector have read it, which is before there is anything to show.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from flowgrad import artifacts, media
from flowgrad.errors import MediaError
from flowgrad.evaluation.ground_truth import rasterise, scored_boxes
from flowgrad.figures.boxes import Boxes, with_boxes
from flowgrad.figures.overlay import overlay
from flowgrad.figures.sheet import Cell, fitted, sheet
from flowgrad.models.registry import ModelSpec
from flowgrad.plan import read_annotations, read_shard
from flowgrad.protocols import FRAMES_PER_SECOND, Protocol
from flowgrad.stages.decode import STATUS_COLUMNS
from flowgrad.stages.detect import DETECTION_COLUMNS
from flowgrad.stages.heatmaps import KIND, rows_of
from flowgrad.stages.score import FRAME_COLUMNS

log = logging.getLogger(__name__)

TRUE, BRIGHT, DIM = (60, 220, 90), (255, 190, 0), (150, 120, 50)


@dataclass(frozen=True)
class _Moment:
    """The frame of a clip that is shown, the true boxes on it, and what each model scored there."""

    clip: str
    number: int
    truth: Boxes = ()
    scores: Mapping[str, str] | None = None


@dataclass(frozen=True)
class _Sources:
    """The heatmap artifacts by model, and the detections of the shard (None where no model detects)."""

    maps: Mapping[str, artifacts.ArtifactReader]
    detections: pd.DataFrame | None


def run(
    *,
    shard_in: Path,
    root: Path,
    status_in: Path,
    specs: Sequence[ModelSpec],
    protocol_name: str,
    protocol: Protocol,
    maps_in: Mapping[str, Path],
    detections_in: Path | None,
    annotations_in: Path | None,
    scores_in: Path | None,
    count: int,
    out: Path,
) -> None:
    """Draw the sheet of a shard under one protocol.

    A labelled clip is shown at the scored frame whose true boxes cover most (the earliest of equals), any other clip
    at its middle frame. Clips without such a frame, or whose video went away, have no row.

    Args:
        shard_in: the shard's file.
        root: the dataset's folder.
        status_in: what became of each clip (stage ``decode``).
        specs: the models, a column each.
        protocol_name: as in the configuration.
        protocol: which frames are scored, and how maps are.
        maps_in: heatmap artifacts by model.
        detections_in: detection table, None where no model detects.
        annotations_in: the annotations of the shard's clips, None for a dataset without.
        scores_in: what stage ``score`` wrote, None for a dataset without annotations.
        count: rows at most.
        out: PNG.
    """
    statuses = artifacts.read_table(status_in, STATUS_COLUMNS)
    statuses = statuses[statuses["frames"] > 0]
    if annotations_in is not None and scores_in is not None:
        scores = artifacts.read_table(scores_in, FRAME_COLUMNS)
        moments = _scored(statuses, scores[scores["protocol"] == protocol_name], annotations_in, protocol)
        titles, note = [f"{protocol_name}: true boxes"], "no frame of these clips is scored"
    else:
        moments = {row.video: _Moment(row.video, row.frames // 2) for row in statuses.itertuples(index=False)}
        titles, note = [protocol_name], "none of these clips has a picture"
    rows: list[list[Cell]] = []
    with ExitStack() as stack:
        maps = {name: stack.enter_context(artifacts.open_artifact(path, KIND)) for name, path in maps_in.items()}
        sources = _Sources(maps, artifacts.read_table(detections_in, DETECTION_COLUMNS) if detections_in else None)
        for clip in read_shard(shard_in):
            if clip.name not in moments or len(rows) == count:
                continue
            moment = moments[clip.name]
            try:
                frame = _frame(root / clip.video, moment.number)
            except MediaError as error:
                log.warning("%s: not shown: %s", clip.name, error)
            else:
                rows.append(_row(moment, frame, specs, sources, protocol))
    picture = sheet([*titles, *(spec.name for spec in specs)], rows, note)
    with artifacts.replacing(out) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    log.info("%d of %d clips", len(rows), len(statuses))


def _scored(
    statuses: pd.DataFrame, scores: pd.DataFrame, annotations_in: Path, protocol: Protocol
) -> dict[str, _Moment]:
    """Return for every clip with a scored frame the one whose true boxes cover most."""
    annotations = read_annotations(annotations_in)
    by_frame = dict(list(scores[scores["ciou"].notna()].groupby(["video", "frame"])))
    moments = {}
    for row in statuses.itertuples(index=False):
        best = 0.0
        size = row.width, row.height
        known = annotations.get(row.video)
        for number, boxes in scored_boxes(known, protocol, size).items() if known else ():
            truth = [box.xywh for box in boxes]
            area = float(rasterise(truth, *size, protocol).sum())
            if area > best and (row.video, number) in by_frame:
                best = area
                words = {one.model: _words(one.ciou, one.status) for one in by_frame[row.video, number].itertuples()}
                moments[row.video] = _Moment(row.video, number, truth, words)
    return moments


def _words(ciou: float, status: str) -> str:
    why = status.replace("_", " ")
    if np.isnan(ciou):
        return why
    return f"cIoU {ciou:.2f}" if status == "ok" else f"cIoU {ciou:.2f} ({why})"


def _frame(video: Path, number: int) -> npt.NDArray[np.uint8]:
    """Return an 8 fps frame of a video, (H, W, 3) uint8 RGB; decodes up to it and holds one picture at a time.

    Raises ``MediaError`` where the video cannot be read or ends before.
    """
    for picture in media.pictures(media.inspect(video)):
        if picture.number == number:
            return picture.rgb()
    raise MediaError(f"ends before frame {number}")


def _row(
    moment: _Moment, frame: npt.NDArray[np.uint8], specs: Sequence[ModelSpec], sources: _Sources, protocol: Protocol
) -> list[Cell]:
    size = frame.shape[1], frame.shape[0]
    small = fitted(frame)
    row = [
        Cell(with_boxes(small, moment.truth, size, TRUE), f"{moment.clip}  {moment.number / FRAMES_PER_SECOND:.3f} s")
    ]
    for spec in specs:
        caption = (moment.scores or {}).get(spec.name, "")
        if spec.kind == "control":
            row.append(Cell(with_boxes(small, spec.load()(*size), size, BRIGHT), caption))
        elif spec.kind == "boxes":
            row.append(Cell(_with_detections(small, moment, size, sources), caption))
        elif (found := _map(sources.maps[spec.name], moment)) is not None:
            row.append(Cell(overlay(small, found, protocol.map_threshold, protocol.normalise_maps), caption))
        else:
            row.append(Cell(small, caption or "no map"))
    return row


def _map(reader: artifacts.ArtifactReader, moment: _Moment) -> npt.NDArray[np.float32] | None:
    """Return the map of the frame that is shown, (224, 224); None where there is none."""
    if moment.clip not in reader or moment.number not in reader.read(moment.clip, "frame"):
        return None
    return np.asarray(rows_of(reader, moment.clip, "maps", [moment.number])[0], np.float32)


def _with_detections(
    small: npt.NDArray[np.uint8], moment: _Moment, size: tuple[int, int], sources: _Sources
) -> npt.NDArray[np.uint8]:
    """Return a picture with the detected boxes of its frame: standing ones dim, over them moving ones bright."""
    assert sources.detections is not None
    table = sources.detections
    table = table[(table["video"] == moment.clip) & (table["frame"] == moment.number)]
    for moving, colour in ((0, DIM), (1, BRIGHT)):
        rows = table[table["moving"] == moving].itertuples(index=False)
        boxes = [(row.x1, row.y1, row.x2 - row.x1, row.y2 - row.y1) for row in rows]
        small = with_boxes(small, boxes, size, colour, 1 + moving)
    return small
