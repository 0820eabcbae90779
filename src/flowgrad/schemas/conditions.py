"""What was measured about the frames of a shard."""

from __future__ import annotations

CONDITIONS = {"video": "str", "frame": "int64", "loudness_db": "float64", "camera": "float64"}
"""``loudness_db`` of the second around a frame, dB of full scale, ``-inf`` for silence; ``camera`` is how far it moves
in 1/8 s, in widths of the frame. Empty where there is no sound, or no flow."""
