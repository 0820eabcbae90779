"""The columns of every table, and the kinds of every HDF5 artifact that stages hand to each other, once."""

from __future__ import annotations

HEATMAPS = "heatmaps"
"""Kind of the artifact that holds the maps of one model under one protocol."""

PLAN = {"video": "str", "shard": "str", "reason": "str"}

NO_VIDEO = "annotated, but there is no video file"
NO_ANNOTATIONS = "no annotations: left out of a labelled dataset"
"""Reasons in the plan."""

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
"""What became of each clip. ``anchor_s`` is the time of a still in its sound, and empty for a video;
``published_flow`` is 1 for a still that the dataset brings flow for."""

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

ITEM = {"model": "str", "protocol": "str", "video": "str", "frame": "int64", "time_s": "float64"}
"""What a score belongs to."""
SCORES = ITEM | {"metric": "str", "value": "float64", "status": "str"}
"""Long: a row for every model, protocol, item and metric."""

COUNTED = ("no_detections", "constant_map", "empty_prediction", "empty_ground_truth")
"""Statuses that the summary counts."""
SUMMARY = ("model", "protocol", "frames", "skipped", "clips", *COUNTED)
"""Columns of the summary that no metric makes."""

CLIPS = ("video", "status", "reason", "frames", "scored_frames")

TRAINING_CLIPS = {"video": "str", "status": "str", "reason": "str", "samples": "int64"}
"""What became of each clip that was offered to training."""
USED, LEFT_OUT = "used", "left out"
