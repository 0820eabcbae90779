"""``sources/PROTOCOL/MODEL.csv`` and ``metrics/sources.csv``: several sources, and maps that are told apart."""

from __future__ import annotations

ALL, SEVERAL = "all", "several"
"""Which items: all that have a source, those with several."""
PARTED = {
    "model": "str",
    "protocol": "str",
    "video": "str",
    "frame": "int64",
    "time_s": "float64",
    "sources": "int64",
    "parts": "int64",
    "frame_wise": "float64",
    "source_wise": "float64",
}
"""A row an item: its sources, the maps that count, the cIoU of all maps with all sources together, and the mean over
sources of the cIoU with the map that is assigned to each (:mod:`flowgrad.evaluation.assignment`). An item without maps
has no value."""
FIGURES = ("success_at_0_3", "success_at_0_5", "auc", "mean_ciou")
SOURCES = {
    "model": "str",
    "protocol": "str",
    "which": "str",
    "items": "int64",
    "skipped": "int64",
    "places": "int64",
    "mean_sources": "float64",
    "mean_parts": "float64",
    **{
        f"{kind}_{figure}{bound}": "float64"
        for kind in ("frame_wise", "source_wise")
        for figure in FIGURES
        for bound in ("", "_low", "_high")
    },
}
"""The figures of each over the items that have maps; ``skipped`` counts those that have none."""
