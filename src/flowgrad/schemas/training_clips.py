"""The table of the clips that were offered to training."""

from __future__ import annotations

TRAINING_CLIPS = {"video": "str", "status": "str", "reason": "str", "samples": "int64"}
"""Of a shard."""
OFFERED = TRAINING_CLIPS | {"place": "str"}
"""Of all shards: with the place, whose clips are held out together."""
USED, LEFT_OUT = "used", "left out"
