"""How often the 95 % intervals hold the truth, by simulation; in brackets those of a percentile bootstrap of places.

python benchmarks/coverage.py [--draws 2000] [--alike 0.3] [--seed 0]

A place has 1 to 5 clips of 1 to 19 frames, so the largest ones count fifty times as much as the smallest. ``--alike``
is the correlation of two items of one place: 0 where they are as different as those of two places, 1 where all are the
same. The truth is the mean over all places that there could be.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.metrics import THRESHOLDS
from flowgrad.evaluation.statistics import difference, interval

PLACES = (10, 30, 200)
RESAMPLES = 200
Floats = npt.NDArray[np.float64]
Sample = tuple[Floats, npt.NDArray[np.int64]]
"""The sum of a value over the items of each place, and how many items it has."""


def sizes(rng: np.random.Generator, places: int) -> npt.NDArray[np.int64]:
    """Return the number of items of each place; six of ten places have one clip."""
    clips = np.where(rng.random(places) < 0.6, 1, rng.integers(2, 6, places))
    return clips * rng.integers(1, 20, places)


def levels(rng: np.random.Generator, places: int, mean: float, alike: float) -> Floats:
    """Return the mean of each place, of which items that are 0 or 1 correlate by ``alike``."""
    spread = (1 - alike) / alike
    return rng.beta(mean * spread, (1 - mean) * spread, places)


def share(rng: np.random.Generator, places: int, mean: float, alike: float) -> Sample:
    """Draw a share of successes."""
    count = sizes(rng, places)
    return rng.binomial(count, levels(rng, places, mean, alike)).astype(float), count


def ciou(rng: np.random.Generator, places: int, mean: float, alike: float, area: bool) -> Sample:
    """Draw the mean cIoU, or the area under its success curve: items are Beta distributed around their place's mean."""
    count = sizes(rng, places)
    of_item = np.repeat(levels(rng, places, mean, alike), count).clip(1e-3, 1 - 1e-3)
    values = rng.beta(3 * of_item, 3 * (1 - of_item))
    if area:
        values = area_of(values)
    return np.add.reduceat(values, np.cumsum(count) - count), count


def area_of(values: Floats) -> Floats:
    """Return the area under the success curve of each item alone; their mean is the area of all."""
    reached = np.searchsorted(THRESHOLDS, values, side="right")
    return np.minimum(0.05 * (reached - 0.5), 1.0)


def mean_area(mean: float, alike: float) -> float:
    """Return the true area of :func:`ciou`, from many places of one item."""
    rng = np.random.default_rng(12345)
    of_item = levels(rng, 2_000_000, mean, alike).clip(1e-3, 1 - 1e-3)
    return float(np.mean([area_of(some).mean() for some in np.split(rng.beta(3 * of_item, 3 * (1 - of_item)), 100)]))


def rows(alike: float) -> dict[str, tuple[Callable[..., Sample], float]]:
    """Return what is drawn, and the truth of each."""
    found: dict[str, tuple[Callable[..., Sample], float]] = {
        f"share of {mean:g}": (lambda rng, places, mean=mean: share(rng, places, mean, alike), mean)
        for mean in (0.01, 0.05, 0.3, 0.9)
    }
    for mean in (0.1, 0.3, 0.5):
        found[f"mean cIoU of {mean:g}"] = (lambda rng, places, mean=mean: ciou(rng, places, mean, alike, False), mean)
    truth = mean_area(0.3, alike)
    found[f"AUC of {truth:.2f}"] = (lambda rng, places: ciou(rng, places, 0.3, alike, True), truth)
    return found


def differing(rng: np.random.Generator, places: int, means: tuple[float, float], alike: float) -> tuple[Sample, Sample]:
    """Draw the successes of two rows on the same items; the second row's place is half that of the first."""
    count = sizes(rng, places)
    first, other = (levels(rng, places, mean, alike) for mean in means)
    follows = rng.random(places) < 0.5
    second = np.where(follows, np.clip(first + means[1] - means[0], 0, 1), other)
    ours, theirs = (rng.binomial(count, level).astype(float) for level in (first, second))
    return (ours, count), (theirs, count)


def left_out(sample: Sample) -> tuple[float, Floats]:
    """Return the mean over items, and the same without each place."""
    sums, counts = sample
    return float(sums.sum() / counts.sum()), (sums.sum() - sums) / (counts.sum() - counts)


def bootstrap(rng: np.random.Generator, sample: Sample) -> tuple[float, float]:
    """Return the percentile interval when places are drawn again."""
    sums, counts = sample
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), RESAMPLES)
    low, high = np.quantile((drawn @ sums) / (drawn @ counts), [0.025, 0.975])
    return float(low), float(high)


def covered(rng: np.random.Generator, draw: Callable[..., Sample], truth: float, places: int, draws: int) -> str:
    ours = theirs = 0
    for _ in range(draws):
        sample = draw(rng, places)
        low, high = interval(*left_out(sample))
        ours += low <= truth <= high
        low, high = bootstrap(rng, sample)
        theirs += low <= truth <= high
    return f"{100 * ours / draws:.1f} ({100 * theirs / draws:.0f})"


def covered_difference(
    rng: np.random.Generator, means: tuple[float, float], alike: float, places: int, draws: int
) -> str:
    truth = differing_truth(means, alike)
    held = 0
    for _ in range(draws):
        (value, replicates), (other, others) = map(left_out, differing(rng, places, means, alike))
        found = difference(value - other, replicates - others)
        held += found.low <= truth <= found.high
    return f"{100 * held / draws:.1f}"


def differing_truth(means: tuple[float, float], alike: float) -> float:
    """Return the true difference of :func:`differing`, in which clipping has a part, from many places."""
    rng = np.random.default_rng(12345)
    first = levels(rng, 2_000_000, means[0], alike)
    return float(means[0] - (np.clip(first + means[1] - means[0], 0, 1).mean() + means[1]) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--alike", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    print("| figure |", " | ".join(f"{places} places" for places in PLACES), "|")
    print("|---" * (1 + len(PLACES)) + "|")
    for name, (draw, truth) in rows(options.alike).items():
        cells = [covered(rng, draw, truth, places, options.draws) for places in PLACES]
        print("|", " | ".join([name, *cells]), "|", flush=True)
    for means in ((0.1, 0.05), (0.3, 0.3), (0.6, 0.4)):
        cells = [covered_difference(rng, means, options.alike, places, options.draws) for places in PLACES]
        print("|", " | ".join([f"difference of shares of {means[0]:g} and {means[1]:g}", *cells]), "|", flush=True)


if __name__ == "__main__":
    main()
