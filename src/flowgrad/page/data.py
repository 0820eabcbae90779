"""What the page says of a clip: boxes, sound events, scores and slices, as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowgrad.constants import MAP_SIZE
from flowgrad.datasets.base import Annotations
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.evaluation.slices import slices
from flowgrad.evaluation.truth import scored_items, truth_mask
from flowgrad.models.rows import Row
from flowgrad.page.strips import Counted, Maps

if TYPE_CHECKING:
    from flowgrad.protocols import Protocol

Size = tuple[int, int]


def truth(known: Annotations, protocol: Protocol, size: Size) -> dict[int, list[list[float]]]:
    """Return the true boxes that count, by frame: left, top, width and height in pixels of the source."""
    found = scored_items(known, protocol.ground_truth, size)
    return {number: [[round(edge, 1) for edge in box] for box in boxes] for number, boxes in found.items()}


def detections(table: pd.DataFrame) -> dict[int, list[list[Any]]]:
    """Return the detected boxes of a clip by frame: left, top, width, height, whether it moves."""
    found: dict[int, list[list[Any]]] = {}
    for row in table.itertuples(index=False):
        corner = round(row.x1, 1), round(row.y1, 1), round(row.x2 - row.x1, 1), round(row.y2 - row.y1, 1)
        found.setdefault(row.frame, []).append([*corner, row.moving])
    return found


def scores(table: pd.DataFrame) -> list[list[Any]]:
    """Return frame, value and status of each item of a row in a clip; None where there is no value."""
    return [
        [row.frame, None if np.isnan(row.value) else round(row.value, 3), row.status]
        for row in table.sort_values("frame").itertuples(index=False)
    ]


def mean(items: Sequence[Sequence[Any]]) -> float | None:
    """Return the mean of the values of :func:`scores`, None where there is none."""
    values = [item[1] for item in items if item[1] is not None]
    return round(sum(values) / len(values), 3) if values else None


def kinds(known: Annotations, protocol: Protocol, size: Size) -> dict[str, str]:
    """Return the value that each slice has on most of a clip's items."""
    counts: dict[str, Counter[str]] = {}
    for values in slices(known, protocol, size).values():
        for name, value in values.items():
            counts.setdefault(name, Counter())[value] += 1
    return {name: count.most_common(1)[0][0] for name, count in sorted(counts.items())}


def counted(rule: ThresholdRule, protocol: Protocol, known: Annotations | None, size: Size) -> Counted:
    """Return what counts in the maps of a clip under a rule.

    Where the rule needs the truth, nothing counts on frames that have none.
    """
    boxes = scored_items(known, protocol.ground_truth, size) if rule.needs_truth and known else {}

    def masks(maps: Maps, frames: Sequence[int]) -> npt.NDArray[np.bool_]:
        if not rule.needs_truth:
            return rule.apply(maps, protocol.threshold.map_threshold, None)
        true = np.zeros((len(maps), MAP_SIZE, MAP_SIZE), np.float32)
        for place, number in enumerate(frames):
            if known is not None and number in boxes:
                true[place] = truth_mask(known, boxes[number], size, protocol.boxes.box_raster)
        some = np.asarray(true.any(axis=(1, 2)))[:, None, None]
        return np.asarray(rule.apply(maps, protocol.threshold.map_threshold, true) & some)

    return masks


def why_no_map(row: Row, status: Any) -> str:
    """Return why a row has no map of a clip, from what became of the clip."""
    if not row.applies(not np.isnan(status.anchor_s), bool(status.published_flow)):
        return "it needs motion, and a still has none"
    if row.listens and pd.notna(status.sound_reason):
        return f"it listens, and there is no sound: {status.sound_reason}"
    if row.flow and status.frames == 1:
        return "it needs motion, and there is one frame"
    return "none of its frames has one"


def row_value(row: Row) -> dict[str, Any]:
    """Return what the page must know of a row."""
    shows = "maps" if row.model.gives == "maps" else row.model.boxes or "own"
    return {"model": row.name, "protocol": row.protocol, "shows": shows}
