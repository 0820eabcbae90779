"""The metric ``success_0_1``: the share of items whose cIoU is at least 0.1, as newer tables have it.

It has no values of its own: it sums up those of ``ciou``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flowgrad.evaluation.base import Metric, Values
from flowgrad.evaluation.metrics import success_rate


def figures(clips: Sequence[Values]) -> dict[str, float]:
    """Return the figure of the cIoU (items, 1) of each clip.

    >>> figures([np.array([[0.05], [0.1]]), np.array([[0.6], [0.0]])])
    {'success_at_0_1': 0.5}
    """
    return {"success_at_0_1": success_rate(np.concatenate(clips)[:, 0], 0.1)}


SUCCESS_0_1 = Metric("success_0_1", None, ("success_at_0_1",), figures, beside=("ciou",), means=("success_at_0_1",))
