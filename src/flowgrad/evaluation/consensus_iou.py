"""The metric ``ciou``: the consensus IoU of an item, and the figures that the field makes of many.

Success at 0.3 and 0.5, the area under the success curve, and the mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.base import Metric, Prediction, Values
from flowgrad.evaluation.metrics import area_under_curve, ciou, success_rate

MAIN = ("success_at_0_3", "success_at_0_5", "auc", "mean_ciou")


def of_items(prediction: Prediction, truth: npt.NDArray[np.float32]) -> Values:
    """Return the cIoU of every item, (N,)."""
    return ciou(prediction.masks, truth)


def figures(clips: Sequence[Values]) -> dict[str, float]:
    """Return the figures of the cIoU of each clip's items."""
    values = np.concatenate(clips)
    return {
        "success_at_0_3": success_rate(values, 0.3),
        "success_at_0_5": success_rate(values, 0.5),
        "auc": area_under_curve(values),
        "mean_ciou": float(values.mean()),
    }


CIOU = Metric("ciou", of_items, MAIN, figures, means=MAIN)
