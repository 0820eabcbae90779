"""The table of what became of each clip."""

from __future__ import annotations

STATUS = {
    "video": "str",
    "status": "str",
    "reason": "str",
    "frames": "int64",
    "width": "int64",
    "height": "int64",
    "sound_s": "float64",
    "sound_reason": "str",
    "anchor_s": "float64",
    "published_flow": "int64",
}
"""``anchor_s`` is the time of a still in its sound, and empty for a video;
``published_flow`` is 1 for a still that the dataset brings flow for."""
