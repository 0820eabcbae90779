"""Stages ``summary`` and ``clips``: the tables that a person reads."""

from __future__ import annotations

import csv
import io
import math
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowgrad import artifacts
from flowgrad.datasets.base import Annotations
from flowgrad.errors import InputError
from flowgrad.evaluation.ground_truth import box_faults, scored_boxes
from flowgrad.evaluation.metrics import area_under_curve, success_rate
from flowgrad.evaluation.statistics import clip_bootstrap
from flowgrad.evaluation.unscored import why_unscored
from flowgrad.plan import NO_ANNOTATIONS, PLAN_COLUMNS, read_annotations
from flowgrad.protocols import Protocol
from flowgrad.stages.decode import STATUS_COLUMNS
from flowgrad.stages.score import FRAME_COLUMNS

CLIP_COLUMNS = ("video", "status", "reason", "frames", "scored_frames")
ClipRow = tuple[str, str, str, int, int]
COUNTED = ("no_detections", "constant_map", "empty_prediction", "empty_ground_truth")
SUMMARY_COLUMNS = (
    "model",
    "protocol",
    "frames",
    "skipped",
    "success_at_0_3",
    "success_at_0_5",
    "auc",
    "mean_ciou",
    "clips",
    "success_at_0_5_low",
    "success_at_0_5_high",
    *COUNTED,
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """The rows of one clip under one model and protocol: where their text lies in the spool, and their cIoU."""

    model: str
    protocol: str
    video: str
    start: int
    end: int
    ciou: npt.NDArray[np.float64]


def run_summary(
    *,
    plan_in: Path,
    scores_in: Sequence[Path],
    models: Sequence[str],
    protocols: Sequence[str],
    frames_out: Path,
    summary_out: Path,
) -> None:
    """Join the scores of all shards and summarise them.

    Shards are read one at a time. Their rows go to a nameless file as text and come back clip by clip, in order; what
    stays in memory is a number a row.

    Args:
        plan_in: the present clips; rows of others are left out.
        scores_in: what stage ``score`` wrote, a file a shard.
        models: models of the table; one without any frame gets a row with 0 frames.
        protocols: protocols of the table.
        frames_out: CSV, a row for every model, protocol and frame.
        summary_out: CSV, a row for every model and protocol.
    """
    present = set(artifacts.read_table(plan_in, PLAN_COLUMNS).dropna(subset="shard")["video"])
    cases: Counter[tuple[str, str, str]] = Counter()
    with artifacts.replacing(frames_out) as frames, tempfile.TemporaryFile(dir=frames_out.parent) as spool:
        pieces = [piece for path in scores_in for piece in _spooled(path, present, spool, cases)]
        pieces.sort(key=attrgetter("model", "protocol", "video"))
        with frames.open("wb") as out:
            out.write(f"{','.join(FRAME_COLUMNS)}\n".encode())
            for piece in pieces:
                spool.seek(piece.start)
                out.write(spool.read(piece.end - piece.start))
    found = {key: list(some) for key, some in groupby(pieces, key=attrgetter("model", "protocol"))}
    rows = [
        {"model": model, "protocol": protocol}
        | _figures([piece.ciou for piece in found.get((model, protocol), ())])
        | {case: cases[model, protocol, case] for case in COUNTED}
        for model in sorted(models)
        for protocol in sorted(protocols)
    ]
    artifacts.write_table(summary_out, pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS)))


def _spooled(
    scores_in: Path, present: set[str], spool: IO[bytes], cases: Counter[tuple[str, str, str]]
) -> Iterator[_Piece]:
    """Append the rows of a shard to ``spool`` as they stand in the final table, and count its open cases."""
    table = artifacts.read_table(scores_in, FRAME_COLUMNS)[list(FRAME_COLUMNS)]
    table = table[table["video"].isin(present)].sort_values(["model", "protocol", "video", "frame"])
    cases.update(zip(table["model"], table["protocol"], table["status"], strict=True))
    end = spool.seek(0, os.SEEK_END)
    for (model, protocol, video), rows in groupby(table.itertuples(index=False, name=None), key=itemgetter(0, 1, 2)):
        text, ciou = io.StringIO(newline=""), []
        lines = csv.writer(text, lineterminator="\n")
        for *_, frame, time_s, value, status in rows:
            lines.writerow((model, protocol, video, frame, _cell(time_s), _cell(value), status))
            ciou.append(value)
        start = end
        end += spool.write(text.getvalue().encode())
        yield _Piece(model, protocol, video, start, end, np.array(ciou, np.float64))


def _cell(value: float) -> str:
    return "" if math.isnan(value) else artifacts.FLOAT_FORMAT % value


def _figures(clips: Sequence[npt.NDArray[np.float64]]) -> dict[str, Any]:
    """Return the figures of one row of the summary from the cIoU of its frames, an array a clip; NaN is no score."""
    scored = [values[~np.isnan(values)] for values in clips]
    values = np.concatenate([np.empty(0), *scored])
    row: dict[str, Any] = {
        "frames": len(values),
        "skipped": sum(map(len, clips)) - len(values),
        "clips": sum(len(of_clip) > 0 for of_clip in scored),
    }
    if len(values):
        low, high = clip_bootstrap(
            values >= 0.5, np.repeat(np.arange(len(scored)), [len(of_clip) for of_clip in scored])
        )
        row |= {
            "success_at_0_3": success_rate(values, 0.3),
            "success_at_0_5": success_rate(values, 0.5),
            "auc": area_under_curve(values),
            "mean_ciou": float(values.mean()),
            "success_at_0_5_low": low,
            "success_at_0_5_high": high,
        }
    return row


def run_clips(
    *,
    plan_in: Path,
    statuses_in: Sequence[Path],
    annotations_in: Sequence[Path],
    protocols: Sequence[Protocol],
    listens: bool,
    out: Path,
) -> None:
    """Write one row for every clip of the dataset: what became of it, and why.

    Args:
        plan_in: the present clips, with the reason of those that are in no shard.
        statuses_in: what stage ``decode`` wrote, a file a shard.
        annotations_in: the annotations, a file a shard, in the same order.
        protocols: a clip's scored frames are those that any of these scores.
        listens: whether any model needs sound.
        out: CSV.
    """
    plan = artifacts.read_table(plan_in, PLAN_COLUMNS)
    found: dict[str, ClipRow] = {}
    for status_in, annotation_in in zip(statuses_in, annotations_in, strict=True):
        known = read_annotations(annotation_in)
        for status in artifacts.read_table(status_in, STATUS_COLUMNS).itertuples(index=False):
            found[status.video] = _clip_row(status, known.get(status.video), protocols, listens)
    rows: list[ClipRow] = []
    for clip in plan.itertuples(index=False):
        if pd.notna(clip.reason):
            rows.append((clip.video, "skipped" if clip.reason == NO_ANNOTATIONS else "failed", clip.reason, 0, 0))
        elif clip.video not in found:
            rows.append((clip.video, "skipped", "came while a run was under way: run again", 0, 0))
        else:
            rows.append(found[clip.video])
    artifacts.write_table(out, pd.DataFrame(sorted(rows), columns=list(CLIP_COLUMNS)))


def _clip_row(found: Any, known: Annotations | None, protocols: Sequence[Protocol], listens: bool) -> ClipRow:
    status, reasons = found.status, [found.reason] if pd.notna(found.reason) else []
    mute = listens and pd.notna(found.sound_reason)
    if mute:
        status = "skipped" if status == "ok" else status
        reasons.append(f"{found.sound_reason} (models that listen have no map, its frames are not scored)")
    scored: set[int] = set()
    if known is not None and found.frames:
        size = (found.width, found.height)
        reasons += filter(None, [str(box_faults(known.boxes, *size))])
        frames = {number for protocol in protocols for number in scored_boxes(known, protocol, size)}
        scored = {number for number in frames if number < found.frames}
        if not scored:
            reasons.append(f"no scored frame: {why_unscored(known, protocols, size, int(found.frames))}")
        scored = set() if mute else scored
    return found.video, status, "; ".join(reasons), int(found.frames), len(scored)


def check_accepted(clips_in: Path) -> None:
    """Raise ``InputError`` where a clip failed (``on_bad_clip: fail``)."""
    table = artifacts.read_table(clips_in, {"video": "str", "status": "str", "reason": "str"})
    failed = table[table["status"] == "failed"]
    if len(failed):
        first = failed.iloc[0]
        raise InputError(
            f"{len(failed)} of {len(table)} clips failed (on_bad_clip: fail), the first is {first['video']}:"
            f" {first['reason']}; see {clips_in}"
        )
