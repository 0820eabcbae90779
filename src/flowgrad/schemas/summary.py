"""The summary."""

from __future__ import annotations

COUNTED = ("no_detections", "constant_map", "empty_prediction", "empty_ground_truth")
"""Statuses that the summary counts."""
SUMMARY = ("model", "protocol", "frames", "skipped", "clips", "places", *COUNTED)
"""Columns of the summary that no metric makes."""
