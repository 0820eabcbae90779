"""Intervals and comparisons of figures that sum up many items, of which those of one place resemble each other.

A place is where clips were recorded (:attr:`flowgrad.datasets.base.Clip.place`). The figure is computed again with each
place left out (the jackknife; Quenouille 1956, Tukey 1958): how much these replicates scatter says how far the figure
would move with other places. It works for every figure that can be computed, a mean or not.

The bounds are Wilson's (1927), which never leave the range of the figure and say something where all items agree. In
place of the number of items stands the number of independent ones that would scatter as much (Korn and Graubard 1998).
In place of the normal quantile stands Student's, whose degrees of freedom follow from how many places the scatter comes
from: a few large places, or a rare success, make an error that is itself uncertain.
``python benchmarks/coverage.py`` says how often such intervals hold the truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
UNIT = (0.0, 1.0)
"""The range of a figure, where nothing else is said."""
FREEDOM, FEWEST = 1.5, 3
"""Degrees of freedom for each place that the scatter comes from, and the fewest. For normal replicates that is half of
the places. The usual estimate, twice as many, holds the truth too rarely where successes are rare or places are of
unequal size; fewer than three widen the interval and gain nothing."""
NOTHING = 1e-9
"""A standard error below it is rounding."""
FRACTION_TERMS = 100
"""Of a continued fraction; at 10,000 degrees of freedom ten digits need half of them."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scatter:
    """How far a figure would move with other places.

    Attributes:
        error: the standard error; 0 where no place moves it.
        freedom: degrees of freedom of Student's t; 3 or more, where there are places enough.
        places: how many there are, at least 2.
    """

    error: float
    freedom: float
    places: int

    @property
    def quantile(self) -> float:
        """Return Student's quantile of the interval."""
        return student_quantile(self.freedom)


def scatter(figure: float, replicates: Floats) -> Scatter:
    """Return how a figure scatters, from its J replicates, each with one place left out.

    Args:
        figure: from all places.
        replicates: (J,), J at least 2.

    >>> found = scatter(2.0, np.array([2.5, 2.0, 1.5]))  # the mean of 1, 2 and 3
    >>> round(found.error, 6), found.freedom  # two of three places move it
    (0.57735, 2)
    """
    count, squares = len(replicates), (replicates - figure) ** 2
    error = math.sqrt((count - 1) / count * float(squares.sum()))
    if error < NOTHING:
        return Scatter(0.0, count - 1, count)
    # 1 where a single place moves the figure, all of them where each does so as much
    moving = float(squares.sum()) ** 2 / float((squares**2).sum())
    return Scatter(error, min(max(FREEDOM * moving, FEWEST), count - 1), count)


def interval(figure: float, replicates: Floats, bounds: tuple[float, float] = UNIT) -> tuple[float, float]:
    """Return the 95 % interval of a figure; NaN with fewer than two places, or where a replicate is NaN.

    Args:
        figure: from all places.
        replicates: (J,), the figure with each of the J places left out.
        bounds: the least and the greatest value that the figure can have; where one is infinite, or the figure lies
            beyond them, the interval is Student's.
    """
    if len(replicates) < 2 or not np.isfinite([figure, *replicates]).all():
        return math.nan, math.nan
    found, (low, high) = scatter(figure, replicates), bounds
    if math.isinf(high - low) or not low <= figure <= high:
        half = found.quantile * found.error
        return figure - half, figure + half
    share = (figure - low) / (high - low)
    first, last = wilson(share, independent(share, found.error / (high - low), found.places), found.quantile)
    # rounding must not put the figure itself outside
    return min(low + (high - low) * first, figure), max(low + (high - low) * last, figure)


def independent(share: float, error: float, places: int) -> float:
    """Return how many independent items would give a share, or a mean in 0..1, this standard error; at least 1.

    Where no place differs from another, nothing is known of how alike the items of one are: each place counts as one.

    >>> round(independent(0.5, 0.05, 10)), independent(0.0, 0.0, 10)
    (100, 10)
    """
    variance = share * (1 - share)
    return max(1.0, variance / error**2) if variance > 0 and error > 0 else places


def wilson(share: float, number: float, quantile: float) -> tuple[float, float]:
    """Return Wilson's score interval of a share of ``number`` items (JASA 22, 1927).

    >>> [round(bound, 4) for bound in wilson(0.1, 20, 1.959964)]
    [0.0279, 0.301]
    """
    weight = quantile**2 / number
    centre = (share + weight / 2) / (1 + weight)
    half = math.sqrt(weight * share * (1 - share) + weight**2 / 4) / (1 + weight)
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Difference:
    """A difference of two figures of the same items: its 95 % interval, and the p of a test that it is 0."""

    value: float
    low: float
    high: float
    p: float


def difference(value: float, replicates: Floats, span: float = 1.0) -> Difference:
    """Return the interval of a difference and its two-sided p, by Student's t; NaN as in :func:`interval`.

    Where all places give the same difference there is no scatter to go by. Then the bounds are as far away as Wilson's
    are from a share that was seen in no place: ``q^2 / (J + q^2)``.

    Args:
        value: the difference from all places.
        replicates: (J,), with each of the J places left out.
        span: the greatest difference that there can be; may be infinite.
    """
    if len(replicates) < 2 or not np.isfinite([value, *replicates]).all():
        return Difference(value, math.nan, math.nan, math.nan)
    found = scatter(value, replicates)
    if found.error:
        half = found.quantile * found.error
        p = student_tail(value / found.error, found.freedom)
    else:
        unseen = found.quantile**2 / (found.places + found.quantile**2)
        half = unseen * span if math.isfinite(span) else 0.0
        share = min(abs(value) / span, 1.0)
        # the quantile at which the interval would reach 0
        p = student_tail(math.sqrt(found.places * share / (1 - share)), found.freedom) if share < 1 else 0.0
    return Difference(value, max(value - half, -span), min(value + half, span), p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for several comparisons (Holm 1979); NaN stays, and is not counted.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03, math.nan])]
    [0.03, 0.06, 0.06, nan]
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    corrected, before = list(p_values), 0.0
    for rank, (p, place) in enumerate(order):
        before = corrected[place] = min(1.0, max(before, (len(order) - rank) * p))
    return corrected


@cache
def student_quantile(freedom: float, confidence: float = CONFIDENCE) -> float:
    """Return what Student's t stays within, on both sides of 0, with this probability.

    >>> round(student_quantile(9), 4), round(student_quantile(1), 3)
    (2.2622, 12.706)
    """
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    # Newton's steps from the normal quantile: the tail is convex and the start lies below, so they never pass the end
    quantile, step = NormalDist().inv_cdf(0.5 + confidence / 2), math.inf
    while step > 1e-12 * quantile:
        density = scale * math.exp(-(freedom + 1) / 2 * math.log1p(quantile**2 / freedom))
        step = (student_tail(quantile, freedom) - (1 - confidence)) / (2 * density)
        quantile += step
    return quantile


def student_tail(statistic: float, freedom: float) -> float:
    """Return the probability that Student's t is further from 0 than ``statistic`` (the p of a two-sided test).

    >>> round(student_tail(2.0, 10), 6)
    0.073388
    """
    return _incomplete_beta(freedom / (freedom + statistic**2), freedom / 2, 0.5)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        # here the fraction of the mirrored function converges fast
        return 1 - _incomplete_beta(1 - x, b, a)
    scale = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    # evaluated from its end: the terms decay, and none of the partial denominators is 0
    fraction = 1.0
    for order in range(FRACTION_TERMS, 0, -1):
        half = order // 2
        if order % 2:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        fraction = 1 + term / fraction
    return scale / (a * fraction)
