"""Does a model listen? Its scores under its own sound against those under the mean of all sounds, and a foreign one.

A model that marks vehicles whatever it hears scores well, and the same under any sound. So its map is made again from
what it saw and another embedding: the mean over all clips, which holds nothing of this one, or that of another clip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.highlight import area
from flowgrad.evaluation.metrics import success_rate
from flowgrad.evaluation.statistics import difference
from flowgrad.schemas.apart import NEGATIVE_SOUNDS


def mean_sound(heard: Iterable[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Return the mean of embeddings, (C,) float32: each of length 1, each clip as much as another.

    Args:
        heard: (N, C) float32 of each clip, N at least 1; one clip at least.

    >>> mean_sound([np.array([[3.0, 0.0], [5.0, 0.0]]), np.array([[0.0, 2.0]])]).tolist()
    [0.5, 0.5]
    """
    means = [_unit(of_clip).mean(axis=0) for of_clip in heard]
    return np.asarray(np.mean(means, axis=0), np.float32)


def _unit(embeddings: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.where(length > 0, length, 1), np.float32)


def donors(clips: Sequence[str]) -> dict[str, str]:
    """Return for each clip another one whose sound it is given; empty where there is only one.

    They stand in a ring in the order of their names' SHA-256, and each takes the next one's. So a new clip changes
    the donor of one other.
    """
    ring = sorted(clips, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return dict(zip(ring, [*ring[1:], *ring[:1]], strict=True)) if len(ring) > 1 else {}


def foreign_sound(heard: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """Return embeddings (count, C) of another clip's (N, C): in its order, from the start again where it is shorter."""
    return heard[np.arange(count) % len(heard)]


def listening(
    own: npt.NDArray[Any],
    mean: npt.NDArray[Any],
    foreign: npt.NDArray[Any],
    highlighted: npt.NDArray[Any],
    places: npt.NDArray[Any],
) -> dict[str, Any]:
    """Return the figures of ``metrics/listening.csv`` (:data:`flowgrad.schemas.listening.LISTENING`).

    Args:
        own: (N,) the cIoU of each item under its own sound.
        mean: (N,) the same under the mean sound.
        foreign: (N,) under a foreign sound; NaN where there is none.
        highlighted: (N, 5) the share of pixels that count as predicted under each, under silence and under noise, in
            [0, 1]; NaN where there is none.
        places: (N,) where each was recorded.
    """
    heard = {"own": own, "mean_sound": mean, "foreign_sound": foreign}
    figures: dict[str, Any] = {"frames": len(own), "places": len(set(places.tolist()))}
    figures |= {f"mean_ciou_{name}": float(values.mean()) for name, values in heard.items()}
    figures |= {f"success_at_0_5_{name}": success_rate(values, 0.5) for name, values in heard.items()}
    for name in ("mean_sound", "foreign_sound"):
        gain = own - heard[name]
        found = difference(float(gain.mean()), _without_each(gain, places))
        figures |= {f"gain_over_{name}": found.value}
        figures |= {f"gain_over_{name}_low": found.low, f"gain_over_{name}_high": found.high}
    for shares, name in zip(highlighted.T, (*heard, *NEGATIVE_SOUNDS), strict=True):
        figures[f"highlighted_{name}"] = float(shares.mean())
        figures[f"highlighted_auc_{name}"] = float("nan") if np.isnan(shares).any() else area(shares)
    # a map of the difference to the mean sound has little to show under that one, so that a foreign one must ask;
    # what is not known (one place) is not deaf
    return figures | {"deaf": any(figures[f"gain_over_{name}_low"] <= 0 for name in ("mean_sound", "foreign_sound"))}


def _without_each(values: npt.NDArray[Any], places: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the mean with each place left out, (J,) float64; of one place nothing."""
    _, member = np.unique(places, return_inverse=True)
    sums, counts = np.bincount(member, weights=values), np.bincount(member)
    return (sums.sum() - sums) / (counts.sum() - counts) if len(sums) > 1 else np.empty(0)
