"""A frame as every row sees it: the truth, then a cell a row, for sheets of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad import artifacts, media
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.errors import MediaError
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.figures.boxes import BRIGHT, DIM, TRUE, Boxes, with_boxes
from flowgrad.figures.choice import liveliest, loudness, stir
from flowgrad.figures.overlay import overlay
from flowgrad.figures.sheet import Cell, fitted
from flowgrad.models.rows import Row
from flowgrad.shard import PlannedClip

if TYPE_CHECKING:
    import pandas as pd

    from flowgrad.protocols import Protocol

RATE = 8000
"""At which it is asked where a clip is loudest, Hz."""


@dataclass(frozen=True)
class Moment:
    """The frame of a clip that is shown, the true boxes on it, and what each model scored there."""

    clip: str
    number: int
    time_s: float
    truth: Boxes = ()
    scores: Mapping[str, str] | None = None
    mask: npt.NDArray[np.float32] | None = None
    """(224, 224) in [0, 1], the truth that the scores are made with."""


@dataclass(frozen=True)
class Sources:
    """The heatmap artifacts by model, and the detections of the shard (None where no model detects)."""

    maps: Mapping[str, artifacts.ArtifactReader]
    detections: pd.DataFrame | None


def time_of(status: Any, number: int) -> float:
    """Return the time of a frame in its sound, s, from its clip's row of the status."""
    return number / FRAMES_PER_SECOND if np.isnan(status.anchor_s) else float(status.anchor_s)


def words(ciou: float, status: str) -> str:
    """Return what is said of a score: the figure, and why it is open where it is."""
    why = status.replace("_", " ")
    if np.isnan(ciou):
        return why
    return f"cIoU {ciou:.2f}" if status == "ok" else f"cIoU {ciou:.2f} ({why})"


def frame_of(root: Path, clip: PlannedClip, number: int) -> npt.NDArray[np.uint8]:
    """Return a frame of a clip, (H, W, 3) uint8 RGB; decodes up to it and holds one frame at a time.

    Raises ``MediaError`` where the file cannot be read or ends before.
    """
    if clip.still:
        return media.still(root / clip.video).rgb()
    for picture in media.pictures(media.inspect(root / clip.video)):
        if picture.number == number:
            return picture.rgb()
    raise MediaError(f"ends before frame {number}")


def liveliest_moment(root: Path, clip: PlannedClip, status: Any, flow: artifacts.ArtifactReader | None) -> Moment:
    """Return the frame of a clip in which most moves, or without flow that where it is loudest.

    Args:
        root: the dataset's folder.
        clip: as it was planned.
        status: its row of the status.
        flow: of its shard, any kind; None where the run has none.

    Raises ``MediaError`` where its sound is needed and cannot be read.
    """
    number = 0
    if flow is not None and clip.name in flow and flow.length(clip.name):
        form = "magnitude" if flow.has(clip.name, "magnitude") else "signed"
        length = flow.length(clip.name)
        values = [
            stir(flow.read(clip.name, form, slice(at, at + artifacts.CHUNK_FRAMES)))
            for at in range(0, length, artifacts.CHUNK_FRAMES)
        ]
        number = int(flow.read(clip.name, "frame")[liveliest(np.concatenate(values))])
    elif flow is None and not clip.still:
        recording = media.inspect(root / (clip.sound or clip.video))
        blocks = [] if recording.sound is None else [one[RATE] for one in media.sound(recording, [RATE])]
        heard = np.concatenate([np.empty(0, np.float32), *blocks])
        number = liveliest(loudness(heard, RATE, status.frames, FRAMES_PER_SECOND))
    return Moment(clip.name, number, time_of(status, number))


def cells_of(
    moment: Moment,
    frame: npt.NDArray[np.uint8],
    rows: Sequence[Row],
    sources: Sources,
    protocol: Protocol | None,
    thresholds: Mapping[str, ThresholdRule],
) -> list[Cell]:
    """Return the cell of the truth, and one for each row: what it makes of a frame (H, W, 3) uint8 RGB.

    Where nobody knows what counts, the outline is drawn at half of the map: no protocol, or a row without a rule.
    """
    size = frame.shape[1], frame.shape[0]
    small = fitted(frame)
    cells = [Cell(with_boxes(small, moment.truth, size, TRUE), f"{moment.clip}  {moment.time_s:.3f} s")]
    for row in rows:
        caption = (moment.scores or {}).get(row.name, "")
        if row.model.boxes:
            cells.append(Cell(_with_detections(small, moment, size, sources), caption))
        elif row.model.gives == "boxes":
            cells.append(Cell(with_boxes(small, row.model.own_boxes(*size), size, BRIGHT), caption))
        elif (found := _map(sources.maps[row.name], moment)) is not None:
            if protocol is None or row.name not in thresholds:
                cells.append(Cell(overlay(small, found), caption))
                continue
            shown = partial(counted, thresholds[row.name], protocol.threshold.map_threshold, moment.mask)
            cells.append(Cell(overlay(small, found, shown, protocol.threshold.normalise_maps), caption))
        else:
            cells.append(Cell(small, caption or "no map"))
    return cells


def counted(
    rule: ThresholdRule, threshold: float, mask: npt.NDArray[np.float32] | None, maps: npt.NDArray[np.float32]
) -> npt.NDArray[np.bool_]:
    """Return what counts in maps (1, H, W); nothing where the rule needs a truth that there is not."""
    if rule.needs_truth and mask is None:
        return np.zeros(maps.shape, np.bool_)
    truth = None
    if mask is not None:
        truth = cv2.resize(mask, maps.shape[:0:-1], interpolation=cv2.INTER_NEAREST)[None]
    return rule.apply(maps, threshold, truth)


def _map(reader: artifacts.ArtifactReader, moment: Moment) -> npt.NDArray[np.float32] | None:
    """Return the map of the frame that is shown, (224, 224); None where there is none."""
    if moment.clip not in reader or moment.number not in reader.read(moment.clip, "frame"):
        return None
    return np.asarray(reader.rows(moment.clip, "maps", [moment.number])[0], np.float32)


def _with_detections(
    small: npt.NDArray[np.uint8], moment: Moment, size: tuple[int, int], sources: Sources
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
