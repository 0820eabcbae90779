"""What a metric and a threshold rule are to the rest of the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.errors import InputError

Values = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Prediction:
    """What a model says of N items.

    Attributes:
        maps: (N, H, W) float32; of a model that gives boxes their mask.
        masks: (N, H, W) bool, what counts as predicted.
        raw: (N, H, W) float32, the maps as the model gives them, before the protocol normalises; None: as ``maps``.
    """

    maps: npt.NDArray[np.float32]
    masks: Masks
    raw: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Metric:
    """A figure of a prediction, and what many of them come to: docs/metrics.md shows how to add one.

    Attributes:
        name: as under ``metrics`` of the configuration, and the column of ``frames.csv``.
        item: ``(prediction, truth (N, H, W) float32 in [0, 1]) -> (N,)``; NaN where there is no value. None: it has no
            value of its own, and sums up those of ``beside``.
        columns: what it adds to ``summary.csv``, in order.
        summarise: ``(values of each clip, NaN taken out) -> {column: figure}``; asked only where there is a value.
        beside: other metrics whose values its summary reads. The values of a clip are then (items, 1 + others), its
            own first; an item stays as long as the first is a number. ``ciou`` is NaN where an item has no truth.
        negatives: whether it reads items without truth, where nothing that is seen sounds; their truth is all 0.
        by_picture: its summary is given the values of each picture (:attr:`flowgrad.datasets.base.Clip.picture`),
            those of its pairs one after the other, in place of the values of each clip. A picture is left out where
            any of its pairs has no value.
        means: those of its columns that are the mean of something of each item, or of each picture where it is given
            these. Their intervals take less time.
        bounds: the least and the greatest value of its figures; infinite where there is none.
    """

    name: str
    item: Callable[[Prediction, npt.NDArray[np.float32]], Values] | None
    columns: tuple[str, ...]
    summarise: Callable[[Sequence[Values]], Mapping[str, float]]
    beside: tuple[str, ...] = ()
    negatives: bool = False
    by_picture: bool = False
    means: tuple[str, ...] = ()
    bounds: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Raise ``InputError`` where the columns, or the names of other metrics, are one text, or it has no value."""
        for what in ("columns", "beside"):
            given = getattr(self, what)
            if isinstance(given, str):
                raise InputError(f"metric {self.name}: {what}: expected ({given!r},), got {given!r}")
        if self.item is None and not self.beside:
            raise InputError(f"metric {self.name}: expected a value an item, or metrics that it reads, got neither")

    @property
    def read(self) -> tuple[str, ...]:
        """Return the metrics whose values its summary reads, itself first where it has values of its own."""
        return self.beside if self.item is None else (self.name, *self.beside)

    def figures(self, clips: Sequence[Values]) -> Mapping[str, float]:
        """Return the figures of some clips.

        Raises ``InputError`` where its summary fails, or gives others than it declares.
        """
        try:
            made = self.summarise(clips)
        except Exception as error:
            raise InputError(f"metric {self.name}: its summary fails: {type(error).__name__}: {error}") from error
        if not isinstance(made, Mapping) or made.keys() != set(self.columns):
            given = tuple(made) if isinstance(made, Mapping) else made
            raise InputError(f"metric {self.name}: expected figures {self.columns}, it gives {given}")
        return made


@dataclass(frozen=True)
class ThresholdRule:
    """How maps become masks.

    Attributes:
        name: as under ``threshold`` of a protocol.
        mask: ``(maps (N, H, W) float32, value of map_threshold) -> (N, H, W) bool``; one that needs the truth is given
            it as a third argument, (N, H, W) float32 in [0, 1], all 0 for an item without.
        needs_truth: whether it asks the truth, how large it is say. What it gives is then no prediction: it says how
            good a map would be if that were known.
    """

    name: str
    mask: Callable[..., Masks]
    needs_truth: bool = False

    def apply(self, maps: npt.NDArray[Any], value: float, truth: npt.NDArray[Any] | None) -> Masks:
        """Return what counts as predicted.

        Args:
            maps: (N, H, W).
            value: ``map_threshold`` of the protocol.
            truth: (N, H, W) in [0, 1]; None where there is none, which a rule that needs it refuses.

        Raises:
            ValueError: the rule needs the truth, and there is none.
        """
        if not self.needs_truth:
            return self.mask(maps, value)
        if truth is None:
            raise ValueError(f"threshold {self.name}: needs the truth, and there is none")
        return self.mask(maps, value, truth)
