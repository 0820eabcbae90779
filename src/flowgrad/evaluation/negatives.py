"""The metric ``confidence``: whether a model knows when nothing that it sees sounds.

Sources: Mo and Morgado, "A Closer Look at Weakly-Supervised Audio-Visual Source Localization" (NeurIPS 2022, SLAVC) and
the code released with it. The confidence of an item is the mean of the highest quarter of its map, not normalised. At a
confidence t, with success at cIoU 0.5:

==============  ==========================================================================
true positive   an item with truth, confidence >= t, and success
false positive  confidence >= t, and no success, or nothing that could be found
false negative  an item with truth, confidence < t
==============  ==========================================================================

So an item that is localized wrongly with confidence costs precision and no recall. The released code looks at about
200 thresholds of average precision and ten of F1, and leaves out the first step of recall; here every confidence that
occurs is a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.base import Metric, Prediction, Values

SHARE = 4
"""One in so many pixels makes the confidence."""
SUCCESS = 0.5


def confidence(maps: npt.NDArray[np.float32]) -> Values:
    """Return the mean of the highest quarter of the pixels of each map.

    Args:
        maps: (N, H, W), on the scale of the model.

    Returns:
        (N,) float64.

    >>> confidence(np.array([[[0, 1, 2, 9], [3, 4, 5, 6]]], np.float32)).tolist()
    [7.5]
    """
    pixels = maps.reshape(len(maps), -1)
    count = max(pixels.shape[1] // SHARE, 1)
    highest = np.partition(pixels, pixels.shape[1] - count, axis=1)[:, -count:]
    return np.asarray(highest.mean(axis=1, dtype=np.float64))


def of_items(prediction: Prediction, truth: npt.NDArray[np.float32]) -> Values:
    """Return the confidence of every item, (N,)."""
    return confidence(prediction.maps if prediction.raw is None else prediction.raw)


def curve(confidences: Values, positive: npt.NDArray[np.bool_], success: npt.NDArray[np.bool_]) -> Values:
    """Return precision, recall and the share of items judged right at every confidence that occurs, highest first.

    An item is judged right where it has truth, success and a confidence >= the threshold, or no truth and a lower one.

    Args:
        confidences: (N,), N at least 1.
        positive: (N,) whether an item has truth.
        success: (N,) whether it is localized; never where it has no truth.

    Returns:
        (thresholds, 3) float64 in [0, 1].

    >>> positive, success = np.array([True, False, True]), np.array([True, False, False])
    >>> curve(np.array([0.9, 0.8, 0.7]), positive, success).round(3).tolist()
    [[1.0, 0.5, 0.667], [0.5, 0.5, 0.333], [0.333, 1.0, 0.333]]
    """
    order = np.argsort(-confidences, kind="stable")
    # equal confidences pass together: the curve has a point where the next one is lower
    ends = np.flatnonzero(np.append(np.diff(confidences[order]) != 0, True))
    true_positive = np.cumsum(success[order])[ends]
    passed = ends + 1
    false_negative = positive.sum() - np.cumsum(positive[order])[ends]
    rejected = (~positive).sum() - np.cumsum(~positive[order])[ends]
    found = true_positive + false_negative
    recall = np.divide(true_positive, found, out=np.ones(len(ends)), where=found > 0)
    return np.stack([true_positive / passed, recall, (true_positive + rejected) / len(order)], axis=1)


def figures(clips: Sequence[Values]) -> dict[str, float]:
    """Return the figures of the confidence and the cIoU (items, 2) of each clip; cIoU is NaN without truth.

    Average precision is the area under precision over recall, where precision is the best at that recall or a higher
    one. Localization accuracy is the largest share of items that any one threshold judges right; without negatives
    that is success at 0.5. Without an item that has truth, average precision and F1 are NaN.

    >>> found = figures([np.array([[0.9, 0.7], [0.8, 0.1]]), np.array([[0.3, np.nan], [0.2, 0.6]])])
    >>> {name: round(value, 3) for name, value in found.items()}
    {'average_precision': 0.667, 'max_f1': 0.667, 'localization_accuracy': 0.5, 'negatives': 1}
    """
    values = np.concatenate(clips)
    positive = ~np.isnan(values[:, 1])
    success = positive & (values[:, 1] >= SUCCESS)
    precision, recall, right = curve(values[:, 0], positive, success).T
    best = np.maximum.accumulate(precision[::-1])[::-1]
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    some = bool(positive.any())
    # a threshold above every confidence rejects all: the negatives alone are then judged right
    return {
        "average_precision": float((np.diff(recall, prepend=0.0) * best).sum()) if some else float("nan"),
        "max_f1": float(f1.max()) if some else float("nan"),
        "localization_accuracy": float(max(right.max(), (~positive).mean())),
        "negatives": int((~positive).sum()),
    }


CONFIDENCE = Metric(
    "confidence",
    of_items,
    ("average_precision", "max_f1", "localization_accuracy", "negatives"),
    figures,
    beside=("ciou",),
    negatives=True,
)
