"""The success curve: the share of items whose cIoU reaches a threshold, over the thresholds of the area under it.

The area under the drawn line is the figure ``auc``, and its height at 0.5 is ``success_at_0_5``; so are its intervals,
which count places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from flowgrad.evaluation.base import Metric, Values
from flowgrad.evaluation.consensus_iou import of_items
from flowgrad.evaluation.intervals import names, with_intervals
from flowgrad.evaluation.metrics import THRESHOLDS, success_rate
from flowgrad.evaluation.summary import by_place

if TYPE_CHECKING:
    import pandas as pd

RATES = tuple(f"success_at_{threshold:.2f}" for threshold in THRESHOLDS)


def _rates(clips: Sequence[Values]) -> dict[str, float]:
    values = np.concatenate(clips)
    return {name: success_rate(values, at) for name, at in zip(RATES, THRESHOLDS, strict=True)}


CURVE = Metric("success_curve", of_items, RATES, _rates, means=RATES)
"""As a metric, so that its intervals are made as those of all others."""


def success_curves(frames: pd.DataFrame, place_of: Mapping[str, str]) -> pd.DataFrame:
    """Return the success curve of every model: columns ``model``, ``threshold``, ``rate``, ``low``, ``high``.

    A model without a value has no row; with a single place there are no bounds (NaN).

    Args:
        frames: of one protocol, columns ``model``, ``video`` and ``ciou``; NaN where there is no value.
        place_of: where each clip was recorded.
    """
    import pandas as pd

    found = []
    for model, some in frames.dropna(subset="ciou").groupby("model", observed=True, sort=True):
        clips = {str(video): part["ciou"].to_numpy(np.float64) for video, part in some.groupby("video", observed=True)}
        made = with_intervals(CURVE, by_place(clips, place_of))
        found += [
            (str(model), round(at, 2), made[name], *(made[bound] for bound in names(name)))
            for name, at in zip(RATES, THRESHOLDS, strict=True)
        ]
    return pd.DataFrame(found, columns=["model", "threshold", "rate", "low", "high"])
