"""The tables of detected boxes."""

from __future__ import annotations

BOXES = {
    "video": "str",
    "frame": "int64",
    "time_s": "float64",
    "x1": "float64",
    "y1": "float64",
    "x2": "float64",
    "y2": "float64",
    "label": "str",
    "confidence": "float64",
}
DETECTIONS = BOXES | {"moving": "int64"}
