"""Stage ``gallery``: the frames that a row finds worst and best, beside the truth and the other rows.

Of a clip at most one frame is worst and one is best for a row. Among frames that a row finds equally badly, those come
first that the other rows find best. A dataset without annotations has one sheet: some clips where most moves, or
where they are loudest.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
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
WORST, BEST = 3, 2
"""Frames of a row."""
OTHERS = 3
"""Rows that stand beside it: those with the best mean cIoU."""
UNLABELLED = 8
"""Frames of a dataset without annotations."""
ALL = "all"
"""The sheet of a dataset without annotations."""
QUALITY = 88
TEXT_SIZE = 20
"""Pixels: a report shows the sheet at half its size."""


@dataclass(frozen=True)
class Shard:
    """The files of a shard; maps by model. What a run does not have, or need, is None."""

    clips: Path
    status: Path
    maps: Mapping[str, Path]
    detections: Path | None
    annotations: Path | None
    scores: Path | None
    flow: Path | None


@dataclass(frozen=True)
class Choice:
    """A frame of a row's sheet: ``kind`` is ``worst`` or ``best``."""

    video: str
    frame: int
    kind: str = ""


def run(
    *,
    shards: Sequence[Shard],
    root: Path,
    rows: Sequence[Row],
    protocol_name: str,
    protocol: Protocol,
    thresholds: Mapping[str, ThresholdRule],
    controls: Collection[str],
    present: Collection[str],
    out: Path,
) -> None:
    """Draw two sheets a row, ``ROW-worst.jpg`` and ``ROW-best.jpg``; none of controls, nor without a scored frame.

    Args:
        shards: the files of all shards.
        root: the dataset's folder.
        rows: the rows of the table under the protocol.
        protocol_name: as in the configuration.
        protocol: which frames are scored, and how maps are.
        thresholds: the rule that turns maps into masks, by model.
        controls: the rows that are chance.
        present: the clips that are in the dataset still.
        out: the folder.
    """
    able = [row.name for row in rows if row.name not in controls]
    labelled = all(shard.scores is not None for shard in shards)
    if labelled:
        found = pd.concat([_scored(shard, protocol_name, present) for shard in shards])
        chosen, order = choices(found, able)
    else:
        chosen, order = {ALL: _liveliest(shards, root, present)}, able
    wanted = {(choice.video, choice.frame) for some in chosen.values() for choice in some}
    cells: dict[tuple[str, int], dict[str, Cell]] = {}
    for shard in shards:
        cells |= dict(_cells(shard, wanted, root, rows, (protocol_name, protocol), thresholds))
    out.mkdir(parents=True, exist_ok=True)
    sheets = {
        (name, kind): [choice for choice in some if choice.kind == kind]
        for name, some in chosen.items()
        for kind in dict.fromkeys(choice.kind for choice in some)
    }
    for (name, kind), some in sheets.items():
        beside = [model for model in order if model != name]
        columns = [name, *beside[:OTHERS]] if labelled else beside
        lines = [
            [
                replace(made[""], caption=f"{kind}: {made[''].caption}" if kind else made[""].caption),
                *(made[model] for model in columns),
            ]
            for choice in some
            if (made := cells.get((choice.video, choice.frame)))
        ]
        truth = f"{protocol_name}: true boxes" if labelled else protocol_name
        picture = sheet([truth, *columns], lines, "the videos of these frames cannot be read any more", TEXT_SIZE)
        with artifacts.replacing(out / f"{'-'.join(filter(None, (name, kind)))}.jpg") as temporary:
            Image.fromarray(picture).save(temporary, format="JPEG", quality=QUALITY)
    log.info("%d sheets, %d frames", len(sheets), len(cells))


def choices(scores: pd.DataFrame, models: Sequence[str]) -> tuple[dict[str, list[Choice]], list[str]]:
    """Return the worst and the best frames of each row, and the rows in the order of their mean cIoU.

    Args:
        scores: columns ``model``, ``video``, ``frame`` and ``value``, the cIoU; none is NaN.
        models: the rows that are looked at.
    """
    wide = scores[scores["model"].isin(models)].pivot_table(index=["video", "frame"], columns="model", values="value")
    order = [str(name) for name in wide.mean().sort_values(ascending=False, kind="stable").index]
    found = {}
    for model in order:
        table = pd.DataFrame({"own": wide[model], "others": wide.drop(columns=model).mean(axis=1)}).fillna(
            {"others": 0}
        )
        table = table.dropna(subset="own").reset_index()
        worst = _of_distinct_clips(table.sort_values(["own", "others"], ascending=[True, False], kind="stable"), WORST)
        best = _of_distinct_clips(table.sort_values(["own", "others"], ascending=[False, True], kind="stable"), BEST)
        # with few frames one can be both
        taken = set(worst)
        found[model] = [Choice(*item, "worst") for item in worst]
        found[model] += [Choice(*item, "best") for item in best if item not in taken]
    return found, order


def _of_distinct_clips(table: pd.DataFrame, count: int) -> list[tuple[str, int]]:
    first = table.drop_duplicates("video").head(count)
    return [(str(row.video), int(row.frame)) for row in first.itertuples(index=False)]


def _scored(shard: Shard, protocol: str, present: Collection[str]) -> pd.DataFrame:
    assert shard.scores is not None
    table = artifacts.read_table(shard.scores, SCORES)
    kept = (table["protocol"] == protocol) & (table["metric"] == CIOU) & table["value"].notna()
    return table.loc[kept & table["video"].isin(present), ["model", "video", "frame", "value", "status"]]


def _liveliest(shards: Sequence[Shard], root: Path, present: Collection[str]) -> list[Choice]:
    """Return the frames of some clips, spread evenly over all, in which most moves."""
    known = [
        (shard, row)
        for shard in shards
        for row in artifacts.read_table(shard.status, STATUS).itertuples(index=False)
        if row.frames and row.video in present
    ]
    found = []
    for place in sorted({*np.linspace(0, len(known) - 1, UNLABELLED).round().astype(int)}) if known else []:
        shard, row = known[place]
        clip = next(clip for clip in read_shard(shard.clips) if clip.name == row.video)
        with ExitStack() as stack:
            flow = stack.enter_context(artifacts.open_artifact(shard.flow, FLOW)) if shard.flow else None
            try:
                found.append(Choice(clip.name, liveliest_moment(root, clip, row, flow).number))
            except MediaError as error:
                log.warning("%s: not shown: %s", clip.name, error)
    return found


def _cells(
    shard: Shard,
    wanted: Collection[tuple[str, int]],
    root: Path,
    rows: Sequence[Row],
    rules: tuple[str, Protocol],
    thresholds: Mapping[str, ThresholdRule],
) -> Iterator[tuple[tuple[str, int], dict[str, Cell]]]:
    """Yield the cells of the wanted frames of a shard, by row; that of the truth has no name."""
    name, protocol = rules
    frames: dict[str, list[int]] = defaultdict(list)
    for video, number in sorted(wanted):
        frames[video].append(number)
    clips = [clip for clip in read_shard(shard.clips) if clip.name in frames]
    if not clips:
        return
    statuses = {row.video: row for row in artifacts.read_table(shard.status, STATUS).itertuples(index=False)}
    known = read_annotations(shard.annotations) if shard.annotations is not None else {}
    scores = _scored(shard, name, set(frames)) if shard.scores is not None else None
    with ExitStack() as stack:
        maps = {
            model: stack.enter_context(artifacts.open_artifact(path, HEATMAPS)) for model, path in shard.maps.items()
        }
        sources = Sources(maps, artifacts.read_table(shard.detections, DETECTIONS) if shard.detections else None)
        for clip in clips:
            for number in frames[clip.name]:
                moment = _moment(statuses[clip.name], number, known.get(clip.name), protocol, scores)
                try:
                    frame = frame_of(root, clip, number)
                except MediaError as error:
                    log.warning("%s: not shown: %s", clip.name, error)
                    continue
                drawn = cells_of(moment, frame, rows, sources, protocol, thresholds)
                yield (clip.name, number), dict(zip(["", *(row.name for row in rows)], drawn, strict=True))


def _moment(
    status: Any, number: int, known: Annotations | None, protocol: Protocol, scores: pd.DataFrame | None
) -> Moment:
    at = time_of(status, number)
    if known is None or scores is None:
        return Moment(status.video, number, at)
    size = status.width, status.height
    truth = scored_items(known, protocol.ground_truth, size)[number]
    here = scores[(scores["video"] == status.video) & (scores["frame"] == number)]
    said = {row.model: words(row.value, row.status) for row in here.itertuples(index=False)}
    return Moment(status.video, number, at, truth, said, truth_mask(known, truth, size, protocol.boxes.box_raster))
