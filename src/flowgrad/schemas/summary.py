"""The summary."""

from __future__ import annotations

from flowgrad.schemas.scores import AMBIGUOUS

COUNTED = ("no_detections", "constant_map", "empty_prediction", "empty_ground_truth", AMBIGUOUS)
"""Statuses that the summary counts."""
PICTURES = ("pictures", "skipped_pictures")
"""Where a metric is given pictures: those of which every pair has a value, and all others of the dataset."""
SUMMARY = ("model", "protocol", "frames", "skipped", "clips", "places", *COUNTED, *PICTURES)
"""Columns of the summary that no metric makes."""
