"""The metrics and the threshold rules by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowgrad.evaluation.base import Metric, ThresholdRule
from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.highlight import HIGHLIGHTED
from flowgrad.evaluation.interaction import IIOU
from flowgrad.evaluation.negatives import CONFIDENCE
from flowgrad.evaluation.pointing import POINTING_GAME
from flowgrad.evaluation.success import SUCCESS_0_1
from flowgrad.evaluation.thresholds import ADAPTIVE, AT_LEAST_MEDIAN, FIXED, MEDIAN, RELATIVE, TENTH, TOP_HALF
from flowgrad.registry import Registry

if TYPE_CHECKING:
    from flowgrad.protocols import Threshold

BUILT_IN = (CIOU, SUCCESS_0_1, POINTING_GAME, CONFIDENCE, HIGHLIGHTED, IIOU)
DEFAULT_METRICS = [CIOU.name, SUCCESS_0_1.name, POINTING_GAME.name]
"""The metrics of a table that names none; the others read items without truth, or pictures with several sources."""
METRICS: Registry[Metric] = Registry(Metric, "metric", "flowgrad.metrics", BUILT_IN)
RULES = (FIXED, MEDIAN, TOP_HALF, AT_LEAST_MEDIAN, RELATIVE, TENTH, ADAPTIVE)
THRESHOLDS: Registry[ThresholdRule] = Registry(ThresholdRule, "threshold rule", "flowgrad.thresholds", RULES)
OWN = "own"
"""Stands for the rule of each model's own publication."""


def threshold_rule(rules: Threshold, own: str) -> ThresholdRule:
    """Return the rule that a protocol turns maps into masks with; ``own`` is that of the model's own publication.

    Raises ``InputError`` for a rule that nobody knows.
    """
    return THRESHOLDS.get_known(own if rules.threshold == OWN else rules.threshold)
