"""Stage ``pictures``: what every model makes of a frame of a clip, side by side, a sheet a shard and protocol.

The frames come from the videos themselves and not from the frames artifact: that one is released as soon as flow, the
networks and the detector have read it, which is before there is anything to show.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from PIL import Image

from flowgrad import artifacts
from flowgrad.datasets.base import Annotations
from flowgrad.datasets.stored import read_annotations
from flowgrad.errors import MediaError
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.evaluation.truth import scored_items, truth_mask
from flowgrad.figures.beside import Moment, Sources, cells_of, frame_of, liveliest_moment, time_of, words
from flowgrad.figures.sheet import Cell, sheet
from flowgrad.flow.forms import ARTIFACT as FLOW
from flowgrad.models.rows import Row
from flowgrad.schemas.boxes import DETECTIONS
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.scores import SCORES
from flowgrad.schemas.status import STATUS
from flowgrad.shard import read_shard

if TYPE_CHECKING:
    from flowgrad.protocols import Protocol

log = logging.getLogger(__name__)

CIOU = "ciou"
"""The metric that is written under each cell."""


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
    flow_in: Path | None,
    count: int,
    out: Path,
    present: Collection[str] | None = None,
) -> None:
    """Draw the sheet of a shard under one protocol.

    A labelled clip is shown at the scored frame whose true boxes cover most (the earliest of equals). Without
    annotations a clip is shown where most moves, and where the run has no flow, where it is loudest
    (:func:`flowgrad.figures.choice.liveliest`). Clips without such a frame, or that went away, have no row.

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
        flow_in: flow of any kind, for a dataset without annotations; None where the run has none, or needs none.
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
        moments = None
        what = "where most moves" if flow_in else "where it is loudest"
        titles, note = [f"{protocol_name}: {what}"], "none of these clips has a picture"
    known = {row.video: row for row in statuses.itertuples(index=False)}
    cells: list[list[Cell]] = []
    with ExitStack() as stack:
        maps = {name: stack.enter_context(artifacts.open_artifact(path, HEATMAPS)) for name, path in maps_in.items()}
        sources = Sources(maps, artifacts.read_table(detections_in, DETECTIONS) if detections_in else None)
        flow = stack.enter_context(artifacts.open_artifact(flow_in, FLOW)) if flow_in else None
        for clip in read_shard(shard_in):
            if clip.name not in (known if moments is None else moments) or len(cells) == count:
                continue
            try:
                moment = liveliest_moment(root, clip, known[clip.name], flow) if moments is None else moments[clip.name]
                frame = frame_of(root, clip, moment.number)
            except MediaError as error:
                log.warning("%s: not shown: %s", clip.name, error)
            else:
                cells.append(cells_of(moment, frame, rows, sources, protocol, thresholds))
    picture = sheet([*titles, *(row.name for row in rows)], cells, note)
    with artifacts.replacing(out) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    log.info("%d of %d clips", len(cells), len(statuses))


def _scored(
    statuses: pd.DataFrame, scores: pd.DataFrame, annotations_in: Path, protocol: Protocol
) -> dict[str, Moment]:
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
                said = {one.model: words(one.value, one.status) for one in by_frame[row.video, number].itertuples()}
                moments[row.video] = Moment(row.video, number, time_of(row, number), truth, said, mask)
    return moments
