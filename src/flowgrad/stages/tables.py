"""Stages ``summary`` and ``clips``: the tables that a person reads."""

from __future__ import annotations

import csv
import io
import math
import os
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowgrad import artifacts
from flowgrad.datasets.base import Annotations
from flowgrad.datasets.stored import read_annotations
from flowgrad.errors import InputError
from flowgrad.evaluation.base import Metric
from flowgrad.evaluation.ground_truth import box_faults
from flowgrad.evaluation.intervals import differences
from flowgrad.evaluation.statistics import holm
from flowgrad.evaluation.summary import (
    figures,
    frame_columns,
    grouped,
    have_value,
    summary_columns,
    values_read,
    wide,
)
from flowgrad.evaluation.truth import scored_frames
from flowgrad.evaluation.unscored import why_unscored
from flowgrad.schemas.clips import CLIPS
from flowgrad.schemas.differences import DIFFERENCES
from flowgrad.schemas.plan import NO_ANNOTATIONS, PICTURES, PLACES
from flowgrad.schemas.scores import NEGATIVE, SCORES
from flowgrad.schemas.status import STATUS
from flowgrad.schemas.summary import COUNTED

if TYPE_CHECKING:
    from flowgrad.protocols import GroundTruth

ClipRow = tuple[str, str, str, int, int, str]


@dataclass(frozen=True, slots=True)
class _Piece:
    """The rows of one clip under one model and protocol: where their text lies in the spool, and their values."""

    model: str
    protocol: str
    video: str
    start: int
    end: int
    frames: npt.NDArray[np.int32]
    """(items,), which they are."""
    scores: npt.NDArray[np.float64]
    """(items, metrics with values)."""
    negatives: int
    """How many of the items have no truth."""


def run_summary(
    *,
    plan_in: Path,
    scores_in: Sequence[Path],
    rows: Sequence[tuple[str, str]],
    metrics: Sequence[Metric],
    reference: str | None = None,
    frames_out: Path,
    summary_out: Path,
    differences_out: Path,
) -> None:
    """Join the scores of all shards, summarise them, and compare the rows with one of them.

    Shards are read one at a time. Their rows go to a nameless file as text and come back clip by clip, in order; what
    stays in memory is two numbers a row.

    Args:
        plan_in: the present clips with their places and pictures; rows of others are left out.
        scores_in: what stage ``score`` wrote, a file a shard.
        rows: model and protocol of each row of the table; one without any frame gets a row with 0 frames.
        metrics: the metrics of the table; the first one says which items count.
        reference: the model whose rows the others of the same protocol are compared with; None: no comparison.
        frames_out: CSV, a row for every model, protocol and frame.
        summary_out: CSV, a row for every model and protocol.
        differences_out: CSV, a row for every model, protocol and figure; none without a reference.
    """
    plan = artifacts.read_table(plan_in, PICTURES)
    pairs_of: dict[str, list[str]] = {}
    for video, picture in plan.loc[plan["picture"].notna(), ["video", "picture"]].itertuples(index=False, name=None):
        pairs_of.setdefault(picture, []).append(video)
    plan = plan.dropna(subset="shard")
    place_of = dict(zip(plan["video"], plan["place"], strict=True))
    cases: Counter[tuple[str, str, str]] = Counter()
    with artifacts.replacing(frames_out) as frames, tempfile.TemporaryFile(dir=frames_out.parent) as spool:
        pieces = [piece for path in scores_in for piece in _spooled(path, place_of.keys(), spool, cases, metrics)]
        pieces.sort(key=attrgetter("model", "protocol", "video"))
        with frames.open("wb") as out:
            out.write(f"{','.join(frame_columns(metrics))}\n".encode())
            for piece in pieces:
                spool.seek(piece.start)
                out.write(spool.read(piece.end - piece.start))
    found = {key: list(some) for key, some in groupby(pieces, key=attrgetter("model", "protocol"))}
    table = [
        {"model": model, "protocol": protocol}
        | _counts(found.get((model, protocol), ()), place_of, pairs_of)
        | figures(
            {piece.video: piece.scores for piece in found.get((model, protocol), ())}, place_of, metrics, pairs_of
        )
        | {case: cases[model, protocol, case] for case in COUNTED}
        for model, protocol in sorted(rows)
    ]
    artifacts.write_table(summary_out, pd.DataFrame(table, columns=summary_columns(metrics)))
    compared = [
        row
        for model, protocol in sorted(rows)
        if reference is not None and model != reference and (reference, protocol) in rows
        for row in _differences(found, (model, protocol, reference), place_of, metrics, pairs_of)
    ]
    compared = _corrected(pd.DataFrame(compared, columns=list(DIFFERENCES)))
    artifacts.write_table(differences_out, compared)


def _spooled(
    scores_in: Path,
    present: Collection[str],
    spool: IO[bytes],
    cases: Counter[tuple[str, str, str]],
    metrics: Sequence[Metric],
) -> Iterator[_Piece]:
    """Append the rows of a shard to ``spool`` as they stand in the final table, and count its open cases."""
    table = wide(artifacts.read_table(scores_in, SCORES), metrics)
    table = table[table["video"].isin(present)].sort_values(["model", "protocol", "video", "frame"])
    cases.update(zip(table["model"], table["protocol"], table["status"], strict=True))
    end = spool.seek(0, os.SEEK_END)
    for (model, protocol, video), rows in groupby(table.itertuples(index=False, name=None), key=itemgetter(0, 1, 2)):
        text, frames, values, negatives = io.StringIO(newline=""), [], [], 0
        lines = csv.writer(text, lineterminator="\n")
        for _, _, _, frame, time_s, first, status, *others in rows:
            cells = _cell(time_s), _cell(first), status, *map(_cell, others)
            lines.writerow((model, protocol, video, frame, *cells))
            frames.append(frame)
            values.append((first, *others))
            negatives += status == NEGATIVE
        start = end
        end += spool.write(text.getvalue().encode())
        numbers, scores = np.array(frames, np.int32), np.array(values, np.float64)
        yield _Piece(model, protocol, video, start, end, numbers, scores, negatives)


def _cell(value: float) -> str:
    return "" if math.isnan(value) else artifacts.FLOAT_FORMAT % value


def _counts(
    pieces: Iterable[_Piece], place_of: Mapping[str, str], pairs_of: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """Return how many items of one row are scored and skipped, of how many clips, places and whole pictures.

    Items without truth are neither. A picture is skipped where any of its pairs has no score, whatever the reason.
    """
    counts, scored_clips = {"frames": 0, "skipped": 0}, set()
    for piece in pieces:
        scored = int((~np.isnan(piece.scores[:, 0])).sum())
        counts["frames"] += scored
        counts["skipped"] += len(piece.scores) - scored - piece.negatives
        scored_clips |= {piece.video} if scored else set()
    places = {place_of[video] for video in scored_clips}
    whole = sum(scored_clips.issuperset(pairs) for pairs in pairs_of.values())
    counted = {"clips": len(scored_clips), "places": len(places)}
    return counts | counted | {"pictures": whole, "skipped_pictures": len(pairs_of) - whole}


def _differences(
    found: Mapping[tuple[str, str], Sequence[_Piece]],
    compared: tuple[str, str, str],
    place_of: Mapping[str, str],
    metrics: Sequence[Metric],
    pairs_of: Mapping[str, Sequence[str]],
) -> Iterator[dict[str, Any]]:
    """Yield how a row differs from the reference on the items that both have a value for, a figure at a time."""
    model, protocol, reference = compared
    other_of = {piece.video: piece for piece in found.get((reference, protocol), ())}
    pairs = [(piece, other_of[piece.video]) for piece in found.get((model, protocol), ()) if piece.video in other_of]
    for metric in metrics:
        ours, theirs = {}, {}
        for piece, other in pairs:
            # frames of a clip are distinct
            items = np.intersect1d(
                piece.frames[have_value(piece.scores, metric, metrics)],
                other.frames[have_value(other.scores, metric, metrics)],
            )
            if len(items):
                ours[piece.video] = values_read(piece.scores[np.isin(piece.frames, items)], metric, metrics)
                theirs[piece.video] = values_read(other.scores[np.isin(other.frames, items)], metric, metrics)
        places = grouped(metric, ours, place_of, pairs_of)
        made = differences(metric, places, grouped(metric, theirs, place_of, pairs_of)) if places else {}
        for column in metric.columns:
            row: dict[str, Any] = {"model": model, "protocol": protocol, "reference": reference, "figure": column}
            row |= {"frames": sum(len(some) for place in places for some in place), "places": len(places)}
            if column in made:
                gap = made[column]
                row |= {"difference": gap.value, "difference_low": gap.low, "difference_high": gap.high, "p": gap.p}
            yield row


def _corrected(table: pd.DataFrame) -> pd.DataFrame:
    """Return differences with their p corrected for the comparisons of one figure under one protocol."""
    for _, rows in table.groupby(["protocol", "figure"]):
        table.loc[rows.index, "p_corrected"] = holm(rows["p"].astype(float).tolist())
    return table


def run_clips(
    *,
    plan_in: Path,
    statuses_in: Sequence[Path],
    annotations_in: Sequence[Path],
    protocols: Sequence[GroundTruth],
    listens: bool,
    out: Path,
) -> None:
    """Write one row for every clip of the dataset: what became of it, and why.

    Args:
        plan_in: the present clips, with the reason of those that are in no shard.
        statuses_in: what stage ``decode`` wrote, a file a shard.
        annotations_in: the annotations, a file a shard, in the same order.
        protocols: the ground truth of each; a clip's scored frames are those that any of these scores.
        listens: whether any model needs sound.
        out: CSV.
    """
    plan = artifacts.read_table(plan_in, PLACES)
    found: dict[str, tuple[str, str, str, int, int]] = {}
    for status_in, annotation_in in zip(statuses_in, annotations_in, strict=True):
        known = read_annotations(annotation_in)
        for status in artifacts.read_table(status_in, STATUS).itertuples(index=False):
            found[status.video] = _clip_row(status, known.get(status.video), protocols, listens)
    rows: list[ClipRow] = []
    for clip in plan.itertuples(index=False):
        if pd.notna(clip.reason):
            rows.append(
                (clip.video, "skipped" if clip.reason == NO_ANNOTATIONS else "failed", clip.reason, 0, 0, clip.place)
            )
        elif clip.video not in found:
            rows.append((clip.video, "skipped", "came while a run was under way: run again", 0, 0, clip.place))
        else:
            rows.append((*found[clip.video], clip.place))
    artifacts.write_table(out, pd.DataFrame(sorted(rows), columns=list(CLIPS)))


def _clip_row(
    found: Any, known: Annotations | None, protocols: Sequence[GroundTruth], listens: bool
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
        frames = {number for protocol in protocols for number in scored_frames(known, protocol, size)}
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
