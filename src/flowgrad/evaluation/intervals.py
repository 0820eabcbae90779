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
"""The values of each clip of one place, or of each picture where a metric is given these; none is without a value."""
GROUPS, MEAN_GROUPS = 100, 1000
"""Replicates of a figure, and of a mean, at most: of more places, several are left out together. So many say how far
a figure scatters as well as all would, and the time is bounded."""


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
        replicates: by column, (J,), J at most ``MEAN_GROUPS`` or ``GROUPS``; empty for one place.
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
        groups = pooled(places, MEAN_GROUPS)
        of_group = [metric.figures(group) for group in groups]
        # how many values a group's mean is of
        counts = np.array([len(group) if metric.by_picture else sum(map(len, group)) for group in groups], np.float64)
        for column in metric.means:
            sums = counts * [made[column] for made in of_group]
            if abs(sums.sum() / counts.sum() - figures[column]) > 1e-6:
                raise InputError(
                    f"metric {metric.name}: {column} is no mean over {'pictures' if metric.by_picture else 'items'};"
                    " leave it out of means"
                )
            if len(groups) > 1:
                replicates[column] = (sums.sum() - sums) / (counts.sum() - counts)
    others = [column for column in metric.columns if column not in metric.means]
    if others and len(places) > 1:
        groups = pooled(places, GROUPS)
        without = [_without(metric, groups, number) for number in range(len(groups))]
        replicates |= {column: np.array([made[column] for made in without], np.float64) for column in others}
    return Replicated(figures, {column: replicates.get(column, np.empty(0)) for column in metric.columns})


def pooled(places: Sequence[Place], most: int) -> Sequence[Place]:
    """Return places as at most so many groups, of which each has every ``most``-th place.

    >>> pooled([["a"], ["b", "c"], ["d"]], 2), pooled([["a"], ["b", "c"]], 2)
    ([['a', 'd'], ['b', 'c']], [['a'], ['b', 'c']])
    """
    if len(places) <= most:
        return places
    return [[clip for place in places[first::most] for clip in place] for first in range(most)]


def _without(metric: Metric, groups: Sequence[Place], left_out: int) -> Mapping[str, float]:
    """Return the figures without one group; NaN where the others give none."""
    kept = [clip for number, group in enumerate(groups) if number != left_out for clip in group]
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
