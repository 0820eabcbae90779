"""Stage ``score``: every metric of every scored item of a shard, for every model and protocol.

All models that apply to an item are scored on the same items. One that an applicable model cannot have for a reason
that lies in the data (the video ends before it, it has no successor, the clip has no sound) is left out for all of
them; it stays in the table as a row with that status and no value, and the summary counts it as skipped. A model that
needs motion does not apply to a still: that takes no item away from the others.

Where a metric reads items without truth, those in which nothing that is seen sounds are rows of status ``negative``.
Other metrics have no value there. A negative that some model cannot have is no row: it was never to be localized.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowgrad import artifacts
from flowgrad.constants import FRAMES_PER_SECOND, MAP_SIZE
from flowgrad.datasets.stored import read_annotations
from flowgrad.errors import InputError
from flowgrad.evaluation.base import Metric, Prediction, ThresholdRule, Values
from flowgrad.evaluation.ground_truth import rasterise
from flowgrad.evaluation.scaling import normalise
from flowgrad.evaluation.silent import negative_items
from flowgrad.evaluation.truth import Rectangle, ambiguous_items, scored_items, truth_mask
from flowgrad.models.rows import Row
from flowgrad.schemas.boxes import DETECTIONS
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.scores import AMBIGUOUS, NEGATIVE, SCORES
from flowgrad.schemas.status import STATUS

if TYPE_CHECKING:
    from flowgrad.protocols import Protocol

log = logging.getLogger(__name__)

BATCH = 64
NO_DETECTIONS = "no_detections"
Masks = npt.NDArray[np.float32]
Scored = dict[int, tuple[Sequence[float], str]]
"""The scores of one row for the items of a clip: by item the value of each metric, and a status."""


@dataclass(frozen=True)
class _Clip:
    name: str
    frames: int
    width: int
    height: int
    has_sound: bool
    anchor_s: float
    published_flow: bool

    @property
    def still(self) -> bool:
        return not np.isnan(self.anchor_s)

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    def time(self, number: int) -> float:
        return self.anchor_s if self.still else number / FRAMES_PER_SECOND


def run(
    *,
    status_in: Path,
    annotations_in: Path,
    rows: Sequence[Row],
    protocols: Mapping[str, Protocol],
    thresholds: Mapping[tuple[str, str], ThresholdRule],
    metrics: Sequence[Metric],
    maps_in: Mapping[tuple[str, str], Path],
    detections_in: Mapping[str, Path],
    out: Path,
) -> None:
    """Score one shard.

    Args:
        status_in: what became of each clip (stage ``decode``).
        annotations_in: the annotations of the shard's clips.
        rows: the rows of the table.
        protocols: the protocols, by name.
        thresholds: the threshold rule of every row that makes maps, by (model, protocol).
        metrics: the metrics of the table.
        maps_in: heatmap artifacts by (model, protocol).
        detections_in: detection tables by protocol.
        out: CSV, a row for every row of the table, item and metric.
    """
    annotations = read_annotations(annotations_in)
    statuses = artifacts.read_table(status_in, STATUS)
    metrics = [metric for metric in metrics if metric.item is not None]
    reads_negatives = any(metric.negatives for metric in metrics)
    found: list[tuple[Any, ...]] = []
    with ExitStack() as stack:
        maps = {key: stack.enter_context(artifacts.open_artifact(path, HEATMAPS)) for key, path in maps_in.items()}
        boxes = {name: _Detections(path) for name, path in detections_in.items()}
        for status in statuses.itertuples(index=False):
            if status.video not in annotations:
                continue
            clip = _Clip(
                status.video,
                status.frames,
                status.width,
                status.height,
                not np.isnan(status.sound_s),
                status.anchor_s,
                bool(status.published_flow),
            )
            for name, protocol in protocols.items():
                own = [row for row in rows if row.protocol == name]
                sources = _Sources(protocol, {row.name: maps.get((row.name, name)) for row in own}, boxes.get(name))
                known, size = annotations[clip.name], clip.size if clip.width else None
                truth = scored_items(known, protocol.ground_truth, size)
                items = _Items(
                    list(truth),
                    ambiguous_items(known, protocol.ground_truth, size),
                    negative_items(known, clip.frames) if reads_negatives else [],
                )

                def mask(
                    number: int,
                    known: dict[int, list[Rectangle]] = truth,
                    clip: _Clip = clip,
                    raster: Any = protocol.boxes.box_raster,
                ) -> Masks:
                    return truth_mask(annotations[clip.name], known[number], clip.size, raster)

                scored = _score(own, clip, items, mask, sources, thresholds, metrics)
                found += [
                    (row.name, name, clip.name, number, clip.time(number), metric.name, value, why)
                    for row in own
                    for number, (values, why) in sorted(scored[row.name].items())
                    for metric, value in zip(metrics, values, strict=True)
                ]
    table = pd.DataFrame(found, columns=list(SCORES))
    # every digit: success is decided on these values, only the published table is rounded
    table = table.sort_values(["model", "protocol", "video", "frame"], kind="stable")
    artifacts.write_table(out, table, float_format="%.17g")
    log.info("%d rows", len(table))


@dataclass(frozen=True)
class _Sources:
    """What rows are scored from under a protocol: maps by model, detections."""

    protocol: Protocol
    maps: Mapping[str, artifacts.ArtifactReader | None]
    detections: _Detections | None


@dataclass(frozen=True)
class _Items:
    """The items of a clip under a protocol: those with truth, those whose truth is not known, those without."""

    scored: list[int]
    ambiguous: list[int]
    negative: list[int]


def _score(
    rows: Sequence[Row],
    clip: _Clip,
    items: _Items,
    mask: Any,
    sources: _Sources,
    thresholds: Mapping[tuple[str, str], ThresholdRule],
    metrics: Sequence[Metric],
) -> dict[str, Scored]:
    """Return the values of every row for the items of a clip under one protocol."""
    nothing = [np.nan] * len(metrics)
    applicable = [row for row in rows if row.applies(clip.still, clip.published_flow)]
    made = _items_with_maps(applicable, clip, sources)
    listens, needs_flow = any(row.listens for row in applicable), any(row.flow for row in applicable)
    absent = {
        number: reason
        for number in [*items.scored, *items.ambiguous, *items.negative]
        if (reason := _not_computable(number, clip, made, listens=listens, needs_flow=needs_flow))
    }
    absent = dict.fromkeys(items.ambiguous, AMBIGUOUS) | absent
    negative = [number for number in items.negative if number not in absent]
    listed = [*items.scored, *items.ambiguous]
    scored: dict[str, Scored] = {row.name: {number: (nothing, "not_applicable") for number in listed} for row in rows}
    for row in applicable:
        scored[row.name] = {number: (nothing, absent[number]) for number in listed if number in absent}
        scored[row.name] |= _negatives(row, clip, negative, sources, thresholds, metrics)
    numbers = [number for number in items.scored if number not in absent]
    every = frozenset(numbers)
    # in batches, so that memory does not grow with a clip's length
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        truth = np.stack([mask(number) for number in batch])
        for row in applicable:
            prediction, statuses = _predicted(row, clip, batch, every, sources, thresholds, truth)
            values = np.stack([_values(metric, prediction, truth) for metric in metrics], axis=1)
            for place, number in enumerate(batch):
                status = statuses[place] or "ok"
                if status != NO_DETECTIONS and not truth[place].any():
                    status = "empty_ground_truth"
                left_out = status == NO_DETECTIONS and sources.protocol.boxes.no_detections == "leave-out"
                scored[row.name][number] = (nothing if left_out else values[place].tolist()), status
    return scored


def _negatives(
    row: Row,
    clip: _Clip,
    numbers: list[int],
    sources: _Sources,
    thresholds: Mapping[tuple[str, str], ThresholdRule],
    metrics: Sequence[Metric],
) -> Scored:
    """Return the values of a row for items without truth: what no metric reads is NaN."""
    scored: Scored = {}
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        truth = np.zeros((len(batch), MAP_SIZE, MAP_SIZE), np.float32)
        prediction, _ = _predicted(row, clip, batch, frozenset(numbers), sources, thresholds, truth)
        nothing = np.full(len(batch), np.nan)
        values = [_values(metric, prediction, truth) if metric.negatives else nothing for metric in metrics]
        scored |= {number: (value.tolist(), NEGATIVE) for number, value in zip(batch, np.stack(values, 1), strict=True)}
    return scored


def _values(metric: Metric, prediction: Prediction, truth: Masks) -> Values:
    assert metric.item is not None, metric.name
    values = np.asarray(metric.item(prediction, truth), np.float64)
    if values.shape != (len(truth),):
        raise InputError(f"metric {metric.name}: expected values ({len(truth)},), it gives {values.shape}")
    return values


def _masked(rule: ThresholdRule, maps: Masks, value: float, truth: Masks | None = None) -> npt.NDArray[np.bool_]:
    masks = np.asarray(rule.apply(maps, value, truth))
    if masks.shape != maps.shape or masks.dtype != np.bool_:
        raise InputError(
            f"threshold {rule.name}: expected masks {maps.shape} bool, it gives {masks.shape} {masks.dtype}"
        )
    return masks


def _items_with_maps(rows: Sequence[Row], clip: _Clip, sources: _Sources) -> set[int] | None:
    """Return the items for which every row that makes maps has one; None where no row makes maps."""
    readers = [reader for row in rows if (reader := sources.maps[row.name]) is not None]
    if not readers:
        return None
    items = [set(reader.read(clip.name, "frame").tolist()) if clip.name in reader else set[int]() for reader in readers]
    return set.intersection(*items)


def _not_computable(number: int, clip: _Clip, made: set[int] | None, *, listens: bool, needs_flow: bool) -> str | None:
    """Return why an item cannot be scored for every applicable model, None where it can."""
    if number >= clip.frames:
        return "no_frame"
    if needs_flow and not clip.still and number + 1 >= clip.frames:
        return "no_next_frame"
    if listens and not clip.has_sound:
        return "no_sound"
    # the clip's file went away before a model came to it
    return "no_map" if made is not None and number not in made else None


def _predicted(
    row: Row,
    clip: _Clip,
    numbers: list[int],
    every: frozenset[int],
    sources: _Sources,
    thresholds: Mapping[tuple[str, str], ThresholdRule],
    truth: Masks,
) -> tuple[Prediction, list[str | None]]:
    """Return what a row says of some items, and what is open about each (None where nothing is).

    Only a threshold rule that needs the truth is shown it; boxes have no rule.
    """
    reader = sources.maps[row.name]
    if reader is not None:
        raw = reader.rows(clip.name, "maps", numbers).astype(np.float32)
        rules = sources.protocol.threshold
        maps = normalise(raw) if rules.normalise_maps else raw
        masks = _masked(thresholds[row.name, row.protocol], maps, rules.map_threshold, truth)
        flat = raw.reshape(len(raw), -1)
        constant: list[bool] = [bool(row.max() == row.min()) for row in flat]
        empty = [not mask.any() for mask in masks]
        return Prediction(maps, masks, raw), [
            ("constant_map" if constant[place] else "empty_prediction") if empty[place] else None
            for place in range(len(numbers))
        ]
    raster = sources.protocol.boxes.box_raster
    if row.model.boxes is None:
        mask = rasterise(row.model.own_boxes(*clip.size), *clip.size, raster)
        drawn = np.broadcast_to(mask, (len(numbers), *mask.shape))
        statuses: list[str | None] = [None if mask.any() else "empty_prediction"] * len(numbers)
    else:
        boxes = [_boxes(row, clip, number, every, sources) for number in numbers]
        drawn = np.stack([rasterise(some or [], *clip.size, raster) for some in boxes])
        statuses = [
            NO_DETECTIONS if some is None else None if mask.any() else "empty_prediction"
            for some, mask in zip(boxes, drawn, strict=True)
        ]
    return Prediction(drawn, drawn >= 0.5), statuses


def _boxes(row: Row, clip: _Clip, number: int, every: frozenset[int], sources: _Sources) -> list[Rectangle] | None:
    """Return the detected boxes that a row is scored from; None where nothing was detected at all."""
    assert sources.detections is not None, row.name
    moving = row.model.boxes == "moving"
    boxes = sources.detections.boxes(clip.name, number, moving)
    if boxes is not None and moving and sources.protocol.boxes.topline_successor == "scored":
        successor = number + sources.protocol.stationary.stationary_gap
        if successor not in every or not sources.detections.boxes(clip.name, successor, moving=False):
            return []
    return boxes


class _Detections:
    """A detection table, by clip and frame."""

    def __init__(self, path: Path):
        table = artifacts.read_table(path, DETECTIONS)
        self._frames: dict[tuple[Any, Any], pd.DataFrame] = dict(list(table.groupby(["video", "frame"])))

    def boxes(self, clip: str, number: int, moving: bool) -> list[Rectangle] | None:
        """Return left, top, width and height of a frame's boxes, or its moving ones; None where nothing was found."""
        rows = self._frames.get((clip, number))
        if rows is None:
            return None
        return [
            (row.x1, row.y1, row.x2 - row.x1, row.y2 - row.y1)
            for row in rows.itertuples(index=False)
            if row.moving or not moving
        ]
