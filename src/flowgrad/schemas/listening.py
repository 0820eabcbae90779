"""``scores/listening/PROTOCOL/MODEL.csv`` and ``metrics/listening.csv``: what a model shows under another sound."""

from __future__ import annotations

from flowgrad.schemas.apart import NEGATIVE_SOUNDS

SOUNDS = ("own", "mean", "foreign")
"""Its own sound, the mean of all sounds, that of another clip."""
ALL_SOUNDS = (*SOUNDS, *NEGATIVE_SOUNDS)
HEARD = {
    "model": "str",
    "protocol": "str",
    "video": "str",
    "frame": "int64",
    "own": "float64",
    "mean": "float64",
    "foreign": "float64",
    "highlighted_own": "float64",
    "highlighted_mean": "float64",
    "highlighted_foreign": "float64",
    "highlighted_silence": "float64",
    "highlighted_noise": "float64",
}
"""The cIoU of an item under a sound, and the share of pixels that count as predicted."""
LISTENING = {
    "model": "str",
    "protocol": "str",
    "frames": "int64",
    "places": "int64",
    "mean_ciou_own": "float64",
    "mean_ciou_mean_sound": "float64",
    "mean_ciou_foreign_sound": "float64",
    "success_at_0_5_own": "float64",
    "success_at_0_5_mean_sound": "float64",
    "success_at_0_5_foreign_sound": "float64",
    "gain_over_mean_sound": "float64",
    "gain_over_mean_sound_low": "float64",
    "gain_over_mean_sound_high": "float64",
    "gain_over_foreign_sound": "float64",
    "gain_over_foreign_sound_low": "float64",
    "gain_over_foreign_sound_high": "float64",
    "highlighted_own": "float64",
    "highlighted_mean_sound": "float64",
    "highlighted_foreign_sound": "float64",
    "highlighted_silence": "float64",
    "highlighted_noise": "float64",
    "highlighted_auc_own": "float64",
    "highlighted_auc_mean_sound": "float64",
    "highlighted_auc_foreign_sound": "float64",
    "highlighted_auc_silence": "float64",
    "highlighted_auc_noise": "float64",
    "deaf": "bool",
}
"""Gains are differences of mean cIoU; ``highlighted``: the mean share of pixels that count as predicted,
``highlighted_auc`` the area of :func:`flowgrad.evaluation.highlight.area`.

``deaf``: the interval of the gain over the mean sound, or over a foreign one, does not lie above 0.
"""
