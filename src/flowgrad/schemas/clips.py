"""The table of clips, ``results/clips.csv``."""

from __future__ import annotations

CLIPS = ("video", "status", "reason", "frames", "scored_frames", "place")
