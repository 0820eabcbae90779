"""The metric ``highlighted``: how much of the picture a model marks, where something sounds and where nothing does.

Source: Juanola et al., "A Critical Assessment of Visual Sound Source Localization Models Including Negative Audio"
(2024): the highlighted share of the picture under silence, noise and foreign sound, and the area under the share of
items that highlight at most t. A model that listens marks nothing there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.base import Metric, Prediction, Values
from flowgrad.evaluation.metrics import THRESHOLDS

COLUMNS = ("highlighted", "highlighted_auc", "highlighted_negatives", "highlighted_negatives_auc")


def of_items(prediction: Prediction, truth: npt.NDArray[np.float32]) -> Values:
    """Return the share of pixels that count as predicted, for every item, (N,) in [0, 1].

    >>> of_items(Prediction(np.zeros((1, 1, 4)), np.array([[[True, False, False, False]]])), np.zeros((1, 1, 4)))
    array([0.25])
    """
    return np.asarray(prediction.masks.mean(axis=(1, 2)))


def area(shares: npt.NDArray[np.float64]) -> float:
    """Return the area under the share of items that highlight at most 0, 0.05, ..., 1 (trapezoids).

    Nothing highlighted gives 1; everything gives 0.025, since every share is <= 1.

    >>> round(area(np.array([0.0, 1.0])), 4)
    0.5125
    """
    rates = [float((shares <= threshold).mean()) for threshold in THRESHOLDS]
    return float(np.trapezoid(rates, THRESHOLDS))


def figures(clips: Sequence[Values]) -> dict[str, float]:
    """Return mean and area of the share and the cIoU (items, 2) of each clip: of items with truth, and without.

    NaN where there are no such items.

    >>> figures([np.array([[0.5, 0.3], [0.0, np.nan]])])["highlighted_negatives_auc"]
    1.0
    """
    values = np.concatenate(clips)
    found: list[float] = []
    for chosen in (~np.isnan(values[:, 1]), np.isnan(values[:, 1])):
        shares = values[chosen, 0]
        found += [float(shares.mean()), area(shares)] if len(shares) else [float("nan")] * 2
    return dict(zip(COLUMNS, found, strict=True))


HIGHLIGHTED = Metric("highlighted", of_items, COLUMNS, figures, beside=("ciou",), negatives=True)
