"""Where clips were made, as the plan knows it: intervals count places, not frames."""

from __future__ import annotations

from pathlib import Path

from flowgrad import artifacts
from flowgrad.schemas.plan import PLACES


def places_of(plan: Path) -> dict[str, str]:
    """Return the place of each clip of the plan's table, by the clip's name."""
    table = artifacts.read_table(plan, PLACES)
    return dict(zip(table["video"], table["place"], strict=True))
