"""The artifact that holds how far frames differ from their background."""

from __future__ import annotations

BACKGROUND = "background"
"""Its kind."""
