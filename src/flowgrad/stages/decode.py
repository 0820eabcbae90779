"""Stage ``decode``: the clips of a shard as lossless 8 fps frames and mono audio, and what became of each clip."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from flowgrad import artifacts
from flowgrad.decoding import Recipe
from flowgrad.frame_cache import FrameCache
from flowgrad.schemas.status import STATUS


def run(*, cache: FrameCache, shard: str, recipe: Recipe, status_out: Path) -> None:
    """Decode every clip of a shard.

    Args:
        cache: takes the frames; clips without a single one are absent.
        shard: its name.
        recipe: what is decoded.
        status_out: CSV, a row a clip.
    """
    import pandas as pd

    rows = cache.fill(shard, recipe)
    table = pd.DataFrame([asdict(row) for row in rows], columns=list(STATUS))
    artifacts.write_table(status_out, table.sort_values("video"))
