"""The metric ``ciou``: the consensus IoU of an item, and the figures that the field makes of many.

Success at 0.3 and 0.5, the area under the success curve, the mean, and the 95 % interval of success at 0.5 when whole
clips are drawn again (:mod:`flowgrad.evaluation.statistics`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.base import Metric, Prediction, Values
from flowgrad.evaluation.metrics import area_under_curve, ciou, success_rate
from flowgrad.evaluation.statistics import clip_bootstrap

MAIN = ("success_at_0_3", "success_at_0_5", "auc", "mean_ciou")
INTERVAL = ("success_at_0_5_low", "success_at_0_5_high")


def of_items(prediction: Prediction, truth: npt.NDArray[np.float32]) -> Values:
    """Return the cIoU of every item, (N,)."""
    return ciou(prediction.masks, truth)


def figures(clips: Sequence[Values]) -> dict[str, float]:
    """Return the figures of the cIoU of each clip's items."""
    values = np.concatenate(clips)
    owner = np.repeat(np.arange(len(clips)), [len(of_clip) for of_clip in clips])
    low, high = clip_bootstrap(values >= 0.5, owner)
    return {
        "success_at_0_3": success_rate(values, 0.3),
        "success_at_0_5": success_rate(values, 0.5),
        "auc": area_under_curve(values),
        "mean_ciou": float(values.mean()),
        "success_at_0_5_low": low,
        "success_at_0_5_high": high,
    }


CIOU = Metric("ciou", of_items, (*MAIN, *INTERVAL), figures)
