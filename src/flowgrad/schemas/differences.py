"""The table of differences to the reference row."""

from __future__ import annotations

DIFFERENCES = {
    "model": "str",
    "protocol": "str",
    "reference": "str",
    "figure": "str",
    "frames": "int64",
    "places": "int64",
    "difference": "float64",
    "difference_low": "float64",
    "difference_high": "float64",
    "p": "float64",
    "p_corrected": "float64",
}
"""``frames`` counts the items that both rows have a value for."""
