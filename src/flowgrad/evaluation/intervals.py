"""From the values of a metric to its figures with their intervals, and to differences between two rows.

Works for every metric: it says itself how values become figures, and those are computed again without each place
(:mod:`flowgrad.evaluation.statistics`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flowgrad.errors import InputError
from flowgrad.evaluation.base import Metric, Values
from flowgrad.evaluation.statistics import Difference, Floats, difference, interval

Place = Sequence[Values]
"""The values of each clip of one place; no clip is without a value."""
GROUPS = 100
"""Figures that are no means are computed anew so often at most: with more places, several are left out together."""


def names(column: str) -> tuple[str, str]:
    """Return the columns of a figure's interval.

    >>> names("auc")
    ('auc_low', 'auc_high')
    """
    return f"{column}_low", f"{column}_high"


@dataclass(frozen=True)
class Replicated:
    """The figures of some places, and the same with each place left out.

    Attributes:
        figures: by column.
        replicates: by column, (J,); of figures that are no means (at most ``GROUPS``,).
    """

    figures: Mapping[str, float]
    replicates: Mapping[str, Floats]


def replicated(metric: Metric, places: Sequence[Place]) -> Replicated:
    """Return the figures of a metric from all places, and from all but one.

    Args:
        metric: says how values become figures.
        places: in an order that does not depend on how the table came about; at least one.

    Raises:
        InputError: the metric's summary fails, or a figure that it calls a mean is none.
    """
    figures = metric.figures([clip for place in places for clip in place])
    replicates: dict[str, Floats] = {}
    if metric.means:
        of_place = [metric.figures(place) for place in places]
        counts = np.array([sum(map(len, place)) for place in places], np.float64)
        for column in metric.means:
            sums = counts * [made[column] for made in of_place]
            if abs(sums.sum() / counts.sum() - figures[column]) > 1e-6:
                raise InputError(f"metric {metric.name}: {column} is no mean over items; leave it out of means")
            if len(places) > 1:
                replicates[column] = (sums.sum() - sums) / (counts.sum() - counts)
    others = [column for column in metric.columns if column not in metric.means]
    if others and len(places) > 1:
        count = min(len(places), GROUPS)
        without = [_without(metric, places, group, count) for group in range(count)]
        replicates |= {column: np.array([made[column] for made in without], np.float64) for column in others}
    return Replicated(figures, {column: replicates.get(column, np.empty(0)) for column in metric.columns})


def _without(metric: Metric, places: Sequence[Place], group: int, count: int) -> Mapping[str, float]:
    """Return the figures without every ``count``-th place; NaN where the others give none."""
    kept = [clip for number, place in enumerate(places) if number % count != group for clip in place]
    try:
        return metric.figures(kept)
    except InputError:
        # a summary may need what only that place has; the figures of all places are asked for first
        return dict.fromkeys(metric.columns, np.nan)


def with_intervals(metric: Metric, places: Sequence[Place]) -> dict[str, float]:
    """Return the figures of a metric and their 95 % intervals, by column (:func:`names`)."""
    made = replicated(metric, places)
    found: dict[str, float] = dict(made.figures)
    for column in metric.columns:
        bounds = interval(made.figures[column], made.replicates[column], metric.bounds)
        found |= dict(zip(names(column), bounds, strict=True))
    return found


def differences(metric: Metric, row: Sequence[Place], reference: Sequence[Place]) -> dict[str, Difference]:
    """Return how a row differs from a reference, by column.

    Args:
        metric: says how values become figures.
        row: the values of each place.
        reference: those of the same items in the same order.
    """
    ours, theirs = replicated(metric, row), replicated(metric, reference)
    return {
        column: difference(
            ours.figures[column] - theirs.figures[column],
            ours.replicates[column] - theirs.replicates[column],
            metric.bounds[1] - metric.bounds[0],
        )
        for column in metric.columns
    }
