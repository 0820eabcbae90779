"""The annotations of a shard's clips, as the plan writes them."""

from __future__ import annotations

from pathlib import Path

from flowgrad import artifacts
from flowgrad.datasets.base import Annotations


def read_annotations(path: Path) -> dict[str, Annotations]:
    """Return the annotations of a shard's clips."""
    return {name: Annotations.from_json(value) for name, value in artifacts.read_json(path).items()}
