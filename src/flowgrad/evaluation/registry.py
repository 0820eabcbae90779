"""The metrics and the threshold rules by name."""

from __future__ import annotations

from flowgrad.evaluation.base import Metric, ThresholdRule
from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.thresholds import FIXED, MEDIAN
from flowgrad.registry import Registry

METRICS: Registry[Metric] = Registry(Metric, "metric", "flowgrad.metrics", (CIOU,))
THRESHOLDS: Registry[ThresholdRule] = Registry(ThresholdRule, "threshold rule", "flowgrad.thresholds", (FIXED, MEDIAN))
OWN = "own"
"""Stands for the rule of each model's own publication."""
