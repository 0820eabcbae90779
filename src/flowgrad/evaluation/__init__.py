"""Scoring: ground truth, thresholds, metrics and statistics as pure functions on arrays."""
