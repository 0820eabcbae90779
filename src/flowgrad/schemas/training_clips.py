"""The table of the clips that were offered to training."""

from __future__ import annotations

TRAINING_CLIPS = {"video": "str", "status": "str", "reason": "str", "samples": "int64"}
USED, LEFT_OUT = "used", "left out"
