"""Stages ``summary`` and ``clips``: the tables that a person reads."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flowgrad import artifacts
from flowgrad.datasets.base import Annotations
from flowgrad.errors import InputError
from flowgrad.evaluation.ground_truth import box_faults, scored_boxes
from flowgrad.evaluation.metrics import area_under_curve, success_rate
from flowgrad.evaluation.statistics import clip_bootstrap
from flowgrad.plan import NO_ANNOTATIONS, PLAN_COLUMNS, read_annotations
from flowgrad.protocols import Protocol
from flowgrad.stages.decode import STATUS_COLUMNS
from flowgrad.stages.score import FRAME_COLUMNS

log = logging.getLogger(__name__)

CLIP_COLUMNS = ("video", "status", "reason", "frames", "scored_frames")
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

    Args:
        plan_in: the present clips; rows of others are left out.
        scores_in: what stage ``score`` wrote, a file a shard.
        models: models of the table; one without any frame gets a row with 0 frames.
        protocols: protocols of the table.
        frames_out: CSV, a row for every model, protocol and frame.
        summary_out: CSV, a row for every model and protocol.
    """
    present = set(artifacts.read_table(plan_in, PLAN_COLUMNS).dropna(subset="shard")["video"])
    parts = [artifacts.read_table(path, FRAME_COLUMNS) for path in scores_in]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=list(FRAME_COLUMNS))
    table = table[table["video"].isin(present)].sort_values(["model", "protocol", "video", "frame"])
    rows = [
        _summarise(model, protocol, table[(table["model"] == model) & (table["protocol"] == protocol)])
        for model in sorted(models)
        for protocol in sorted(protocols)
    ]
    artifacts.write_table(frames_out, table)
    artifacts.write_table(summary_out, pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS)))


def _summarise(model: str, protocol: str, rows: pd.DataFrame) -> dict[str, Any]:
    scored = rows[rows["ciou"].notna()]
    values, clips = scored["ciou"].to_numpy(np.float64), scored["video"].to_numpy()
    counts = rows["status"].value_counts()
    row: dict[str, Any] = {
        "model": model,
        "protocol": protocol,
        "frames": len(scored),
        "skipped": len(rows) - len(scored),
        "clips": scored["video"].nunique(),
        **{name: int(counts.get(name, 0)) for name in COUNTED},
    }
    if len(values):
        low, high = clip_bootstrap(values >= 0.5, clips)
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
        annotations_in: the annotations, a file a shard.
        protocols: a clip's scored frames are those that any of these scores.
        listens: whether any model needs sound.
        out: CSV.
    """
    plan = artifacts.read_table(plan_in, PLAN_COLUMNS)
    statuses = {
        row.video: row
        for path in statuses_in
        for row in artifacts.read_table(path, STATUS_COLUMNS).itertuples(index=False)
    }
    known = {name: value for path in annotations_in for name, value in read_annotations(path).items()}
    rows: list[tuple[str, str, str, int, int]] = []
    for clip in plan.itertuples(index=False):
        if pd.notna(clip.reason):
            rows.append((clip.video, "skipped" if clip.reason == NO_ANNOTATIONS else "failed", clip.reason, 0, 0))
        elif clip.video not in statuses:
            rows.append((clip.video, "skipped", "came while a run was under way: run again", 0, 0))
        else:
            rows.append(_clip_row(statuses[clip.video], known.get(clip.video), protocols, listens))
    artifacts.write_table(out, pd.DataFrame(sorted(rows), columns=list(CLIP_COLUMNS)))


def _clip_row(
    found: Any, known: Annotations | None, protocols: Sequence[Protocol], listens: bool
) -> tuple[str, str, str, int, int]:
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
        scored = set() if mute else {number for number in frames if number < found.frames}
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
