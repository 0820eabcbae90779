"""From scores to figures: the columns of the tables, and what metrics read of the values of a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowgrad.evaluation.base import Metric, Values
from flowgrad.evaluation.intervals import names, with_intervals
from flowgrad.schemas.scores import ITEM
from flowgrad.schemas.summary import COUNTED, PICTURES

LEADING = ("success_at_0_3", "success_at_0_5", "auc", "mean_ciou")
"""Columns that other people's scripts expect before the number of clips."""
EARLY = "success_at_0_5"
"""The figure whose interval stands before the counts: for long it was the only one."""


def frame_columns(metrics: Sequence[Metric]) -> list[str]:
    """Return the columns of ``frames.csv``: the first metric's in the middle, then the others'."""
    first, *others = valued(metrics)
    return [*ITEM, first, "status", *others]


def valued(metrics: Sequence[Metric]) -> list[str]:
    """Return the names of the metrics that have values of their own."""
    return [metric.name for metric in metrics if metric.item is not None]


def summary_columns(metrics: Sequence[Metric]) -> list[str]:
    """Return the columns of ``summary.csv``: the first metric's around the counts, the others', then intervals."""
    first, *others = metrics
    leading = [column for column in first.columns if column in LEADING]
    rest = [column for column in first.columns if column not in LEADING]
    more = [column for metric in others for column in metric.columns]
    early = [bound for column in first.columns if column == EARLY for bound in names(column)]
    pictures = PICTURES if any(metric.by_picture for metric in metrics) else ()
    late = [bound for metric in metrics for column in metric.columns if column != EARLY for bound in names(column)]
    counted = ["clips", *early, *rest, *COUNTED]
    return ["model", "protocol", "frames", "skipped", *leading, *counted, *more, *pictures, "places", *late]


def wide(scores: pd.DataFrame, metrics: Sequence[Metric]) -> pd.DataFrame:
    """Return the rows of long scores with a column a metric, as in ``frames.csv``."""
    first, *others = valued(metrics)
    table = scores[scores["metric"] == first].rename(columns={"value": first}).reset_index(drop=True)
    table = table[[*ITEM, first, "status"]]
    for name in others:
        values = scores.loc[scores["metric"] == name, [*ITEM, "value"]].rename(columns={"value": name})
        table = table.merge(values.drop(columns="time_s"), how="left", on=["model", "protocol", "video", "frame"])
    return table


def figures(
    clips: Mapping[str, npt.NDArray[np.float64]],
    place_of: Mapping[str, str],
    metrics: Sequence[Metric],
    pairs_of: Mapping[str, Sequence[str]],
) -> dict[str, float]:
    """Return the figures of one row of the summary with their intervals.

    Args:
        clips: of every clip (items, metrics with values), NaN where there is no value.
        place_of: where each clip was recorded.
        metrics: the metrics; one whose values are all NaN has no figure.
        pairs_of: of every picture all of its clips, for metrics that are given pictures.
    """
    found: dict[str, float] = {}
    for metric in metrics:
        read = {video: values_read(scores, metric, metrics) for video, scores in clips.items()}
        places = grouped(metric, {video: values for video, values in read.items() if len(values)}, place_of, pairs_of)
        if places:
            found |= with_intervals(metric, places)
    return found


def values_read(scores: npt.NDArray[np.float64], metric: Metric, metrics: Sequence[Metric]) -> npt.NDArray[np.float64]:
    """Return what the summary of a metric reads of a clip's items, those without a value left out."""
    own = _columns(metric, metrics)
    some = scores[have_value(scores, metric, metrics)][:, own]
    return some if metric.beside else some[:, 0]


def _columns(metric: Metric, metrics: Sequence[Metric]) -> list[int]:
    return [valued(metrics).index(name) for name in metric.read]


def have_value(scores: npt.NDArray[np.float64], metric: Metric, metrics: Sequence[Metric]) -> npt.NDArray[np.bool_]:
    """Return which items of a clip have a value of a metric, (items,)."""
    return ~np.isnan(scores[:, _columns(metric, metrics)[0]])


def grouped(
    metric: Metric, clips: Mapping[str, Values], place_of: Mapping[str, str], pairs_of: Mapping[str, Sequence[str]]
) -> list[list[Values]]:
    """Return the values that the summary of a metric is given, place by place: those of clips, or of whole pictures.

    Args:
        metric: the metric.
        clips: the values of each clip that has any.
        place_of: where each clip was recorded.
        pairs_of: of every picture all of its clips, which have one place.
    """
    if not metric.by_picture:
        return by_place(clips, place_of)
    whole = {
        picture: np.concatenate([clips[pair] for pair in pairs])
        for picture, pairs in pairs_of.items()
        if clips.keys() >= set(pairs)
    }
    return by_place(whole, {picture: place_of[pairs_of[picture][0]] for picture in whole})


def by_place(clips: Mapping[str, npt.NDArray[Any]], place_of: Mapping[str, str]) -> list[list[npt.NDArray[Any]]]:
    """Return what belongs to clips, place by place; both in the order of their names."""
    ordered = sorted(clips, key=lambda video: (place_of[video], video))
    return [[clips[video] for video in some] for _, some in groupby(ordered, key=lambda video: place_of[video])]
