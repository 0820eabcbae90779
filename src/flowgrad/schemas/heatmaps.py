"""The artifact that holds the maps of one model under one protocol."""

from __future__ import annotations

HEATMAPS = "heatmaps"
"""Its kind."""
