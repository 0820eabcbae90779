"""Datasets: one module a published layout, one registry line each."""

from __future__ import annotations

from pathlib import Path

from flowgrad.datasets.base import Annotations, Box, Clip, Dataset, SoundEvent
from flowgrad.datasets.urbansas import Urbansas
from flowgrad.datasets.videos import Videos

FORMATS: dict[str, type[Urbansas] | type[Videos]] = {"urbansas": Urbansas, "videos": Videos}

__all__ = ["FORMATS", "Annotations", "Box", "Clip", "Dataset", "SoundEvent", "open_dataset"]


def open_dataset(name: str, root: Path) -> Dataset:
    """Return the dataset of format ``name`` at ``root``; ``KeyError`` for an unknown format."""
    return FORMATS[name](Path(root))
