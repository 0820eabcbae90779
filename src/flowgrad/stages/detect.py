"""Stages ``detect`` and ``stationary``: the vehicles of every frame, and which of them move."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from flowgrad import artifacts, frames
from flowgrad.constants import FrameStorage
from flowgrad.detection import Detector, moving
from flowgrad.schemas.boxes import BOXES

log = logging.getLogger(__name__)

FRAMES_AT_ONCE = 16
"""Not sized to a GPU as the heatmaps' batches are: frames come at native size, and weights of any size are taken."""


def run(*, frames_in: Path, out: Path, detector: Detector, storage: FrameStorage) -> None:
    """Detect vehicles on every frame of a frames artifact.

    Args:
        frames_in: the frames artifact.
        out: CSV, a row a box, in pixels of the source frame.
        detector: finds the vehicles.
        storage: frames as they are, or after JPEG.
    """
    rows: list[tuple[object, ...]] = []
    with artifacts.open_artifact(frames_in, frames.KIND) as source:
        for clip in source.clips():
            if not source.length(clip):
                continue
            reader = frames.FrameReader(source, clip)
            numbers = [int(number) for number in reader.frames]
            before = len(rows)
            for start in range(0, len(numbers), FRAMES_AT_ONCE):
                batch = numbers[start : start + FRAMES_AT_ONCE]
                # a frame that stays on display is looked at once
                firsts = [at for at, number in enumerate(batch) if at == 0 or not reader.same(number, batch[at - 1])]
                seen = detector.detect([frames.stored(reader.rgb(batch[at]), storage) for at in firsts])
                times = frames.times(source, clip, batch)
                for at, number in enumerate(batch):
                    found = seen[bisect_right(firsts, at) - 1]
                    time = float(times[at])
                    for box, label, confidence in zip(found.boxes, found.labels, found.confidences, strict=True):
                        rows.append((clip, number, time, *box, label, confidence))
            log.info("%s: %d boxes on %d frames", clip, len(rows) - before, len(numbers))
    artifacts.write_table(out, pd.DataFrame(rows, columns=list(BOXES)))


def run_stationary(
    *,
    boxes_in: Path,
    out: Path,
    iou: float,
    gap: int,
    drop: Literal["both", "first"],
    wanted: Mapping[str, Collection[int]] | None = None,
) -> None:
    """Mark the boxes that move.

    Args:
        boxes_in: what :func:`run` wrote.
        out: the same table with ``moving`` (1 or 0).
        iou: boxes that overlap more stand still.
        gap: frames between the two that are compared.
        drop: which box of a standing pair stands still.
        wanted: the frames to publish by clip, None for all; the others are there for comparison alone.
    """
    table = artifacts.read_table(boxes_in, BOXES)
    marks = np.ones(len(table), np.int64)
    for _, clip in table.groupby("video", sort=False):
        # the frame numbers without boxes do not matter: nothing there can match
        by_frame = {int(str(number)): rows for number, rows in clip.groupby("frame")}
        boxes = {number: rows[["x1", "y1", "x2", "y2"]].to_numpy() for number, rows in by_frame.items()}
        for number, keep in moving(boxes, iou, gap, drop).items():
            marks[by_frame[number].index.to_numpy()] = keep
    table = table.assign(moving=marks)
    if wanted is not None:
        kept = [frame in wanted.get(clip, ()) for clip, frame in zip(table["video"], table["frame"], strict=True)]
        table = table[np.array(kept, bool)]
    artifacts.write_table(out, table)
