"""Stage ``pictures``: what every model makes of a frame of a clip, side by side, a sheet a shard and protocol.

The frames come from the videos themselves and not from the frames artifact: that one is released as soon as flow, the
networks and the detector have read it, which is before there is anything to show.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from flowgrad import artifacts, media
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.datasets.base import Annotations
from flowgrad.datasets.stored import read_annotations
from flowgrad.errors import MediaError
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.evaluation.truth import scored_items, truth_mask
from flowgrad.figures.boxes import Boxes, with_boxes
from flowgrad.figures.overlay import overlay
from flowgrad.figures.sheet import Cell, fitted, sheet
from flowgrad.models.rows import Row
from flowgrad.schemas.boxes import DETECTIONS
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.scores import SCORES
from flowgrad.schemas.status import STATUS
from flowgrad.shard import PlannedClip, read_shard

if TYPE_CHECKING:
    from flowgrad.protocols import Protocol

log = logging.getLogger(__name__)

CIOU = "ciou"
"""The metric that is written under each cell."""
TRUE, BRIGHT, DIM = (60, 220, 90), (255, 190, 0), (150, 120, 50)


@dataclass(frozen=True)
class _Moment:
    """The frame of a clip that is shown, the true boxes on it, and what each model scored there."""

    clip: str
    number: int
    time_s: float
    truth: Boxes = ()
    scores: Mapping[str, str] | None = None
    mask: npt.NDArray[np.float32] | None = None
    """(224, 224) in [0, 1], the truth that the scores are made with."""


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
    rows: Sequence[Row],
    protocol_name: str,
    protocol: Protocol,
    thresholds: Mapping[str, ThresholdRule],
    maps_in: Mapping[str, Path],
    detections_in: Path | None,
    annotations_in: Path | None,
    scores_in: Path | None,
    count: int,
    out: Path,
    present: Collection[str] | None = None,
) -> None:
    """Draw the sheet of a shard under one protocol.

    A labelled clip is shown at the scored frame whose true boxes cover most (the earliest of equals), any other clip
    at its middle frame. Clips without such a frame, or that went away, have no row.

    Args:
        shard_in: the shard's file.
        root: the dataset's folder.
        status_in: what became of each clip (stage ``decode``).
        rows: the rows of the table under the protocol, a column each.
        protocol_name: as in the configuration.
        protocol: which frames are scored, and how maps are.
        thresholds: the rule that turns maps into masks, by model.
        maps_in: heatmap artifacts by model.
        detections_in: detection table, None where no model detects.
        annotations_in: the annotations of the shard's clips, None for a dataset without.
        scores_in: what stage ``score`` wrote, None for a dataset without annotations.
        count: rows at most.
        out: PNG.
        present: the clips of the shard that are in the dataset still; None for all.
    """
    statuses = artifacts.read_table(status_in, STATUS)
    statuses = statuses[statuses["frames"] > 0]
    if present is not None:
        statuses = statuses[statuses["video"].isin(present)]
    if annotations_in is not None and scores_in is not None:
        scores = artifacts.read_table(scores_in, SCORES)
        scores = scores[(scores["protocol"] == protocol_name) & (scores["metric"] == CIOU)]
        moments = _scored(statuses, scores, annotations_in, protocol)
        titles, note = [f"{protocol_name}: true boxes"], "no frame of these clips is scored"
    else:
        moments = {
            row.video: _Moment(row.video, row.frames // 2, _time(row, row.frames // 2))
            for row in statuses.itertuples(index=False)
        }
        titles, note = [protocol_name], "none of these clips has a picture"
    cells: list[list[Cell]] = []
    with ExitStack() as stack:
        maps = {name: stack.enter_context(artifacts.open_artifact(path, HEATMAPS)) for name, path in maps_in.items()}
        sources = _Sources(maps, artifacts.read_table(detections_in, DETECTIONS) if detections_in else None)
        for clip in read_shard(shard_in):
            if clip.name not in moments or len(cells) == count:
                continue
            moment = moments[clip.name]
            try:
                frame = _frame(root, clip, moment.number)
            except MediaError as error:
                log.warning("%s: not shown: %s", clip.name, error)
            else:
                cells.append(_row(moment, frame, rows, sources, protocol, thresholds))
    picture = sheet([*titles, *(row.name for row in rows)], cells, note)
    with artifacts.replacing(out) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    log.info("%d of %d clips", len(cells), len(statuses))


def _scored(
    statuses: pd.DataFrame, scores: pd.DataFrame, annotations_in: Path, protocol: Protocol
) -> dict[str, _Moment]:
    """Return for every clip with a scored frame the one whose true boxes cover most."""
    annotations = read_annotations(annotations_in)
    by_frame = dict(list(scores[scores["value"].notna()].groupby(["video", "frame"])))
    moments = {}
    for row in statuses.itertuples(index=False):
        best = 0.0
        size = row.width, row.height
        known = annotations.get(row.video, Annotations())
        for number, truth in scored_items(known, protocol.ground_truth, size).items():
            mask = truth_mask(known, truth, size, protocol.boxes.box_raster)
            area = float(mask.sum())
            if area > best and (row.video, number) in by_frame:
                best = area
                words = {one.model: _words(one.value, one.status) for one in by_frame[row.video, number].itertuples()}
                moments[row.video] = _Moment(row.video, number, _time(row, number), truth, words, mask)
    return moments


def _time(status: Any, number: int) -> float:
    """Return the time of a frame in its sound, s."""
    return number / FRAMES_PER_SECOND if np.isnan(status.anchor_s) else float(status.anchor_s)


def _words(ciou: float, status: str) -> str:
    why = status.replace("_", " ")
    if np.isnan(ciou):
        return why
    return f"cIoU {ciou:.2f}" if status == "ok" else f"cIoU {ciou:.2f} ({why})"


def _frame(root: Path, clip: PlannedClip, number: int) -> npt.NDArray[np.uint8]:
    """Return a frame of a clip, (H, W, 3) uint8 RGB; decodes up to it and holds one frame at a time.

    Raises ``MediaError`` where the file cannot be read or ends before.
    """
    if clip.still:
        return media.still(root / clip.video).rgb()
    for picture in media.pictures(media.inspect(root / clip.video)):
        if picture.number == number:
            return picture.rgb()
    raise MediaError(f"ends before frame {number}")


def _row(
    moment: _Moment,
    frame: npt.NDArray[np.uint8],
    rows: Sequence[Row],
    sources: _Sources,
    protocol: Protocol,
    thresholds: Mapping[str, ThresholdRule],
) -> list[Cell]:
    size = frame.shape[1], frame.shape[0]
    small = fitted(frame)
    cells = [Cell(with_boxes(small, moment.truth, size, TRUE), f"{moment.clip}  {moment.time_s:.3f} s")]
    rules = protocol.threshold
    for row in rows:
        caption = (moment.scores or {}).get(row.name, "")
        if row.model.boxes:
            cells.append(Cell(_with_detections(small, moment, size, sources), caption))
        elif row.model.gives == "boxes":
            cells.append(Cell(with_boxes(small, row.model.own_boxes(*size), size, BRIGHT), caption))
        elif (found := _map(sources.maps[row.name], moment)) is not None:
            counted = partial(_counted, thresholds[row.name], rules.map_threshold, moment.mask)
            cells.append(Cell(overlay(small, found, counted, rules.normalise_maps), caption))
        else:
            cells.append(Cell(small, caption or "no map"))
    return cells


def _counted(
    rule: ThresholdRule, threshold: float, mask: npt.NDArray[np.float32] | None, maps: npt.NDArray[np.float32]
) -> npt.NDArray[np.bool_]:
    """Return what counts in maps (1, H, W); nothing where the rule needs a truth that there is not."""
    if rule.needs_truth and mask is None:
        return np.zeros(maps.shape, np.bool_)
    truth = None
    if mask is not None:
        truth = cv2.resize(mask, maps.shape[:0:-1], interpolation=cv2.INTER_NEAREST)[None]
    return rule.apply(maps, threshold, truth)


def _map(reader: artifacts.ArtifactReader, moment: _Moment) -> npt.NDArray[np.float32] | None:
    """Return the map of the frame that is shown, (224, 224); None where there is none."""
    if moment.clip not in reader or moment.number not in reader.read(moment.clip, "frame"):
        return None
    return np.asarray(reader.rows(moment.clip, "maps", [moment.number])[0], np.float32)


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
