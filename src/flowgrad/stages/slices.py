"""Stage ``slices``: the table again, for the items of one kind at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowgrad import artifacts
from flowgrad.datasets.stored import read_annotations
from flowgrad.evaluation.base import Metric
from flowgrad.evaluation.intervals import names
from flowgrad.evaluation.slices import measured, ordered, slices
from flowgrad.evaluation.summary import figures, valued, wide
from flowgrad.schemas.conditions import CONDITIONS
from flowgrad.schemas.plan import PLACES
from flowgrad.schemas.scores import SCORES
from flowgrad.schemas.slices import FEW_FRAMES, FEW_PLACES, SLICES
from flowgrad.schemas.status import STATUS

if TYPE_CHECKING:
    from flowgrad.protocols import Protocol

NO_KIND = -1


@dataclass(frozen=True)
class Shard:
    """The files of a shard; ``conditions`` is None where nothing was measured."""

    scores: Path
    status: Path
    annotations: Path
    conditions: Path | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """The scored items of one clip under one model and protocol."""

    model: str
    protocol: str
    video: str
    scores: npt.NDArray[np.float64]
    """(items, metrics with values)."""
    kinds: npt.NDArray[np.int32]
    """(items,), the number of the kind that each is of; :data:`NO_KIND` where nothing is said of it."""


@dataclass(frozen=True)
class _Items:
    """All items of one row, clip after clip."""

    videos: list[str]
    clip: npt.NDArray[np.int64]
    """(items,), the place of each one's clip in ``videos``, ascending."""
    scores: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.int32]

    @classmethod
    def joined(cls, pieces: Sequence[_Piece]) -> _Items:
        """Return the items of some pieces, at least one."""
        return cls(
            [piece.video for piece in pieces],
            np.repeat(np.arange(len(pieces)), [len(piece.scores) for piece in pieces]),
            np.concatenate([piece.scores for piece in pieces]),
            np.concatenate([piece.kinds for piece in pieces]),
        )

    def of(self, chosen: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[np.float64]]:
        """Return the scores of the items of chosen kinds, by clip; clips that have none are absent."""
        items = np.flatnonzero(chosen[self.kinds])
        clips, starts = np.unique(self.clip[items], return_index=True)
        parts = np.split(self.scores[items], starts[1:])
        return {self.videos[clip]: part for clip, part in zip(clips, parts, strict=False) if len(part)}


class _Kinds:
    """The kinds that items are of, each with its values by slice, numbered as they come."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, str], ...], int] = {}

    def number(self, values: Mapping[str, str]) -> int:
        """Return the number of a kind."""
        return self._known.setdefault(tuple(sorted(values.items())), len(self._known))

    def slices(self) -> list[tuple[str, str]]:
        """Return every slice and value that occurs, in the order of the table."""
        found: dict[str, set[str]] = {}
        for kind in self._known:
            for name, value in kind:
                found.setdefault(name, set()).add(value)
        return ordered(found)

    def having(self, name: str, value: str) -> npt.NDArray[np.bool_]:
        """Return for each kind whether it has a value, (kinds + 1,); the last, :data:`NO_KIND`, has none."""
        return np.array([(name, value) in kind for kind in self._known] + [False])


def run(
    *,
    plan_in: Path,
    shards: Sequence[Shard],
    rows: Sequence[tuple[str, str]],
    protocols: Mapping[str, Protocol],
    metrics: Sequence[Metric],
    out: Path,
) -> None:
    """Summarise the scores of every slice.

    Shards are read one at a time; what stays in memory is a few numbers an item and row.

    Args:
        plan_in: the present clips with their places; scores of others are left out.
        shards: the files of all shards.
        rows: model and protocol of each row of the table.
        protocols: which items are scored, by name.
        metrics: the metrics of the table. One that reads items without truth has no figure here: these are of no kind.
        out: CSV, a row for every model, protocol, slice and value that any of its items has.
    """
    plan = artifacts.read_table(plan_in, PLACES).dropna(subset="shard")
    place_of = dict(zip(plan["video"], plan["place"], strict=True))
    metrics = sliced(metrics)
    kinds = _Kinds()
    pieces = [piece for shard in shards for piece in _pieces(shard, place_of, protocols, metrics, kinds)]
    pieces.sort(key=attrgetter("model", "protocol", "video"))
    found = {key: list(some) for key, some in groupby(pieces, key=attrgetter("model", "protocol"))}
    having = [(name, value, kinds.having(name, value)) for name, value in kinds.slices()]
    table = [
        {"model": model, "protocol": protocol, "slice": name, "value": value} | made
        for model, protocol in sorted(rows)
        if (model, protocol) in found
        for items in [_Items.joined(found[model, protocol])]
        for name, value, chosen in having
        if (made := _figures(items.of(chosen), place_of, metrics))
    ]
    artifacts.write_table(out, pd.DataFrame(table, columns=slice_columns(metrics)))


def sliced(metrics: Sequence[Metric]) -> list[Metric]:
    """Return the metrics that have figures of slices: those that read items with truth alone, and no whole pictures.

    The items of a slice can be some of a picture's: what is said of it would be said of a part of its sources.
    """
    negative = {metric.name for metric in metrics if metric.negatives}
    return [metric for metric in metrics if not (metric.by_picture or negative & {metric.name, *metric.read})]


def slice_columns(metrics: Sequence[Metric]) -> list[str]:
    """Return the columns of ``slices.csv``: each figure before its interval."""
    return [*SLICES, *(some for metric in metrics for column in metric.columns for some in (column, *names(column)))]


def _pieces(
    shard: Shard,
    place_of: Mapping[str, str],
    protocols: Mapping[str, Protocol],
    metrics: Sequence[Metric],
    kinds: _Kinds,
) -> Iterator[_Piece]:
    """Yield the items of a shard that have a score, row by row and clip by clip."""
    known = read_annotations(shard.annotations)
    sizes = {row.video: (row.width, row.height) for row in artifacts.read_table(shard.status, STATUS).itertuples()}
    measures = _measured(shard.conditions)
    values = valued(metrics)
    table = wide(artifacts.read_table(shard.scores, SCORES), metrics)
    table = table[table["video"].isin(place_of) & table[values[0]].notna()]
    of_clip: dict[tuple[str, str], dict[int, int]] = {}
    for key, some in table.groupby(["model", "protocol", "video"]):
        model, protocol, video = map(str, key)
        if (protocol, video) not in of_clip:
            about = measures.get(video, {})
            of_clip[protocol, video] = {
                frame: kinds.number(said | about.get(frame, {}))
                for frame, said in slices(known[video], protocols[protocol], sizes[video]).items()
            }
        numbers = [of_clip[protocol, video].get(frame, NO_KIND) for frame in some["frame"]]
        yield _Piece(model, protocol, video, some[values].to_numpy(np.float64), np.array(numbers, np.int32))


def _measured(conditions: Path | None) -> dict[str, dict[int, dict[str, str]]]:
    """Return what was measured about the frames of a shard, by clip and frame."""
    found: dict[str, dict[int, dict[str, str]]] = {}
    if conditions is not None:
        for row in artifacts.read_table(conditions, CONDITIONS).itertuples(index=False):
            found.setdefault(row.video, {})[row.frame] = measured(row.loudness_db, row.camera)
    return found


def _figures(
    clips: Mapping[str, npt.NDArray[np.float64]], place_of: Mapping[str, str], metrics: Sequence[Metric]
) -> dict[str, Any]:
    """Return counts and figures of some items of one row, by clip; empty where there is none."""
    if not clips:
        return {}
    frames, places = sum(map(len, clips.values())), len({place_of[video] for video in clips})
    counts = {"frames": frames, "clips": len(clips), "places": places}
    return counts | {"few": frames < FEW_FRAMES or places < FEW_PLACES} | figures(clips, place_of, metrics, {})
