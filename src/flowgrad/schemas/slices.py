"""``metrics/slices.csv``: the figures of a row on the items of one kind."""

from __future__ import annotations

SLICES = ("model", "protocol", "slice", "value", "frames", "clips", "places", "few")
"""Columns before the figures. ``few``: fewer than ``FEW_FRAMES`` frames or ``FEW_PLACES`` places, too few to go by."""
FEW_FRAMES, FEW_PLACES = 30, 5
