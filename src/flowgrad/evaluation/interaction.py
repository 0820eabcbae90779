"""The metric ``iiou``: whether every sound of a picture is found, not just the one that is easiest to see.

A picture with several sources is several clips, its pairs, each the same still with the sound of one source
(:attr:`flowgrad.datasets.base.Clip.picture`). A model that ignores what it hears marks the same pixels every time,
so one source of the picture may succeed, but hardly all of them.

Source: the evaluation of IS3 and VPO as released with SSLalign (Senocak et al.). IIoU is the mean over pictures of the
least, over the pairs of the picture, of "cIoU is at least 0.5"; IAUC is the area under the same at the 21 thresholds 0,
0.05, ..., 1. A picture with one source counts, as there. All pairs of a picture are needed: there none is ever
skipped, and the least of some is no less than that of all. So a picture with a pair that has no score does not count;
``skipped_pictures`` of the table says how many. A pair without a box has no score here, and 0 there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flowgrad.evaluation.base import Metric, Values
from flowgrad.evaluation.metrics import area_under_curve, success_rate

COLUMNS = ("iiou", "iauc")
SUCCESS = 0.5


def figures(pictures: Sequence[Values]) -> dict[str, float]:
    """Return IIoU and IAUC, of the cIoU (pairs, 1) of each picture.

    The least of several "at least t" is that of the least value.

    >>> found = figures([np.array([[0.9], [0.6]]), np.array([[0.8], [0.1]])])
    >>> {name: round(value, 4) for name, value in found.items()}
    {'iiou': 0.5, 'iauc': 0.35}
    """
    least = np.array([cious[:, 0].min() for cious in pictures])
    return {"iiou": success_rate(least, SUCCESS), "iauc": area_under_curve(least)}


IIOU = Metric("iiou", None, COLUMNS, figures, beside=("ciou",), by_picture=True, means=COLUMNS)
