"""Stages ``sources`` and ``sources_table``: what a model tells apart, against the several sources of an item.

A source is one class: the boxes of a class in a frame of a video, or what a still shows of its class. Stills with the
same picture and the same audio are one item: as the clips of AudioSet's instruments, which have one class each. A
picture with another audio is another item, for another source is heard in it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowgrad import artifacts
from flowgrad.datasets.base import Annotations
from flowgrad.datasets.stored import read_annotations
from flowgrad.evaluation.assignment import frame_wise, source_wise
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.intervals import with_intervals
from flowgrad.evaluation.parts import enlarged, masks_of
from flowgrad.evaluation.truth import source_masks
from flowgrad.places import places_of
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.sources import ALL, PARTED, SEVERAL, SOURCES
from flowgrad.schemas.status import STATUS
from flowgrad.shard import read_shard

if TYPE_CHECKING:
    from flowgrad.protocols import Protocol

log = logging.getLogger(__name__)

Masks = npt.NDArray[np.float32]
SCORES = ("frame_wise", "source_wise")


@dataclass(frozen=True)
class Shard:
    """The files of a shard: its clips, maps, what became of each clip, annotations."""

    clips: Path
    maps: Path
    status: Path
    annotations: Path


@dataclass(frozen=True)
class _Clip:
    """A clip: where its maps would lie, its annotations, its size in pixels."""

    maps: Path
    name: str
    known: Annotations
    size: tuple[int, int]


def run(
    *,
    model: str,
    protocol_name: str,
    protocol: Protocol,
    threshold: ThresholdRule,
    shards: Sequence[Shard],
    present: Collection[str],
    out: Path,
) -> None:
    """Score the maps that a model tells apart, frame-wise and source-wise.

    Args:
        model: the name of the row.
        protocol_name: as in the configuration.
        protocol: how truth and masks are made.
        threshold: how maps become masks. A rule that is told the truth is told all sources together.
        shards: all shards.
        present: the clips of the dataset; others that a shard holds take no part.
        out: CSV, a row an item that has sources.
    """
    items = _items(shards, present)
    rows = []
    for maps, some in groupby(sorted(items, key=lambda item: item[0].maps), key=lambda item: item[0].maps):
        with artifacts.open_artifact(maps, HEATMAPS) as source:
            for clips in some:
                for number, truth in _sources(clips, protocol).items():
                    row = _scored(source, clips[0].name, number, truth, protocol, threshold)
                    rows += [row] if row else []
    table = pd.DataFrame(rows, columns=[name for name in PARTED if name not in ("model", "protocol")])
    table = table.assign(model=model, protocol=protocol_name)[list(PARTED)]
    artifacts.write_table(out, table.sort_values(["video", "frame"]), float_format="%.17g")
    log.info("%d items, %d with several sources", len(table), int((table["sources"] > 1).sum()))


def _items(shards: Sequence[Shard], present: Collection[str]) -> list[list[_Clip]]:
    """Return the clips that have annotations: those together that show and sound the same."""
    found: dict[tuple[Any, ...], list[_Clip]] = {}
    for shard in shards:
        statuses = artifacts.read_table(shard.status, STATUS).itertuples(index=False)
        sizes = {status.video: (int(status.width), int(status.height)) for status in statuses}
        known = read_annotations(shard.annotations)
        for clip in read_shard(shard.clips):
            # of a clip that failed not even the size is known
            if clip.name in present and clip.name in known and sizes.get(clip.name, (0, 0))[0]:
                same = (clip.video, clip.sound, clip.mixed, clip.anchor_s) if clip.still else (clip.name,)
                found.setdefault(same, []).append(_Clip(shard.maps, clip.name, known[clip.name], sizes[clip.name]))
    return list(found.values())


def _sources(clips: Sequence[_Clip], protocol: Protocol) -> dict[int, dict[str, Masks]]:
    """Return by item and class what is true of clips that show and sound the same."""
    items: dict[int, dict[str, Masks]] = {}
    for clip in clips:
        for number, sources in source_masks(clip.known, protocol.ground_truth, clip.size, protocol.boxes.box_raster):
            item = items.setdefault(number, {})
            for label, mask in sources.items():
                item[label] = np.maximum(item.get(label, mask), mask)
    return items


def _scored(
    source: artifacts.ArtifactReader,
    clip: str,
    number: int,
    found: Mapping[str, Masks],
    protocol: Protocol,
    threshold: ThresholdRule,
) -> dict[str, Any] | None:
    """Return a row of the table, without values where the item has no maps; None where its truth is empty."""
    truth = [mask for _, mask in sorted(found.items()) if mask.any()]
    if not truth:
        return None
    sources = np.stack(truth)
    row: dict[str, Any] = {
        "video": clip,
        "frame": number,
        "time_s": np.nan,
        "sources": len(sources),
        "parts": 0,
        "frame_wise": np.nan,
        "source_wise": np.nan,
    }
    numbers = source.read(clip, "frame") if clip in source else np.empty(0, np.int32)
    place = int(np.searchsorted(numbers, number))
    if place == len(numbers) or numbers[place] != number:
        return row
    at = slice(place, place + 1)
    counted = source.read(clip, "part_counted", at)[0]
    parts = enlarged(source.read(clip, "part_maps", at)[0][counted].astype(np.float32))
    masks = masks_of(parts, threshold, protocol.threshold, sources.max(axis=0))
    return row | {
        "time_s": float(source.read(clip, "time_s", at)[0]),
        "parts": len(parts),
        "frame_wise": frame_wise(masks, sources),
        "source_wise": float(source_wise(masks, sources).mean()),
    }


def run_table(*, plan_in: Path, scores_in: Sequence[Path], out: Path) -> None:
    """Write ``metrics/sources.csv``: for every model and protocol the figures of all items, and of those with several.

    Args:
        plan_in: the clips with their places.
        scores_in: what :func:`run` wrote, a file a row of the table.
        out: CSV.
    """
    place_of = places_of(plan_in)
    rows = []
    for path in scores_in:
        table = artifacts.read_table(path, PARTED)
        for which, some in ((ALL, table), (SEVERAL, table[table["sources"] > 1])):
            if len(some):
                named = {"model": some["model"].iloc[0], "protocol": some["protocol"].iloc[0], "which": which}
                rows.append(named | _figures(some, place_of))
    made = pd.DataFrame(rows, columns=list(SOURCES))
    artifacts.write_table(out, made.sort_values(["model", "protocol", "which"], kind="stable"))


def _figures(table: pd.DataFrame, place_of: Mapping[str, str]) -> dict[str, float]:
    skipped = int(table["frame_wise"].isna().sum())
    table = table.dropna(subset="frame_wise")
    places = table.groupby(table["video"].map(place_of))
    found: dict[str, float] = {"items": len(table), "skipped": skipped, "places": len(places)}
    if not len(table):
        return found
    found |= {"mean_sources": float(table["sources"].mean()), "mean_parts": float(table["parts"].mean())}
    for score in SCORES:
        # metrics are given (items, 1) of every clip
        values = [[clip[[score]].to_numpy(np.float64) for _, clip in place.groupby("video")] for _, place in places]
        found |= {f"{score}_{name}": figure for name, figure in with_intervals(CIOU, values).items()}
    return found
