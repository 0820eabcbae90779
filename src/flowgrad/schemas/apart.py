"""The artifact that holds what a model saw and what it heard, before both met."""

from __future__ import annotations

APART = "apart"
"""Its kind."""
