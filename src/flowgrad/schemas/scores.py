"""The scores, and what the tables of scores have in common."""

from __future__ import annotations

ITEM = {"model": "str", "protocol": "str", "video": "str", "frame": "int64", "time_s": "float64"}
"""What a score belongs to."""
SCORES = ITEM | {"metric": "str", "value": "float64", "status": "str"}
"""Long: a row for every model, protocol, item and metric."""

NEGATIVE = "negative"
"""The status of an item without truth: nothing that is seen sounds."""
AMBIGUOUS = "ambiguous"
"""The status of an item whose truth nobody knows: nothing says which of several vehicles sounds."""
