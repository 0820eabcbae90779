"""The summary."""

from __future__ import annotations

from flowgrad.schemas.scores import AMBIGUOUS

COUNTED = ("no_detections", "constant_map", "empty_prediction", "empty_ground_truth", AMBIGUOUS)
"""Statuses that the summary counts."""
SUMMARY = ("model", "protocol", "frames", "skipped", "clips", "places", *COUNTED)
"""Columns of the summary that no metric makes."""
