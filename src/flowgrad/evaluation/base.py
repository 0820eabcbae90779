"""What a metric and a threshold rule are to the rest of the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Prediction:
    """What a model says of N items.

    Attributes:
        maps: (N, H, W) float32; of a model that gives boxes their mask.
        masks: (N, H, W) bool, what counts as predicted.
    """

    maps: npt.NDArray[np.float32]
    masks: Masks


@dataclass(frozen=True)
class Metric:
    """A figure of a prediction, and what many of them come to: docs/metrics.md shows how to add one.

    Attributes:
        name: as under ``metrics`` of the configuration, and the column of ``frames.csv``.
        item: ``(prediction, truth (N, H, W) float32 in [0, 1]) -> (N,)``; NaN where there is no value.
        columns: what it adds to ``summary.csv``, in order.
        summarise: ``(values of each clip, NaN taken out) -> {column: figure}``; asked only where there is a value.
    """

    name: str
    item: Callable[[Prediction, npt.NDArray[np.float32]], Values]
    columns: tuple[str, ...]
    summarise: Callable[[Sequence[Values]], Mapping[str, float]]


@dataclass(frozen=True)
class ThresholdRule:
    """How maps become masks.

    Attributes:
        name: as under ``threshold`` of a protocol.
        mask: ``(maps (N, H, W) float32, value of map_threshold) -> (N, H, W) bool``.
    """

    name: str
    mask: Callable[[npt.NDArray[Any], float], Masks]
