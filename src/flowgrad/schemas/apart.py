"""The artifact that holds what a model saw and what it heard, before both met."""

from __future__ import annotations

APART = "apart"
"""Its kind."""
NEGATIVE_SOUNDS = ("silence", "noise")
"""What no picture sounds like: beside what was heard of a clip, what is heard of these is kept."""
